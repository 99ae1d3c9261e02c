//! Instants at which a person's answers change if nothing happens.
//!
//! One instant per person: the earliest. A person stands in the order of what is due once, with
//! that instant: what is overtaken goes, or a busy person would leave an entry with every event.
//! Those who are due at one instant are one set: a million at midnight are a few kilobytes.

use crate::storage::{PersonNo, TIMER_BLOCK_LEN};
use model::Time;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// Instants that are gone through to count who is due.
const COUNTED_MAX: usize = 10_000;

/// Those who are due at one instant.
enum Due {
    One(PersonNo),
    Many(Box<RoaringBitmap>),
}

/// The instants of people with numbers that follow one another.
#[derive(Default)]
struct Block {
    /// None as long as nobody of them has one.
    instants: Vec<i64>,
    /// Whether it has changed since it was taken.
    dirty: bool,
}

/// The timers of a workspace.
#[derive(Default)]
pub(super) struct Timers {
    blocks: Vec<Block>,
    due: BTreeMap<i64, Due>,
    len: u64,
}

impl Due {
    fn len(&self) -> u64 {
        match self {
            Due::One(_) => 1,
            Due::Many(many) => many.len(),
        }
    }

    fn insert(&mut self, no: PersonNo) {
        match self {
            Due::One(one) => *self = Due::Many(Box::new(RoaringBitmap::from_iter([*one, no]))),
            Due::Many(many) => {
                many.insert(no);
            }
        }
    }
}

impl Timers {
    /// From stored blocks.
    pub(super) fn new(blocks: Vec<(u32, Vec<i64>)>) -> Timers {
        let mut timers = Timers::default();
        for (block, mut instants) in blocks {
            instants.resize(TIMER_BLOCK_LEN as usize, i64::MAX);
            for (place, instant) in instants.iter().enumerate().filter(|(_, instant)| **instant != i64::MAX) {
                timers.insert(*instant, block * TIMER_BLOCK_LEN + place as u32);
            }
            timers.block(block).instants = instants;
        }
        timers
    }

    fn insert(&mut self, instant: i64, no: PersonNo) {
        self.len += 1;
        self.due.entry(instant).and_modify(|due| due.insert(no)).or_insert(Due::One(no));
    }

    fn remove(&mut self, instant: i64, no: PersonNo) {
        self.len -= 1;
        let left = match self.due.get_mut(&instant) {
            Some(Due::Many(many)) => {
                many.remove(no);
                !many.is_empty()
            }
            _ => false,
        };
        if !left {
            self.due.remove(&instant);
        }
    }

    fn block(&mut self, number: u32) -> &mut Block {
        let number = number as usize;
        if number >= self.blocks.len() {
            self.blocks.resize_with(number + 1, Block::default);
        }
        &mut self.blocks[number]
    }

    /// A person's instant, microseconds; `i64::MAX` for none.
    pub(super) fn instant(&self, no: PersonNo) -> i64 {
        let block = self.blocks.get((no / TIMER_BLOCK_LEN) as usize);
        block.and_then(|block| block.instants.get((no % TIMER_BLOCK_LEN) as usize)).copied().unwrap_or(i64::MAX)
    }

    /// Sets a person's instant; `Time::MAX` for none.
    pub(super) fn set(&mut self, no: PersonNo, instant: Time) {
        let before = self.instant(no);
        if before == instant.0 {
            return;
        }
        let block = self.block(no / TIMER_BLOCK_LEN);
        block.instants.resize(TIMER_BLOCK_LEN as usize, i64::MAX);
        if let Some(cell) = block.instants.get_mut((no % TIMER_BLOCK_LEN) as usize) {
            *cell = instant.0;
        }
        block.dirty = true;
        if before != i64::MAX {
            self.remove(before, no);
        }
        if instant != Time::MAX {
            self.insert(instant.0, no);
        }
    }

    /// Brings a person's instant forward, never back.
    pub(super) fn lower(&mut self, no: PersonNo, instant: Time) {
        if instant.0 < self.instant(no) {
            self.set(no, instant);
        }
    }

    /// The earliest instant at which somebody is due.
    pub(super) fn next(&self) -> Time {
        self.due.first_key_value().map_or(Time::MAX, |(instant, _)| Time(*instant))
    }

    /// Up to so many of those who are due at exactly this instant, in order of number.
    pub(super) fn at(&self, instant: Time, most: usize) -> Vec<PersonNo> {
        match self.due.get(&instant.0) {
            None => Vec::new(),
            Some(Due::One(one)) => vec![*one],
            Some(Due::Many(many)) => many.iter().take(most).collect(),
        }
    }

    /// How many people have an instant.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many people are due at or before an instant, as far as their instants are counted.
    pub(super) fn due_count(&self, until: Time) -> u64 {
        self.due.range(..=until.0).take(COUNTED_MAX).map(|(_, due)| due.len()).sum()
    }

    /// The blocks that changed since the last call.
    pub(super) fn take_dirty(&mut self) -> Vec<(u32, Vec<i64>)> {
        let numbered = self.blocks.iter_mut().enumerate().filter(|(_, block)| block.dirty);
        let taken = numbered.map(|(number, block)| {
            block.dirty = false;
            (number as u32, block.instants.clone())
        });
        taken.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_person_leaves_one_entry_and_those_due_together_come_together() {
        let mut timers = Timers::default();
        (1..1_000).for_each(|instant| timers.set(7, Time(instant)));
        assert_eq!((timers.len(), timers.next()), (1, Time(999)));
        timers.set(600, Time(999));
        timers.lower(7, Time(1_500));
        assert_eq!(timers.at(Time(999), 9), [7, 600]);
        let again = Timers::new(timers.take_dirty());
        assert_eq!((again.at(Time(999), 9), again.due_count(Time(998))), (vec![7, 600], 0));
        assert_eq!(again.at(Time(999), 1), [7]);
        timers.set(7, Time::MAX);
        timers.set(600, Time::MAX);
        assert_eq!((timers.len(), timers.next()), (0, Time::MAX));
    }
}
