//! Customers as webhooks write them, their consent, their tags and their mergers.

use super::topics::{not_of_topic, parse, pointed};
use crate::config::is_our_tag;
use crate::context::{Context, pointer};
use crate::customer::{Customer, Place, Said, state, statement};
use crate::fields;
use kit::receive::{Facts, Rejection};
use model::{Channel, ConsentState, Identity, Map, Time};
use serde::Deserialize;

#[derive(Clone, Deserialize)]
pub(super) struct CustomerBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(default, deserialize_with = "fields::time")]
    created_at: Option<Time>,
    #[serde(default, deserialize_with = "fields::time")]
    updated_at: Option<Time>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
    /// Bodies of versions before 2025-01 have them.
    #[serde(default, deserialize_with = "fields::texts")]
    tags: Option<Vec<String>>,
    #[serde(default)]
    default_address: Option<AddressBody>,
    #[serde(default)]
    email_marketing_consent: Option<ConsentBody>,
    #[serde(default)]
    sms_marketing_consent: Option<ConsentBody>,
}

#[derive(Clone, Deserialize)]
struct AddressBody {
    #[serde(default)]
    city: Option<String>,
    #[serde(default)]
    province: Option<String>,
    #[serde(default)]
    province_code: Option<String>,
    #[serde(default)]
    country: Option<String>,
    #[serde(default)]
    country_code: Option<String>,
    #[serde(default)]
    zip: Option<String>,
}

#[derive(Clone, Deserialize)]
struct ConsentBody {
    #[serde(default)]
    state: Option<String>,
    #[serde(default, deserialize_with = "fields::time")]
    consent_updated_at: Option<Time>,
}

impl From<ConsentBody> for Said {
    fn from(body: ConsentBody) -> Said {
        Said { state: body.state, time: body.consent_updated_at }
    }
}

impl CustomerBody {
    /// The customer's number, if there is one.
    pub(super) fn id(&self) -> Option<String> {
        self.id.clone().filter(|id| fields::is_number(id))
    }

    pub(super) fn normalized(self) -> Option<Customer> {
        let place = self.default_address.map(|address| Place {
            city: address.city,
            region: address.province.or(address.province_code),
            country: address.country_code.or(address.country),
            zip: address.zip,
        });
        Some(Customer {
            id: self.id.filter(|id| fields::is_number(id))?,
            created: self.created_at,
            updated: self.updated_at,
            email: self.email,
            phone: self.phone,
            first_name: self.first_name,
            last_name: self.last_name,
            locale: None,
            tags: self.tags,
            place,
            email_said: self.email_marketing_consent.map(Said::from),
            phone_said: self.sms_marketing_consent.map(Said::from),
        })
    }
}

/// A body that is a customer has one of these; orders and others with an id have none.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    line_items: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    verified_email: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    state: Option<serde::de::IgnoredAny>,
}

/// A whole customer.
pub(super) fn customer(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let shape: Shape = parse(topic, body)?;
    if shape.line_items.is_some() || (shape.verified_email.is_none() && shape.state.is_none()) {
        return Err(not_of_topic(topic, "state of a customer"));
    }
    let body: CustomerBody = parse(topic, body)?;
    let customer = body.normalized().ok_or_else(|| not_of_topic(topic, "id"))?;
    customer.updated.ok_or_else(|| not_of_topic(topic, "updated_at"))?;
    Ok(customer.facts(context))
}

#[derive(Deserialize)]
struct MergeBody {
    #[serde(default, deserialize_with = "fields::id")]
    admin_graphql_api_customer_kept_id: Option<String>,
    #[serde(default, deserialize_with = "fields::id")]
    admin_graphql_api_customer_deleted_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
}

/// A merger, once it succeeded: both ids are one person.
pub(super) fn merge(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: MergeBody = parse(topic, body)?;
    let (kept, gone) = (body.admin_graphql_api_customer_kept_id, body.admin_graphql_api_customer_deleted_id);
    let (Some(kept), Some(gone), Some(status)) = (kept, gone, body.status) else {
        return Err(not_of_topic(topic, "customers or status"));
    };
    let done = ["completed", "success", "succeeded"].iter().any(|done| status.eq_ignore_ascii_case(done));
    if !done || !fields::is_number(&kept) || !fields::is_number(&gone) {
        return Ok(Facts::default());
    }
    let identities = vec![context.customer(&kept), context.customer(&gone)];
    let said = (format!("merge:{kept}:{gone}"), context.received);
    let event = context.profile(said, identities, Map::new(), Vec::new());
    Ok(Facts { events: vec![event], pointers: vec![pointer("customer", &kept)], ..Facts::default() })
}

#[derive(Deserialize)]
struct EmailConsentBody {
    #[serde(default, deserialize_with = "fields::id")]
    customer_id: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    email_marketing_consent: Option<ConsentBody>,
}

/// What a customer said about e-mail.
pub(super) fn email_consent(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: EmailConsentBody = parse(topic, body)?;
    let said = body.email_marketing_consent.ok_or_else(|| not_of_topic(topic, "email_marketing_consent"))?;
    let address = context.email(body.email_address.as_deref());
    Ok(consent(topic, (body.customer_id, address), (said, Channel::Email), context))
}

#[derive(Deserialize)]
struct SmsConsentBody {
    #[serde(default, deserialize_with = "fields::id")]
    id: Option<String>,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    sms_marketing_consent: Option<ConsentBody>,
}

/// What a customer said about text messages.
pub(super) fn sms_consent(topic: &str, body: &[u8], context: &Context<'_>) -> Result<Facts, Rejection> {
    let body: SmsConsentBody = parse(topic, body)?;
    let said = body.sms_marketing_consent.ok_or_else(|| not_of_topic(topic, "sms_marketing_consent"))?;
    let number = context.phone(body.phone.as_deref());
    Ok(consent(topic, (body.id, number), (said, Channel::Sms), context))
}

fn consent(
    topic: &str,
    (customer, address): (Option<String>, Option<Identity>),
    (said, channel): (ConsentBody, Channel),
    context: &Context<'_>,
) -> Facts {
    let (Some(state), Some(address)) = (said.state.as_deref().and_then(state), address) else {
        return Facts::default();
    };
    let customer = customer.filter(|id| fields::is_number(id));
    let time = match (said.consent_updated_at, state, &customer) {
        (Some(time), ..) => time,
        (None, ConsentState::Unsubscribed, _) => context.received,
        // Nobody is subscribed by a word without a time: what holds is read.
        (None, ConsentState::Subscribed, Some(customer)) => return pointed("customer", customer),
        (None, ConsentState::Subscribed, None) => return Facts::default(),
    };
    let mut identities: Vec<Identity> = customer.iter().map(|id| context.customer(id)).collect();
    let who = customer.as_deref().unwrap_or_default();
    let message = format!("consent:{channel:?}:{who}:{}:{time}:{state:?}", address.value);
    let statement = statement(context, (time, state), channel, &address.value, topic);
    identities.push(address);
    let event = context.profile((message, time), identities, Map::new(), vec![statement]);
    Facts { events: vec![event], ..Facts::default() }
}

#[derive(Deserialize)]
struct TagsBody {
    #[serde(default, rename = "customerId", deserialize_with = "fields::id")]
    customer_id: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

/// Tags that came or went: only the change, so the customer is read. Our own tags come back like an echo.
pub(super) fn tags(topic: &str, body: &[u8]) -> Result<Facts, Rejection> {
    let body: TagsBody = parse(topic, body)?;
    let id = body.customer_id.filter(|id| fields::is_number(id)).ok_or_else(|| not_of_topic(topic, "customerId"))?;
    let tags = body.tags.ok_or_else(|| not_of_topic(topic, "tags"))?;
    if tags.iter().all(|tag| is_our_tag(tag)) {
        return Ok(Facts::default());
    }
    Ok(pointed("customer", &id))
}
