//! What every reading needs to know, and how events are made of it.

use kit::receive::{Pointer, Receiver};
use model::{ConsentChange, Event, EventKind, Identity, IdentityKind, Map, SourceId, Time, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// Where a thing's form comes from. What was read outranks what was delivered: it says more.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Origin {
    /// A webhook.
    Delivery,
    /// The Admin API.
    Read,
}

/// For which connection something is read, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The source as which events come.
    pub(crate) source: &'a SourceId,
    /// Region of phone numbers without a country code.
    pub(crate) region: Option<&'a str>,
    /// The shop's currency.
    pub(crate) currency: Option<&'a str>,
    /// The receive time: no event is later.
    pub(crate) received: Time,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

impl<'a> Context<'a> {
    /// For a delivery.
    pub(crate) fn of(receiver: &Receiver<'a>) -> Context<'a> {
        let currency = receiver.details.get("currency").and_then(serde_json::Value::as_str);
        let (source, region, received) = (receiver.source, receiver.region, receiver.received);
        Context { source, region, currency, received, origin: Origin::Delivery }
    }

    /// For what is read by a connection.
    pub(crate) fn reading(connection: &'a kit::platform::Connection, received: Time) -> Context<'a> {
        let (source, region) = (&connection.source, connection.region.as_deref());
        Context { source, region, currency: connection.detail("currency"), received, origin: Origin::Read }
    }

    /// An event without properties, traits and consent.
    pub(crate) fn event(&self, message_id: String, kind: EventKind, time: Time, identities: Vec<Identity>) -> Event {
        let (source, received) = (self.source.clone(), self.received);
        let (properties, traits, consent) = (Map::new(), Map::new(), Vec::new());
        let time = time.min(received);
        Event { source, message_id, kind, time, received, identities, properties, traits, consent }
    }

    /// A happening.
    pub(crate) fn activity(
        &self,
        name: &str,
        (message_id, time): (String, Time),
        identities: &[Identity],
        properties: Map,
    ) -> Event {
        let kind = EventKind::Activity(name.to_owned());
        Event { properties, ..self.event(message_id, kind, time, identities.to_vec()) }
    }

    /// What is said of a person.
    pub(crate) fn profile(
        &self,
        (message_id, time): (String, Time),
        identities: Vec<Identity>,
        traits: Map,
        consent: Vec<ConsentChange>,
    ) -> Event {
        Event { traits, consent, ..self.event(message_id, EventKind::Profile, time, identities) }
    }

    /// A customer's id.
    pub(crate) fn customer(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }

    /// A token of a cart or a checkout.
    pub(crate) fn cart(&self, token: &str) -> Identity {
        Identity::scoped(IdentityKind::Cart, self.source.as_str(), token)
    }

    /// An e-mail address.
    pub(crate) fn email(&self, text: Option<&str>) -> Option<Identity> {
        kit::normalize::email(text?).map(|address| Identity::email(&address))
    }

    /// A phone number.
    pub(crate) fn phone(&self, text: Option<&str>) -> Option<Identity> {
        kit::normalize::phone(text?, self.region).map(|number| Identity::phone(&number))
    }
}

/// Kind of the pointer to an order that is said to be deleted.
pub(crate) const DELETED_ORDER: &str = "deleted_order";

/// A thing that is to be read.
pub(crate) fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_owned() }
}

/// What tells one content from another in a message id.
pub(crate) fn content_hash(properties: &Map, identities: &[Identity], more: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(Value::Map(properties.clone()).to_json().to_string());
    for identity in identities {
        hash.update([0]);
        hash.update(identity.canonical());
    }
    hash.update([0]);
    hash.update(more);
    let mut text = String::with_capacity(16);
    for byte in hash.finalize().iter().take(8) {
        // Writing to text does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Puts a text among properties if it says something.
pub(crate) fn put_text(map: &mut Map, name: &str, text: Option<&str>) {
    if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
        map.insert(name.to_owned(), Value::text(text));
    }
}

/// A list of texts.
pub(crate) fn list(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::text(text)).collect())
}
