//! The role that takes webhooks in. Shopify signs the body alone: topic and shop stand in headers that nobody
//! signed, so nothing is erased, cancelled or disconnected because a header says so.

mod cart;
mod checkout;
mod customer;
mod order;
mod privacy;
mod refund;
mod topics;
mod verify;

use crate::context::Context;
use kit::receive::{Delivery, Receive, Received, Receiver, Rejection, SignedBy};
use secrecy::SecretString;
use verify::Headers;

/// Takes webhooks in.
pub(crate) struct ShopifyReceive;

impl Receive for ShopifyReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::App
    }

    fn account(&self, delivery: &Delivery<'_>) -> Option<String> {
        verify::shop(delivery)
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], _now: i64) -> Result<(), Rejection> {
        verify::verify(delivery, secrets)
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let headers = Headers::read(delivery)?;
        if headers.shop != receiver.account {
            return Err(Rejection::Untrusted("it is for another shop than the connection's".to_owned()));
        }
        let context = Context::of(receiver);
        let facts = topics::read(&headers.topic, delivery.body, receiver, &context)?;
        Ok(Received { delivery_id: Some(headers.webhook_id), topic: headers.topic, facts })
    }
}
