//! What each topic's body is read as. The topic is not signed: a body must have the form of its topic.

use super::{cart, checkout, customer, order, privacy, refund};
use crate::context::{Context, DELETED_ORDER, pointer};
use crate::fields;
use kit::receive::{Facts, Receiver, Rejection};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use std::collections::BTreeMap;

/// A body as a form. The reason says where, never what: it may hold personal data.
pub(super) fn parse<T: DeserializeOwned>(topic: &str, body: &[u8]) -> Result<T, Rejection> {
    serde_json::from_slice(body).map_err(|why| {
        let what = if why.is_data() { "not the form that was expected" } else { "not JSON" };
        Rejection::Unreadable(format!("{topic}: {what}, at line {} column {}", why.line(), why.column()))
    })
}

/// What a body says that has not the form of its topic.
pub(super) fn not_of_topic(topic: &str, missing: &str) -> Rejection {
    Rejection::Unreadable(format!("{topic}: the body has no {missing}"))
}

/// What every body may say of where it is from.
#[derive(Deserialize)]
struct Shop {
    #[serde(default)]
    shop_domain: Option<String>,
    #[serde(default)]
    myshopify_domain: Option<String>,
}

/// A body of which only the id counts.
#[derive(Deserialize)]
struct Only {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(flatten)]
    more: BTreeMap<String, IgnoredAny>,
}

/// Reads a verified body.
pub(super) fn read(
    topic: &str,
    body: &[u8],
    receiver: &Receiver<'_>,
    context: &Context<'_>,
) -> Result<Facts, Rejection> {
    let from: Shop = parse(topic, body)?;
    let named = [from.shop_domain, from.myshopify_domain];
    if named.into_iter().flatten().any(|shop| !shop.eq_ignore_ascii_case(receiver.account)) {
        return Err(Rejection::Untrusted("the body names another shop".to_owned()));
    }
    match topic {
        "orders/create"
        | "orders/updated"
        | "orders/paid"
        | "orders/cancelled"
        | "orders/fulfilled"
        | "orders/partially_fulfilled" => order::order(topic, body, context),
        "orders/edited" => order::edited(topic, body),
        "orders/delete" => deleted_order(topic, body),
        "refunds/create" => refund::refund(topic, body, context),
        "order_transactions/create" => refund::transaction(topic, body, context),
        "carts/create" | "carts/update" => cart::cart(topic, body, context),
        "checkouts/create" | "checkouts/update" => checkout::checkout(topic, body, context),
        "customers/create" | "customers/update" | "customers/enable" | "customers/disable" => {
            customer::customer(topic, body, context)
        }
        "customers/delete" => only(topic, body, "customer"),
        "customers/merge" => customer::merge(topic, body, context),
        "customers_email_marketing_consent/update" => customer::email_consent(topic, body, context),
        "customers_marketing_consent/update" => customer::sms_consent(topic, body, context),
        "customer.tags_added" | "customer.tags_removed" => customer::tags(topic, body),
        "app/uninstalled" | "app/scopes_update" => Ok(pointed("app", receiver.account)),
        "customers/data_request" => privacy::data_request(topic, body, receiver, context),
        "customers/redact" => privacy::redact(topic, body, receiver, context),
        "shop/redact" => privacy::redact_shop(topic, body, receiver),
        _ => Ok(Facts::default()),
    }
}

/// Something that is to be looked at before anything is believed.
pub(super) fn pointed(kind: &str, id: &str) -> Facts {
    Facts { pointers: vec![pointer(kind, id)], ..Facts::default() }
}

fn only(topic: &str, body: &[u8], kind: &str) -> Result<Facts, Rejection> {
    let (id, _) = only_id(topic, body)?;
    Ok(pointed(kind, &id))
}

/// The id, and whether nothing else that says something stands beside it.
fn only_id(topic: &str, body: &[u8]) -> Result<(String, bool), Rejection> {
    let body: Only = parse(topic, body)?;
    let id = body.id.filter(|id| fields::is_number(id)).ok_or_else(|| not_of_topic(topic, "id"))?;
    Ok((id, body.more.keys().all(|name| name == "admin_graphql_api_id")))
}

/// The body of a deletion is an id. Any other was signed for another topic: it says nothing of a deletion.
fn deleted_order(topic: &str, body: &[u8]) -> Result<Facts, Rejection> {
    let (id, alone) = only_id(topic, body)?;
    Ok(pointed(if alone { DELETED_ORDER } else { "order" }, &id))
}
