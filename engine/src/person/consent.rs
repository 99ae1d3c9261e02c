//! Consent of an address: statements are kept where the address is.

use crate::person::Person;
use crate::person::view::Context;
use model::{Channel, ConsentState, Identity, IdentityKind, Value};

/// The address of a channel as an identity.
pub fn address(channel: Channel, text: &str) -> Identity {
    match channel {
        Channel::Email => Identity::email(text),
        Channel::Sms => Identity::phone(text.trim()),
    }
}

impl Person {
    /// The person's address on a channel: the shown property, else the smallest linked one.
    pub fn address(&self, channel: Channel, context: &Context<'_>) -> Option<Identity> {
        let (property, kind) = match channel {
            Channel::Email => ("email", IdentityKind::Email),
            Channel::Sms => ("phone", IdentityKind::Phone),
        };
        match self.shown(property, context) {
            Some(Value::Text(text)) if !text.trim().is_empty() => Some(address(channel, &text)),
            _ => self.smallest(kind, None).map(|text| address(channel, text)),
        }
    }

    /// What the address said last, of the statements kept here; of one instant, the unsubscribe.
    pub fn consent_of(&self, channel: Channel, address: &str) -> Option<ConsentState> {
        let facts = self.with_consent.iter().filter_map(|place| self.facts.get(*place as usize));
        let statements = facts.flat_map(|fact| fact.consent.iter());
        let of_address = statements.filter(|said| said.channel == channel && said.address == address);
        of_address.map(|said| (said.time, said.state)).max().map(|(_, state)| state)
    }
}
