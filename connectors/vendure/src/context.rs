//! What every reading needs to know, and how events are made of it.

use crate::queries::ConsentFields;
use crate::wire::OrderAddress;
use kit::platform::Connection;
use kit::receive::Pointer;
use model::{ConsentChange, Event, EventKind, Identity, IdentityKind, Map, SourceId, Time, Value};
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

/// Kind of pointers to an order.
pub(crate) const ORDER: &str = "order";
/// Kind of pointers to a customer.
pub(crate) const CUSTOMER: &str = "customer";
/// Decimals of an amount, unless the store has others.
const PRECISION: u32 = 2;
/// More decimals no store has.
const PRECISION_MAX: u32 = 6;

/// For which connection something is read, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The source as which events come.
    source: &'a SourceId,
    /// Region of phone numbers whose address names no country.
    region: Option<&'a str>,
    /// The channel's currency.
    pub(crate) currency: Option<&'a str>,
    /// Decimals of amounts.
    precision: u32,
    /// The receive time: no event is later.
    pub(crate) received: Time,
}

/// A message id and the time of its event.
pub(crate) type Named = (String, Time);

/// The store's fields of consent, as the install found them.
pub(crate) fn consent_fields(connection: &Connection) -> ConsentFields<'_> {
    ConsentFields { state: connection.detail("consent"), at: connection.detail("consent_at") }
}

impl<'a> Context<'a> {
    /// For what is read by a connection.
    pub(crate) fn reading(connection: &'a Connection, received: Time) -> Context<'a> {
        let precision = connection.detail("precision").and_then(|text| text.parse().ok()).unwrap_or(PRECISION);
        Context {
            source: &connection.source,
            region: connection.region.as_deref(),
            currency: connection.detail("currency"),
            precision: precision.min(PRECISION_MAX),
            received,
        }
    }

    fn event(&self, (message_id, time): Named, kind: EventKind, identities: &[Identity]) -> Event {
        let (source, received) = (self.source.clone(), self.received);
        let (properties, traits, consent) = (Map::new(), Map::new(), Vec::new());
        let (time, identities) = (time.min(received), identities.to_vec());
        Event { source, message_id, kind, time, received, identities, properties, traits, consent }
    }

    /// A happening.
    pub(crate) fn activity(&self, name: &str, named: Named, identities: &[Identity], properties: Map) -> Event {
        Event { properties, ..self.event(named, EventKind::Activity(name.to_owned()), identities) }
    }

    /// What is said of a person.
    pub(crate) fn profile(
        &self,
        named: Named,
        identities: &[Identity],
        traits: Map,
        consent: Vec<ConsentChange>,
    ) -> Event {
        Event { traits, consent, ..self.event(named, EventKind::Profile, identities) }
    }

    /// A customer's id. Ids begin at 1 in every store: the connection keeps them apart.
    pub(crate) fn customer(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }

    /// The cart that an order was, or is.
    pub(crate) fn cart(&self, order: &str) -> Identity {
        Identity::scoped(IdentityKind::Cart, self.source.as_str(), order)
    }

    /// A phone number; people write it as in their own country.
    pub(crate) fn phone(&self, number: Option<&str>, country: Option<&str>) -> Option<String> {
        let country = country.map(kit::normalize::country);
        kit::normalize::phone(number?, country.as_deref().or(self.region))
    }

    /// An amount of the smallest units.
    pub(crate) fn amount(&self, minor: i64) -> Decimal {
        Decimal::new(minor, self.precision)
    }

    /// Puts an amount among properties if there is one.
    pub(crate) fn put_amount(&self, map: &mut Map, name: &str, minor: Option<i64>) {
        map.extend(minor.map(|minor| (name.to_owned(), Value::Number(self.amount(minor)))));
    }
}

/// A thing that is to be read.
pub(crate) fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_owned() }
}

/// Puts a text among properties if it says something.
pub(crate) fn put(map: &mut Map, name: &str, text: Option<&str>) {
    if let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) {
        map.insert(name.to_owned(), Value::text(text));
    }
}

/// Puts what an address says of where somebody lives among traits.
pub(crate) fn put_place(traits: &mut Map, address: &OrderAddress) {
    put(traits, "city", address.city.as_deref());
    put(traits, "region", address.province.as_deref());
    put(traits, "zip", address.postal_code.as_deref());
    let country = address.country_code.as_deref().map(kit::normalize::country);
    put(traits, "country", country.as_deref());
}

/// What tells one content from another in a message id.
pub(crate) fn content_hash(map: &Map, identities: &[Identity], more: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(Value::Map(map.clone()).to_json().to_string());
    for identity in identities {
        hash.update([0]);
        hash.update(identity.canonical());
    }
    hash.update([0]);
    hash.update(more);
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
