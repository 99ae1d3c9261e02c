//! Consent of an address: statements are kept where the address is.

use crate::person::Person;
use crate::person::view::Context;
use model::{Channel, ConsentChange, ConsentState, Identity, IdentityKind, Time, Value};
use std::collections::BTreeSet;

/// The address of a channel as an identity.
pub fn address(channel: Channel, text: &str) -> Identity {
    match channel {
        Channel::Email => Identity::email(text),
        Channel::Sms => Identity::phone(text.trim()),
    }
}

/// What a trait says about an address, when it can be one: `name@domain`, or `+` and digits.
pub fn address_of(channel: Channel, value: &Value) -> Option<Identity> {
    let Value::Text(text) = value else { return None };
    let text = text.trim();
    let readable = match channel {
        Channel::Email => text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty()),
        Channel::Sms => {
            let digits = text.strip_prefix('+').unwrap_or_default();
            !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_digit())
        }
    };
    readable.then(|| address(channel, text))
}

/// The channels with the traits that name their addresses.
pub const ADDRESS_TRAITS: [(Channel, &str); 2] = [(Channel::Email, "email"), (Channel::Sms, "phone")];

/// What addresses said that are cut from a person and held by somebody else.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Foreign(Vec<Said>);

/// One statement, and the time of the event that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Said {
    channel: Channel,
    address: String,
    told: Time,
    time: Time,
    state: ConsentState,
}

impl Foreign {
    /// No such address.
    pub const NONE: &'static Foreign = &Foreign(Vec::new());

    /// What an address had said last by an instant; of one instant, the unsubscribe.
    pub fn consent_of(&self, channel: Channel, address: &str, by: Time) -> Option<ConsentState> {
        let of_address = self.0.iter().filter(|said| said.channel == channel && said.address == address);
        of_address.filter(|said| said.told <= by).map(|said| (said.time, said.state)).max().map(|(_, state)| state)
    }

    /// The earliest instant after another at which one of the addresses said something.
    pub(crate) fn next_after(&self, at: Time) -> Option<Time> {
        self.0.iter().map(|said| said.told).filter(|told| *told > at).min()
    }

    /// Adds what an address said, by whom it is held: all of it, or what it says now.
    pub(crate) fn add(&mut self, channel: Channel, address: &str, holder: &Person, ever: bool) {
        let facts = holder.with_consent.iter().filter_map(|place| holder.facts.get(*place as usize));
        let statements = facts.flat_map(|fact| fact.consent().iter().map(|said| (fact.time, said)));
        let of_address = statements.filter(|(_, said)| said.channel == channel && said.address == address);
        let said = |(told, said): (Time, &ConsentChange)| Said {
            channel,
            address: address.to_owned(),
            told,
            time: said.time,
            state: said.state,
        };
        if ever {
            self.0.extend(of_address.map(said));
        } else {
            self.0.extend(of_address.max_by_key(|(_, said)| (said.time, said.state)).map(said));
        }
    }
}

impl Person {
    /// The person's address on a channel, if somebody else holds it.
    pub(crate) fn foreign_address(&self, channel: Channel, context: &Context<'_>) -> Option<Identity> {
        self.address(channel, context).filter(|identity| !self.nodes.contains_key(&identity.key()))
    }

    /// Every address of a channel that the person ever gave as their own and does not hold.
    pub(crate) fn foreign_addresses(&self, channel: Channel, context: &Context<'_>) -> BTreeSet<Identity> {
        let name = ADDRESS_TRAITS.iter().find(|(of, _)| *of == channel).map(|(_, name)| *name).unwrap_or_default();
        let Some(number) = context.names.number(name) else { return BTreeSet::new() };
        let given = self.facts.iter().filter_map(|fact| address_of(channel, &fact.traits().get(number)?));
        given.filter(|identity| !self.nodes.contains_key(&identity.key())).collect()
    }

    /// The person's address on a channel: the shown property, else the smallest linked one.
    pub fn address(&self, channel: Channel, context: &Context<'_>) -> Option<Identity> {
        let (property, kind) = match channel {
            Channel::Email => ("email", IdentityKind::Email),
            Channel::Sms => ("phone", IdentityKind::Phone),
        };
        let shown = self.shown(property, context).and_then(|value| address_of(channel, &value));
        shown.or_else(|| self.smallest(kind, None).map(|text| address(channel, text)))
    }

    /// What the address said last, of the statements kept here; of one instant, the unsubscribe.
    pub fn consent_of(&self, channel: Channel, address: &str) -> Option<ConsentState> {
        let facts = self.with_consent.iter().filter_map(|place| self.facts.get(*place as usize));
        let statements = facts.flat_map(|fact| fact.consent().iter());
        let of_address = statements.filter(|said| said.channel == channel && said.address == address);
        of_address.map(|said| (said.time, said.state)).max().map(|(_, state)| state)
    }
}
