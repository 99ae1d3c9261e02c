//! Deliveries: signatures taken and refused, and what a delivery means however it comes.

use crate::drift;
use crate::finding::{Check, Findings};
use crate::outcome::{self, Told};
use crate::spelling;
use http::{HeaderMap, HeaderValue};
use kit::receive::{Delivery, Receive, Received, Receiver, Rejection};
use model::{SourceId, Time};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// When the samples are received, seconds since the epoch, and how much later a retry comes.
const NOW_S: i64 = 1_795_000_000;
const RETRY_S: i64 = 3_600;
/// How far past its age a signature is tried.
const PAST_AGE_S: i64 = 5;

/// A delivery that the platform sends.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its topic, as the platform calls it.
    pub topic: String,
    /// Its body, as the platform writes it.
    pub body: Vec<u8>,
}

impl Sample {
    /// A delivery with a JSON body.
    pub fn json(topic: &str, body: &Value) -> Sample {
        Sample { topic: topic.to_owned(), body: body.to_string().into_bytes() }
    }
}

/// A delivery, signed.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    /// All headers, those of the signature among them.
    pub headers: HeaderMap,
    /// The whole address that was called, where the platform signs it.
    pub url: String,
    /// The query.
    pub query: Option<String>,
}

/// What signs a sample at an instant (seconds since the epoch) with a key, as the platform does.
pub type Sign<'a> = &'a (dyn Fn(&Sample, i64, &SecretString) -> Signed + Sync);

/// The receive role, and what its platform sends.
pub struct Receives<'a> {
    /// The role.
    pub role: &'static dyn Receive,
    /// The header with the signature; `None` where the platform signs nothing.
    pub signature: Option<&'static str>,
    /// For how long a signature is good, seconds; `None` when it carries no time.
    pub good_for_s: Option<i64>,
    /// Signs.
    pub sign: Sign<'a>,
    /// Deliveries that say something.
    pub samples: Vec<Sample>,
    /// Two deliveries about the same thing, the older one first.
    pub pairs: Vec<(Sample, Sample)>,
    /// The account, what the install found of it, and what the merchant set.
    pub account: &'a str,
    /// Region of phone numbers.
    pub region: Option<&'a str>,
    /// See [`Receiver::details`].
    pub details: Map<String, Value>,
    /// See [`Receiver::settings`].
    pub settings: Map<String, Value>,
}

fn key() -> SecretString {
    SecretString::from("a key of the battery, 32 bytes..")
}

fn another_key() -> SecretString {
    SecretString::from("another key of the same length..")
}

impl Receives<'_> {
    pub(crate) fn check(&self, findings: &mut Findings) {
        findings.unless(!self.samples.is_empty(), Check::Setup, "receive", || "there are no samples".to_owned());
        for sample in &self.samples {
            match self.signature {
                Some(header) => self.signatures(sample, header, findings),
                None => self.unsigned(sample, findings),
            }
            self.duplicates(sample, findings);
            self.truncated(sample, findings);
            self.drift(sample, findings);
        }
        for (older, newer) in &self.pairs {
            self.order(older, newer, findings);
        }
    }

    fn verify(&self, signed: &Signed, body: &[u8], secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
        let delivery = Delivery { headers: &signed.headers, url: &signed.url, query: signed.query.as_deref(), body };
        self.role.verify(&delivery, secrets, now)
    }

    fn signatures(&self, sample: &Sample, header: &str, findings: &mut Findings) {
        let topic = &sample.topic;
        let signed = (self.sign)(sample, NOW_S, &key());
        for secrets in [vec![key()], vec![another_key(), key()]] {
            if let Err(why) = self.verify(&signed, &sample.body, &secrets, NOW_S) {
                let case = format!("{topic}, with {} secrets", secrets.len());
                findings.add(Check::SignatureAccepted, case, why.to_string());
            }
        }
        let mut refuses = |check, case: &str, signed: &Signed, body: &[u8], now| {
            let taken = self.verify(signed, body, &[key()], now).is_ok();
            findings.unless(!taken, check, &format!("{topic}, {case}"), || "it was taken".to_owned());
        };
        let forged = (self.sign)(sample, NOW_S, &another_key());
        refuses(Check::WrongKey, "signed with another key", &forged, &sample.body, NOW_S);
        let mut bare = signed.clone();
        bare.headers.remove(header);
        refuses(Check::WrongKey, "without a signature", &bare, &sample.body, NOW_S);
        for at in [0, sample.body.len() / 2, sample.body.len().saturating_sub(1)] {
            let mut body = sample.body.clone();
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1;
                refuses(Check::ChangedByte, &format!("byte {at} of the body changed"), &signed, &body, NOW_S);
            }
        }
        let longer = [sample.body.as_slice(), b"\n"].concat();
        refuses(Check::ChangedByte, "the body with a line feed more", &signed, &longer, NOW_S);
        let text = signed.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let with = |text: &str| {
            let mut other = signed.clone();
            other
                .headers
                .insert(http::HeaderName::from_bytes(header.as_bytes()).ok()?, HeaderValue::from_str(text).ok()?);
            Some(other)
        };
        match spelling::changed(&text).and_then(|text| with(&text)) {
            Some(changed) => {
                refuses(Check::ChangedByte, "a character of the signature changed", &changed, &sample.body, NOW_S);
            }
            None => findings.add(Check::Setup, topic, format!("no signature is found in {header}")),
        }
        let mut refuses = |check, case: &str, signed: &Signed, now| {
            let taken = self.verify(signed, &sample.body, &[key()], now).is_ok();
            findings.unless(!taken, check, &format!("{topic}, {case}"), || "it was taken".to_owned());
        };
        for other in spelling::others(&text) {
            if let Some(signed) = with(&other) {
                refuses(Check::OtherSpelling, &format!("spelled {other}"), &signed, NOW_S);
            }
        }
        if let Some(good_for) = self.good_for_s {
            let age = good_for + PAST_AGE_S;
            refuses(Check::Replay, &format!("{age} s later"), &signed, NOW_S + age);
            refuses(Check::Replay, &format!("{age} s ahead"), &signed, NOW_S - age);
        }
    }

    /// Reads a body as if it had been verified; a crash is told as such.
    fn read(&self, sample: &Sample, body: &[u8], received_s: i64) -> Result<Result<Received, Rejection>, String> {
        let signed = (self.sign)(sample, NOW_S, &key());
        let source = SourceId::from("bench");
        let receiver = Receiver {
            source: &source,
            account: self.account,
            region: self.region,
            details: &self.details,
            settings: &self.settings,
            received: Time::from_millis(received_s * 1_000),
        };
        let delivery = Delivery { headers: &signed.headers, url: &signed.url, query: signed.query.as_deref(), body };
        let read = catch_unwind(AssertUnwindSafe(|| self.role.read(&delivery, &receiver)));
        read.map_err(|_| "reading it crashes".to_owned())
    }

    /// What a body says when all is well.
    fn told(&self, sample: &Sample, body: &[u8], received_s: i64) -> Result<(Told, Option<String>), String> {
        let received = self.read(sample, body, received_s)?.map_err(|why| why.to_string())?;
        Ok((outcome::of_facts(&received.facts), received.delivery_id))
    }

    fn unsigned(&self, sample: &Sample, findings: &mut Findings) {
        let Ok(Ok(received)) = self.read(sample, &sample.body, NOW_S) else { return };
        let says = received.facts.events.len() + received.facts.requests.len();
        let why = || format!("{says} events and requests come of a body that nobody signed");
        findings.unless(says == 0, Check::Unsigned, &sample.topic, why);
    }

    fn duplicates(&self, sample: &Sample, findings: &mut Findings) {
        let case = &sample.topic;
        let first = self.told(sample, &sample.body, NOW_S);
        let (told, id) = match first {
            Ok(first) => first,
            Err(why) => return findings.add(Check::Setup, case, why),
        };
        findings.unless(!told.is_empty(), Check::Setup, case, || "the sample says nothing".to_owned());
        match self.told(sample, &sample.body, NOW_S + RETRY_S) {
            Ok((again, again_id)) => {
                findings.unless(again == told, Check::Duplicate, case, || outcome::difference(&told, &again));
                let same = || format!("the delivery was {id:?} and is {again_id:?} when it comes again");
                findings.unless(id == again_id, Check::Duplicate, case, same);
            }
            Err(why) => findings.add(Check::Duplicate, case, why),
        }
    }

    fn truncated(&self, sample: &Sample, findings: &mut Findings) {
        let half = sample.body.get(..sample.body.len() / 2).unwrap_or_default();
        for (what, body) in [("half of it", half), ("nothing", b"".as_slice()), ("a page", b"<html>busy</html>")] {
            let case = format!("{}, {what}", sample.topic);
            match self.read(sample, body, NOW_S) {
                Err(why) => findings.add(Check::TruncatedDelivery, case, why),
                Ok(Ok(read)) if !outcome::of_facts(&read.facts).is_empty() => {
                    findings.add(Check::TruncatedDelivery, case, "it is taken for a whole one");
                }
                Ok(_) => {}
            }
        }
    }

    fn drift(&self, sample: &Sample, findings: &mut Findings) {
        // A form has fields that are missing, too, but no numbers: JSON is what drifts.
        let Ok(body) = serde_json::from_slice::<Value>(&sample.body) else { return };
        let Ok((told, _)) = self.told(sample, &sample.body, NOW_S) else { return };
        let text = |value: &Value| value.to_string().into_bytes();
        match self.told(sample, &text(&drift::with_unknown(&body)), NOW_S) {
            Ok((more, _)) => {
                let same = outcome::core(&more) == outcome::core(&told);
                findings.unless(same, Check::UnknownFields, &sample.topic, || outcome::difference(&told, &more));
            }
            Err(why) => findings.add(Check::UnknownFields, &sample.topic, why),
        }
        match self.read(sample, &text(&drift::with_text_for_numbers(&body)), NOW_S) {
            Ok(Ok(read)) => {
                let other = outcome::of_facts(&read.facts);
                let same = outcome::core(&other) == outcome::core(&told);
                findings.unless(same, Check::NumbersAsText, &sample.topic, || outcome::difference(&told, &other));
            }
            Ok(Err(Rejection::Unreadable(_))) => {}
            Ok(Err(why)) => findings.add(Check::NumbersAsText, &sample.topic, why.to_string()),
            Err(why) => findings.add(Check::NumbersAsText, &sample.topic, why),
        }
        for (what, less) in drift::without_each(&body) {
            let case = format!("{}, {what}", sample.topic);
            match self.read(sample, &text(&less), NOW_S) {
                Err(why) => findings.add(Check::MissingFields, case, why),
                Ok(Ok(read)) => {
                    if let Some(why) = outcome::of_nobody(&read.facts) {
                        findings.add(Check::MissingFields, case, why);
                    }
                }
                Ok(Err(_)) => {}
            }
        }
    }

    /// The newer one came first: what each says is the same, and the older one is told to be older.
    fn order(&self, older: &Sample, newer: &Sample, findings: &mut Findings) {
        let case = format!("{} before {}", older.topic, newer.topic);
        let first = self.read(newer, &newer.body, NOW_S);
        let late = self.read(older, &older.body, NOW_S + RETRY_S);
        let (Ok(Ok(newer)), Ok(Ok(older))) = (first, late) else {
            return findings.add(Check::Setup, case, "one of them can't be read");
        };
        if let Some(why) = outcome::wrong_order(&older.facts, &newer.facts) {
            findings.add(Check::Reordered, case, why);
        }
    }
}
