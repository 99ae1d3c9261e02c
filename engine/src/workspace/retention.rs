//! What is past its retention, and the slow walk that removes it from people whom nothing touches.
//!
//! Removing changes no answer: what passed is not seen in any. So its pace may differ in a replay.

use super::{When, Workspace};
use crate::storage::{PersonNo, Storage, StorageError};
use model::{DAY_MICROS, Time};

/// The walk comes to everybody once in this many days, as long as records come.
pub const SWEEP_DAYS: i64 = 7;
/// Between two steps of the walk, microseconds.
const SWEEP_STEP: i64 = 60_000_000;
/// People looked at in one step.
const SWEEP_PEOPLE_MAX: u64 = 256;
/// What passed goes at the next checkpoint of its person, but not fact by fact: when the oldest is
/// overdue by this part of the retention, and at most by a week.
const OVERDUE_PART: i64 = 32;
const OVERDUE_DAYS_MAX: i64 = 7;

/// Where the walk is.
#[derive(Default)]
pub(super) struct Sweep {
    last: Option<Time>,
    next: PersonNo,
}

impl<S: Storage> Workspace<S> {
    /// How long what happens is kept.
    pub(super) fn retention_micros(&self) -> i64 {
        i64::from(self.settings.retention_days).saturating_mul(DAY_MICROS)
    }

    /// What happened at or before this instant is past its retention, but for orders.
    pub(super) fn forgotten(&self) -> Time {
        self.forgotten_at(self.now)
    }

    pub(super) fn forgotten_at(&self, at: Time) -> Time {
        self.forgotten.max(at.plus_micros(self.retention_micros().saturating_neg()))
    }

    /// What may be removed from the store: whoever still waits for a timer was touched by nothing since, and
    /// the timer sees what had not passed its retention when it was due. What passes in this very instant stays:
    /// other settings may still come to hold in it.
    pub(super) fn removable(&self) -> Time {
        self.forgotten_at(self.now.min(self.timers.next()).plus_micros(-1))
    }

    /// What happened at or before this instant is to be removed from the store.
    pub(super) fn overdue(&self) -> Time {
        let wait = (self.retention_micros() / OVERDUE_PART).min(OVERDUE_DAYS_MAX * DAY_MICROS);
        self.removable().plus_micros(-wait)
    }

    /// Before other settings hold: what has passed by now stays forgotten.
    pub(super) fn settle_retention(&mut self, when: When) {
        let passed = when.found.plus_micros(self.retention_micros().saturating_neg()).plus_micros(-1);
        if passed > self.forgotten {
            self.forgotten = passed;
            self.forgotten_changed = true;
        }
    }

    /// A step of the walk if one is due. Where it begins follows from the time, so that a daemon that
    /// is restarted often still comes to everybody.
    pub(super) fn sweep(&mut self) -> Result<(), StorageError> {
        let Some(last) = self.sweep.last else {
            let period = SWEEP_DAYS * DAY_MICROS;
            let part = i128::from(self.now.0.rem_euclid(period)) * i128::from(self.next_person) / i128::from(period);
            self.sweep = Sweep { last: Some(self.now), next: part as PersonNo };
            return Ok(());
        };
        let passed = self.now.0.saturating_sub(last.0);
        if passed < SWEEP_STEP {
            return Ok(());
        }
        self.sweep.last = Some(self.now);
        let due = i128::from(self.next_person) * i128::from(passed) / i128::from(SWEEP_DAYS * DAY_MICROS) + 1;
        let people = u64::try_from(due).unwrap_or(u64::MAX).min(SWEEP_PEOPLE_MAX).min(u64::from(self.next_person));
        for _ in 0..people {
            if self.sweep.next >= self.next_person {
                self.sweep.next = 0;
            }
            let no = self.sweep.next;
            self.sweep.next += 1;
            self.sweep_one(no)?;
        }
        Ok(())
    }

    /// Has a cluster written anew if something of it is overdue.
    fn sweep_one(&mut self, no: PersonNo) -> Result<(), StorageError> {
        let overdue = self.overdue();
        let passed = match self.people.get(no) {
            Some(person) => person.has_passed(overdue),
            None => self.people.read(no, &self.words)?.is_some_and(|person| person.has_passed(overdue)),
        };
        if passed && self.people.ensure(no, &self.words)? {
            // To change it is enough: the next checkpoint removes what passed.
            let _ = self.people.get_mut(no);
        }
        Ok(())
    }
}
