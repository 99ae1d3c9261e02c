//! The role that takes deliveries in.

use crate::description::{Description, Does, Receive as Described, Topic};
use crate::exact;
use crate::expression::{EvalError, Expr, texts, with_beside};
use crate::file::{Asks, SignedBy as By};
use crate::mapping::{Around, id};
use crate::signature;
use jmespath::{Rcvar, Variable};
use kit::receive::{Delivery, Facts, Pointer, Receive, Received, Receiver, Rejection, Request, SignedBy};
use secrecy::SecretString;
use std::collections::BTreeMap;

/// The receive role of a description.
pub(crate) struct GenericReceive {
    pub(crate) of: &'static Description,
    pub(crate) receive: &'static Described,
}

/// What a delivery is, beside its body.
fn of_delivery(delivery: &Delivery<'_>, beside: Option<&Rcvar>) -> Rcvar {
    let mut fields: BTreeMap<String, Rcvar> = beside.and_then(|beside| beside.as_object().cloned()).unwrap_or_default();
    let text = |text: &str| Rcvar::new(Variable::String(text.to_owned()));
    let headers =
        delivery.headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value.to_str().ok()?))));
    fields.insert("header".to_owned(), Rcvar::new(Variable::Object(headers.collect())));
    let query = form_urlencoded::parse(delivery.query.unwrap_or_default().as_bytes());
    let query = query.map(|(name, value)| (name.into_owned(), text(&value)));
    fields.insert("query".to_owned(), Rcvar::new(Variable::Object(query.collect())));
    Rcvar::new(Variable::Object(fields))
}

fn body(delivery: &Delivery<'_>) -> Result<Rcvar, Rejection> {
    let unreadable = |why: String| Rejection::Unreadable(why);
    let text = std::str::from_utf8(delivery.body).map_err(|_| unreadable("not UTF-8".to_owned()))?;
    exact::read(text).map(Rcvar::new).map_err(|why| unreadable(why.to_string()))
}

fn unfit(why: EvalError) -> Rejection {
    Rejection::Unreadable(why.to_string())
}

impl Topic {
    fn is(&self, topic: &str) -> bool {
        match self.topic.strip_suffix('*') {
            Some(beginning) => topic.starts_with(beginning),
            None => topic == self.topic,
        }
    }
}

impl GenericReceive {
    fn of_topic(&self, topic: &str, document: &Rcvar) -> Result<Option<&'static Topic>, EvalError> {
        for known in self.receive.topics.iter().filter(|known| known.is(topic)) {
            if known.when.as_ref().map_or(Ok(true), |when| when.holds(document))? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    fn facts(&self, does: &Does, document: &Rcvar, around: &Around<'_>) -> Result<Facts, EvalError> {
        let mut facts = Facts::default();
        match does {
            Does::Nothing => {}
            Does::Fetch { kind, id: which } => {
                let pointer = |id| Pointer { kind: kind.clone(), id };
                facts.pointers.extend(id(which, document)?.map(pointer));
            }
            Does::Read { kind, at } => {
                let things = at.as_ref().map_or(Ok(Rcvar::clone(document)), |at| at.of(document))?;
                let Some(thing) = self.of.thing(kind) else { return Ok(facts) };
                match things.as_array() {
                    Some(all) => {
                        for one in all {
                            add(&mut facts, thing.facts(one, around)?);
                        }
                    }
                    None => facts = thing.facts(&things, around)?,
                }
            }
            Does::Ask { asks, who, reference } => {
                let identities = around.identities(who, document)?;
                if identities.is_empty() && *asks != Asks::RedactAccount {
                    return Ok(facts);
                }
                let reference = reference.as_ref().map_or(Ok(None), |reference| reference.text(document))?;
                facts.requests.push(match asks {
                    Asks::Export => Request::Export { identities, reference: reference.unwrap_or_default() },
                    Asks::Redact => Request::Redact { identities },
                    Asks::Forget => Request::Forget { identities },
                    Asks::RedactAccount => Request::RedactAccount,
                });
            }
        }
        Ok(facts)
    }
}

pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.events.extend(more.events);
    facts.pointers.extend(more.pointers);
    facts.requests.extend(more.requests);
    facts.versions.extend(more.versions);
}

fn said(expr: &Expr, document: &Rcvar) -> Vec<String> {
    expr.of(document).map(|found| texts(&found)).unwrap_or_default()
}

impl Receive for GenericReceive {
    fn signed_by(&self) -> SignedBy {
        match self.receive.signed_by {
            By::App => SignedBy::App,
            By::Connection => SignedBy::Connection,
        }
    }

    fn account(&self, delivery: &Delivery<'_>) -> Option<String> {
        self.accounts(delivery).into_iter().next()
    }

    fn accounts(&self, delivery: &Delivery<'_>) -> Vec<String> {
        let (Some(account), Ok(body)) = (&self.receive.account, body(delivery)) else { return Vec::new() };
        said(account, &with_beside(&body, &of_delivery(delivery, None)))
    }

    fn verify(&self, delivery: &Delivery<'_>, secrets: &[SecretString], now: i64) -> Result<(), Rejection> {
        match &self.receive.signature {
            Some(signature) => signature::verify(signature, delivery, secrets, now),
            None => Ok(()),
        }
    }

    fn read(&self, delivery: &Delivery<'_>, receiver: &Receiver<'_>) -> Result<Received, Rejection> {
        let mut around = Around::delivery(receiver);
        around.beside = of_delivery(delivery, Some(&around.beside));
        let document = with_beside(&body(delivery)?, &around.beside);
        if let Some(account) = &self.receive.account {
            let accounts = said(account, &document);
            if !accounts.iter().any(|account| account == receiver.account) {
                let why = "the delivery is not of the account that the connection is to".to_owned();
                return Err(if accounts.is_empty() { Rejection::Unreadable(why) } else { Rejection::Untrusted(why) });
            }
        }
        let topic = self.receive.topic.text(&document).map_err(unfit)?.unwrap_or_default();
        let delivery_id = self.receive.delivery.as_ref().map_or(Ok(None), |id| id.text(&document)).map_err(unfit)?;
        let facts = match self.of_topic(&topic, &document).map_err(unfit)? {
            Some(known) => self.facts(&known.does, &document, &around).map_err(unfit)?,
            None => Facts::default(),
        };
        Ok(Received { delivery_id, topic, facts })
    }
}
