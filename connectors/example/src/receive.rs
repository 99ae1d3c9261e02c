//! Corner's webhooks: a paid order, signed with HMAC-SHA256 of the body in hex.

use kit::normalize;
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, SignedBy};
use kit::signature::{from_hex, verified};
use model::names::ORDER_COMPLETED;
use model::{Event, EventKind, Identity, Map, Time, Value as Property};
use rust_decimal::Decimal;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

pub(crate) struct ExampleReceive;

#[derive(Deserialize)]
struct Paid {
    delivery: String,
    order: Order,
}

#[derive(Deserialize)]
struct Order {
    id: Value,
    email: Option<String>,
    total: Value,
    currency: String,
    paid_at: String,
}

/// Ids and amounts come as numbers or as text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn unreadable(what: &str) -> Rejection {
    Rejection::Unreadable(format!("the order has no {what}"))
}

fn event(order: &Order, receiver: &Receiver<'_>) -> Result<Option<Event>, Rejection> {
    let id = text(&order.id).ok_or_else(|| unreadable("id"))?;
    let total = text(&order.total).and_then(|text| text.parse::<Decimal>().ok());
    let total = total.ok_or_else(|| unreadable("total"))?;
    let time = Time::parse(&order.paid_at).ok_or_else(|| unreadable("time"))?;
    // An order of nobody is no error, and nobody's event.
    let Some(email) = order.email.as_deref().and_then(normalize::email) else { return Ok(None) };
    let properties = Map::from_iter([
        ("order_id".into(), Property::text(&id)),
        ("total".into(), Property::Number(total)),
        ("currency".into(), Property::text(&order.currency)),
    ]);
    Ok(Some(Event {
        source: receiver.source.clone(),
        message_id: format!("order.paid/{id}"),
        kind: EventKind::Activity(ORDER_COMPLETED.to_owned()),
        time,
        received: receiver.received,
        identities: vec![Identity::email(&email)],
        properties,
        traits: Map::new(),
        consent: Vec::new(),
    }))
}

impl Receive for ExampleReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::Connection
    }

    fn account(&self, _: &Delivery<'_>) -> Option<String> {
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], _: i64) -> Result<(), Rejection> {
        let given = delivery.header("x-corner-signature").and_then(|text| text.strip_prefix("sha256="));
        let right = given.and_then(from_hex).is_some_and(|given| verified(secrets, delivery.body, &given));
        if right { Ok(()) } else { Err(Rejection::Signature("not made with our secret".to_owned())) }
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let paid: Paid = serde_json::from_slice(delivery.body)
            .map_err(|why| Rejection::Unreadable(format!("line {} column {}", why.line(), why.column())))?;
        let events = event(&paid.order, receiver)?.into_iter().collect();
        let facts = Facts { events, ..Facts::default() };
        Ok(Received { delivery_id: Some(paid.delivery), topic: "order.paid".to_owned(), facts })
    }
}
