//! What a thing of the platform says, as events.

use crate::description::{Consent, Event, Thing, Who};
use crate::expression::{EvalError, Expr, property, text, texts, variable, with_beside};
use crate::file::On;
use jmespath::Rcvar;
use kit::normalize;
use kit::platform::Connection;
use kit::receive::{Facts, Pointer, Receiver, Version};
use model::{
    Channel, ConsentChange, ConsentState, Event as Told, EventKind, Identity, IdentityKind, Map, SourceId, Time, Value,
};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Parts of one thing of which each is an event.
const EACH_MAX: usize = 1_000;
/// Bytes of an id.
const ID_BYTES_MAX: usize = 512;

/// For which connection something is read, and when.
#[derive(Clone)]
pub(crate) struct Around<'a> {
    pub(crate) source: &'a SourceId,
    pub(crate) region: Option<&'a str>,
    /// The receive time: no event is later.
    pub(crate) received: Time,
    /// What expressions find beside the thing.
    pub(crate) beside: Rcvar,
}

/// What is known of a connection, for expressions.
fn beside(
    (account, region, received): (&str, Option<&str>, Time),
    details: &serde_json::Map<String, serde_json::Value>,
    settings: &serde_json::Map<String, serde_json::Value>,
) -> Rcvar {
    variable(&json!({ "account": account, "region": region, "received": received.to_string(),
        "detail": details, "setting": settings }))
}

impl<'a> Around<'a> {
    pub(crate) fn delivery(receiver: &Receiver<'a>) -> Around<'a> {
        let known = (receiver.account, receiver.region, receiver.received);
        let beside = beside(known, receiver.details, receiver.settings);
        Around { source: receiver.source, region: receiver.region, received: receiver.received, beside }
    }

    pub(crate) fn reading(connection: &'a Connection, received: Time) -> Around<'a> {
        let known = (connection.account.as_str(), connection.region.as_deref(), received);
        let beside = beside(known, &connection.details, &connection.settings);
        Around { source: &connection.source, region: connection.region.as_deref(), received, beside }
    }

    pub(crate) fn customer(&self, id: &str) -> Identity {
        Identity::scoped(IdentityKind::Platform, self.source.as_str(), id)
    }

    /// Whom expressions name, each once.
    pub(crate) fn identities(&self, who: &Who, thing: &Rcvar) -> Result<Vec<Identity>, EvalError> {
        let mut found = Vec::new();
        let mut add = |expr: &Option<Expr>, identity: &dyn Fn(&str) -> Option<Identity>| {
            let Some(expr) = expr else { return Ok(()) };
            for value in texts(&*expr.of(thing)?) {
                found.extend(identity(&value).filter(|_| value.len() <= ID_BYTES_MAX));
            }
            Ok::<(), EvalError>(())
        };
        add(&who.customer, &|id| Some(self.customer(&normalize::id(id)?)))?;
        add(&who.email, &|address| Some(Identity::email(&normalize::email(address)?)))?;
        add(&who.phone, &|number| Some(Identity::phone(&normalize::phone(number, self.region)?)))?;
        let order = |id: &str| Identity::scoped(IdentityKind::Cart, self.source.as_str(), &format!("order:{id}"));
        add(&who.order, &|id| Some(order(&normalize::id(id)?)))?;
        let mut once: Vec<Identity> = Vec::new();
        found.into_iter().for_each(|one| {
            if !once.contains(&one) {
                once.push(one);
            }
        });
        Ok(once)
    }
}

impl Thing {
    /// Everything that one of them says. What has no id says nothing.
    pub(crate) fn facts(&self, thing: &Rcvar, around: &Around<'_>) -> Result<Facts, EvalError> {
        let thing = &with_beside(thing, &around.beside);
        let mut facts = Facts::default();
        let Some(id) = self.id.text(thing)?.and_then(|id| normalize::id(&id)) else { return Ok(facts) };
        if let Some(when) = &self.when
            && !when.holds(thing)?
        {
            return Ok(facts);
        }
        if let Some(updated) = self.updated(thing)? {
            let thing = Pointer { kind: self.kind.clone(), id };
            facts.versions.push(Version { thing, updated });
        }
        for event in &self.events {
            self.tell(event, thing, around, &mut facts)?;
        }
        Ok(facts)
    }

    fn updated(&self, thing: &Rcvar) -> Result<Option<Time>, EvalError> {
        let Some(updated) = &self.updated else { return Ok(None) };
        Ok(updated.text(thing)?.and_then(|text| Time::parse(&text)))
    }

    fn tell(&self, event: &Event, thing: &Rcvar, around: &Around<'_>, facts: &mut Facts) -> Result<(), EvalError> {
        let who = event.who.as_ref().unwrap_or(&self.who);
        let Some(each) = &event.each else {
            facts.events.extend(event.told(who, thing, around)?);
            return Ok(());
        };
        let parts = each.of(thing)?;
        for part in parts.as_array().into_iter().flatten().take(EACH_MAX) {
            // The part with the whole beside it.
            let Some(fields) = part.as_object() else { continue };
            let mut fields = fields.clone();
            fields.insert("whole".to_owned(), Rcvar::clone(thing));
            let part = with_beside(&Rcvar::new(jmespath::Variable::Object(fields)), &around.beside);
            facts.events.extend(event.told(who, &part, around)?);
        }
        Ok(())
    }
}

fn map(exprs: &[(String, Expr)], thing: &Rcvar) -> Result<Map, EvalError> {
    let mut map = Map::new();
    for (name, expr) in exprs {
        map.extend(property(&*expr.of(thing)?).map(|value| (name.clone(), value)));
    }
    Ok(map)
}

impl Event {
    /// The event; `None` for what does not hold, and for what has no id, no time or nobody whose it is.
    fn told(&self, who: &Who, thing: &Rcvar, around: &Around<'_>) -> Result<Option<Told>, EvalError> {
        if let Some(when) = &self.when
            && !when.holds(thing)?
        {
            return Ok(None);
        }
        let time = self.time.text(thing)?.and_then(|text| Time::parse(&text));
        let (Some(id), Some(time)) = (self.id.text(thing)?, time) else { return Ok(None) };
        let identities = around.identities(who, thing)?;
        if identities.is_empty() || id.len() > ID_BYTES_MAX {
            return Ok(None);
        }
        let (properties, traits) = (map(&self.properties, thing)?, map(&self.traits, thing)?);
        let mut consent = Vec::new();
        for said in &self.consent {
            consent.extend(said.change(thing, time, around)?);
        }
        let kind = match &self.name {
            Some(name) => EventKind::Activity(name.clone()),
            None if traits.is_empty() && consent.is_empty() => return Ok(None),
            None => EventKind::Profile,
        };
        let message_id = match self.by_content {
            true => format!("{id}:{}", content(&properties, &traits, &identities, &consent)),
            false => id,
        };
        let (source, received) = (around.source.clone(), around.received);
        let time = time.min(received);
        Ok(Some(Told { source, message_id, kind, time, received, identities, properties, traits, consent }))
    }
}

impl Consent {
    fn change(&self, thing: &Rcvar, told: Time, around: &Around<'_>) -> Result<Option<ConsentChange>, EvalError> {
        let holds = |expr: &Option<Expr>| expr.as_ref().map_or(Ok(false), |expr| expr.holds(thing));
        let state = if holds(&self.unsubscribed)? {
            ConsentState::Unsubscribed
        } else if holds(&self.subscribed)? {
            ConsentState::Subscribed
        } else {
            return Ok(None);
        };
        let Some(address) = self.address.text(thing)? else { return Ok(None) };
        let (channel, address) = match self.channel {
            On::Email => (Channel::Email, normalize::email(&address)),
            On::Sms => (Channel::Sms, normalize::phone(&address, around.region)),
        };
        let said = match &self.time {
            Some(time) => time.text(thing)?.and_then(|text| Time::parse(&text)),
            None => Some(told),
        };
        let (Some(address), Some(time)) = (address, said) else { return Ok(None) };
        let (time, evidence) = (time.min(around.received), self.evidence.clone());
        Ok(Some(ConsentChange { time, state, channel, address, evidence }))
    }
}

/// What tells one content from another in a message id.
fn content(properties: &Map, traits: &Map, identities: &[Identity], consent: &[ConsentChange]) -> String {
    let mut hash = Sha256::new();
    for map in [properties, traits] {
        hash.update(Value::Map(map.clone()).to_json().to_string());
        hash.update([0]);
    }
    for identity in identities {
        hash.update(identity.canonical());
        hash.update([0]);
    }
    hash.update(format!("{consent:?}"));
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The id that an expression says a thing has.
pub(crate) fn id(expr: &Expr, thing: &Rcvar) -> Result<Option<String>, EvalError> {
    let found = expr.of(thing)?;
    Ok(text(&found).and_then(|id| normalize::id(&id)).filter(|id| id.len() <= ID_BYTES_MAX))
}
