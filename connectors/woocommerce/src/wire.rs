//! The platform's types. A delivery and an answer have the same form.

use crate::fields::{amount, gmt, id, items, soft, text};
use model::Time;
use rust_decimal::Decimal;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What a site says of itself.
#[derive(Deserialize, Default)]
pub(crate) struct Index {
    #[serde(default, deserialize_with = "soft")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) home: String,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) timezone_string: String,
    #[serde(default, deserialize_with = "text")]
    pub(crate) gmt_offset: Option<String>,
    #[serde(default, deserialize_with = "items")]
    pub(crate) namespaces: Vec<String>,
}

#[derive(Deserialize, Default)]
pub(crate) struct Setting {
    #[serde(default, deserialize_with = "text")]
    pub(crate) value: Option<String>,
}

/// A webhook as it is written.
#[derive(Serialize)]
pub(crate) struct Hook {
    pub(crate) name: String,
    pub(crate) topic: &'static str,
    pub(crate) delivery_url: String,
    pub(crate) secret: String,
    pub(crate) status: &'static str,
}

/// A webhook as it is read; its secret never is.
#[derive(Deserialize, Default, Clone)]
pub(crate) struct HookRow {
    #[serde(default, deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) name: String,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) status: String,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) topic: String,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) delivery_url: String,
}

/// An address of an order or a customer.
#[derive(Deserialize, Default, Clone, Debug)]
pub(crate) struct Address {
    #[serde(default, deserialize_with = "text")]
    pub(crate) first_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) last_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) city: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) state: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) postcode: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) country: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) phone: Option<String>,
}

/// What plugins hang on a thing.
#[derive(Deserialize)]
pub(crate) struct Meta {
    #[serde(default, deserialize_with = "soft")]
    pub(crate) key: String,
    #[serde(default)]
    value: Option<Box<RawValue>>,
}

impl Meta {
    /// The value as text: that of a text, a number or a truth value.
    pub(crate) fn text(&self) -> Option<String> {
        let raw = self.value.as_ref()?.get();
        match serde_json::from_str::<String>(raw) {
            Ok(text) => Some(text),
            Err(_) if raw.starts_with(['{', '[']) || raw == "null" => None,
            Err(_) => Some(raw.to_owned()),
        }
    }
}

/// The text of a meta field.
pub(crate) fn meta(all: &[Meta], key: &str) -> Option<String> {
    all.iter().find(|one| one.key == key).and_then(Meta::text)
}

#[derive(Deserialize)]
pub(crate) struct Line {
    #[serde(default, deserialize_with = "text")]
    pub(crate) name: Option<String>,
    #[serde(default, deserialize_with = "id")]
    pub(crate) product_id: Option<String>,
    #[serde(default, deserialize_with = "id")]
    pub(crate) variation_id: Option<String>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) quantity: Option<Decimal>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) total: Option<Decimal>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) total_tax: Option<Decimal>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) sku: Option<String>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) price: Option<Decimal>,
}

#[derive(Deserialize)]
pub(crate) struct Coupon {
    #[serde(default, deserialize_with = "text")]
    pub(crate) code: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Order {
    #[serde(default, deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) status: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) created_via: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) currency: Option<String>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_created_gmt: Option<Time>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_modified_gmt: Option<Time>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_paid_gmt: Option<Time>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_completed_gmt: Option<Time>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) total: Option<Decimal>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) total_tax: Option<Decimal>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) shipping_total: Option<Decimal>,
    #[serde(default, deserialize_with = "amount")]
    pub(crate) discount_total: Option<Decimal>,
    #[serde(default, deserialize_with = "id")]
    pub(crate) customer_id: Option<String>,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) billing: Address,
    #[serde(default, deserialize_with = "text")]
    pub(crate) payment_method: Option<String>,
    #[serde(default, deserialize_with = "items")]
    pub(crate) meta_data: Vec<Meta>,
    #[serde(default, deserialize_with = "items")]
    pub(crate) line_items: Vec<Line>,
    #[serde(default, deserialize_with = "items")]
    pub(crate) coupon_lines: Vec<Coupon>,
    /// That there are refunds, and how many; not when they were.
    #[serde(default, deserialize_with = "items")]
    pub(crate) refunds: Vec<IgnoredAny>,
}

#[derive(Deserialize)]
pub(crate) struct Refund {
    #[serde(default, deserialize_with = "id")]
    pub(crate) id: Option<String>,
    /// In the list of all refunds alone.
    #[serde(default, deserialize_with = "id")]
    pub(crate) parent_id: Option<String>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_created_gmt: Option<Time>,
    /// What was given back, positive.
    #[serde(default, deserialize_with = "amount")]
    pub(crate) amount: Option<Decimal>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) reason: Option<String>,
    /// Negative.
    #[serde(default, deserialize_with = "items")]
    pub(crate) line_items: Vec<Line>,
}

#[derive(Deserialize)]
pub(crate) struct Customer {
    #[serde(default, deserialize_with = "id")]
    pub(crate) id: Option<String>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_created_gmt: Option<Time>,
    #[serde(default, deserialize_with = "gmt")]
    pub(crate) date_modified_gmt: Option<Time>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) email: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) first_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) last_name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(crate) role: Option<String>,
    #[serde(default, deserialize_with = "soft")]
    pub(crate) billing: Address,
    #[serde(default, deserialize_with = "items")]
    pub(crate) meta_data: Vec<Meta>,
}
