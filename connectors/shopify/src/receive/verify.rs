//! Who sent it: headers of both families, and the signature over the raw body.

use crate::shop;
use kit::receive::{Delivery, Rejection};
use kit::signature::{from_base64, verified};
use secrecy::SecretString;

/// Bytes of a header that is kept.
const HEADER_BYTES_MAX: usize = 255;

/// Names of the headers of one family.
struct Family {
    hmac: &'static str,
    topic: &'static str,
    shop: &'static str,
    version: &'static str,
    webhook_id: &'static str,
    /// A header that this family must have besides.
    event_id: Option<&'static str>,
}

const OLD: Family = Family {
    hmac: "x-shopify-hmac-sha256",
    topic: "x-shopify-topic",
    shop: "x-shopify-shop-domain",
    version: "x-shopify-api-version",
    webhook_id: "x-shopify-webhook-id",
    event_id: None,
};

const NEW: Family = Family {
    hmac: "shopify-hmac-sha256",
    topic: "shopify-topic",
    shop: "shopify-shop-domain",
    version: "shopify-api-version",
    webhook_id: "shopify-webhook-id",
    event_id: Some("shopify-event-id"),
};

/// The family that counts: the newer one alone where its signature is there.
fn family(delivery: &Delivery<'_>) -> &'static Family {
    if delivery.headers.contains_key(NEW.hmac) { &NEW } else { &OLD }
}

/// A header that stands there once and says something.
fn single<'a>(delivery: &Delivery<'a>, name: &str) -> Option<&'a str> {
    let mut values = delivery.headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    (values.next().is_none() && !value.is_empty() && value.len() <= HEADER_BYTES_MAX).then_some(value)
}

/// The shop that a delivery claims to be from.
pub(super) fn shop(delivery: &Delivery<'_>) -> Option<String> {
    single(delivery, family(delivery).shop).and_then(shop::parse)
}

/// Verifies the signature over the raw body, and that everything is there that a delivery has.
pub(super) fn verify(delivery: &Delivery<'_>, secrets: &[SecretString]) -> Result<(), Rejection> {
    let wrong = |why: &str| Rejection::Signature(why.to_owned());
    let hmac = single(delivery, family(delivery).hmac).ok_or_else(|| wrong("no signature"))?;
    if delivery.body.is_empty() {
        return Err(wrong("an empty body"));
    }
    let signature = from_base64(hmac).ok_or_else(|| wrong("not a signature in base64"))?;
    if !verified(secrets, delivery.body, &signature) {
        return Err(wrong("none of the app's secrets made it"));
    }
    Headers::read(delivery).map(|_| ())
}

/// What the headers say, unsigned.
pub(super) struct Headers {
    pub(super) topic: String,
    pub(super) shop: String,
    pub(super) webhook_id: String,
}

impl Headers {
    pub(super) fn read(delivery: &Delivery<'_>) -> Result<Headers, Rejection> {
        let family = family(delivery);
        let header = |name: &str| {
            single(delivery, name)
                .ok_or_else(|| Rejection::Untrusted(format!("the header {name} is missing or double")))
        };
        header(family.version)?;
        family.event_id.map(header).transpose()?;
        let (topic, webhook_id) = (header(family.topic)?.to_owned(), header(family.webhook_id)?.to_owned());
        let shop = shop::parse(header(family.shop)?)
            .ok_or_else(|| Rejection::Untrusted(format!("the header {} names no shop", family.shop)))?;
        Ok(Headers { topic, shop, webhook_id })
    }
}
