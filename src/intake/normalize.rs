//! From a call to a normalized event.

use super::auth::SourceEntry;
use super::correct::event_time;
use super::raw::Reader;
use super::wire::{Call, Context, parts, scalar};
use super::{IntakeLimits, traits};
use crate::enrich::Enrich;
use kit::normalize;
use model::names::{self, PAGE_VIEWED, SCREEN_VIEWED, canonical_event_name};
use model::{Channel, ConsentChange, ConsentState, Event, EventKind, Identity, Map, SourceKind, Time, Value};
use serde_json::value::RawValue;

/// What a request adds to each of its calls.
pub(super) struct Envelope<'a> {
    pub(super) source: &'a SourceEntry,
    pub(super) limits: &'a IntakeLimits,
    pub(super) enrich: &'a Enrich,
    pub(super) received: Time,
    /// `sentAt` of the batch.
    pub(super) sent: Option<Time>,
    /// `context` of the batch.
    pub(super) context: Option<&'a RawValue>,
    /// The address the request came from.
    pub(super) peer: Option<String>,
    /// The browser, by the request's header.
    pub(super) agent: Option<String>,
}

/// Normalizes one call; the reason when it is refused.
pub(super) fn event(call: &Call<'_>, kind: &str, envelope: &Envelope<'_>) -> Result<Event, &'static str> {
    let limits = envelope.limits;
    let source = envelope.source.source.id.as_str();
    let region = envelope.source.region.as_deref();
    let mut context: Context<'_> = parts(call.context);
    if call.context.is_none() {
        context = parts(envelope.context);
    }
    let mut reader = Reader::new(limits);
    let mut read = |raw: Option<&RawValue>| match raw {
        Some(raw) => reader.map(raw).map_err(|why| why.reason()),
        None => Ok(Map::new()),
    };
    let mut properties = read(call.properties)?;
    let own_traits = read(call.traits)?;
    let context_traits = read(context.traits)?;

    let mut identities = ids(call, source);
    let mut found = Map::new();
    found.extend(context_traits);
    if kind != "group" {
        found.extend(own_traits.clone());
    }
    if matches!(kind, "track" | "page" | "screen") {
        for address in ["email", "phone"] {
            if let (Some(value), false) = (properties.get(address), found.contains_key(address)) {
                claim(address, value, region, &mut identities);
            }
        }
    }
    let mut traits = traits::normalize(found, region, &mut identities);
    let name = activity(call, kind, &mut properties, limits)?;
    match kind {
        "alias" => alias(call, source, &mut identities),
        "merge" => merge(call, region, &mut identities),
        "group" => group(call, own_traits, &mut traits),
        _ => {}
    }
    surroundings(&context, envelope, &mut traits, &mut properties);
    identities.sort();
    identities.dedup();
    if identities.is_empty() {
        return Err("no_identity");
    }
    let instant = |raw: Option<&RawValue>| scalar(raw).and_then(|text| time(&text));
    let given = instant(call.original_timestamp).or_else(|| instant(call.timestamp));
    let sent = instant(call.sent_at).or(envelope.sent);
    let time = event_time(given, sent, envelope.received);
    let consent = consent(&name, &properties, &mut identities, (time, source));
    Ok(Event {
        source: envelope.source.source.id.clone(),
        message_id: message_id(call, limits)?,
        kind: name,
        time,
        received: envelope.received,
        identities,
        properties,
        traits,
        consent,
    })
}

/// An instant as SDKs write it: RFC 3339, or milliseconds since the epoch.
pub(super) fn time(text: &str) -> Option<Time> {
    Time::parse(text).or_else(|| text.trim().parse::<i64>().ok().map(Time::from_millis))
}

fn message_id(call: &Call<'_>, limits: &IntakeLimits) -> Result<String, &'static str> {
    match scalar(call.message_id).filter(|id| !id.trim().is_empty()) {
        Some(id) if id.chars().count() > limits.message_id_chars_max => Err("message_id_too_long"),
        Some(id) => Ok(id),
        None => Ok(uuid::Uuid::now_v7().to_string()),
    }
}

fn ids(call: &Call<'_>, source: &str) -> Vec<Identity> {
    let id = |raw| scalar(raw).and_then(|text| normalize::id(&text)).filter(|id| id.len() <= 512);
    let user = id(call.user_id).map(|id| Identity::user(source, &id));
    let anonymous = id(call.anonymous_id).map(|id| Identity::anonymous(source, &id));
    user.into_iter().chain(anonymous).collect()
}

fn claim(address: &str, value: &Value, region: Option<&str>, identities: &mut Vec<Identity>) {
    let Value::Text(text) = value else { return };
    match address {
        "email" => identities.extend(normalize::email(text).map(|address| Identity::email(&address))),
        _ => identities.extend(normalize::phone(text, region).map(|number| Identity::phone(&number))),
    }
}

fn activity(
    call: &Call<'_>,
    kind: &str,
    properties: &mut Map,
    limits: &IntakeLimits,
) -> Result<EventKind, &'static str> {
    let mut put = |key: &str, raw: Option<&RawValue>| {
        if let Some(text) = scalar(raw).filter(|text| !text.is_empty())
            && !properties.contains_key(key)
        {
            properties.insert(key.to_owned(), Value::Text(text));
        }
    };
    let name = match kind {
        "track" => {
            let name = scalar(call.event).or_else(|| scalar(call.name)).unwrap_or_default();
            if name.trim().is_empty() {
                return Err("no_event_name");
            }
            if name.chars().count() > limits.name_chars_max {
                return Err("event_name_too_long");
            }
            canonical_event_name(&name)
        }
        "page" | "screen" => {
            put("name", call.name);
            put("category", call.category);
            if kind == "page" { PAGE_VIEWED.to_owned() } else { SCREEN_VIEWED.to_owned() }
        }
        "identify" | "group" | "alias" | "merge" => return Ok(EventKind::Profile),
        _ => return Err("unknown_type"),
    };
    traits::rename_old(properties);
    if matches!(name.as_str(), names::PRODUCT_VIEWED | names::PRODUCT_ADDED | "Product Removed" | "Product Clicked") {
        traits::rename_old_product(properties);
    }
    Ok(EventKind::Activity(name))
}

fn alias(call: &Call<'_>, source: &str, identities: &mut Vec<Identity>) {
    if let Some(previous) = scalar(call.previous_id).and_then(|text| normalize::id(&text)) {
        identities.push(Identity::user(source, &previous));
        identities.push(Identity::anonymous(source, &previous));
    }
}

/// RudderStack's merge: pairs of type and value.
fn merge(call: &Call<'_>, region: Option<&str>, identities: &mut Vec<Identity>) {
    #[derive(serde::Deserialize, Default)]
    struct Pair {
        #[serde(default)]
        r#type: String,
        #[serde(default)]
        value: String,
    }
    let pairs: Vec<Pair> = parts(call.merge_properties);
    for pair in pairs.iter().take(8) {
        claim(&pair.r#type, &Value::text(&pair.value), region, identities);
    }
}

fn group(call: &Call<'_>, own: Map, traits: &mut Map) {
    if let Some(id) = scalar(call.group_id).and_then(|text| normalize::id(&text)) {
        traits.insert("group_id".to_owned(), Value::Text(id));
    }
    traits.extend(own.into_iter().map(|(name, value)| (format!("group.{name}"), value)));
}

/// Language, device and place of browsers and apps; campaign and page of the event.
fn surroundings(context: &Context<'_>, envelope: &Envelope<'_>, traits: &mut Map, properties: &mut Map) {
    let mut put = |name: &str, value: Value| {
        traits.entry(name.to_owned()).or_insert(value);
    };
    if let Some(language) = scalar(context.locale).and_then(|locale| traits::language(&locale)) {
        put("language", language);
    }
    let browser = envelope.source.source.kind == SourceKind::Browser;
    let direct = context.direct.is_some_and(|raw| raw.get() == "true");
    let agent = scalar(context.user_agent).or_else(|| envelope.agent.clone().filter(|_| browser));
    if let Some(agent) = agent {
        for (name, value) in envelope.enrich.device(&agent) {
            put(name, Value::Text(value));
        }
    }
    let address = scalar(context.ip).or_else(|| envelope.peer.clone().filter(|_| browser || direct));
    if let Some(address) = address.filter(|_| browser || direct || context.ip.is_some()) {
        for (name, value) in envelope.enrich.place(&address) {
            put(name, Value::Text(value));
        }
    }
    let mut limited = Reader::new(envelope.limits);
    for (name, raw) in [("campaign", context.campaign), ("page", context.page)] {
        if let Some(Ok(map)) = raw.map(|raw| limited.map(raw))
            && !map.is_empty()
            && !properties.contains_key(name)
        {
            properties.insert(name.to_owned(), Value::Map(map));
        }
    }
}

/// Statements of consent in `Subscribed` and `Unsubscribed`.
fn consent(
    kind: &EventKind,
    properties: &Map,
    identities: &mut Vec<Identity>,
    (time, source): (Time, &str),
) -> Vec<ConsentChange> {
    let state = match kind {
        EventKind::Activity(name) if name == names::SUBSCRIBED => ConsentState::Subscribed,
        EventKind::Activity(name) if name == names::UNSUBSCRIBED => ConsentState::Unsubscribed,
        _ => return Vec::new(),
    };
    let text = |name: &str| match properties.get(name) {
        Some(Value::Text(text)) => Some(text.trim().to_owned()),
        _ => None,
    };
    let sms =
        text("channel").is_some_and(|channel| ["sms", "phone", "text"].contains(&channel.to_lowercase().as_str()));
    let (channel, kind) =
        if sms { (Channel::Sms, model::IdentityKind::Phone) } else { (Channel::Email, model::IdentityKind::Email) };
    let given = text("address").and_then(|address| match channel {
        Channel::Email => normalize::email(&address).map(|address| Identity::email(&address)),
        Channel::Sms => normalize::phone(&address, None).map(|number| Identity::phone(&number)),
    });
    let Some(identity) = given.or_else(|| identities.iter().find(|identity| identity.kind == kind).cloned()) else {
        return Vec::new();
    };
    if !identities.contains(&identity) {
        identities.push(identity.clone());
    }
    let evidence = text("evidence").or_else(|| text("method")).unwrap_or_else(|| format!("event from {source}"));
    vec![ConsentChange { time, state, channel, address: identity.value, evidence }]
}
