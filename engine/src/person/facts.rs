//! What is known of a person, in order of arrival.
//!
//! What came first stands in closed blocks, which copies share: a checkpoint that is being written holds
//! a copy, and a long history must not be copied for it.

use crate::person::fact::Fact;
use crate::person::small_map::make_room;
use std::sync::Arc;

/// Facts in a closed block.
const BLOCK_FACTS: usize = 128;

/// Facts by their place.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    closed: Vec<Arc<Vec<Fact>>>,
    open: Vec<Fact>,
}

impl Facts {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.closed.len() * BLOCK_FACTS + self.open.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && self.open.is_empty()
    }

    /// The fact at a place.
    pub fn get(&self, place: usize) -> Option<&Fact> {
        match self.closed.get(place / BLOCK_FACTS) {
            Some(block) => block.get(place % BLOCK_FACTS),
            None => self.open.get(place - self.closed.len() * BLOCK_FACTS),
        }
    }

    /// The one that came last.
    pub fn last(&self) -> Option<&Fact> {
        self.open.last().or_else(|| self.closed.last()?.last())
    }

    /// Adds one.
    pub fn push(&mut self, fact: Fact) {
        make_room(&mut self.open);
        self.open.push(fact);
        if self.open.len() == BLOCK_FACTS {
            self.closed.push(Arc::new(std::mem::take(&mut self.open)));
        }
    }

    /// All, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.closed.iter().flat_map(|block| block.iter()).chain(&self.open)
    }

    /// Those from a place on, before another.
    pub fn range(&self, from: usize, to: usize) -> impl Iterator<Item = &Fact> {
        (from..to.min(self.len())).filter_map(|place| self.get(place))
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Fact) -> bool) {
        let mut facts = self.take();
        facts.retain(&mut keep);
        self.extend(facts);
    }

    /// Takes all of them out.
    pub fn take(&mut self) -> Vec<Fact> {
        let Facts { closed, open } = std::mem::take(self);
        closed.into_iter().flat_map(Arc::unwrap_or_clone).chain(open).collect()
    }
}

impl Extend<Fact> for Facts {
    fn extend<I: IntoIterator<Item = Fact>>(&mut self, facts: I) {
        facts.into_iter().for_each(|fact| self.push(fact));
    }
}

impl From<Vec<Fact>> for Facts {
    fn from(facts: Vec<Fact>) -> Facts {
        let mut all = Facts::default();
        all.extend(facts);
        all
    }
}
