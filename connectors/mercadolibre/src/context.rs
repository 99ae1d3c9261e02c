//! For which connection something is read, and how events are made of it.

use kit::platform::Connection;
use kit::receive::{Facts, Pointer};
use model::{Event, EventKind, Identity, IdentityKind, Map, SourceId, Time, Value};
use sha2::{Digest, Sha256};

/// Kind of pointers to an order.
pub(crate) const ORDER: &str = "order";
/// Kind of pointers to a pack: the orders of one cart.
pub(crate) const PACK: &str = "pack";
/// Kind of pointers to a payment.
pub(crate) const PAYMENT: &str = "payment";
/// Kind of pointers to a claim.
pub(crate) const CLAIM: &str = "claim";
/// Kind of pointers to a question.
pub(crate) const QUESTION: &str = "question";

/// What every reading needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The source as which events come.
    source: &'a SourceId,
    /// The seller.
    pub(crate) seller: &'a str,
    /// The site's currency.
    pub(crate) currency: Option<&'a str>,
    /// The receive time: no event is later.
    pub(crate) received: Time,
}

/// A message id and the time of its event.
pub(crate) type Named = (String, Time);

impl<'a> Context<'a> {
    pub(crate) fn of(connection: &'a Connection, received: Time) -> Context<'a> {
        let (source, seller) = (&connection.source, connection.account.as_str());
        Context { source, seller, currency: connection.detail("currency"), received }
    }

    /// A happening of somebody.
    pub(crate) fn activity(&self, name: &str, (message_id, time): Named, who: &Identity, properties: Map) -> Event {
        Event {
            source: self.source.clone(),
            message_id,
            kind: EventKind::Activity(name.to_owned()),
            time: time.min(self.received),
            received: self.received,
            identities: vec![who.clone()],
            properties,
            traits: Map::new(),
            consent: Vec::new(),
        }
    }

    /// What is said of somebody.
    pub(crate) fn profile(&self, named: Named, who: &Identity, traits: Map) -> Event {
        Event { kind: EventKind::Profile, traits, ..self.activity("", named, who, Map::new()) }
    }

    /// A buyer: one number for all sites. Address and phone number the platform keeps to itself.
    pub(crate) fn buyer(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }
}

/// A thing that is to be read.
pub(crate) fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_owned() }
}

/// Puts a text among properties if it says something.
pub(crate) fn put(map: &mut Map, name: &str, text: Option<&str>) {
    map.extend(text.map(|text| (name.to_owned(), Value::text(text))));
}

/// What tells one content from another in a message id.
pub(crate) fn content_hash(map: &Map) -> String {
    let digest = Sha256::digest(Value::Map(map.clone()).to_json().to_string());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Adds what one thing says to what others said.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.events.extend(more.events);
    facts.pointers.extend(more.pointers);
    facts.versions.extend(more.versions);
}
