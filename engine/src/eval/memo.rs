//! What is already known of one person at one instant.

use super::Outcome;
use super::subject::Subject;
use std::collections::BTreeMap;

/// Outcomes of conditions on history, for plans of one workspace that are evaluated for the same
/// person at the same instant. Make a new one for every person and every change.
#[derive(Debug, Default)]
pub struct Memo {
    known: BTreeMap<u128, (Outcome, u64)>,
    on: bool,
    /// What is known costs nothing more.
    free: bool,
}

impl Memo {
    /// Remembers from now on.
    pub(super) fn shared(&mut self) -> &mut Memo {
        self.on = true;
        self
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
        if let Some((outcome, steps)) = self.known.get(&fingerprint) {
            subject.take_steps(if self.free { 0 } else { *steps });
            return *outcome;
        }
        let before = subject.steps();
        let outcome = compute();
        // What broke off for its cost is not known.
        if !subject.is_exhausted() {
            self.known.insert(fingerprint, (outcome, subject.steps().saturating_sub(before)));
        }
        outcome
    }
}
