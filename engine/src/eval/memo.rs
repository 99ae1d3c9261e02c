//! What is already known of one person at one instant.

use super::Outcome;
use super::subject::Subject;
use model::Time;
use std::collections::BTreeMap;

/// Outcomes that are gone through to find one.
const FEW: usize = 24;

/// Outcomes of conditions on history, for plans of one workspace that are evaluated for the same
/// person at the same instant. Make a new one for every person and every change.
#[derive(Debug, Default)]
pub struct Memo {
    /// The first ones, gone through; most people are asked no more.
    few: Vec<(u128, Outcome, u64)>,
    many: BTreeMap<u128, (Outcome, u64)>,
    /// When a part of the answer changes that time changes, at the earliest.
    steady: Option<Time>,
    on: bool,
    /// What is known costs nothing more.
    free: bool,
}

impl Memo {
    /// For so many definitions, or more.
    pub(crate) fn with_room_for(definitions: usize) -> Memo {
        Memo { few: Vec::with_capacity(definitions.min(FEW)), ..Memo::default() }
    }

    /// Remembers from now on.
    pub(super) fn shared(&mut self) -> &mut Memo {
        self.on = true;
        self
    }

    /// Another definition is asked from now on.
    pub(super) fn begin(&mut self) {
        self.steady = None;
    }

    /// A part of the answer holds until an instant.
    pub(super) fn saw(&mut self, until: Time) {
        self.steady = Some(self.steady.map_or(until, |steady| steady.min(until)));
    }

    /// Before this instant the same would be answered, with the same instant at which to ask again.
    pub fn steady(&self) -> Time {
        self.steady.unwrap_or(Time::MAX)
    }

    /// For reasons, which ask the same again at every level.
    pub(super) fn of_reasons() -> Memo {
        Memo { on: true, free: true, ..Memo::default() }
    }

    /// The outcome of a condition, computed unless it is known. It costs the same either way, but for reasons.
    pub(super) fn remember(
        &mut self,
        fingerprint: u128,
        subject: &dyn Subject,
        compute: impl FnOnce() -> Outcome,
    ) -> Outcome {
        if !self.on {
            return compute();
        }
        if let Some((outcome, steps)) = self.known(fingerprint) {
            subject.take_steps(if self.free { 0 } else { steps });
            return outcome;
        }
        let before = subject.steps();
        let outcome = compute();
        // What broke off for its cost is not known.
        if !subject.is_exhausted() {
            let steps = subject.steps().saturating_sub(before);
            match self.few.len() < FEW {
                true => self.few.push((fingerprint, outcome, steps)),
                false => {
                    self.many.insert(fingerprint, (outcome, steps));
                }
            }
        }
        outcome
    }

    fn known(&self, fingerprint: u128) -> Option<(Outcome, u64)> {
        let few = self.few.iter().find(|(known, ..)| *known == fingerprint);
        few.map(|(_, outcome, steps)| (*outcome, *steps)).or_else(|| self.many.get(&fingerprint).copied())
    }
}
