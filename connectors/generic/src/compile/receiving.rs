//! How deliveries are verified and where they go.

use super::Compiler;
use super::names::Names;
use crate::description::{Does, Receive, Signature, Timestamp, Topic, Who};
use crate::file::{self, Asks, Scheme, Spelling};
use crate::nearest::nearest;
use crate::template::Template;

/// A signed time is good for so long at most, seconds.
const GOOD_FOR_MAX_S: i64 = 24 * 3_600;

impl Compiler<'_> {
    pub(super) fn who(&mut self, raw: Option<&file::Who>) -> Who {
        let Some(raw) = raw else { return Who::default() };
        Who {
            customer: self.maybe(raw.customer.as_ref()),
            email: self.maybe(raw.email.as_ref()),
            phone: self.maybe(raw.phone.as_ref()),
            order: self.maybe(raw.order.as_ref()),
        }
    }

    /// The kind of a thing that is described.
    pub(super) fn kind(&mut self, text: &file::Text, things: &[file::Thing]) -> String {
        let known: Vec<&str> = things.iter().map(|thing| thing.kind.get_ref().as_str()).collect();
        if !known.contains(&text.get_ref().as_str()) {
            let what = format!("no [[things]] are of the kind {}{}", text.get_ref(), nearest(text.get_ref(), &known));
            self.wrong(&text.span(), what);
        }
        text.get_ref().clone()
    }

    pub(super) fn receive(&mut self, raw: &file::Receive, things: &[file::Thing]) -> Receive {
        let signed_by_app = raw.signed_by == file::SignedBy::App;
        if signed_by_app && raw.signature.is_none() {
            self.wrong(&raw.topic.span(), "signed by the app, but [receive.signature] does not say how");
        }
        if signed_by_app && raw.account.is_none() {
            let what = "expected account: one secret signs for all accounts, and only the delivery says whose it is";
            self.wrong(&raw.topic.span(), what);
        }
        Receive {
            signed_by: raw.signed_by,
            signature: raw.signature.as_ref().map(|signature| self.signature(signature)),
            account: self.maybe(raw.account.as_ref()),
            delivery: self.maybe(raw.delivery.as_ref()),
            topic: self.expr(&raw.topic),
            topics: raw.topics.iter().map(|topic| self.topic(topic, things)).collect(),
        }
    }

    fn signature(&mut self, raw: &file::Signature) -> Signature {
        let hmac = *raw.scheme.get_ref() == Scheme::Hmac;
        if hmac && raw.spelling.is_none() {
            self.wrong(&raw.scheme.span(), "expected spelling: hex or base64");
        }
        if !hmac && (raw.signed.is_some() || raw.timestamp.is_some() || raw.spelling.is_some()) {
            self.wrong(&raw.scheme.span(), "a secret that is sent as it is signs nothing: only header and prefix");
        }
        let body = Template::read("{body}", &|_| Ok(())).unwrap_or_default();
        let signed = raw.signed.as_ref().map_or(body, |text| self.template(text, Names::SIGNED));
        if hmac && !signed.has("body") {
            self.wrong(
                &raw.scheme.span(),
                "what is signed has no {body}: whoever knows one delivery could forge others",
            );
        }
        if let Some(timestamp) = &raw.timestamp {
            let header = format!("header.{}", timestamp.header.get_ref().to_ascii_lowercase());
            if !signed.has("timestamp") && !signed.has(&header) {
                self.wrong(&timestamp.header.span(), "the time is not signed: put {timestamp} into signed");
            }
            if !(1..=GOOD_FOR_MAX_S).contains(timestamp.good_for_s.get_ref()) {
                self.wrong(&timestamp.good_for_s.span(), format!("expected 1 to {GOOD_FOR_MAX_S} seconds"));
            }
        } else if signed.has("timestamp") {
            self.wrong(
                &raw.scheme.span(),
                "{timestamp} is signed, but [receive.signature.timestamp] does not say where it is",
            );
        }
        let timestamp = raw.timestamp.as_ref().map(|timestamp| Timestamp {
            header: self.header_name(&timestamp.header),
            part: timestamp.part.clone(),
            unit: timestamp.unit,
            good_for_s: *timestamp.good_for_s.get_ref(),
        });
        Signature {
            scheme: *raw.scheme.get_ref(),
            header: self.header_name(&raw.header),
            part: raw.part.clone(),
            prefix: raw.prefix.clone(),
            spelling: raw.spelling.unwrap_or(Spelling::Hex),
            signed,
            timestamp,
        }
    }

    fn topic(&mut self, raw: &file::Topic, things: &[file::Thing]) -> Topic {
        let said = [raw.fetch.is_some(), raw.read.is_some(), raw.asks.is_some()];
        if said.iter().filter(|said| **said).count() > 1 {
            self.wrong(&raw.topic.span(), "expected one of fetch, read and asks");
        }
        let does = if let Some(kind) = &raw.fetch {
            let id = match &raw.id {
                Some(id) => self.expr(id),
                None => {
                    self.wrong(&kind.span(), "expected id: which one is to be fetched");
                    super::nothing()
                }
            };
            let fetched = things.iter().find(|thing| thing.kind.get_ref() == kind.get_ref());
            if fetched.is_some_and(|thing| thing.fetch.is_none()) {
                self.wrong(&kind.span(), "things of this kind have no fetch: where they are read one by one");
            }
            Does::Fetch { kind: self.kind(kind, things), id }
        } else if let Some(kind) = &raw.read {
            Does::Read { kind: self.kind(kind, things), at: self.maybe(raw.at.as_ref()) }
        } else if let Some(asks) = &raw.asks {
            let nobody = raw.who.is_none() && *asks.get_ref() != Asks::RedactAccount;
            if nobody {
                self.wrong(&asks.span(), "expected who: of whom it is");
            }
            let (who, reference) = (self.who(raw.who.as_ref()), self.maybe(raw.reference.as_ref()));
            Does::Ask { asks: *asks.get_ref(), who: Box::new(who), reference }
        } else {
            Does::Nothing
        };
        Topic { topic: raw.topic.get_ref().clone(), when: self.maybe(raw.when.as_ref()), does }
    }
}
