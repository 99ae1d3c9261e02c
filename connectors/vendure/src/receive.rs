//! What the plugin sends: which thing changed. What it is like is read from the store.

use crate::context::{CUSTOMER, ORDER, pointer};
use crate::fields::{id, is_id};
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, SignedBy};
use kit::signature::{from_hex, verified};
use secrecy::SecretString;
use serde::Deserialize;

/// Characters of a topic that are kept.
const TOPIC_CHARS_MAX: usize = 60;

/// The receive role.
pub(crate) struct VendureReceive;

#[derive(Deserialize)]
struct Message {
    #[serde(default, deserialize_with = "id")]
    id: Option<String>,
    #[serde(default)]
    topic: String,
    kind: String,
    #[serde(deserialize_with = "id")]
    of: Option<String>,
}

impl Receive for VendureReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::Connection
    }

    fn account(&self, _delivery: &Delivery<'_>) -> Option<String> {
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], _now: i64) -> Result<(), Rejection> {
        let given = delivery.header("x-store-signature").and_then(from_hex);
        let given = given.ok_or_else(|| Rejection::Signature("there is none in x-store-signature".to_owned()))?;
        if verified(secrets, delivery.body, &given) {
            return Ok(());
        }
        Err(Rejection::Signature("not made with our secret".to_owned()))
    }

    fn read(&self, delivery: &Delivery<'_>, _receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let message: Message = serde_json::from_slice(delivery.body)
            .map_err(|why| Rejection::Unreadable(format!("line {} column {}", why.line(), why.column())))?;
        let topic: String = message.topic.chars().filter(|char| !char.is_control()).take(TOPIC_CHARS_MAX).collect();
        let kind = [ORDER, CUSTOMER].into_iter().find(|kind| *kind == message.kind);
        let of = message.of.filter(|id| is_id(id));
        let of = of.ok_or_else(|| Rejection::Unreadable(format!("{topic}: it does not say of what")))?;
        let pointers = kind.map(|kind| pointer(kind, &of)).into_iter().collect();
        Ok(Received { delivery_id: message.id, topic, facts: Facts { pointers, ..Facts::default() } })
    }
}
