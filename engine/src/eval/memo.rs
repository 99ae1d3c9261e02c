//! What is already known of one person at one instant.

use super::Outcome;
use std::collections::BTreeMap;

/// Outcomes of conditions on history, for plans of one workspace that are evaluated for the same
/// person at the same instant. Make a new one for every person and every change.
#[derive(Debug, Default)]
pub struct Memo {
    known: BTreeMap<u128, Outcome>,
    on: bool,
}

impl Memo {
    /// Remembers while `evaluate` runs.
    pub(super) fn shared(&mut self, evaluate: impl FnOnce(&mut Memo) -> Outcome) -> Outcome {
        self.on = true;
        evaluate(self)
    }

    /// The outcome of a condition, computed unless it is known.
    pub(super) fn remember(&mut self, fingerprint: u128, compute: impl FnOnce() -> Outcome) -> Outcome {
        if !self.on {
            return compute();
        }
        *self.known.entry(fingerprint).or_insert_with(compute)
    }
}
