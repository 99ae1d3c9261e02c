//! Which versions of things were told: what is read again because of an overlap is not told again.

use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Things that are remembered. What is forgotten is told again, which does no harm.
const KNOWN_MAX: usize = 1_000;

/// Things by their id, each with the time of its last change, microseconds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Known(BTreeMap<String, i64>);

impl Known {
    /// Notes a version; whether it is new.
    pub(super) fn note(&mut self, id: &str, updated: Time) -> bool {
        self.0.insert(id.to_owned(), updated.0) != Some(updated.0)
    }

    /// Forgets what is older than anything that will be read again.
    pub(super) fn trim(&mut self, before: i64) {
        self.0.retain(|_, updated| *updated >= before);
        if self.0.len() > KNOWN_MAX {
            let mut times: Vec<i64> = self.0.values().copied().collect();
            times.sort_unstable();
            let oldest = times.get(times.len() - KNOWN_MAX).copied().unwrap_or_default();
            self.0.retain(|_, updated| *updated >= oldest);
        }
        // Many may be of one instant.
        while self.0.len() > KNOWN_MAX {
            self.0.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_new_once_and_the_newest_are_remembered() {
        let mut known = Known::default();
        assert!(known.note("1", Time(5)) && !known.note("1", Time(5)) && known.note("1", Time(6)));
        for number in 0..3_000 {
            known.note(&format!("n{number}"), Time(number));
        }
        known.trim(1_500);
        assert_eq!(known.0.len(), KNOWN_MAX);
        assert!(!known.note("n2999", Time(2_999)) && known.note("n1600", Time(1_600)));
        for number in 0..2_000 {
            known.note(&format!("s{number}"), Time(9_000));
        }
        known.trim(0);
        assert_eq!(known.0.len(), KNOWN_MAX);
    }
}
