//! Timers: who is due is asked again.

use super::scope::Scope;
use super::settle::Touched;
use super::{When, Workspace};
use crate::effect::{Cause, Effect};
use crate::eval::Outcome;
use crate::storage::{PersonNo, Storage, StorageError};
use model::Time;

/// So many times as many timers are fired by one record if most of them change nothing.
const IDLE_TIMES: usize = 8;

impl<S: Storage> Workspace<S> {
    /// Fires the timers before `until`, and those at it if `inclusive`: so many at most.
    pub(super) fn fire(
        &mut self,
        (until, inclusive): (Time, bool),
        most: usize,
        position: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let (mut left, mut all) = (most, most.saturating_mul(IDLE_TIMES));
        loop {
            let instant = self.timers.next();
            let is_due = instant < until || (instant == until && inclusive);
            if !is_due || instant == Time::MAX || left == 0 || all == 0 {
                return Ok(());
            }
            // Whoever waits longer than others was touched by nothing since: they are as they were then.
            self.now = instant;
            let when = When { at: instant, found: until, cause: Cause::Time, position };
            for no in self.timers.at(instant, left.min(all)) {
                let before = effects.len();
                self.fire_one(no, when, effects)?;
                self.people.evict();
                all -= 1;
                left -= usize::from(effects.len() > before);
                if left == 0 {
                    break;
                }
            }
        }
    }

    /// Fires what a person waits for who is about to be touched, of a wave that is not through yet.
    pub(super) fn fire_before(&mut self, no: PersonNo, effects: &mut Vec<Effect>) -> Result<(), StorageError> {
        let now = self.now;
        while self.timers.instant(no) < now.0 {
            self.now = Time(self.timers.instant(no));
            let when = When { at: self.now, found: now, cause: Cause::Time, position: self.position };
            self.fire_one(no, when, effects)?;
        }
        self.now = now;
        Ok(())
    }

    /// A person's timer came: evaluates what time can change.
    fn fire_one(&mut self, no: PersonNo, when: When, effects: &mut Vec<Effect>) -> Result<(), StorageError> {
        self.timers.set(no, Time::MAX);
        let mut touched = Touched::new(false);
        self.capture(no, &mut touched)?;
        let scope = match self.due_of(no) {
            Some((due, rest)) => {
                #[cfg(debug_assertions)]
                self.check_waits(no, &due, rest);
                Scope::Due(due, rest)
            }
            None => Scope::Timed(self.timed_for(no)),
        };
        self.settle(touched, scope, when, effects)
    }

    /// When a person is to be asked again by some answers, and by others that were not given.
    pub(super) fn set_timer(&mut self, no: PersonNo, outcomes: &[(u32, Outcome)], everything: bool, rest: Time) {
        let until = outcomes.iter().map(|(_, outcome)| outcome.until).min().unwrap_or(Time::MAX).min(rest);
        if everything {
            self.timers.set(no, until);
        } else {
            self.timers.lower(no, until);
        }
    }
}
