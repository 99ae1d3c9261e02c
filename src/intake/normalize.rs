//! From a call to a normalized event.

use super::auth::{Customers, SourceEntry};
use super::correct::{doubt, event_time, instant};
use super::wire::{Call, Context};
use super::{IntakeLimits, commerce, consent, traits};
use crate::enrich::{Enrich, Hints};
use kit::normalize;
use model::names::{PAGE_VIEWED, SCREEN_VIEWED, canonical_event_name};
use model::{Event, EventKind, Identity, IdentityKind, Map, SourceKind, Time, Value};
use std::borrow::Cow;

/// Bytes of a user id, anonymous id, group id or device token.
const ID_BYTES_MAX: usize = 512;

/// What a request adds to each of its calls.
pub(super) struct Envelope<'a> {
    pub(super) source: &'a SourceEntry,
    pub(super) limits: &'a IntakeLimits,
    pub(super) customers: &'a dyn Customers,
    pub(super) enrich: &'a Enrich,
    pub(super) received: Time,
    /// `sentAt` of the batch.
    pub(super) sent: Option<Time>,
    /// `context` of the batch: holds where a call's own says nothing.
    pub(super) context: &'a Context<'a>,
    /// The address the request came from.
    pub(super) peer: Option<&'a str>,
    /// The browser, by the request's header.
    pub(super) agent: Option<&'a str>,
}

/// A normalized call.
pub(super) struct Normalized {
    pub(super) event: Event,
    /// What of it could not be understood, though the rest is accepted.
    pub(super) notes: Vec<&'static str>,
}

/// Normalizes one call; the reason when it is refused.
pub(super) fn event(mut call: Call<'_>, kind: &str, envelope: &Envelope<'_>) -> Result<Normalized, &'static str> {
    let source = envelope.source.source.id.as_str();
    let region = envelope.source.region.as_deref();
    let activity = activity_name(&call, kind, envelope.limits)?;
    let mut context = call.context.take().map(|context| *context).unwrap_or_default();
    let mut identities = ids(&call, context.device_token.as_ref(), source)?;
    external(&context, envelope, &mut identities)?;
    let own = std::mem::take(&mut call.traits);
    let mut found = std::mem::take(&mut context.traits);
    let of_group = if kind == "group" { Some(own) } else { merge_traits(&mut found, own) };
    for (name, value) in &envelope.context.traits {
        found.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let mut traits = traits::normalize(found, region, &mut identities);
    match kind {
        "alias" => alias(&call, source, &mut identities)?,
        "merge" => merge(&call, region, &mut identities),
        _ => {}
    }
    if let Some(of_group) = of_group {
        group(&call, of_group, &mut traits)?;
    }
    let mut properties = std::mem::take(&mut call.properties);
    if let Some(name) = &activity {
        name_and_category(&call, kind, &mut properties);
        commerce::normalize(name, &mut properties);
    }
    surroundings(&mut context, envelope, &mut traits, &mut properties);

    let given = call.timestamp.as_deref().and_then(instant);
    let given = given.or_else(|| call.original_timestamp.as_deref().and_then(instant));
    let sent = call.sent_at.as_deref().and_then(instant).or(envelope.sent);
    let time = event_time(given, sent, envelope.received);
    let said = activity.as_deref().and_then(consent::state_of);
    let mut notes = Vec::new();
    let unreadable = given.is_none() && call.timestamp.as_deref().is_some_and(|text| !text.trim().is_empty());
    notes.extend(unreadable.then_some("time_unreadable"));
    notes.extend(given.and_then(|given| doubt(given, sent, envelope.received)));
    notes.extend(activity.as_deref().and_then(|name| commerce::doubt(name, &properties)));
    let consent = match said {
        Some(state) => {
            let (consent, note) = consent::read(state, &properties, region, &mut identities, (time, source));
            notes.extend(note);
            consent
        }
        None => Vec::new(),
    };
    identities.sort_unstable();
    identities.dedup();
    if identities.is_empty() {
        return Err("no_identity");
    }
    let event = Event {
        source: envelope.source.source.id.clone(),
        message_id: message_id(&mut call, envelope.limits)?,
        kind: activity.map_or(EventKind::Profile, EventKind::Activity),
        time,
        received: envelope.received,
        identities,
        properties,
        traits,
        consent,
    };
    Ok(Normalized { event, notes })
}

/// A call's own traits come before those that its context repeats.
fn merge_traits(found: &mut Map, own: Map) -> Option<Map> {
    if found.is_empty() {
        *found = own;
    } else {
        found.extend(own);
    }
    None
}

fn message_id(call: &mut Call<'_>, limits: &IntakeLimits) -> Result<String, &'static str> {
    let id = call.message_id.take().filter(|id| !id.trim().is_empty());
    let chars_max = limits.message_id_chars_max;
    match id {
        Some(id) if id.len() > chars_max && id.chars().count() > chars_max => Err("message_id_too_long"),
        Some(id) => Ok(id.into_owned()),
        None => Ok(uuid::Uuid::now_v7().to_string()),
    }
}

/// An id that is one, within its limit.
fn id(raw: Option<&Cow<'_, str>>) -> Result<Option<String>, &'static str> {
    match raw.and_then(|text| normalize::id(text)) {
        Some(id) if id.len() > ID_BYTES_MAX => Err("id_too_long"),
        id => Ok(id),
    }
}

fn ids(call: &Call<'_>, token: Option<&Cow<'_, str>>, source: &str) -> Result<Vec<Identity>, &'static str> {
    let given = [call.user_id.as_ref(), call.anonymous_id.as_ref(), token];
    // Events wait by the ten thousand: none has room that it does not need.
    let mut identities = Vec::with_capacity(given.into_iter().flatten().count());
    identities.extend(id(call.user_id.as_ref())?.map(|id| Identity::user(source, &id)));
    identities.extend(id(call.anonymous_id.as_ref())?.map(|id| Identity::anonymous(source, &id)));
    let token = id(token)?;
    identities.extend(token.map(|token| Identity::scoped(IdentityKind::Device, source, &token)));
    Ok(identities)
}

/// Customers of connections that a server names beside the person: a marketplace keeps their addresses to itself, and
/// the merchant knows them from elsewhere. A browser is not believed: it would join whom it likes.
fn external(
    context: &Context<'_>,
    envelope: &Envelope<'_>,
    identities: &mut Vec<Identity>,
) -> Result<(), &'static str> {
    let SourceEntry { workspace, source, .. } = envelope.source;
    for (of, customer) in &context.external_ids {
        if source.kind == SourceKind::Server && envelope.customers.is_connection(workspace, of) {
            let customer = id(Some(&Cow::Borrowed(customer)))?;
            identities.extend(customer.map(|customer| Identity::scoped(IdentityKind::Platform, of, &customer)));
        }
    }
    Ok(())
}

/// The canonical name of an activity; `None` for calls that only change a profile.
fn activity_name(call: &Call<'_>, kind: &str, limits: &IntakeLimits) -> Result<Option<String>, &'static str> {
    match kind {
        "track" => {
            let name = call.event.as_deref().map(str::trim).unwrap_or_default();
            if name.is_empty() {
                return Err("no_event_name");
            }
            if name.len() > limits.name_chars_max && name.chars().count() > limits.name_chars_max {
                return Err("event_name_too_long");
            }
            Ok(Some(canonical_event_name(name)))
        }
        "page" => Ok(Some(PAGE_VIEWED.to_owned())),
        "screen" => Ok(Some(SCREEN_VIEWED.to_owned())),
        "identify" | "group" | "alias" | "merge" => Ok(None),
        _ => Err("unknown_type"),
    }
}

/// Of a page or screen: its name and category, which stand beside the properties.
fn name_and_category(call: &Call<'_>, kind: &str, properties: &mut Map) {
    if kind == "track" {
        return;
    }
    for (name, raw) in [("name", &call.name), ("category", &call.category)] {
        if let Some(text) = raw.as_deref().filter(|text| !text.is_empty()) {
            properties.entry(name.to_owned()).or_insert_with(|| Value::text(text));
        }
    }
}

/// The earlier id may have been a user's or an anonymous one: nothing in the call says which.
fn alias(call: &Call<'_>, source: &str, identities: &mut Vec<Identity>) -> Result<(), &'static str> {
    let user = identities.iter().any(|identity| identity.kind == IdentityKind::User);
    let (true, Some(previous)) = (user, id(call.previous_id.as_ref())?) else { return Err("alias_incomplete") };
    identities.push(Identity::user(source, &previous));
    identities.push(Identity::anonymous(source, &previous));
    Ok(())
}

/// RudderStack's merge: pairs of type and value, of which addresses are identities.
fn merge(call: &Call<'_>, region: Option<&str>, identities: &mut Vec<Identity>) {
    for (kind, value) in &call.merge {
        identities.extend(traits::address(kind, value, region));
    }
}

fn group(call: &Call<'_>, own: Map, traits: &mut Map) -> Result<(), &'static str> {
    if let Some(id) = id(call.group_id.as_ref())? {
        traits.insert("group_id".to_owned(), Value::Text(id));
    }
    traits.extend(own.into_iter().map(|(name, value)| (format!("group.{name}"), value)));
    Ok(())
}

/// Language, device and place of browsers and apps; campaign and page of the event.
fn surroundings(context: &mut Context<'_>, envelope: &Envelope<'_>, traits: &mut Map, properties: &mut Map) {
    let common = envelope.context;
    let mut put = |name: &str, value: Value| {
        if !traits.contains_key(name) {
            traits.insert(name.to_owned(), value);
        }
    };
    let locale = context.locale.as_deref().or(common.locale.as_deref());
    if let Some(language) = locale.and_then(traits::language) {
        put("language", language);
    }
    let browser = envelope.source.source.kind == SourceKind::Browser;
    // A server's own agent and address say nothing of the person; what it passes on in the context does.
    let own = browser || context.direct || common.direct;
    let agent = context.user_agent.as_deref().or(common.user_agent.as_deref());
    if let Some(agent) = agent.or(envelope.agent.filter(|_| browser)) {
        envelope.enrich.device(agent, &Hints::default(), &mut put);
    }
    let named = |text: &Option<Cow<'_, str>>| {
        text.as_deref().map(str::trim).filter(|text| !text.is_empty() && text.len() <= 64).map(Value::text)
    };
    if let Some(os) = named(&context.os_name) {
        put("device_os", os);
    }
    if let Some(maker) = named(&context.device_maker) {
        put("device_brand", maker);
    }
    let address = context.ip.as_deref().or(common.ip.as_deref());
    if let Some(address) = address.or(envelope.peer.filter(|_| own)) {
        envelope.enrich.place(address, &mut put);
    }
    for (name, own, common) in
        [("campaign", &mut context.campaign, &common.campaign), ("page", &mut context.page, &common.page)]
    {
        let map = if own.is_empty() { common.clone() } else { std::mem::take(own) };
        if !map.is_empty() && !properties.contains_key(name) {
            properties.insert(name.to_owned(), Value::Map(map));
        }
    }
}
