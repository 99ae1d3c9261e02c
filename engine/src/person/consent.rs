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

impl Person {
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
        let statements = facts.flat_map(|fact| fact.consent.iter());
        let of_address = statements.filter(|said| said.channel == channel && said.address == address);
        of_address.map(|said| (said.time, said.state)).max().map(|(_, state)| state)
    }
}
