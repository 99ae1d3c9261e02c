//! What every reading needs to know, and how events are made of it.

use crate::config;
use crate::erased;
use crate::wire::{Address, Meta, meta};
use kit::platform::Connection;
use kit::receive::{Pointer, Receiver};
use model::{
    Channel, ConsentChange, ConsentState, Event, EventKind, Identity, IdentityKind, Map, SourceId, Time, Value,
};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

/// Kind of pointers to an order.
pub(crate) const ORDER: &str = "order";
/// Kind of pointers to a customer.
pub(crate) const CUSTOMER: &str = "customer";
/// Kind of the pointer that asks whether the key is still good.
pub(crate) const KEY: &str = "key";

/// For which connection something is read, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    /// The source as which events come.
    pub(crate) source: &'a SourceId,
    /// Region of phone numbers whose address names no country.
    region: Option<&'a str>,
    /// The store's currency.
    pub(crate) currency: Option<&'a str>,
    /// What the merchant set.
    settings: &'a serde_json::Map<String, Json>,
    /// The receive time: no event is later.
    pub(crate) received: Time,
}

/// A message id and the time of its event.
pub(crate) type Named = (String, Time);

impl<'a> Context<'a> {
    /// For a delivery.
    pub(crate) fn of(receiver: &Receiver<'a>) -> Context<'a> {
        let currency = receiver.details.get("currency").and_then(Json::as_str);
        let (source, region, settings) = (receiver.source, receiver.region, receiver.settings);
        Context { source, region, currency, settings, received: receiver.received }
    }

    /// For what is read by a connection.
    pub(crate) fn reading(connection: &'a Connection, received: Time) -> Context<'a> {
        let (source, region, settings) = (&connection.source, connection.region.as_deref(), &connection.settings);
        Context { source, region, currency: connection.detail("currency"), settings, received }
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

    /// A customer's id.
    pub(crate) fn customer(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }

    /// The weak identity of facts that name an order and nobody: they join the order, wherever it is.
    pub(crate) fn nobody(&self, order: &str) -> Identity {
        Identity::scoped(IdentityKind::Cart, self.source.as_str(), &format!("order:{order}"))
    }

    /// A phone number; people write it as in their own country.
    pub(crate) fn phone(&self, address: &Address) -> Option<String> {
        let country = address.country.as_deref().map(kit::normalize::country);
        kit::normalize::phone(address.phone.as_deref()?, country.as_deref().or(self.region))
    }

    /// What the merchant's plugin says of consent, for addresses that are there.
    pub(crate) fn consent(&self, all: &[Meta], (email, phone): (Option<&str>, Option<&str>)) -> Vec<Said> {
        let channels = [("email_consent_meta", Channel::Email, email), ("sms_consent_meta", Channel::Sms, phone)];
        let said = channels.into_iter().filter_map(|(setting, channel, address)| {
            let key = self.settings.get(setting).and_then(Json::as_str)?;
            let state = config::consent(self.settings, &meta(all, key.trim())?)?;
            Some(Said { channel, state, address: address?.to_owned() })
        });
        said.collect()
    }
}

/// What somebody said of a channel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Said {
    channel: Channel,
    pub(crate) state: ConsentState,
    address: String,
}

impl Said {
    /// As a statement of this time; `found` is where it stands.
    pub(crate) fn at(self, time: Time, found: &str) -> ConsentChange {
        let evidence = format!("woocommerce {found}");
        ConsentChange { time, state: self.state, channel: self.channel, address: self.address, evidence }
    }
}

/// A thing that is to be read.
pub(crate) fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_owned() }
}

/// Puts a text among properties if it says something.
pub(crate) fn put(map: &mut Map, name: &str, text: Option<&str>) {
    if let Some(text) = erased::kept(text).map(str::trim).filter(|text| !text.is_empty()) {
        map.insert(name.to_owned(), Value::text(text));
    }
}

/// Puts what an address says of where somebody lives among traits.
pub(crate) fn put_place(traits: &mut Map, address: &Address) {
    put(traits, "city", address.city.as_deref());
    put(traits, "region", address.state.as_deref());
    put(traits, "zip", address.postcode.as_deref());
    let country = erased::kept(address.country.as_deref()).map(kit::normalize::country);
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
