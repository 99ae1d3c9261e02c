//! What a registered customer says. Guests are known by their orders alone.

use crate::context::{CUSTOMER, Context, content_hash, pointer, put, put_place};
use crate::erased;
use crate::wire::Customer;
use kit::receive::{Facts, Version};
use model::{ConsentState, Identity, Map, Time};

impl Customer {
    /// When it was changed last.
    pub(crate) fn modified(&self) -> Option<Time> {
        self.date_modified_gmt.or(self.date_created_gmt)
    }

    /// Everything that it says; `None` for what is no customer.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Option<Facts> {
        let (id, modified) = (self.id.as_deref()?, self.modified()?);
        let email = erased::email(self.email.as_deref());
        let phone = context.phone(&self.billing);
        let mut identities = vec![context.customer(id)];
        identities.extend(email.as_deref().map(Identity::email));
        identities.extend(phone.as_deref().map(Identity::phone));
        let traits = self.traits((email.as_deref(), phone.as_deref()));
        let said = context.consent(&self.meta_data, (email.as_deref(), phone.as_deref()));
        let consent: Vec<_> = said
            .into_iter()
            .map(|said| {
                // Nothing tells when: a refusal is as new as can be, and an agreement as old.
                let time = match said.state {
                    ConsentState::Unsubscribed => modified,
                    ConsentState::Subscribed => self.date_created_gmt.unwrap_or(modified),
                };
                said.at(time.min(context.received), "customer")
            })
            .collect();
        let hash = content_hash(&traits, &identities, &format!("{consent:?}"));
        let named = (format!("customer:{id}:{modified}:{hash}"), modified);
        let event = context.profile(named, &identities, traits, consent);
        let version = Version { thing: pointer(CUSTOMER, id), updated: modified };
        Some(Facts { events: vec![event], versions: vec![version], ..Facts::default() })
    }

    fn traits(&self, (email, phone): (Option<&str>, Option<&str>)) -> Map {
        let mut traits = Map::new();
        let created = self.date_created_gmt.map(|time| time.to_string());
        for (name, text) in [
            ("email", email),
            ("phone", phone),
            ("first_name", self.first_name.as_deref().or(self.billing.first_name.as_deref())),
            ("last_name", self.last_name.as_deref().or(self.billing.last_name.as_deref())),
            ("role", self.role.as_deref()),
            ("created_at", created.as_deref()),
        ] {
            put(&mut traits, name, text);
        }
        put_place(&mut traits, &self.billing);
        traits
    }
}
