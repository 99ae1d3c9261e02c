//! Statements of consent in `Subscribed` and `Unsubscribed` events.

use super::traits;
use model::names::{SUBSCRIBED, UNSUBSCRIBED};
use model::{Channel, ConsentChange, ConsentState, Identity, IdentityKind, Map, Time, Value};

/// Characters of the evidence that are kept.
const EVIDENCE_CHARS_MAX: usize = 200;

/// What an event of this name says about consent.
pub(super) fn state_of(name: &str) -> Option<ConsentState> {
    match name {
        SUBSCRIBED => Some(ConsentState::Subscribed),
        UNSUBSCRIBED => Some(ConsentState::Unsubscribed),
        _ => None,
    }
}

/// The statement of such an event: `channel` is `email` or `sms`, `address` defaults to the event's e-mail or
/// phone. The address becomes one of the event's identities. Without a channel the address decides, else
/// e-mail comes first. A statement that can't be understood is none, and is noted.
pub(super) fn read(
    state: ConsentState,
    properties: &Map,
    region: Option<&str>,
    identities: &mut Vec<Identity>,
    (time, source): (Time, &str),
) -> (Vec<ConsentChange>, Option<&'static str>) {
    let text = |name: &str| match properties.get(name) {
        Some(Value::Text(text)) => Some(text.trim()).filter(|text| !text.is_empty()),
        _ => None,
    };
    for name in ["email", "phone"] {
        identities.extend(text(name).and_then(|value| traits::address(name, value, region)));
    }
    let channels: &[Channel] = match text("channel").map(str::to_lowercase).as_deref() {
        None => &[Channel::Email, Channel::Sms],
        Some("email" | "e-mail" | "mail") => &[Channel::Email],
        Some("sms" | "text" | "phone") => &[Channel::Sms],
        Some(_) => return (Vec::new(), Some("unknown_consent_channel")),
    };
    let of_channel = |channel: &Channel| match channel {
        Channel::Email => (IdentityKind::Email, "email"),
        Channel::Sms => (IdentityKind::Phone, "phone"),
    };
    let found = channels.iter().find_map(|channel| {
        let (kind, name) = of_channel(channel);
        let identity = match text("address") {
            Some(address) => traits::address(name, address, region),
            None => identities.iter().find(|identity| identity.kind == kind).cloned(),
        };
        identity.map(|identity| (*channel, identity))
    });
    let Some((channel, identity)) = found else { return (Vec::new(), Some("consent_without_address")) };
    identities.push(identity.clone());
    let evidence = text("evidence").or_else(|| text("method")).or_else(|| text("source"));
    let evidence = evidence.map(|text| text.chars().take(EVIDENCE_CHARS_MAX).collect());
    let evidence = evidence.unwrap_or_else(|| format!("event from {source}"));
    (vec![ConsentChange { time, state, channel, address: identity.value, evidence }], None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(properties: &[(&str, &str)], known: &[Identity]) -> Result<(Channel, String), &'static str> {
        let properties = properties.iter().map(|(name, value)| ((*name).to_owned(), Value::text(value))).collect();
        let mut identities = known.to_vec();
        let (changes, note) =
            read(ConsentState::Unsubscribed, &properties, Some("MX"), &mut identities, (Time(1), "web"));
        let Some(change) = changes.into_iter().next() else { return Err(note.unwrap()) };
        assert_eq!((change.time, change.state), (Time(1), ConsentState::Unsubscribed));
        let identity = match change.channel {
            Channel::Email => Identity::email(&change.address),
            Channel::Sms => Identity::phone(&change.address),
        };
        assert!(identities.contains(&identity), "the address is an identity of the event");
        Ok((change.channel, change.address))
    }

    #[test]
    fn the_address_is_the_given_one_or_that_of_the_event() {
        let (ana, phone) = (Identity::email("ana@x.mx"), Identity::phone("+525512345678"));
        let both = [ana, phone];
        let email = |address: &str| Ok((Channel::Email, address.to_owned()));
        let sms = Ok((Channel::Sms, "+525512345678".to_owned()));
        assert_eq!(change(&[("channel", "email")], &both), email("ana@x.mx"));
        assert_eq!(change(&[("channel", "SMS")], &both), sms);
        assert_eq!(change(&[("channel", "email"), ("address", " Bea@X.mx ")], &both), email("bea@x.mx"));
        assert_eq!(change(&[("channel", "sms"), ("address", "55 1234 5678")], &[]), sms);
        assert_eq!(change(&[("channel", "email"), ("email", "bea@x.mx")], &[]), email("bea@x.mx"));
    }

    #[test]
    fn without_a_channel_the_address_decides() {
        let user = [Identity::user("web", "u")];
        assert_eq!(change(&[("address", "55 1234 5678")], &user), Ok((Channel::Sms, "+525512345678".to_owned())));
        assert_eq!(change(&[("address", "a@x.mx")], &user), Ok((Channel::Email, "a@x.mx".to_owned())));
        assert_eq!(change(&[("phone", "5512345678")], &user), Ok((Channel::Sms, "+525512345678".to_owned())));
    }

    #[test]
    fn what_is_not_understood_is_no_statement_and_is_noted() {
        let ana = [Identity::email("ana@x.mx")];
        assert_eq!(change(&[("channel", "push")], &ana), Err("unknown_consent_channel"));
        assert_eq!(change(&[("channel", "sms")], &ana), Err("consent_without_address"));
        assert_eq!(change(&[("channel", "email"), ("address", "nobody")], &ana), Err("consent_without_address"));
        assert_eq!(change(&[], &[Identity::user("web", "u")]), Err("consent_without_address"));
    }
}
