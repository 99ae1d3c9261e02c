//! What a contact of an audience says of a person: consent, and which addresses are one contact's.

use crate::address::folded;
use crate::api::bounded;
use crate::wire::Member;
use kit::normalize;
use kit::receive::{Pointer, Version};
use model::{Channel, ConsentChange, ConsentState, Event, EventKind, Identity, Map, SourceId, Time, Value};

/// Kind of pointers to one contact; the id is `AUDIENCE/ADDRESS`.
pub(crate) const MEMBER: &str = "member";
/// Kind of pointers to a change of address; the id is `AUDIENCE/OLD NEW`.
pub(crate) const CHANGED_ADDRESS: &str = "changed_address";
/// A sign-up is confirmed within this time; an opt-in of later is somebody else's doing.
const CONFIRMED_WITHIN_MICROS: i64 = 30 * 24 * 3600 * 1_000_000;

/// Where contacts are read, and when.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) source: &'a SourceId,
    pub(crate) list: &'a str,
    pub(crate) received: Time,
}

/// When the contact was changed last.
pub(crate) fn last_changed(member: &Member) -> Option<Time> {
    Time::parse(&member.last_changed)
}

/// The pointer to a contact.
pub(crate) fn pointer(list: &str, email: &str) -> Pointer {
    Pointer { kind: MEMBER.to_owned(), id: format!("{list}/{}", folded(email)) }
}

/// When the person signed up at Mailchimp, if it was the person. Contacts that are imported or added by the API, ours
/// among them, have no time of a sign-up.
fn signed_up(member: &Member) -> Option<Time> {
    let signup = Time::parse(&member.timestamp_signup)?;
    let confirmed = Time::parse(&member.timestamp_opt);
    let in_time = |opt: &Time| *opt >= signup && *opt <= signup.plus_micros(CONFIRMED_WITHIN_MICROS);
    Some(confirmed.filter(in_time).unwrap_or(signup))
}

/// What the contact's status says; `None` when it says nothing of what the person wants.
fn statement(member: &Member, email: &str, reading: &Reading<'_>) -> Option<ConsentChange> {
    let (time, state, how) = match member.status.as_str() {
        "unsubscribed" => {
            let reason = member.unsubscribe_reason.trim();
            let how = if reason.is_empty() { "unsubscribed".to_owned() } else { format!("unsubscribed ({reason})") };
            (last_changed(member)?, ConsentState::Unsubscribed, how)
        }
        "cleaned" => (last_changed(member)?, ConsentState::Unsubscribed, "cleaned, mail bounced".to_owned()),
        "subscribed" => (signed_up(member)?, ConsentState::Subscribed, "signed up there".to_owned()),
        _ => return None,
    };
    let evidence = bounded(&format!("Mailchimp audience {}: {how}", reading.list));
    let time = time.min(reading.received);
    Some(ConsentChange { time, state, channel: Channel::Email, address: email.to_owned(), evidence })
}

fn event(member: &Member, reading: &Reading<'_>, id: String, time: Time, emails: &[&str]) -> Event {
    let mut identities: Vec<Identity> = emails.iter().map(|email| Identity::email(email)).collect();
    if let Some(contact) = normalize::id(&member.contact_id) {
        identities.push(Identity::scoped(model::IdentityKind::Platform, reading.source.as_str(), &contact));
    }
    Event {
        source: reading.source.clone(),
        message_id: id,
        kind: EventKind::Profile,
        time: time.min(reading.received),
        received: reading.received,
        identities,
        properties: Map::new(),
        traits: Map::new(),
        consent: Vec::new(),
    }
}

fn contact(member: &Member, email: &str) -> String {
    normalize::id(&member.contact_id).unwrap_or_else(|| crate::address::subscriber_hash(email))
}

/// The contact's statement of consent as an event, the same however often it is read.
pub(crate) fn consent_event(member: &Member, reading: &Reading<'_>) -> Option<Event> {
    let email = normalize::email(&member.email_address)?;
    let said = statement(member, &email, reading)?;
    // The address, too: after a change of address the same state is said of another one.
    let who = format!("{}:{}", contact(member, &email), crate::address::subscriber_hash(&email));
    let id = format!("member:{}:{who}:{}:{}", reading.list, member.status, said.time.0);
    let mut event = event(member, reading, id, said.time, &[&email]);
    event.consent.push(said);
    Some(event)
}

/// That two addresses are one contact's, and which holds now.
pub(crate) fn address_event(member: &Member, old: &str, reading: &Reading<'_>) -> Option<Event> {
    let email = normalize::email(&member.email_address)?;
    let time = last_changed(member)?;
    let hashes = format!("{}:{}", crate::address::subscriber_hash(old), crate::address::subscriber_hash(&email));
    let id = format!("address:{}:{}:{hashes}", reading.list, contact(member, &email));
    let mut event = event(member, reading, id, time, &[&email, old]);
    event.traits.insert("email".to_owned(), Value::text(&email));
    Some(event)
}

/// The version that a contact shows, of those of which webhooks tell: what the API changes is not told.
pub(crate) fn version(member: &Member, reading: &Reading<'_>) -> Option<Version> {
    if !matches!(member.status.as_str(), "unsubscribed" | "cleaned") {
        return None;
    }
    let email = normalize::email(&member.email_address)?;
    Some(Version { thing: pointer(reading.list, &email), updated: last_changed(member)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(status: &str) -> Member {
        Member {
            email_address: "Ana@X.mx".to_owned(),
            contact_id: "c1".to_owned(),
            status: status.to_owned(),
            last_changed: "2026-03-05T10:00:00+00:00".to_owned(),
            timestamp_opt: "2026-03-01T10:00:00+00:00".to_owned(),
            ..Member::default()
        }
    }

    fn read(member: &Member) -> Option<Event> {
        let received = Time::parse("2026-03-06T00:00:00Z").unwrap();
        consent_event(member, &Reading { source: &SourceId::from("mc"), list: "a1", received })
    }

    fn time(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    #[test]
    fn who_unsubscribed_or_bounced_is_not_to_be_written_to() {
        for status in ["unsubscribed", "cleaned"] {
            let event = read(&member(status)).unwrap();
            let said = &event.consent[0];
            assert_eq!((said.state, said.channel), (ConsentState::Unsubscribed, Channel::Email));
            assert_eq!((said.time, event.time), (time("2026-03-05T10:00:00Z"), time("2026-03-05T10:00:00Z")));
            assert_eq!(said.address, "ana@x.mx");
            assert!(said.evidence.contains("Mailchimp audience a1"), "{}", said.evidence);
            let contact = Identity::scoped(model::IdentityKind::Platform, "mc", "c1");
            assert_eq!(event.identities, [Identity::email("ana@x.mx"), contact]);
            assert_eq!((event.kind, event.message_id), (EventKind::Profile, read(&member(status)).unwrap().message_id));
        }
    }

    #[test]
    fn only_a_sign_up_of_the_person_subscribes() {
        let mut ana = member("subscribed");
        assert_eq!(read(&ana), None, "added by the API: an opt-in, but no sign-up");
        ana.timestamp_signup = "2026-02-28T10:00:00+00:00".to_owned();
        let said = read(&ana).unwrap().consent.remove(0);
        assert_eq!((said.state, said.time), (ConsentState::Subscribed, time("2026-03-01T10:00:00Z")));
        ana.timestamp_signup = "2020-01-01T10:00:00+00:00".to_owned();
        assert_eq!(read(&ana).unwrap().consent[0].time, time("2020-01-01T10:00:00Z"), "opted in much later: not hers");
        for status in ["pending", "transactional", "archived", ""] {
            assert_eq!(read(&Member { status: status.to_owned(), ..ana.clone() }), None, "{status}");
        }
    }

    #[test]
    fn nothing_is_said_of_the_future_or_without_an_address() {
        let mut ana = member("unsubscribed");
        ana.last_changed = "2030-01-01T00:00:00+00:00".to_owned();
        assert_eq!(read(&ana).unwrap().consent[0].time, time("2026-03-06T00:00:00Z"));
        ana.email_address = String::new();
        assert_eq!(read(&ana), None);
    }

    #[test]
    fn a_statement_has_another_name_after_a_change() {
        let ana = member("unsubscribed");
        let mut other = ana.clone();
        other.last_changed = "2026-03-05T10:00:01+00:00".to_owned();
        assert_ne!(read(&ana).unwrap().message_id, read(&other).unwrap().message_id);
    }

    #[test]
    fn a_change_of_address_joins_both_and_says_which_holds() {
        let reading = Reading { source: &SourceId::from("mc"), list: "a1", received: Time::MAX };
        let event = address_event(&member("subscribed"), "old@x.mx", &reading).unwrap();
        assert_eq!(event.identities[..2], [Identity::email("ana@x.mx"), Identity::email("old@x.mx")]);
        assert_eq!(event.traits.get("email"), Some(&Value::text("ana@x.mx")));
        assert!(event.consent.is_empty());
    }
}
