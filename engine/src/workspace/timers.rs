//! Instants at which a person's answers change if nothing happens.
//!
//! One instant per person: the earliest. People due at the same instant stand in one list, so
//! a million of them at midnight is one entry. An entry that was overtaken is skipped when met.

use crate::storage::{PersonNo, TIMER_BLOCK_LEN};
use model::Time;
use std::collections::{BTreeMap, BTreeSet};

/// The timers of a workspace.
#[derive(Default)]
pub(super) struct Timers {
    blocks: BTreeMap<u32, Vec<i64>>,
    due: BTreeMap<i64, Vec<PersonNo>>,
    dirty: BTreeSet<u32>,
    set: u64,
}

impl Timers {
    /// From stored blocks.
    pub(super) fn new(blocks: Vec<(u32, Vec<i64>)>) -> Timers {
        let mut timers = Timers::default();
        for (block, mut instants) in blocks {
            instants.resize(TIMER_BLOCK_LEN as usize, i64::MAX);
            for (place, instant) in instants.iter().enumerate() {
                if *instant != i64::MAX {
                    timers.due.entry(*instant).or_default().push(block * TIMER_BLOCK_LEN + place as u32);
                    timers.set += 1;
                }
            }
            timers.blocks.insert(block, instants);
        }
        timers
    }

    fn cell(&mut self, no: PersonNo) -> Option<&mut i64> {
        let block = self.blocks.entry(no / TIMER_BLOCK_LEN);
        block.or_insert_with(|| vec![i64::MAX; TIMER_BLOCK_LEN as usize]).get_mut((no % TIMER_BLOCK_LEN) as usize)
    }

    fn instant(&self, no: PersonNo) -> i64 {
        let block = self.blocks.get(&(no / TIMER_BLOCK_LEN));
        block.and_then(|block| block.get((no % TIMER_BLOCK_LEN) as usize)).copied().unwrap_or(i64::MAX)
    }

    /// Sets a person's instant; `Time::MAX` for none.
    pub(super) fn set(&mut self, no: PersonNo, instant: Time) {
        let before = self.instant(no);
        if before == instant.0 {
            return;
        }
        if let Some(cell) = self.cell(no) {
            *cell = instant.0;
        }
        self.set -= u64::from(before != i64::MAX);
        if instant != Time::MAX {
            self.due.entry(instant.0).or_default().push(no);
            self.set += 1;
        }
        self.dirty.insert(no / TIMER_BLOCK_LEN);
    }

    /// Brings a person's instant forward, never back.
    pub(super) fn lower(&mut self, no: PersonNo, instant: Time) {
        if instant.0 < self.instant(no) {
            self.set(no, instant);
        }
    }

    /// The earliest instant at which somebody is due.
    pub(super) fn next(&mut self) -> Time {
        while let Some((instant, people)) = self.due.first_key_value() {
            let instant = *instant;
            if people.iter().any(|no| self.instant(*no) == instant) {
                return Time(instant);
            }
            self.due.remove(&instant);
        }
        Time::MAX
    }

    /// Takes everybody who is due at exactly this instant, each once, in order of number.
    pub(super) fn take(&mut self, instant: Time) -> Vec<PersonNo> {
        let mut people = self.due.remove(&instant.0).unwrap_or_default();
        people.sort_unstable();
        people.dedup();
        people.retain(|no| self.instant(*no) == instant.0);
        people
    }

    /// How many people have an instant.
    pub(super) fn len(&self) -> u64 {
        self.set
    }

    /// How many people are due at or before an instant.
    pub(super) fn due_count(&self, until: Time) -> u64 {
        self.due.range(..=until.0).map(|(_, people)| people.len() as u64).sum()
    }

    /// The blocks that changed since the last call.
    pub(super) fn take_dirty(&mut self) -> Vec<(u32, Vec<i64>)> {
        let dirty = std::mem::take(&mut self.dirty);
        dirty.into_iter().filter_map(|block| Some((block, self.blocks.get(&block)?.clone()))).collect()
    }
}
