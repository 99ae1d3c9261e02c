//! Webhooks: what happened in several accounts comes in one delivery, signed by the app's secret over the address that
//! was called and the body. Only version 3 of the signatures is taken: the older ones carry no time.

use crate::contact::{CONTACT, GONE, Reading, hash, is_id, pointer};
use crate::wire::{id, ids};
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, Request, SignedBy};
use kit::signature::{from_base64, verified};
use model::Time;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeSet;

/// A signature may be this old, or this far ahead, milliseconds.
const AGE_MAX_MS: i64 = 300_000;
/// Happenings of one delivery; the platform sends 100.
const EVENTS_MAX: usize = 1_000;
/// The object type of contacts in subscriptions of the generic kind.
const CONTACT_TYPE: &str = "0-1";
/// Escapes that the platform resolves in the address before it signs, and no others.
const RESOLVED: [(&str, char); 12] = [
    ("%3A", ':'),
    ("%2F", '/'),
    ("%3F", '?'),
    ("%40", '@'),
    ("%21", '!'),
    ("%24", '$'),
    ("%27", '\''),
    ("%28", '('),
    ("%29", ')'),
    ("%2A", '*'),
    ("%2C", ','),
    ("%3B", ';'),
];

/// The receive role.
pub(crate) struct HubspotReceive;

/// One thing that happened.
#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
struct Happening {
    #[serde(deserialize_with = "id")]
    portal_id: String,
    #[serde(deserialize_with = "id")]
    subscription_id: String,
    #[serde(deserialize_with = "id")]
    event_id: String,
    subscription_type: String,
    #[serde(deserialize_with = "id")]
    object_type_id: String,
    #[serde(deserialize_with = "id")]
    object_id: String,
    #[serde(deserialize_with = "id")]
    occurred_at: String,
    property_name: Option<String>,
    property_value: Option<Value>,
    #[serde(deserialize_with = "id")]
    primary_object_id: String,
    #[serde(deserialize_with = "id")]
    new_object_id: String,
    #[serde(deserialize_with = "ids")]
    merged_object_ids: Vec<String>,
}

fn forged(why: &str) -> Rejection {
    Rejection::Signature(why.to_owned())
}

/// A header that stands there once and says something.
fn single<'a>(delivery: &Delivery<'a>, name: &str) -> Option<&'a str> {
    let mut values = delivery.headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    (values.next().is_none() && !value.is_empty()).then_some(value)
}

/// The address as the platform signs it.
fn resolved(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    let mut rest = url;
    while let Some(place) = rest.find('%') {
        let (before, after) = rest.split_at(place);
        text.push_str(before);
        let escape = after.get(..3).unwrap_or_default();
        let known = RESOLVED.iter().find(|(code, _)| code.eq_ignore_ascii_case(escape));
        let taken = if known.is_some() { 3 } else { 1 };
        text.push(known.map_or('%', |(_, letter)| *letter));
        rest = after.get(taken..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

fn happenings(body: &[u8]) -> Result<Vec<Happening>, Rejection> {
    let all: Vec<Value> = serde_json::from_slice(body)
        .map_err(|why| Rejection::Unreadable(format!("not a list, at line {} column {}", why.line(), why.column())))?;
    if all.len() > EVENTS_MAX {
        return Err(Rejection::Unreadable(format!("more than {EVENTS_MAX} happenings")));
    }
    let wrong = |_| Rejection::Unreadable("a happening is not as it should be".to_owned());
    all.into_iter().map(|one| serde_json::from_value(one).map_err(wrong)).collect()
}

impl Happening {
    /// What happened to a contact; `None` when it is about something else. Older subscriptions name the kind of thing
    /// in their type, generic ones beside it.
    fn what(&self) -> Option<&str> {
        let (thing, what) = self.subscription_type.split_once('.')?;
        (thing == "contact" || (thing == "object" && self.object_type_id == CONTACT_TYPE)).then_some(what)
    }

    fn time(&self, received: Time) -> Time {
        let millis = self.occurred_at.parse().unwrap_or_default();
        if millis <= 0 { received } else { Time::from_millis(millis).min(received) }
    }

    /// What tells it from others; the platform's own number is not promised to. A retry is the same.
    fn key(&self) -> String {
        let value = self.property_value.as_ref().map(Value::to_string).unwrap_or_default();
        let name = self.property_name.as_deref().unwrap_or_default();
        let parts = [&self.portal_id, &self.subscription_id, &self.event_id, &self.subscription_type];
        let more = [&self.object_id, &self.primary_object_id, &self.new_object_id, &self.occurred_at];
        let parts = parts.into_iter().chain(more).map(String::as_str).chain([name, value.as_str()]);
        hash(&parts.collect::<Vec<_>>())
    }

    fn facts(&self, reading: &Reading<'_>, facts: &mut Facts) -> Result<(), Rejection> {
        let Some(what) = self.what() else { return Ok(()) };
        let time = self.time(reading.received);
        let unnamed = || Rejection::Unreadable(format!("{}: no contact is named", self.subscription_type));
        let contact = || Some(self.object_id.as_str()).filter(|id| is_id(id)).ok_or_else(unnamed);
        match what {
            "creation" | "restore" | "associationChange" => facts.pointers.push(pointer(CONTACT, contact()?)),
            "propertyChange" => {
                let id = contact()?;
                let value = match &self.property_value {
                    Some(Value::String(text)) => text.clone(),
                    None | Some(Value::Null) => String::new(),
                    Some(value) => value.to_string(),
                };
                let name = self.property_name.as_deref().unwrap_or_default();
                facts.events.extend(reading.change(id, (name, &value), time));
                // What else it changed, and what it is worth for consent, is read.
                facts.pointers.push(pointer(CONTACT, id));
            }
            "merge" => {
                let ids = self.merged();
                let kept = [&self.new_object_id, &self.primary_object_id, &self.object_id];
                let kept = kept.into_iter().find(|id| is_id(id)).ok_or_else(unnamed)?;
                if ids.len() > 1 {
                    facts.events.push(reading.merger(&ids, time));
                }
                facts.pointers.push(pointer(CONTACT, kept));
            }
            // It may be back, or merged into another: looked at before anything is forgotten.
            "deletion" => facts.pointers.push(pointer(GONE, contact()?)),
            "privacyDeletion" => {
                let identities = vec![reading.identity(contact()?)];
                facts.requests.push(Request::Redact { identities });
            }
            _ => {}
        }
        Ok(())
    }

    /// All numbers that are one contact's now.
    fn merged(&self) -> Vec<String> {
        let all = [&self.new_object_id, &self.primary_object_id, &self.object_id].into_iter();
        let all: BTreeSet<&String> = all.chain(&self.merged_object_ids).filter(|id| is_id(id)).collect();
        all.into_iter().cloned().collect()
    }
}

/// The accounts of a body; empty when it can't be read.
fn portals(body: &[u8]) -> Vec<String> {
    let all = happenings(body).unwrap_or_default();
    let all: BTreeSet<String> = all.into_iter().map(|one| one.portal_id).filter(|id| is_id(id)).collect();
    all.into_iter().collect()
}

/// Whether the signature of version 3 is one of the app's, `now` in seconds since the epoch.
fn check(method: &str, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
    let header = single(delivery, "x-hubspot-signature-v3").ok_or_else(|| forged("none of version 3"))?;
    let signature = from_base64(header).filter(|bytes| bytes.len() == 32).ok_or_else(|| forged("not in base64"))?;
    let time = single(delivery, "x-hubspot-request-timestamp").ok_or_else(|| forged("it has no time"))?;
    let plain = time.len() <= 15 && time.bytes().all(|byte| byte.is_ascii_digit());
    let millis: i64 = Some(time).filter(|_| plain).and_then(|time| time.parse().ok()).unwrap_or_default();
    if now.saturating_mul(1_000).saturating_sub(millis).saturating_abs() > AGE_MAX_MS {
        return Err(forged("too old, or of the future"));
    }
    // As it was called, or with the escapes resolved: the platform's pages and its client differ.
    let decoded = resolved(delivery.url);
    let fits = |url: &str| {
        let message = [method.as_bytes(), url.as_bytes(), delivery.body, time.as_bytes()].concat();
        verified(secrets, &message, &signature)
    };
    if fits(&decoded) || fits(delivery.url) { Ok(()) } else { Err(forged("not made with the app's secret")) }
}

impl Receive for HubspotReceive {
    fn signed_by(&self) -> SignedBy {
        SignedBy::App
    }

    fn account(&self, delivery: &Delivery<'_>) -> Option<String> {
        portals(delivery.body).into_iter().next()
    }

    fn accounts(&self, delivery: &Delivery<'_>) -> Vec<String> {
        portals(delivery.body)
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
        check("POST", delivery, secrets, now)
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let reading = Reading::delivered(receiver);
        let (mut facts, mut topics, mut keys) = (Facts::default(), BTreeSet::new(), Vec::new());
        for one in happenings(delivery.body)?.iter().filter(|one| one.portal_id == receiver.account) {
            one.facts(&reading, &mut facts)?;
            topics.insert(one.subscription_type.chars().filter(|c| !c.is_control()).take(60).collect::<String>());
            keys.push(one.key());
        }
        facts.pointers.sort();
        facts.pointers.dedup();
        keys.sort();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let topic = topics.into_iter().take(5).collect::<Vec<_>>().join(" ");
        Ok(Received { delivery_id: Some(hash(&keys)), topic, facts })
    }
}

#[cfg(test)]
mod tests;
