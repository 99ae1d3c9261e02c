//! A contact, as it is and as it was when the index of searches last saw it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Properties by their internal names.
pub type Properties = BTreeMap<String, String>;

/// A contact as it is shown by the control.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ContactView {
    /// Its number.
    pub id: u64,
    /// Its properties.
    pub properties: Properties,
    /// Whether it was deleted.
    pub archived: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub id: u64,
    pub properties: Properties,
    pub created: i64,
    pub modified: i64,
    pub archived: bool,
    pub merged: Vec<u64>,
    /// Versions by the instant of their writing: what a search sees is the newest that is old enough. None are kept
    /// where searches are not late.
    versions: Vec<(i64, Option<(Properties, i64)>)>,
}

/// Milliseconds since the epoch.
pub(super) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// `2026-01-02T03:04:05.123Z`.
pub(super) fn show(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// Whether it looks like an address.
pub(super) fn is_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    !name.is_empty() && domain.contains('.') && !text.contains([' ', ';', ',']) && !domain.ends_with('.')
}

impl Contact {
    pub fn new(id: u64, properties: Properties, at: i64) -> Contact {
        let mut contact =
            Contact { id, properties, created: at, modified: at, archived: false, merged: vec![], versions: vec![] };
        contact.fold();
        contact
    }

    /// Addresses are kept in small letters.
    pub fn fold(&mut self) {
        if let Some(email) = self.properties.get_mut("email") {
            *email = email.trim().to_lowercase();
        }
    }

    /// An index that is late hears of it.
    pub fn written(&mut self, late: bool) {
        if !late {
            return;
        }
        let seen = (!self.archived).then(|| (self.properties.clone(), self.modified));
        self.versions.push((now(), seen));
        if self.versions.len() > 20 {
            self.versions.remove(0);
        }
    }

    /// What a search sees with this lag, and the time of its last change.
    pub fn seen(&self, lag: i64) -> Option<(&Properties, i64)> {
        if lag == 0 {
            return (!self.archived).then_some((&self.properties, self.modified));
        }
        let old_enough = now() - lag;
        let version = self.versions.iter().rev().find(|(at, _)| *at <= old_enough)?;
        version.1.as_ref().map(|(properties, modified)| (properties, *modified))
    }

    pub fn email(&self) -> &str {
        self.properties.get("email").map(String::as_str).unwrap_or_default()
    }

    /// As the API shows it, with the properties that were asked for.
    pub fn show(&self, asked: &[String]) -> Value {
        show_as(self, &self.properties, self.modified, asked)
    }

    pub fn view(&self) -> ContactView {
        ContactView { id: self.id, properties: self.properties.clone(), archived: self.archived }
    }
}

/// A contact in a version.
pub(super) fn show_as(contact: &Contact, properties: &Properties, modified: i64, asked: &[String]) -> Value {
    let mut shown = Map::new();
    let usual = ["createdate", "email", "firstname", "lastname"].map(str::to_owned);
    let always = ["hs_object_id", "lastmodifieddate"].map(str::to_owned);
    let asked = if asked.is_empty() { &usual[..] } else { asked };
    for name in asked.iter().chain(&always) {
        let value = match name.as_str() {
            "hs_object_id" => Value::String(contact.id.to_string()),
            "createdate" => Value::String(show(contact.created)),
            "lastmodifieddate" => Value::String(show(modified)),
            "hs_merged_object_ids" if !contact.merged.is_empty() => {
                let ids: Vec<String> = contact.merged.iter().map(u64::to_string).collect();
                Value::String(ids.join(";"))
            }
            name => properties.get(name).filter(|value| !value.is_empty()).cloned().map_or(Value::Null, Value::String),
        };
        shown.insert(name.clone(), value);
    }
    json!({
        "id": contact.id.to_string(),
        "properties": shown,
        "createdAt": show(contact.created),
        "updatedAt": show(modified),
        "archived": contact.archived,
    })
}
