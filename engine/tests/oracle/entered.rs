//! Who came into a segment when, by its present definition, over what is known today; and samples.

use super::View;
use super::values::plain_number;
use jiff::ToSpan;
use model::{Event, Time, Value};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::rc::Rc;

impl View {
    /// Whether a segment's definition turned true of a person within a window.
    pub fn has_entered(&self, segment: &str, window: Option<&Json>, person: usize) -> bool {
        let known = self.known.segments.get(segment).and_then(|segment| segment.active.as_ref());
        // Nobody enters what is frozen.
        let Some(definition) = known.filter(|definition| definition.get("frozen").is_none()) else { return false };
        let instants = self.instants(definition, window, person);
        let alone = self.alone(person);
        let holds_at = |at| alone.then(at, person).is_some_and(|then| then.holds(definition, person) == Some(true));
        // Of whom nothing is known nobody can say since when they are there.
        let mut before = instants.first().map_or(self.t, |first| first.plus_micros(-1));
        let mut held = None;
        for at in instants {
            if !self.in_window(at, window) {
                (before, held) = (at, None);
                continue;
            }
            let holds = holds_at(at);
            if holds && !held.unwrap_or_else(|| holds_at(before)) {
                return true;
            }
            (before, held) = (at, Some(holds));
        }
        false
    }

    /// The same with nothing but what one person's answers hang on: their own facts, and everybody's consent.
    fn alone(&self, person: usize) -> View {
        let mine =
            |(fact, belongs): &(&Rc<Event>, &Option<usize>)| **belongs == Some(person) || !fact.consent.is_empty();
        let (facts, belongs) =
            self.known.facts.iter().zip(self.belongs.iter()).filter(mine).map(|(f, b)| (Rc::clone(f), *b)).unzip();
        let known = Rc::new(self.known.with_facts(facts));
        View {
            t: self.t,
            known,
            clusters: Rc::clone(&self.clusters),
            belongs: Rc::new(belongs),
            frozen: self.frozen.clone(),
            absent: BTreeSet::new(),
            asked: Default::default(),
        }
    }

    /// What is known today of an instant: what happened by then, but for what has passed its retention by now.
    /// `None` while nothing had happened to the person.
    pub fn then(&self, at: Time, person: usize) -> Option<View> {
        if self.facts(person).map(|fact| fact.time).min().is_some_and(|first| at < first) {
            return None;
        }
        let by_then = self.known.facts.iter().zip(self.belongs.iter()).filter(|(fact, _)| fact.time <= at);
        let (facts, belongs) = by_then.map(|(fact, belongs)| (Rc::clone(fact), *belongs)).unzip();
        let mut known = self.known.with_facts(facts);
        known.forgotten = known.forgotten.max(super::windows::days_before(self.t, known.retention_days));
        Some(View {
            t: at,
            known: Rc::new(known),
            clusters: Rc::clone(&self.clusters),
            belongs: Rc::new(belongs),
            frozen: self.frozen.clone(),
            absent: BTreeSet::new(),
            asked: Default::default(),
        })
    }

    /// Every instant up to now, from just before a window on, at which a definition may have come to another answer.
    fn instants(&self, definition: &Json, window: Option<&Json>, person: usize) -> Vec<Time> {
        let mut texts = BTreeSet::new();
        self.texts(definition, &mut texts);
        let lengths: Vec<&String> = texts.iter().filter(|text| is_length(text)).collect();
        let facts: Vec<&Event> = self.facts(person).collect();
        let mut instants: Vec<Time> = facts.iter().map(|fact| fact.time).collect();
        let first = instants.iter().min().copied().unwrap_or(self.t);
        if texts.iter().any(|text| text.starts_with("consent_")) {
            // Also of an address that somebody else holds.
            let said = self.known.facts.iter().filter(|fact| !fact.consent.is_empty() && fact.time > first);
            instants.extend(said.map(|fact| fact.time));
        }
        let mut bases: BTreeSet<Time> = instants.iter().copied().collect();
        for fact in facts {
            let values = fact.traits.values().chain(fact.properties.values());
            bases.extend(values.flat_map(|value| self.dates(value)));
        }
        bases.extend(texts.iter().filter_map(|text| self.moment(text)));
        // A day matters when it begins, and so long before and after as the definition says.
        let begins = window.and_then(|window| window["last"].as_str()).map(|length| self.shifted(self.t, length, -1));
        let begins = begins.map(|from| lengths.iter().fold(from, |from, length| self.shifted(from, length, -1)));
        let mut day = self.local(begins.unwrap_or(first).max(first)).date();
        while day <= self.local(self.t).date() {
            bases.extend(self.start_of_day(day));
            day = day.checked_add(1.days()).expect("a day");
        }
        // An anniversary that lies ahead begins to count before its day.
        let mut ahead = self.local(self.t).date();
        for _ in 0..40 {
            bases.extend(self.start_of_day(ahead));
            ahead = ahead.checked_add(1.days()).expect("a day");
        }
        for base in &bases {
            instants.push(*base);
            instants.extend(lengths.iter().flat_map(|length| [1, -1].map(|sign| self.shifted(*base, length, sign))));
        }
        instants.retain(|at| *at <= self.t);
        instants.sort_unstable();
        instants.dedup();
        let outside = instants.iter().take_while(|at| !self.in_window(**at, window)).count();
        instants.drain(..outside.saturating_sub(1));
        instants
    }

    /// Every text of a definition, and of those that it refers to.
    fn texts(&self, definition: &Json, into: &mut BTreeSet<String>) {
        match definition {
            Json::String(text) => drop(into.insert(text.clone())),
            Json::Array(parts) => parts.iter().for_each(|part| self.texts(part, into)),
            Json::Object(parts) => parts.values().for_each(|part| self.texts(part, into)),
            _ => (),
        }
        for key in ["segment", "entered"] {
            if let Some(other) = definition.get(key).and_then(Json::as_str)
                && let Some(active) = self.known.segments.get(other).and_then(|segment| segment.active.as_ref())
            {
                self.texts(active, into);
            }
        }
    }

    fn dates(&self, value: &Value) -> Vec<Time> {
        match value {
            Value::Text(text) => self.moment(text).into_iter().collect(),
            Value::List(items) => items.iter().flat_map(|item| self.dates(item)).collect(),
            _ => Vec::new(),
        }
    }

    fn moment(&self, text: &str) -> Option<Time> {
        let day = || self.start_of_day(text.trim().parse().ok()?);
        Time::parse(text).or_else(day)
    }

    /// Whether a person's hash lies in the first so many percent of all hashes.
    pub fn is_sampled(&self, percent: &Json, salt: &str, person: usize) -> bool {
        let id = self.clusters.all[person].person_id().expect("a person");
        let digest = Sha256::digest(format!("{salt}\n{id}"));
        let hash = u64::from_be_bytes(digest[..8].try_into().expect("8 bytes"));
        let millionths = plain_number(percent) * rust_decimal::Decimal::from(1_000_000);
        let millionths: u128 = millionths.to_string().split('.').next().expect("digits").parse().expect("a number");
        u128::from(hash) * 100_000_000 < millionths << 64
    }
}

fn is_length(text: &str) -> bool {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    unit.len() < text.len() && ["m", "h", "d", "w", "mo", "y"].contains(&unit)
}
