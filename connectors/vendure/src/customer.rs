//! What a customer says: guests, too, are customers of the store.

use crate::context::{CUSTOMER, Context, content_hash, pointer, put, put_place};
use crate::wire::{Customer, OrderAddress};
use kit::receive::{Facts, Version};
use model::{Channel, ConsentChange, ConsentState, Event, Identity, Map, Time};

impl Customer {
    fn modified(&self) -> Option<Time> {
        self.updated_at.or(self.created_at)
    }

    /// The address that is used when nothing else is said.
    fn place(&self) -> Option<OrderAddress> {
        let default =
            |one: fn(&crate::wire::CustomerAddress) -> bool| self.addresses.iter().find(|address| one(address));
        let billing = default(|address| address.default_billing_address);
        let found = billing.or_else(|| default(|address| address.default_shipping_address));
        found.or_else(|| self.addresses.first()).map(crate::wire::CustomerAddress::place)
    }

    pub(crate) fn email(&self) -> Option<String> {
        kit::normalize::email(self.email_address.as_deref()?)
    }

    /// Who it is.
    pub(crate) fn identities(&self, context: &Context<'_>) -> Vec<Identity> {
        let mut identities: Vec<Identity> = self.id.iter().map(|id| context.customer(id)).collect();
        identities.extend(self.email().as_deref().map(Identity::email));
        identities.extend(self.phone(context).as_deref().map(Identity::phone));
        identities
    }

    fn phone(&self, context: &Context<'_>) -> Option<String> {
        let country = self.place().and_then(|place| place.country_code);
        context.phone(self.phone_number.as_deref(), country.as_deref())
    }

    /// What was said of marketing. Without the time of it, an agreement is as old as can be, and a box that was never
    /// ticked takes nothing back.
    fn consent(&self, context: &Context<'_>) -> Option<ConsentChange> {
        let (address, said) = (self.email()?, self.custom_fields);
        let (time, state) = match (said.state?, said.at) {
            (true, at) => (at.or(self.created_at)?, ConsentState::Subscribed),
            (false, at) => (at?, ConsentState::Unsubscribed),
        };
        let (time, evidence) = (time.min(context.received), "vendure customer".to_owned());
        Some(ConsentChange { time, state, channel: Channel::Email, address, evidence })
    }

    fn traits(&self, context: &Context<'_>) -> Map {
        let mut traits = Map::new();
        let created = self.created_at.map(|time| time.to_string());
        for (name, text) in [
            ("email", self.email().as_deref()),
            ("phone", self.phone(context).as_deref()),
            ("first_name", self.first_name.as_deref()),
            ("last_name", self.last_name.as_deref()),
            ("created_at", created.as_deref()),
        ] {
            put(&mut traits, name, text);
        }
        if let Some(place) = self.place() {
            put_place(&mut traits, &place);
        }
        traits
    }

    /// Everything that it says; `None` for what is no customer.
    pub(crate) fn event(&self, context: &Context<'_>) -> Option<Event> {
        let (id, modified) = (self.id.as_deref()?, self.modified()?);
        let (identities, traits) = (self.identities(context), self.traits(context));
        let consent: Vec<ConsentChange> = self.consent(context).into_iter().collect();
        let hash = content_hash(&traits, &identities, &format!("{consent:?}"));
        Some(context.profile((format!("customer:{id}:{modified}:{hash}"), modified), &identities, traits, consent))
    }

    /// The same, with the version that it shows.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Option<Facts> {
        let version = Version { thing: pointer(CUSTOMER, self.id.as_deref()?), updated: self.modified()? };
        Some(Facts { events: vec![self.event(context)?], versions: vec![version], ..Facts::default() })
    }
}
