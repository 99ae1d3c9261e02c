//! A person made by hand.

use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::eval::{Outcome, Tri, evaluate};
use crate::language::{DefinitionError, parse};
use crate::plan::{Plan, Referred, Without, compile};
use jiff::tz::TimeZone;
use model::{Map, Time, Value};
use rust_decimal::Decimal;

/// Days for which events are kept in these tests.
pub const RETENTION_DAYS: u32 = 1_000;

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Did {
    pub name: String,
    pub time: Time,
    pub properties: Map,
    pub kept: bool,
}

impl Happening for Did {
    fn time(&self) -> Time {
        self.time
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn property(&self, name: &str) -> Option<Value> {
        self.properties.get(name).cloned()
    }

    fn kept_for_good(&self) -> bool {
        self.kept
    }
}

/// A person as of `now`: what lies after it is not shown.
#[derive(Clone, Debug, Default)]
pub struct Fake {
    pub now: Time,
    pub properties: Map,
    pub did: Vec<Did>,
    pub spent: Vec<Spent>,
    pub rates: Vec<(&'static str, &'static str, Decimal)>,
    /// The stable id.
    pub id: String,
    /// How often history was asked for.
    pub asked: std::cell::Cell<usize>,
}

impl Fake {
    pub fn with(name: &str, value: Value) -> Fake {
        Fake { properties: Map::from([(name.to_owned(), value)]), ..Fake::default() }
    }

    pub fn did(mut self, name: &str, at: &str) -> Fake {
        self.push(name, at, Map::new());
        self
    }

    pub fn did_with(mut self, name: &str, at: &str, property: &str, value: Value) -> Fake {
        self.push(name, at, Map::from([(property.to_owned(), value)]));
        self
    }

    pub fn did_all(mut self, name: &str, at: &str, properties: Map) -> Fake {
        self.push(name, at, properties);
        self
    }

    fn push(&mut self, name: &str, at: &str, properties: Map) {
        let kept = name == model::names::ORDER_COMPLETED;
        self.did.push(Did { name: name.to_owned(), time: time(at), properties, kept });
        self.did.sort_by_key(|did| did.time);
    }

    pub fn spent(mut self, amount: &str, currency: &str, at: &str) -> Fake {
        self.spent.push(Spent { time: time(at), amount: decimal(amount), currency: currency.to_owned() });
        self.spent.sort_by_key(|spent| spent.time);
        self
    }

    pub fn at(&self, now: Time) -> Fake {
        Fake { now, ..self.clone() }
    }
}

impl Subject for Fake {
    fn property(&self, name: &str) -> Option<Value> {
        self.properties.get(name).cloned()
    }

    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool) {
        self.asked.set(self.asked.get() + 1);
        let wanted = |did: &&Did| {
            let kept = did.kept || self.now < did.time.plus_micros(i64::from(RETENTION_DAYS) * 86_400_000_000);
            let inside = from <= did.time && did.time < until && did.time <= self.now;
            kept && inside && name.is_none_or(|name| name == did.name)
        };
        self.did.iter().filter(wanted).all(|did| visit(did));
    }

    fn spent(&self, from: Time, until: Time, _: Without, visit: &mut dyn FnMut(&Spent)) {
        let inside = |spent: &&Spent| from <= spent.time && spent.time < until && spent.time <= self.now;
        self.spent.iter().filter(inside).for_each(visit);
    }

    fn rate(&self, from: &str, to: &str, _at: Time) -> Option<Decimal> {
        self.rates.iter().find(|(known, into, _)| *known == from && *into == to).map(|(_, _, rate)| *rate)
    }

    fn stable_id(&self) -> &str {
        &self.id
    }

    fn in_segment(&self, _segment: &str) -> Option<bool> {
        None
    }

    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time> {
        let mut at = reach.from;
        while at <= self.now {
            // What is past its retention now is not known of earlier instants either.
            let mut then = self.at(at);
            then.did
                .retain(|did| did.kept || self.now < did.time.plus_micros(i64::from(RETENTION_DAYS) * 86_400_000_000));
            let Some(look_again) = visit(&then, at, 0) else { break };
            let times = self.did.iter().map(|did| did.time).chain(self.spent.iter().map(|spent| spent.time));
            let next = times.filter(|time| *time > at).min().unwrap_or(Time::MAX);
            at = next.min(look_again).max(at.plus_micros(1));
        }
        let kept =
            |did: &&Did| !did.kept && self.now < did.time.plus_micros(i64::from(RETENTION_DAYS) * 86_400_000_000);
        self.did.iter().filter(kept).map(|did| did.time).min()
    }
}

pub fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

/// An instant; a day alone is its first instant in UTC.
pub fn time(text: &str) -> Time {
    Time::parse(text).or_else(|| Time::parse(&format!("{text}T00:00:00Z"))).unwrap()
}

/// Who has played in the last 10 days; every other segment is held.
fn refer(id: &str) -> Result<Referred, DefinitionError> {
    if id != "players" {
        return Ok(Referred::Held);
    }
    let players = parse(r#"{"event": "Played", "window": {"last": "10d"}}"#)?;
    Ok(Referred::Plan(compile(&players, TimeZone::UTC, "MXN", RETENTION_DAYS, &refer)?.root))
}

pub fn plan_in(zone: &str, definition: &str) -> Plan {
    compile(&parse(definition).unwrap(), TimeZone::get(zone).unwrap(), "MXN", RETENTION_DAYS, &refer).unwrap()
}

pub fn plan(definition: &str) -> Plan {
    plan_in("UTC", definition)
}

pub fn outcome(definition: &str, fake: &Fake, now: &str) -> Outcome {
    evaluate(&plan(definition), &fake.at(time(now)), time(now))
}

pub fn holds(definition: &str, fake: &Fake, now: &str) -> bool {
    outcome(definition, fake, now).value == Tri::True
}

/// True or false until an instant (`never` ends).
pub fn expect(definition: &str, fake: &Fake, now: &str, value: bool, until: &str) {
    expect_in("UTC", definition, fake, now, value, until);
}

pub fn expect_in(zone: &str, definition: &str, fake: &Fake, now: &str, value: bool, until: &str) {
    let found = evaluate(&plan_in(zone, definition), &fake.at(time(now)), time(now));
    let until = if until == "never" { Time::MAX } else { time(until) };
    let value = if value { Tri::True } else { Tri::False };
    assert_eq!(found, Outcome { value, until }, "{definition} at {now} in {zone}");
}
