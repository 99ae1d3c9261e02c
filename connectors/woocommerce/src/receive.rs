//! The role that takes the store's webhooks in. A delivery carries the thing as it was when it was sent, which may be
//! long after what it tells of.

use crate::context::{CUSTOMER, Context, KEY, ORDER, pointer};
use crate::fields::is_id;
use crate::store::same_site;
use crate::wire::{Customer, Order};
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, SignedBy};
use kit::signature::{from_base64, verified};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Bytes of a header that is read.
const HEADER_BYTES_MAX: usize = 1_024;
/// What a ping begins with.
const PING: &[u8] = b"webhook_id=";

/// The receive role.
pub(crate) struct WooReceive;

/// A header that stands there once and says something.
fn single<'a>(delivery: &Delivery<'a>, name: &str) -> Option<&'a str> {
    let mut values = delivery.headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    (values.next().is_none() && !value.is_empty() && value.len() <= HEADER_BYTES_MAX).then_some(value)
}

/// Whether this is what a store sends once to a new webhook: unsigned, and of no content.
fn is_ping(delivery: &Delivery<'_>) -> bool {
    let id = delivery.body.strip_prefix(PING).and_then(|id| std::str::from_utf8(id).ok());
    let signed = delivery.headers.keys().any(|name| name.as_str().starts_with("x-wc-webhook"));
    !signed && id.is_some_and(is_id)
}

fn unreadable(topic: &str, what: &str) -> Rejection {
    Rejection::Unreadable(format!("{topic}: {what}"))
}

/// The id of a delivery that says nothing else, and of an answer that is no thing at all.
#[derive(Deserialize)]
struct Bare {
    #[serde(default, deserialize_with = "crate::fields::id")]
    id: Option<String>,
    #[serde(default)]
    code: Option<Value>,
}

/// What a delivery says.
fn facts(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let bare: Bare = serde_json::from_slice(body).map_err(|_| unreadable(topic, "no JSON object"))?;
    let mut facts = Facts::default();
    let Some(id) = bare.id else {
        if bare.code.is_some() {
            // The webhook's user may not see the thing any more, and the store sends its own refusal.
            facts.pointers.push(pointer(KEY, "webhook"));
            return Ok(facts);
        }
        return Err(unreadable(topic, "no id"));
    };
    match topic {
        "order.created" | "order.updated" | "order.restored" => {
            let order: Order = serde_json::from_slice(body).map_err(|_| unreadable(topic, "no order"))?;
            let said = order.facts(context).ok_or_else(|| unreadable(topic, "no date_modified_gmt"))?;
            facts = said;
            if !order.refunds.is_empty() && !order.is_draft() {
                facts.pointers.push(pointer(ORDER, &id));
            }
        }
        "customer.created" | "customer.updated" => {
            let customer: Customer = serde_json::from_slice(body).map_err(|_| unreadable(topic, "no customer"))?;
            facts = customer.facts(context).ok_or_else(|| unreadable(topic, "no date_created_gmt"))?;
        }
        // They carry the id alone: whether it lies in the trash, and what it was, has to be read.
        "order.deleted" => facts.pointers.push(pointer(ORDER, &id)),
        "customer.deleted" => facts.pointers.push(pointer(CUSTOMER, &id)),
        _ => {}
    }
    Ok(facts)
}

impl Receive for WooReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::Connection
    }

    fn account(&self, _delivery: &Delivery<'_>) -> Option<String> {
        // The header that names the site is not signed; the address tells.
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], _now: i64) -> Result<(), Rejection> {
        let wrong = |why: &str| Rejection::Signature(why.to_owned());
        if is_ping(delivery) {
            return Ok(());
        }
        let signature = single(delivery, "x-wc-webhook-signature").ok_or_else(|| wrong("there is none"))?;
        let signature = from_base64(signature).ok_or_else(|| wrong("not a signature in base64"))?;
        if verified(secrets, delivery.body, &signature) {
            Ok(())
        } else {
            Err(wrong("not made with the webhook's secret"))
        }
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        if is_ping(delivery) {
            return Ok(Received { topic: "ping".to_owned(), ..Received::default() });
        }
        let header = |name: &str| {
            single(delivery, name)
                .ok_or_else(|| Rejection::Untrusted(format!("the header {name} is missing or double")))
        };
        let topic = header("x-wc-webhook-topic")?;
        let home = receiver.details.get("home").and_then(Value::as_str).unwrap_or_default();
        if !same_site(header("x-wc-webhook-source")?, home) {
            // A copy of the store has its webhooks and their secret, too.
            let why = "it is from another site than the one that is connected: a copy of the store?";
            return Err(Rejection::Untrusted(why.to_owned()));
        }
        let facts = facts(topic, delivery.body, &Context::of(receiver))?;
        // The platform's own id is shared by all deliveries of a webhook in one second.
        let mut hash = Sha256::new();
        for part in [topic, single(delivery, "x-wc-webhook-delivery-id").unwrap_or_default()] {
            hash.update(part);
            hash.update([0]);
        }
        hash.update(delivery.body);
        let id = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Received { delivery_id: Some(id), topic: topic.to_owned(), facts })
    }
}
