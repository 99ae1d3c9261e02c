//! What a subscription gets of a body: protected data, its filter, its fields, its version.

use super::super::graphql::search::Filter;
use super::super::options::ProtectedData;
use super::super::world::World;
use super::{Subscription, topics};
use serde_json::{Map, Value};

/// Fields of people that only level 2 may see.
const PERSONAL: [&str; 10] = [
    "email",
    "contact_email",
    "email_address",
    "phone",
    "sms_marketing_phone",
    "first_name",
    "last_name",
    "billing_address",
    "shipping_address",
    "default_address",
];

/// The body for a subscription; `None` when its filter says no.
pub(super) fn make(world: &World, topic: &str, whole: &Value, subscription: Option<&Subscription>) -> Option<Value> {
    let mut body = whole.clone();
    let protected = topics::is_protected(topic) && world.options.app.protected_data < ProtectedData::Level2;
    if protected {
        hide(&mut body);
    }
    if world.options.app.hook_version.as_str() < "2026-04" {
        age(topic, &mut body);
    }
    let Some(subscription) = subscription else { return Some(body) };
    if let Some(filter) = &subscription.filter {
        // Filters see the whole; a field that is absent matches nothing.
        let filter = Filter::parse(filter).ok()?;
        if !filter.matches(&|name| values(whole, name)) {
            return None;
        }
    }
    if !subscription.include_fields.is_empty() {
        body = only(&body, &subscription.include_fields);
    }
    Some(body)
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                if PERSONAL.contains(&name.as_str()) {
                    *field = Value::Null;
                } else if name == "addresses" {
                    *field = Value::Array(Vec::new());
                } else {
                    hide(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// What bodies still had before 2026-04.
fn age(topic: &str, body: &mut Value) {
    let token = |body: &Value, name: &str| {
        let token = body.get(name).and_then(Value::as_str).unwrap_or_default();
        u64::from_str_radix(token.get(..13).unwrap_or_default(), 16).ok()
    };
    if topic.starts_with("checkouts/") {
        body["id"] = token(body, "token").into();
    } else if matches!(topic, "orders/create" | "orders/updated" | "orders/paid" | "orders/cancelled") {
        body["checkout_id"] = token(body, "checkout_token").into();
    }
}

/// The values of a path such as `line_items.sku`, through all elements of arrays.
fn values(body: &Value, path: &str) -> Vec<String> {
    if let Value::Array(items) = body {
        return items.iter().flat_map(|item| values(item, path)).collect();
    }
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    match (body.get(name), rest) {
        (Some(value), Some(rest)) => values(value, rest),
        (Some(value), None) => leaves(value),
        (None, _) => Vec::new(),
    }
}

fn leaves(value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(leaves).collect(),
        other => vec![other.to_string()],
    }
}

/// The fields that were asked for; `a.b` keeps `b` of `a`.
fn only(body: &Value, fields: &[String]) -> Value {
    if let Value::Array(items) = body {
        return Value::Array(items.iter().map(|item| only(item, fields)).collect());
    }
    let mut kept = Map::new();
    for field in fields {
        let (name, rest) = field.split_once('.').map_or((field.as_str(), None), |(name, rest)| (name, Some(rest)));
        let Some(value) = body.get(name) else { continue };
        let Some(rest) = rest else {
            kept.insert(name.to_owned(), value.clone());
            continue;
        };
        let of_it: Vec<String> = fields
            .iter()
            .filter_map(|other| other.split_once('.').filter(|(own, _)| *own == name).map(|(_, rest)| rest.to_owned()))
            .collect();
        debug_assert!(of_it.iter().any(|own| own == rest));
        kept.insert(name.to_owned(), only(value, &of_it));
    }
    Value::Object(kept)
}
