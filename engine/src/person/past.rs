//! What is known today of a person as of an earlier instant, told in order of time.
//!
//! Of what is known today only what happened by then counts; who is who, and to whom an order
//! belongs, is as it is today. A walk over many instants pushes each fact once.

use crate::eval::reach::Reach;
use crate::person::Person;
use crate::person::fact::Fact;
use crate::person::glance::Needs;
use crate::person::orders::Words;
use crate::person::retention::passes;
use crate::person::view::Context;
use model::Time;
use std::collections::BTreeMap;

/// A person who grows with time: facts are pushed in order of event time, then message.
pub struct Past<'a> {
    facts: Vec<&'a Fact>,
    next: usize,
    then: Person,
    words: Words,
    /// What passes and happened at or before this is not known any more.
    forgotten: Time,
    /// Steps taken to find the facts.
    looked_at: u64,
}

/// Facts that are looked at in one step to find those that a condition looks at.
const FACTS_A_STEP: u64 = 64;

impl<'a> Past<'a> {
    /// The person before anything happened. Sorts the facts once; each is copied when its time comes.
    pub fn new(person: &'a Person, words: &Words) -> Past<'a> {
        Past::of(person.facts.iter().collect(), person, words)
    }

    fn of(mut facts: Vec<&'a Fact>, person: &Person, words: &Words) -> Past<'a> {
        facts.sort_by_key(|fact| (fact.time, fact.message));
        let then = Person {
            no: person.no,
            nodes: person.nodes.clone(),
            id: person.id.clone(),
            oldest_passing: Time::MAX,
            ..Person::default()
        };
        Past { facts, next: 0, then, words: *words, forgotten: Time::MIN, looked_at: 0 }
    }

    /// The same with nothing but what a condition can look at: neither what lies before its reach, nor what passed
    /// its retention, whether it is still stored or not.
    pub(crate) fn within(person: &'a Person, context: &Context<'_>, reach: &Reach<'_>) -> Past<'a> {
        let words = context.words;
        let needs = Needs::of_past(reach, context.names);
        let bases = person.cart_bases(context.forgotten);
        let mut since: BTreeMap<u32, Time> = BTreeMap::new();
        let mut looked_at = 0;
        let mut shown = |(place, fact): &(usize, &Fact)| {
            let passed = fact.time <= context.forgotten;
            looked_at += u64::from(!passed);
            if needs.said(fact) {
                return true;
            }
            let cart = fact.cart_key(words);
            if !needs.activity(fact.name, fact.order().is_some(), words) {
                return false;
            }
            match fact.name {
                _ if cart.is_some() => !passed || cart.is_some_and(|cart| bases.get(&cart) == Some(place)),
                Some(name) if words.is_order(name) => true,
                Some(name) if !passed => {
                    let since = since.entry(name);
                    let since =
                        since.or_insert_with(|| context.names.name(name).map_or(Time::MIN, |name| reach.since(name)));
                    fact.time >= *since
                }
                _ => false,
            }
        };
        let facts = person.facts.iter().enumerate().filter(|one| shown(one)).map(|(_, fact)| fact).collect();
        let mut past = Past::of(facts, person, words);
        past.looked_at = looked_at / FACTS_A_STEP;
        past.then.first_seen = person.first_seen;
        past.forgotten = context.forgotten;
        past
    }

    /// Steps that it takes to advance to an instant.
    pub(crate) fn steps(&mut self, to: Time) -> u64 {
        let facts = self.facts.get(self.next..).unwrap_or_default();
        std::mem::take(&mut self.looked_at) + facts.partition_point(|fact| fact.time <= to) as u64
    }

    /// The time of the earliest of the facts that retention takes.
    pub(crate) fn oldest_passing(&self) -> Option<Time> {
        let passes = |fact: &&&Fact| fact.time > self.forgotten && passes(fact, &self.words);
        self.facts.iter().find(passes).map(|fact| fact.time)
    }

    /// The person with all that happened up to and including an instant. Instants must not decrease:
    /// an earlier one than before changes nothing.
    pub fn advance(&mut self, to: Time) -> &Person {
        while let Some(fact) = self.facts.get(self.next).filter(|fact| fact.time <= to) {
            self.then.push((*fact).clone(), &self.words);
            self.next += 1;
        }
        &self.then
    }

    /// When the next thing happened that is not part of the person yet.
    pub fn next_fact(&self) -> Option<Time> {
        self.facts.get(self.next).map(|fact| fact.time)
    }
}

impl Person {
    /// Whether anything is known of the person by an instant. Of whom nothing is known at all (a
    /// source took back what it had said) nobody can say since when they are there: always.
    pub fn was_there(&self, at: Time) -> bool {
        self.first_seen.is_none_or(|first| first <= at)
    }
}
