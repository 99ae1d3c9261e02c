//! Registered customers: WordPress users.

use super::time::{written, written_or_null};
use super::world::Shop;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
pub(super) struct Customer {
    pub(super) id: u64,
    pub(super) created: i64,
    pub(super) modified: Option<i64>,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) phone: String,
    pub(super) role: String,
    pub(super) meta: Map<String, Value>,
}

/// Meta fields as the API lists them.
pub(super) fn listed_meta(meta: &Map<String, Value>) -> Value {
    let one =
        |(number, (key, value)): (usize, (&String, &Value))| json!({"id": number + 1, "key": key, "value": value});
    Value::Array(meta.iter().enumerate().map(one).collect())
}

/// An address; PHP has no other way to write one without fields than as a list.
pub(super) fn address(fields: &[(&str, &str)]) -> Value {
    if fields.iter().all(|(_, text)| text.is_empty()) {
        return json!([]);
    }
    let all = ["first_name", "last_name", "company", "address_1", "address_2", "city", "postcode", "country", "state"];
    let mut whole: Map<String, Value> = all.iter().map(|name| ((*name).to_owned(), "".into())).collect();
    whole.extend(fields.iter().map(|(name, text)| ((*name).to_owned(), (*text).into())));
    Value::Object(whole)
}

impl Customer {
    pub(super) fn shown(&self, shop: &Shop) -> Value {
        let hours = shop.options.offset_hours;
        let paying = shop.orders.has_paid(self.id);
        let billing = [
            ("first_name", self.first_name.as_str()),
            ("phone", &self.phone),
            ("email", &self.email),
            ("country", "MX"),
        ];
        json!({
            "id": self.id,
            "date_created": written(self.created, hours), "date_created_gmt": written(self.created, 0),
            "date_modified": written_or_null(self.modified, hours), "date_modified_gmt": written_or_null(self.modified, 0),
            "email": self.email, "first_name": self.first_name, "last_name": "", "role": self.role,
            "username": format!("user{}", self.id), "billing": address(&billing), "shipping": address(&[]),
            "is_paying_customer": paying, "avatar_url": "https://avatar.example/1", "meta_data": listed_meta(&self.meta),
        })
    }
}
