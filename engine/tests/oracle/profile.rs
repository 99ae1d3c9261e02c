//! What is shown of a person: properties, addresses, consent.

use super::View;
use super::values::descend;
use model::{Channel, ConsentState, Event, Identity, IdentityKind, Map, SourceKind, Time, Value};
use std::collections::BTreeMap;

/// The address in a trait, if it reads like one: `name@domain`, or `+` and digits.
pub fn address_of(channel: Channel, value: &Value) -> Option<Identity> {
    let Value::Text(text) = value else { return None };
    let (text, digit) = (text.trim(), |c: char| c.is_ascii_digit());
    match channel {
        Channel::Email if text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && !domain.is_empty()) => {
            Some(Identity::email(text))
        }
        Channel::Sms if text.len() > 1 && text.starts_with('+') && text[1..].chars().all(digit) => {
            Some(Identity::phone(text))
        }
        _ => None,
    }
}

impl View {
    /// Every fact that belongs to a person.
    pub fn facts(&self, person: usize) -> impl Iterator<Item = &Event> {
        let facts = self.known.facts.iter().zip(self.belongs.iter());
        facts.filter(move |(_, belongs)| **belongs == Some(person)).map(|(fact, _)| fact.as_ref())
    }

    /// The shown value of a property.
    pub fn property(&self, person: usize, name: &str) -> Option<Value> {
        match name {
            "email" => self.address(person, Channel::Email).map(Value::Text),
            "phone" => self.address(person, Channel::Sms).map(Value::Text),
            "email_domain" => {
                let address = self.address(person, Channel::Email)?;
                address.rsplit_once('@').map(|(_, domain)| Value::text(domain))
            }
            "first_seen" => {
                let earliest = self.facts(person).map(|fact| fact.time).min()?;
                Some(Value::Text(earliest.to_string()))
            }
            "consent_email" => self.consent(person, Channel::Email).map(consent_text),
            "consent_sms" => self.consent(person, Channel::Sms).map(consent_text),
            "age" => self.age(person).or_else(|| self.shown(person, "age")),
            _ => self.said_or_derived(person, name),
        }
    }

    /// What was said; else the phone's country and operator, else where the network is.
    fn said_or_derived(&self, person: usize, name: &str) -> Option<Value> {
        let shown = self.all_shown(person);
        let said = |name: &str| descend(&shown, name);
        let country = || said("country").or_else(|| said("phone_country")).or_else(|| said("geo_country"));
        let near =
            |name: &str| said("geo_country").filter(|near| country().as_ref() == Some(near)).and_then(|_| said(name));
        said(name).or_else(|| match name {
            "country" => country(),
            "region" => near("geo_region"),
            "city" => near("geo_city"),
            "mobile_operator" => said("phone_operator"),
            _ => None,
        })
    }

    pub fn all_shown(&self, person: usize) -> Map {
        let names = self.facts(person).flat_map(|fact| fact.traits.keys());
        names.filter_map(|name| Some((name.clone(), self.shown(person, name)?))).collect()
    }

    /// The newest value for each source, then the newest of all; ties go to the higher rank,
    /// then to the greater value. With a platform's value no browser's counts.
    fn shown(&self, person: usize, name: &str) -> Option<Value> {
        let mut by_source: BTreeMap<&str, (Time, &Value)> = BTreeMap::new();
        for fact in self.facts(person) {
            if let Some(value) = fact.traits.get(name) {
                let newest = by_source.entry(fact.source.as_str()).or_insert((fact.time, value));
                *newest = (*newest).max((fact.time, value));
            }
        }
        let kind = |source: &str| self.known.sources.get(source).map_or(SourceKind::Browser, |source| source.kind);
        let has_platform = by_source.keys().any(|source| kind(source) == SourceKind::Platform);
        let candidates = by_source.iter().map(|(source, (time, value))| (*time, kind(source), *value));
        let allowed = candidates.filter(|(_, kind, _)| !(has_platform && *kind == SourceKind::Browser));
        allowed.max().map(|(_, _, value)| value.clone())
    }

    /// The address of a person on a channel.
    pub fn address(&self, person: usize, channel: Channel) -> Option<String> {
        let (name, kind) = match channel {
            Channel::Email => ("email", IdentityKind::Email),
            Channel::Sms => ("phone", IdentityKind::Phone),
        };
        let shown = self.shown(person, name).and_then(|value| address_of(channel, &value));
        shown.map(|address| address.value).or_else(|| self.clusters.all[person].smallest(kind, ""))
    }

    /// What the person's address last said about a channel.
    pub fn consent(&self, person: usize, channel: Channel) -> Option<ConsentState> {
        let address = self.address(person, channel)?;
        let statements = self.known.facts.iter().flat_map(|fact| &fact.consent);
        let of_address = statements.filter(|said| said.channel == channel && said.address == address);
        of_address.max_by_key(|said| (said.time, said.state)).map(|said| said.state)
    }

    /// Whole years since the birthday; 29 February is celebrated on the 28th.
    fn age(&self, person: usize) -> Option<Value> {
        let birthday = self.date(&self.shown(person, "birthday")?)?;
        let today = self.local(self.t).date();
        if birthday > today {
            return None;
        }
        let celebrated = super::windows::anniversary(birthday, today.year())?;
        let years = i64::from(today.year()) - i64::from(birthday.year()) - i64::from(celebrated > today);
        Some(Value::Number(years.into()))
    }
}

fn consent_text(state: ConsentState) -> Value {
    match state {
        ConsentState::Subscribed => Value::text("subscribed"),
        ConsentState::Unsubscribed => Value::text("unsubscribed"),
    }
}
