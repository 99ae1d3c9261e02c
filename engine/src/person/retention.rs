//! Removing what is past its retention: nothing can ask for it any more.
//!
//! What stays of it: that something of the identity and the source was known since when (for
//! `first_seen`), and what it said of the person (property versions are kept for good).

use crate::person::Person;
use crate::person::bag::Bag;
use crate::person::fact::{Fact, to_chunk};
use crate::person::orders::Words;
use crate::storage::{ChunkRecord, OrderKey};
use model::{IdentityKey, Time};
use std::collections::BTreeMap;

/// Facts below which a chunk is not worth its record: they go back to the tail.
const CHUNK_FACTS_MIN: usize = 16;

/// Chunks to be written anew (`None`: to be removed).
pub type Rewritten = Vec<(u64, Option<ChunkRecord>)>;

/// Whether retention takes a fact in the end: what happened does, but for orders.
pub fn passes(fact: &Fact, words: &Words) -> bool {
    fact.name.is_some_and(|name| !words.is_order(name))
}

/// Whether a fact says nothing but that something was known.
fn says_nothing(fact: &Fact) -> bool {
    fact.name.is_none()
        && fact.order().is_none()
        && fact.consent().is_empty()
        && fact.traits().is_empty()
        && fact.properties.is_empty()
}

/// Decides fact by fact what stays.
struct Sieve<'a> {
    until: Time,
    words: &'a Words,
    /// Of each cart the place of the newest snapshot that passed: its lines stay, for the next one to
    /// be compared with.
    bases: BTreeMap<OrderKey, usize>,
    /// Place of the next fact.
    place: usize,
    /// The earliest fact that went, by anchor and source: all that is left of them.
    gone: BTreeMap<(IdentityKey, u32), Fact>,
    /// The earliest time among those that stay, for good, where they are.
    stays: BTreeMap<(IdentityKey, u32), Time>,
    /// Facts that are no longer what they were.
    changed: usize,
}

impl Sieve<'_> {
    fn keep(&mut self, mut fact: Fact) -> Option<Fact> {
        let cart = fact.cart_key(self.words);
        let base = cart.is_some_and(|cart| self.bases.get(&cart) == Some(&self.place));
        self.place += 1;
        let passes = passes(&fact, self.words) || says_nothing(&fact) || cart.is_some();
        let passed = fact.time <= self.until && passes;
        let key = (fact.anchor(), fact.source);
        if passed && base {
            self.changed += usize::from(fact.name.is_some());
            (fact.name, fact.properties) = (None, fact.properties.only(&[self.words.products]));
        } else if passed {
            self.changed += 1;
            (fact.name, fact.properties) = (None, Bag::default());
            fact.set_order(None);
            if says_nothing(&fact) {
                let kept = self.gone.entry(key).or_insert_with(|| fact.clone());
                if (fact.time, fact.message) < (kept.time, kept.message) {
                    *kept = fact;
                }
                return None;
            }
        }
        // Facts of an order may come to belong to somebody else: they are no trace to count on.
        if fact.order_key(self.words).is_none() {
            let earliest = self.stays.entry(key).or_insert(fact.time);
            *earliest = fact.time.min(*earliest);
        }
        Some(fact)
    }

    fn traces(self) -> impl Iterator<Item = Fact> {
        let stays = self.stays;
        let earlier = move |(key, fact): &(_, Fact)| stays.get(key).is_none_or(|stays| fact.time < *stays);
        self.gone.into_iter().filter(earlier).map(|(_, fact)| fact)
    }
}

impl Person {
    /// Whether something happened at or before `until` that retention takes.
    pub fn has_passed(&self, until: Time) -> bool {
        self.oldest_passing <= until
    }

    /// Removes what happened at or before `until`. Chunks that lose nothing stay as they are.
    pub fn forget(&mut self, until: Time, words: &Words) -> Rewritten {
        let mut rewritten = Rewritten::new();
        let bases = self.cart_bases(until);
        let (gone, stays) = (BTreeMap::new(), BTreeMap::new());
        let mut sieve = Sieve { until, words, bases, place: 0, gone, stays, changed: 0 };
        let mut facts = self.facts.take().into_iter();
        let mut tail = Vec::new();
        for (id, count) in std::mem::take(&mut self.chunks) {
            let before = sieve.changed;
            let run = facts.by_ref().take(count as usize);
            let kept: Vec<Fact> = run.filter_map(|fact| sieve.keep(fact)).collect();
            if sieve.changed > before {
                let worth_it = kept.len() >= CHUNK_FACTS_MIN;
                rewritten.push((id, worth_it.then(|| to_chunk(kept.iter()))));
                if !worth_it {
                    tail.extend(kept);
                    continue;
                }
            }
            self.chunks.push((id, kept.len() as u32));
            self.facts.extend(kept);
        }
        tail.extend(facts.filter_map(|fact| sieve.keep(fact)));
        tail.extend(sieve.traces());
        self.facts.extend(tail);
        self.index(words);
        rewritten
    }
}
