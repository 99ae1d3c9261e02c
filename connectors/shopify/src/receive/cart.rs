//! Carts: the whole cart, no customer, no currency of its own. The person appears when a checkout or an order
//! names the same token.

use super::order::LineBody;
use super::topics::{not_of_topic, parse};
use crate::context::{Context, content_hash, put_text};
use crate::fields;
use kit::receive::{Facts, Rejection};
use model::{Map, Time, Value};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The engine makes `Product Added` and `Product Removed` of the differences between these.
const CART_UPDATED: &str = "Cart Updated";

#[derive(Deserialize)]
struct CartBody {
    #[serde(default)]
    token: Option<String>,
    #[serde(default, deserialize_with = "fields::time")]
    updated_at: Option<Time>,
    #[serde(default)]
    line_items: Option<Vec<LineBody>>,
    /// Orders and checkouts have one, carts have none.
    #[serde(default)]
    total_price: Option<IgnoredAny>,
}

/// A snapshot of a cart.
pub(super) fn cart(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: CartBody = parse(topic, body)?;
    if body.total_price.is_some() {
        return Err(Rejection::Unreadable(format!("{topic}: the body is no cart")));
    }
    let token = body.token.as_deref().and_then(fields::token).ok_or_else(|| not_of_topic(topic, "token"))?;
    let updated = body.updated_at.ok_or_else(|| not_of_topic(topic, "updated_at"))?;
    let lines = body.line_items.ok_or_else(|| not_of_topic(topic, "line_items"))?;
    let mut properties = Map::new();
    put_text(&mut properties, "cart_id", Some(&token));
    put_text(&mut properties, "currency", context.currency);
    properties.insert("products".to_owned(), products(lines));
    let identities = [context.cart(&token)];
    let message = format!("cart:{token}:{updated}:{}", content_hash(&properties, &[], ""));
    let event = context.activity(CART_UPDATED, (message, updated), &identities, properties);
    Ok(Facts { events: vec![event], ..Facts::default() })
}

/// The lines of a cart or a checkout.
pub(super) fn products(lines: Vec<LineBody>) -> Value {
    let line = |line: LineBody| {
        let key = line.key.clone();
        let mut value = line.normalized().value();
        if let (Value::Map(map), Some(key)) = (&mut value, key) {
            put_text(map, "line_id", Some(&key));
        }
        value
    };
    Value::List(lines.into_iter().map(line).collect())
}
