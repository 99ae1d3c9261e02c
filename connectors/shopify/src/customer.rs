//! A customer, whichever form it came in, and what it says.

use crate::config::is_our_tag;
use crate::context::{Context, Origin, content_hash, list, pointer, put_text};
use kit::receive::{Facts, Version};
use model::{Channel, ConsentChange, ConsentState, Identity, Map, Time};

/// What a customer said about a channel, as far as it is a statement.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Said {
    /// `subscribed`, `unsubscribed`; everything else says nothing.
    pub(crate) state: Option<String>,
    /// When.
    pub(crate) time: Option<Time>,
}

/// Where a customer lives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Place {
    pub(crate) city: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) zip: Option<String>,
}

/// A customer. What is `None` is not known: it changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Customer {
    pub(crate) id: String,
    pub(crate) created: Option<Time>,
    pub(crate) updated: Option<Time>,
    pub(crate) email: Option<String>,
    pub(crate) phone: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) locale: Option<String>,
    pub(crate) tags: Option<Vec<String>>,
    pub(crate) place: Option<Place>,
    pub(crate) email_said: Option<Said>,
    pub(crate) phone_said: Option<Said>,
}

impl Customer {
    /// Who it is: the id, the address and the number.
    pub(crate) fn identities(&self, context: &Context<'_>) -> Vec<Identity> {
        let addresses = [context.email(self.email.as_deref()), context.phone(self.phone.as_deref())];
        let mut identities = vec![context.customer(&self.id)];
        identities.extend(addresses.into_iter().flatten());
        identities
    }

    /// What it says. Without the time of its last change it says only who it is, which is the caller's.
    pub(crate) fn facts(&self, context: &Context<'_>) -> Facts {
        let Some(updated) = self.updated else { return Facts::default() };
        let identities = self.identities(context);
        let traits = self.traits(context);
        let consent = self.consent(context, updated);
        let hash = content_hash(&traits, &identities, &format!("{consent:?}"));
        let origin = u8::from(context.origin == Origin::Read);
        let message_id = format!("customer:{}:{updated}:{origin}:{hash}", self.id);
        let event = context.profile((message_id, updated), identities, traits, consent);
        let version = Version { thing: pointer("customer", &self.id), updated };
        Facts { events: vec![event], versions: vec![version], ..Facts::default() }
    }

    fn traits(&self, context: &Context<'_>) -> Map {
        let mut traits = Map::new();
        let email = context.email(self.email.as_deref()).map(|identity| identity.value);
        let phone = context.phone(self.phone.as_deref()).map(|identity| identity.value);
        put_text(&mut traits, "email", email.as_deref());
        put_text(&mut traits, "phone", phone.as_deref());
        put_text(&mut traits, "first_name", self.first_name.as_deref());
        put_text(&mut traits, "last_name", self.last_name.as_deref());
        put_text(&mut traits, "language", self.locale.as_deref().and_then(language).as_deref());
        put_text(&mut traits, "created_at", self.created.map(|time| time.to_string()).as_deref());
        if let Some(tags) = &self.tags {
            let theirs: Vec<String> = tags.iter().filter(|tag| !is_our_tag(tag)).cloned().collect();
            traits.insert("tags".to_owned(), list(&theirs));
        }
        if let Some(place) = &self.place {
            put_text(&mut traits, "city", place.city.as_deref());
            put_text(&mut traits, "region", place.region.as_deref());
            put_text(&mut traits, "zip", place.zip.as_deref());
            let country = place.country.as_deref().map(kit::normalize::country);
            put_text(&mut traits, "country", country.as_deref());
        }
        traits
    }

    fn consent(&self, context: &Context<'_>, updated: Time) -> Vec<ConsentChange> {
        let email = (&self.email_said, Channel::Email, context.email(self.email.as_deref()));
        let phone = (&self.phone_said, Channel::Sms, context.phone(self.phone.as_deref()));
        let mut consent = Vec::new();
        for (said, channel, address) in [email, phone] {
            let (Some(said), Some(address)) = (said, address) else { continue };
            let Some(state) = said.state.as_deref().and_then(state) else { continue };
            // Without a time a refusal is as new as can be, and an agreement as old.
            let time = said.time.unwrap_or(match state {
                ConsentState::Unsubscribed => updated,
                ConsentState::Subscribed => self.created.unwrap_or(updated),
            });
            consent.push(statement(context, (time, state), channel, &address.value, "customer"));
        }
        consent
    }
}

/// A statement of consent; `found` is where it stands.
pub(crate) fn statement(
    context: &Context<'_>,
    (time, state): (Time, ConsentState),
    channel: Channel,
    address: &str,
    found: &str,
) -> ConsentChange {
    let evidence = format!("shopify {found}");
    ConsentChange { time: time.min(context.received), state, channel, address: address.to_owned(), evidence }
}

/// What a state says; `not_subscribed`, `pending`, `redacted` and `invalid` say nothing.
pub(crate) fn state(text: &str) -> Option<ConsentState> {
    if text.eq_ignore_ascii_case("subscribed") {
        Some(ConsentState::Subscribed)
    } else if text.eq_ignore_ascii_case("unsubscribed") {
        Some(ConsentState::Unsubscribed)
    } else {
        None
    }
}

/// The language of a locale (`es-MX` gives `es`).
fn language(locale: &str) -> Option<String> {
    let language = locale.trim().split(['-', '_']).next()?.to_lowercase();
    let fits = (2..=3).contains(&language.len()) && language.chars().all(|letter| letter.is_ascii_alphabetic());
    fits.then_some(language)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EventKind, SourceId, Value};

    fn customer() -> Customer {
        Customer {
            id: "8801".to_owned(),
            created: Time::parse("2025-06-01T10:00:00-06:00"),
            updated: Time::parse("2026-03-01T12:00:00-06:00"),
            email: Some(" Ana@Example.com".to_owned()),
            phone: Some("55 1234 5678".to_owned()),
            locale: Some("es-MX".to_owned()),
            place: Some(Place { country: Some("Mexico".to_owned()), ..Place::default() }),
            ..Customer::default()
        }
    }

    fn facts(customer: &Customer) -> Facts {
        let source = SourceId::from("shop");
        let received = Time::parse("2026-03-02T00:00:00Z").unwrap();
        let (region, currency) = (Some("MX"), Some("MXN"));
        customer.facts(&Context { source: &source, region, currency, received, origin: Origin::Read })
    }

    #[test]
    fn what_is_absent_says_nothing() {
        let said = facts(&customer());
        let event = &said.events[0];
        assert_eq!(event.kind, EventKind::Profile);
        assert_eq!(event.time, Time::parse("2026-03-01T18:00:00Z").unwrap());
        let names: Vec<&str> = event.traits.keys().map(String::as_str).collect();
        assert_eq!(names, ["country", "created_at", "email", "language", "phone"]);
        assert_eq!(event.traits["country"], Value::text("MX"));
        assert_eq!(event.traits["language"], Value::text("es"));
        assert!(event.consent.is_empty());
        let expect = ["shop:8801", "email:ana@example.com", "phone:+525512345678"];
        assert_eq!(event.identities.iter().map(Identity::canonical).collect::<Vec<_>>(), expect);
        assert!(facts(&Customer { updated: None, ..customer() }).events.is_empty());
    }

    #[test]
    fn our_own_tags_are_no_tags() {
        let tags = Some(vec!["vip".to_owned(), "Segmentd-vip".to_owned(), " segmentd-x".to_owned()]);
        let said = facts(&Customer { tags, ..customer() });
        assert_eq!(said.events[0].traits["tags"], Value::List(vec![Value::text("vip")]));
        let said = facts(&Customer { tags: Some(Vec::new()), ..customer() });
        assert_eq!(said.events[0].traits["tags"], Value::List(Vec::new()));
    }

    #[test]
    fn only_statements_are_statements() {
        let said = |state: &str, time: Option<&str>| {
            let email_said = Some(Said { state: Some(state.to_owned()), time: time.and_then(Time::parse) });
            facts(&Customer { email_said, ..customer() }).events[0].consent.clone()
        };
        let at = Some("2026-01-01T00:00:00Z");
        assert_eq!(said("SUBSCRIBED", at)[0].state, ConsentState::Subscribed);
        assert_eq!(said("unsubscribed", at)[0].time, Time::parse("2026-01-01T00:00:00Z").unwrap());
        for state in ["NOT_SUBSCRIBED", "PENDING", "REDACTED", "INVALID", ""] {
            assert!(said(state, at).is_empty(), "{state}");
        }
        assert_eq!(said("unsubscribed", None)[0].time, customer().updated.unwrap());
        assert_eq!(said("subscribed", None)[0].time, customer().created.unwrap());
    }
}
