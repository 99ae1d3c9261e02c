//! Mailchimp's webhooks: hints, which are confirmed by reading the contact.

use crate::address::is_audience;
use crate::config;
use crate::facts::{CHANGED_ADDRESS, pointer};
use crate::hooks::SECRETS_SEPARATOR;
use kit::normalize;
use kit::receive::{Delivery, Facts, Pointer, Receive, Received, Receiver, Rejection, SignedBy};
use kit::signature::{from_hex, verified};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// A signature may be this old, or this far ahead, seconds.
const AGE_MAX_S: i64 = 300;
/// Fields of a body that are read.
const FIELDS_MAX: usize = 500;

/// The receive role.
pub(crate) struct MailchimpReceive;

fn forged(why: &str) -> Rejection {
    Rejection::Signature(why.to_owned())
}

/// Reads `t=SECONDS,v1=HEX`.
fn parse(header: &str) -> Option<(&str, Vec<u8>)> {
    let mut parts = header.split(',').map(str::trim);
    let (time, signature) = (parts.next()?.strip_prefix("t=")?, parts.next()?.strip_prefix("v1=")?);
    let plain = !time.is_empty() && time.len() <= 12 && time.bytes().all(|byte| byte.is_ascii_digit());
    (plain && parts.next().is_none()).then_some((time, from_hex(signature)?))
}

/// The fields of a form; of a field that comes twice, the first.
fn form(body: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(body).take(FIELDS_MAX) {
        fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
    }
    fields
}

/// What the contacts are that a delivery is about.
fn pointers(list: &str, topic: &str, field: impl Fn(&str) -> String) -> Result<Vec<Pointer>, Rejection> {
    let email = |name: &str| {
        let unreadable = || Rejection::Unreadable(format!("{topic}: {name} is no address"));
        normalize::email(&field(name)).ok_or_else(unreadable)
    };
    Ok(match topic {
        "subscribe" | "unsubscribe" | "profile" | "cleaned" => vec![pointer(list, &email("data[email]")?)],
        "upemail" => {
            let (old, new) = (email("data[old_email]")?, email("data[new_email]")?);
            // Which of them is the contact's is seen by reading both.
            let change = Pointer { kind: CHANGED_ADDRESS.to_owned(), id: format!("{list}/{old} {new}") };
            vec![pointer(list, &old), pointer(list, &new), change]
        }
        _ => Vec::new(),
    })
}

impl Receive for MailchimpReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::Connection
    }

    fn account(&self, _delivery: &Delivery<'_>) -> Option<String> {
        None
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
        let all = secrets.iter().flat_map(|secret| secret.expose_secret().split(SECRETS_SEPARATOR));
        let all: Vec<SecretString> =
            all.map(str::trim).filter(|secret| !secret.is_empty()).map(SecretString::from).collect();
        if all.is_empty() {
            // Mailchimp gave none: the address alone is the secret, and the body is confirmed anyway.
            return Ok(());
        }
        let header = delivery.header("x-mailchimp-signature").ok_or_else(|| forged("there is none"))?;
        let (time, signature) = parse(header).ok_or_else(|| forged("not of the form t=...,v1=..."))?;
        let signed: i64 = time.parse().map_err(|_| forged("its time is no number"))?;
        if now.saturating_sub(signed).abs() > AGE_MAX_S {
            return Err(forged("too old, or of the future"));
        }
        let message = [time.as_bytes(), b".", delivery.body].concat();
        if verified(&all, &message, &signature) { Ok(()) } else { Err(forged("not made with our secret")) }
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let fields = form(delivery.body);
        let field = |name: &str| fields.get(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let topic = field("type");
        if topic.is_empty() {
            return Err(Rejection::Unreadable("not a form with a type".to_owned()));
        }
        let topic: String = topic.chars().filter(|c| !c.is_control()).take(40).collect();
        let list = field("data[list_id]");
        let mut facts = Facts::default();
        if is_audience(&list) {
            let watched = config::audiences(receiver.settings).unwrap_or_default();
            if watched.is_none_or(|watched| watched.contains(&list)) {
                facts.pointers = pointers(&list, &topic, field)?;
            }
        } else if matches!(topic.as_str(), "subscribe" | "unsubscribe" | "profile" | "cleaned" | "upemail") {
            return Err(Rejection::Unreadable(format!("{topic}: data[list_id] is no audience")));
        }
        let named = ["data[list_id]", "data[id]", "data[new_id]", "fired_at", "data[email]"];
        let addresses = ["data[old_email]", "data[new_email]"];
        let parts = named.iter().chain(&addresses).map(|name| field(name));
        let all = std::iter::once(topic.clone()).chain(parts).collect::<Vec<_>>().join("\0");
        let hash: String = Sha256::digest(all.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Ok(Received { delivery_id: Some(hash), topic, facts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use model::{SourceId, Time};
    use serde_json::{Map, Value, json};

    const BODY: &str = "type=unsubscribe&data%5Bemail%5D=ana%40x.mx";
    const SIGNED: &str = "t=1767323045,v1=7b42e1d7b29307d7148998823c47fa920c52203a48e0ca8364adcd57e9c09edb";

    fn verify(header: Option<&str>, body: &str, secrets: &[&str], now: i64) -> Result<(), Rejection> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("X-Mailchimp-Signature", header.parse().unwrap());
        }
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| (*secret).into()).collect();
        let delivery = Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() };
        MailchimpReceive.verify(&delivery, &secrets, now)
    }

    fn read(body: &str, settings: Value) -> Result<Received, Rejection> {
        let (headers, details) = (HeaderMap::new(), Map::new());
        let settings = settings.as_object().unwrap().clone();
        let receiver = Receiver {
            source: &SourceId::from("mc"),
            account: "acc",
            region: None,
            details: &details,
            settings: &settings,
            received: Time(1),
        };
        MailchimpReceive.read(&Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() }, &receiver)
    }

    #[test]
    fn the_documented_vector_verifies_with_any_secret_that_is_kept() {
        let now = 1_767_323_045;
        for secrets in [&["mc-secret"][..], &["new", "mc-secret"], &["other\nmc-secret"]] {
            assert_eq!(verify(Some(SIGNED), BODY, secrets, now + AGE_MAX_S), Ok(()));
            assert_eq!(verify(Some(SIGNED), BODY, secrets, now - AGE_MAX_S), Ok(()));
        }
    }

    #[test]
    fn what_is_not_signed_rightly_is_refused() {
        let now = 1_767_323_045;
        let secret = &["mc-secret"][..];
        let upper = SIGNED.to_uppercase().replace("T=", "t=").replace("V1=", "v1=");
        let cases = [
            (Some(SIGNED), BODY, secret, now + AGE_MAX_S + 1),
            (Some(SIGNED), BODY, secret, now - AGE_MAX_S - 1),
            (Some(SIGNED), "type=subscribe", secret, now),
            (Some(SIGNED), BODY, &["wrong"][..], now),
            (None, BODY, secret, now),
            (Some("v1=00,t=1"), BODY, secret, now),
            (Some("t=1767323045"), BODY, secret, now),
            (Some("t=-1,v1=7b"), BODY, secret, now),
            (Some(&upper), BODY, secret, now),
            (Some(&format!("{SIGNED},v1=00")), BODY, secret, now),
        ];
        for (header, body, secrets, now) in cases {
            assert!(matches!(verify(header, body, secrets, now), Err(Rejection::Signature(_))), "{header:?} {now}");
        }
        assert_eq!(verify(None, BODY, &[], now), Ok(()), "without a secret the address is the secret");
    }

    #[test]
    fn hints_point_to_the_contact() {
        for topic in ["subscribe", "unsubscribe", "profile", "cleaned"] {
            let body = format!(
                "type={topic}&fired_at=2026-03-26+21%3A40%3A57&data[id]=8a25ff1d98&data[list_id]=a6b5da1054\
                 &data[email]=Ana%40X.mx&data[merges][FNAME]=Ana"
            );
            let received = read(&body, json!({})).unwrap();
            assert_eq!(received.topic, topic);
            assert_eq!(received.facts.pointers, [pointer("a6b5da1054", "ana@x.mx")]);
            assert!(received.facts.events.is_empty(), "nothing is believed before it is read");
            assert_eq!(received.delivery_id, read(&body, json!({})).unwrap().delivery_id);
            let later = body.replace("40%3A57", "40%3A58");
            assert_ne!(received.delivery_id, read(&later, json!({})).unwrap().delivery_id);
        }
    }

    #[test]
    fn a_change_of_address_points_to_both() {
        let body = "type=upemail&fired_at=2026-03-26 21:40:57&data[list_id]=a1&data[new_id]=51da8c3259\
                    &data[new_email]=new%40x.mx&data[old_email]=Old%40x.mx";
        let found = read(body, json!({})).unwrap().facts.pointers;
        let change = Pointer { kind: CHANGED_ADDRESS.to_owned(), id: "a1/old@x.mx new@x.mx".to_owned() };
        assert_eq!(found, [pointer("a1", "old@x.mx"), pointer("a1", "new@x.mx"), change]);
    }

    #[test]
    fn what_is_not_ours_says_nothing_and_what_is_broken_is_kept_aside() {
        let body = "type=unsubscribe&data[list_id]=a1&data[email]=ana%40x.mx";
        assert!(read(body, json!({ "audiences": ["b2"] })).unwrap().facts.pointers.is_empty());
        assert_eq!(read(body, json!({ "audiences": ["a1"] })).unwrap().facts.pointers.len(), 1);
        assert!(read("type=campaign&data[list_id]=a1", json!({})).unwrap().facts.pointers.is_empty());
        assert!(read("type=new_thing", json!({})).unwrap().facts.pointers.is_empty());
        for body in [
            "",
            "{}",
            "type=unsubscribe&data[email]=ana%40x.mx",
            "type=unsubscribe&data[list_id]=../x&data[email]=ana%40x.mx",
            "type=unsubscribe&data[list_id]=a1&data[email]=nobody",
            "type=upemail&data[list_id]=a1&data[new_email]=a%40x.mx",
        ] {
            assert!(matches!(read(body, json!({})), Err(Rejection::Unreadable(_))), "{body}");
        }
    }
}
