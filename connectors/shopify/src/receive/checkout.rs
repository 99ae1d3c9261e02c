//! Checkouts: where a cart meets a person.

use super::cart::products;
use super::customer::CustomerBody;
use super::order::LineBody;
use super::topics::{not_of_topic, parse};
use crate::context::{Context, content_hash, put_text};
use crate::customer::statement;
use crate::fields;
use crate::money;
use kit::receive::{Facts, Rejection};
use model::{Channel, ConsentState, Identity, Map, Time, Value};
use rust_decimal::Decimal;
use serde::Deserialize;

const CHECKOUT_STARTED: &str = "Checkout Started";

#[derive(Deserialize)]
struct CheckoutBody {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    cart_token: Option<String>,
    #[serde(default, deserialize_with = "fields::time")]
    created_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    updated_at: Option<Time>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    customer: Option<CustomerBody>,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default, deserialize_with = "money::amount")]
    total_price: Option<Decimal>,
    #[serde(default)]
    source_name: Option<String>,
    #[serde(default)]
    line_items: Option<Vec<LineBody>>,
    #[serde(default)]
    buyer_accepts_marketing: Option<bool>,
    #[serde(default)]
    buyer_accepts_sms_marketing: Option<bool>,
    #[serde(default)]
    sms_marketing_phone: Option<String>,
}

/// A checkout: that it began, and whose cart it is.
pub(super) fn checkout(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let mut body: CheckoutBody = parse(topic, body)?;
    let missing = |what| not_of_topic(topic, what);
    let token = body.token.as_deref().and_then(fields::token).ok_or_else(|| missing("token"))?;
    let created = body.created_at.ok_or_else(|| missing("created_at"))?;
    let lines = body.line_items.take().ok_or_else(|| missing("line_items"))?;
    let cart = body.cart_token.as_deref().and_then(fields::token);
    let mut tokens = vec![context.cart(&token)];
    tokens.extend(cart.iter().map(|cart| context.cart(cart)));
    tokens.sort_unstable();
    tokens.dedup();

    let mut properties = Map::new();
    put_text(&mut properties, "checkout_id", Some(&token));
    put_text(&mut properties, "cart_id", cart.as_deref());
    put_text(&mut properties, "currency", body.currency.as_deref());
    put_text(&mut properties, "source_name", body.source_name.as_deref());
    properties.extend(body.total_price.map(|total| ("total".to_owned(), Value::Number(total))));
    properties.insert("products".to_owned(), products(lines));
    let started = (format!("checkout:{token}:started"), created);
    let mut facts = Facts::default();
    facts.events.push(context.activity(CHECKOUT_STARTED, started, &tokens, properties));
    facts.events.extend(whose(&body, (&token, created), tokens, context));
    Ok(facts)
}

/// Whose it is, and what they agreed to; `None` while nobody is named.
fn whose(
    body: &CheckoutBody,
    (token, created): (&str, Time),
    tokens: Vec<Identity>,
    context: &Context<'_>,
) -> Option<model::Event> {
    let (email, phone) = (context.email(body.email.as_deref()), context.phone(body.phone.as_deref()));
    let sms = context.phone(body.sms_marketing_phone.as_deref()).or(phone.clone());
    // The beginning: what the person said elsewhere meanwhile is newer than this box.
    let agreed = (created, ConsentState::Subscribed);
    let mut consent = Vec::new();
    if let (Some(true), Some(address)) = (body.buyer_accepts_marketing, &email) {
        consent.push(statement(context, agreed, Channel::Email, &address.value, "checkout"));
    }
    if let (Some(true), Some(number)) = (body.buyer_accepts_sms_marketing, &sms) {
        consent.push(statement(context, agreed, Channel::Sms, &number.value, "checkout"));
    }
    let customer = body.customer.as_ref().and_then(CustomerBody::id).map(|id| context.customer(&id));
    let mut identities: Vec<Identity> = [customer, email, phone].into_iter().flatten().collect();
    if identities.is_empty() {
        return None;
    }
    identities.extend(tokens);
    identities.sort_unstable();
    let time = body.updated_at.unwrap_or(created);
    let hash = content_hash(&Map::new(), &identities, &format!("{consent:?}"));
    Some(context.profile((format!("checkout:{token}:{time}:{hash}"), time), identities, Map::new(), consent))
}
