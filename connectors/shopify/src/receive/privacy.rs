//! What the law gives people and merchants: export and erasure. The topic is not signed, so the body must be
//! what only such a request is.

use super::topics::parse;
use crate::context::Context;
use crate::fields;
use kit::receive::{Facts, Receiver, Rejection, Request};
use model::Identity;
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct PrivacyBody {
    #[serde(default, deserialize_with = "fields::id")]
    shop_id: Option<String>,
    #[serde(default)]
    shop_domain: Option<String>,
    #[serde(default)]
    customer: Option<PersonBody>,
    #[serde(default)]
    orders_requested: Option<IgnoredAny>,
    #[serde(default)]
    orders_to_redact: Option<IgnoredAny>,
    #[serde(default)]
    data_request: Option<RequestBody>,
}

#[derive(Deserialize)]
struct PersonBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

#[derive(Deserialize)]
struct RequestBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
}

impl PersonBody {
    fn identities(&self, context: &Context<'_>) -> Vec<Identity> {
        let id = self.id.as_deref().filter(|id| fields::is_number(id)).map(|id| context.customer(id));
        let addresses = [context.email(self.email.as_deref()), context.phone(self.phone.as_deref())];
        id.into_iter().chain(addresses.into_iter().flatten()).collect()
    }
}

/// A body of this shop.
fn of_shop(topic: &str, body: &[u8], receiver: &Receiver<'_>) -> Result<PrivacyBody, Rejection> {
    let body: PrivacyBody = parse(topic, body)?;
    let named = body.shop_domain.as_deref().is_some_and(|shop| shop.eq_ignore_ascii_case(receiver.account));
    let known = receiver.details.get("shop_id").and_then(serde_json::Value::as_str);
    let other = body.shop_id.as_deref().is_some_and(|id| known.is_some_and(|known| known != id));
    if !named || other || body.shop_id.is_none() {
        return Err(Rejection::Untrusted(format!("{topic}: the body is not of this shop")));
    }
    Ok(body)
}

fn no_such_request(topic: &str) -> Rejection {
    Rejection::Untrusted(format!("{topic}: the body is no such request"))
}

/// Everything known of a customer is to be handed over.
pub(super) fn data_request(
    topic: &str,
    body: &[u8],
    receiver: &Receiver<'_>,
    context: &Context<'_>,
) -> Result<Facts, Rejection> {
    let body = of_shop(topic, body, receiver)?;
    let (Some(person), Some(request), Some(_)) = (&body.customer, &body.data_request, &body.orders_requested) else {
        return Err(no_such_request(topic));
    };
    let (identities, reference) = (person.identities(context), request.id.clone());
    let (false, Some(reference)) = (identities.is_empty(), reference) else { return Err(no_such_request(topic)) };
    Ok(Facts { requests: vec![Request::Export { identities, reference }], ..Facts::default() })
}

/// What came from this connection about a customer is to be erased.
pub(super) fn redact(
    topic: &str,
    body: &[u8],
    receiver: &Receiver<'_>,
    context: &Context<'_>,
) -> Result<Facts, Rejection> {
    let body = of_shop(topic, body, receiver)?;
    let (Some(person), Some(_)) = (&body.customer, &body.orders_to_redact) else { return Err(no_such_request(topic)) };
    let identities = person.identities(context);
    if identities.is_empty() {
        return Err(no_such_request(topic));
    }
    Ok(Facts { requests: vec![Request::Redact { identities }], ..Facts::default() })
}

/// Everything of this connection is to be erased, if the shop is really gone.
pub(super) fn redact_shop(topic: &str, body: &[u8], receiver: &Receiver<'_>) -> Result<Facts, Rejection> {
    let body = of_shop(topic, body, receiver)?;
    // A request about one customer names the shop too.
    if body.customer.is_some() || body.orders_to_redact.is_some() || body.data_request.is_some() {
        return Err(no_such_request(topic));
    }
    Ok(Facts { requests: vec![Request::RedactAccount], ..Facts::default() })
}
