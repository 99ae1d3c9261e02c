//! What a contact says: who it is, its properties, and whether it may be mailed.

use crate::config;
use crate::wire::Contact;
use kit::normalize;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Receiver, Version};
use model::{
    Channel, ConsentChange, ConsentState, Event, EventKind, Identity, IdentityKind, Map as Traits, SourceId, Time,
    Value,
};
use serde_json::Map;
use sha2::{Digest, Sha256};

/// Kind of pointers to a contact as it is now.
pub(crate) const CONTACT: &str = "contact";
/// Kind of pointers to a contact that is said to be gone.
pub(crate) const GONE: &str = "gone_contact";
/// Properties of which the platform shows who a contact was before.
pub(crate) const MERGED: &str = "hs_merged_object_ids";
pub(crate) const MORE_ADDRESSES: &str = "hs_additional_emails";

/// Properties there and here.
const NAMES: [(&str, &str); 12] = [
    ("email", "email"),
    ("phone", "phone"),
    ("firstname", "first_name"),
    ("lastname", "last_name"),
    ("city", "city"),
    ("state", "region"),
    ("zip", "zip"),
    ("country", "country"),
    ("company", "company"),
    ("jobtitle", "job_title"),
    ("hs_language", "language"),
    ("lifecyclestage", "lifecycle_stage"),
];
/// Properties that say whether a contact may be mailed, and who it was.
const OTHERS: [&str; 7] = [
    "mobilephone",
    "hs_email_optout",
    "hs_email_hard_bounce_reason_enum",
    MORE_ADDRESSES,
    MERGED,
    "createdate",
    "lastmodifieddate",
];
/// Characters of a value that is kept.
const VALUE_CHARS_MAX: usize = 4_000;

/// Where contacts are read, and when.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    source: &'a SourceId,
    region: Option<&'a str>,
    settings: &'a Map<String, serde_json::Value>,
    pub(crate) received: Time,
}

impl<'a> Reading<'a> {
    pub(crate) fn of(connection: &'a Connection, received: Time) -> Reading<'a> {
        let (source, region) = (&connection.source, connection.region.as_deref());
        Reading { source, region, settings: &connection.settings, received }
    }

    pub(crate) fn delivered(receiver: &Receiver<'a>) -> Reading<'a> {
        let (source, region) = (receiver.source, receiver.region);
        Reading { source, region, settings: receiver.settings, received: receiver.received }
    }

    /// The properties that are asked for.
    pub(crate) fn properties(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = NAMES.iter().map(|(there, _)| *there).chain(OTHERS).collect();
        all.extend(config::further(self.settings));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// A contact's number.
    pub(crate) fn identity(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }

    fn event(&self, message_id: String, time: Time, identities: Vec<Identity>) -> Event {
        Event {
            source: self.source.clone(),
            message_id,
            kind: EventKind::Profile,
            time: time.min(self.received),
            received: self.received,
            identities,
            properties: Traits::new(),
            traits: Traits::new(),
            consent: Vec::new(),
        }
    }

    /// That these numbers are one person's.
    pub(crate) fn merger(&self, ids: &[String], time: Time) -> Event {
        let identities = ids.iter().map(|id| self.identity(id)).collect();
        self.event(format!("merge:{}", ids.join(":")), time, identities)
    }

    /// One property of a contact that took a value; nothing when it is not one that is kept.
    pub(crate) fn change(&self, id: &str, (name, value): (&str, &str), time: Time) -> Option<Event> {
        let mut identities = vec![self.identity(id)];
        let mut traits = Traits::new();
        self.put(&mut traits, name, value);
        let address = traits.get("email").filter(|_| name == "email");
        if let Some(Value::Text(address)) = address.filter(|address| **address != Value::text("")) {
            identities.push(Identity::email(address));
        }
        if traits.is_empty() {
            return None;
        }
        let message = format!("change:{id}:{name}:{}:{}", time.0, hash(&[value]));
        Some(Event { traits, ..self.event(message, time, identities) })
    }

    /// Puts a property among traits under our name. An empty value says that there is none any more.
    fn put(&self, traits: &mut Traits, name: &str, value: &str) {
        let value = value.trim();
        let ours = NAMES.iter().find(|(there, _)| *there == name).map(|(_, here)| *here);
        let Some(ours) = ours.or_else(|| config::further(self.settings).into_iter().find(|one| *one == name)) else {
            return;
        };
        let kept = match ours {
            _ if value.is_empty() => Some(String::new()),
            "email" => normalize::email(value),
            "phone" => normalize::phone(value, self.region),
            "country" => Some(normalize::country(value)),
            _ => Some(value.chars().take(VALUE_CHARS_MAX).collect()),
        };
        traits.extend(kept.map(|value| (ours.to_owned(), Value::Text(value))));
    }

    /// All that a contact says. Nothing without the time of its last change.
    pub(crate) fn facts(&self, contact: &Contact) -> Facts {
        let Some(updated) = updated(contact).filter(|_| is_id(&contact.id) && !contact.archived) else {
            return Facts::default();
        };
        let identities = self.identities(contact);
        let mut traits = Traits::new();
        for (name, value) in &contact.properties {
            if !value.is_null() {
                self.put(&mut traits, name, &contact.text(name));
            }
        }
        if !traits.contains_key("phone") {
            let mobile = normalize::phone(&contact.text("mobilephone"), self.region);
            traits.extend(mobile.map(|number| ("phone".to_owned(), Value::Text(number))));
        }
        if let Some(created) = Time::parse(&contact.created_at) {
            traits.insert("created_at".to_owned(), Value::Text(created.to_string()));
        }
        let consent = self.consent(contact, updated);
        let who: String = identities.iter().map(Identity::canonical).collect::<Vec<_>>().join("\0");
        let content = Value::Map(traits.clone()).to_json().to_string();
        let mark = hash(&[&who, &content, &format!("{consent:?}")]);
        let event = self.event(format!("contact:{}:{}:{mark}", contact.id, updated.0), updated, identities);
        let version = Version { thing: pointer(CONTACT, &contact.id), updated };
        Facts { events: vec![Event { traits, consent, ..event }], versions: vec![version], ..Facts::default() }
    }

    /// Who it is: its number, those of the contacts that were merged into it, its addresses, its phone.
    fn identities(&self, contact: &Contact) -> Vec<Identity> {
        let mut identities = vec![self.identity(&contact.id)];
        let merged = contact.text(MERGED);
        identities.extend(parts(&merged).filter(|id| is_id(id)).map(|id| self.identity(id)));
        identities.extend(addresses(contact).iter().map(|address| Identity::email(address)));
        let phone = [contact.text("phone"), contact.text("mobilephone")];
        let phone = phone.iter().find_map(|number| normalize::phone(number, self.region));
        identities.extend(phone.map(|number| Identity::phone(&number)));
        identities
    }

    /// What it says of mail. HubSpot tells of refusals alone: who opted out of all mail, and whose mail bounced.
    fn consent(&self, contact: &Contact, updated: Time) -> Vec<ConsentChange> {
        let Some(address) = normalize::email(&contact.text("email")) else { return Vec::new() };
        let bounced = contact.text("hs_email_hard_bounce_reason_enum");
        let how = match () {
            () if is_true(&contact.text("hs_email_optout")) => "opted out of all e-mail",
            () if !bounced.is_empty() => "mail bounced",
            () => return Vec::new(),
        };
        vec![self.refusal(address, how, updated)]
    }

    fn refusal(&self, address: String, how: &str, time: Time) -> ConsentChange {
        let (state, channel) = (ConsentState::Unsubscribed, Channel::Email);
        ConsentChange {
            time: time.min(self.received),
            state,
            channel,
            address,
            evidence: format!("HubSpot contact: {how}"),
        }
    }
}

/// When a contact was changed last.
pub(crate) fn updated(contact: &Contact) -> Option<Time> {
    Time::parse(&contact.text("lastmodifieddate")).or_else(|| Time::parse(&contact.updated_at))
}

/// Addresses of a contact in our spelling, the one that is written to first.
pub(crate) fn addresses(contact: &Contact) -> Vec<String> {
    let more = contact.text(MORE_ADDRESSES);
    let first = normalize::email(&contact.text("email"));
    let mut all: Vec<String> = first.into_iter().collect();
    for address in parts(&more).filter_map(normalize::email) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|part| !part.is_empty())
}

/// Whether a text says yes.
pub(crate) fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

/// Whether it is a number of a contact.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0"
}

/// A contact that is to be read.
pub(crate) fn pointer(kind: &str, id: &str) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_owned() }
}

/// What tells one content from another.
pub(crate) fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(properties: serde_json::Value) -> Facts {
        let contact = json!({ "id": 501, "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-02-01T00:00:00Z",
            "properties": properties, "archived": false });
        let (source, settings) = (SourceId::from("crm"), json!({ "properties": ["industry"] }));
        let settings = settings.as_object().unwrap();
        let received = Time::parse("2026-03-01T00:00:00Z").unwrap();
        Reading { source: &source, region: Some("MX"), settings, received }
            .facts(&serde_json::from_value(contact).unwrap())
    }

    #[test]
    fn a_contact_says_who_it_is_and_what_it_is_like() {
        let facts = read(json!({ "email": " Ana@X.mx", "hs_additional_emails": "old@x.mx;Ana@x.mx", "phone": null,
            "mobilephone": "55 1234 5678", "firstname": "Ana", "lifecyclestage": "", "industry": "toys", "other": "x",
            "hs_merged_object_ids": "77;x", "lastmodifieddate": "2026-02-03T00:00:00.5Z" }));
        let event = &facts.events[0];
        let who: Vec<String> = event.identities.iter().map(Identity::canonical).collect();
        assert_eq!(who, ["crm:501", "crm:77", "email:ana@x.mx", "email:old@x.mx", "phone:+525512345678"]);
        assert_eq!(event.time, Time::parse("2026-02-03T00:00:00.5Z").unwrap());
        let names: Vec<&str> = event.traits.keys().map(String::as_str).collect();
        assert_eq!(names, ["created_at", "email", "first_name", "industry", "lifecycle_stage", "phone"]);
        assert_eq!(event.traits["lifecycle_stage"], Value::text(""), "emptied there");
        assert!(event.consent.is_empty());
        assert_eq!(facts.versions[0].updated, event.time);
    }

    #[test]
    fn only_refusals_are_statements() {
        let said = |name: &str, value: &str| {
            let mut properties = json!({ "email": "ana@x.mx" });
            properties[name] = value.into();
            read(properties).events.remove(0).consent
        };
        let out = said("hs_email_optout", "true");
        assert_eq!((out[0].state, out[0].address.as_str()), (ConsentState::Unsubscribed, "ana@x.mx"));
        assert_eq!(out[0].time, Time::parse("2026-02-01T00:00:00Z").unwrap());
        assert!(said("hs_email_hard_bounce_reason_enum", "UNKNOWN_USER")[0].evidence.contains("bounced"));
        for (name, value) in [("hs_email_optout", "false"), ("hs_email_optout", ""), ("firstname", "true")] {
            assert!(said(name, value).is_empty(), "{name} {value}");
        }
    }
}
