//! What was sent lately: a read may not show it yet, and tells nothing of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Identifiers as short marks; two with the same mark only mean that one of them is looked at the next time.
#[derive(Default)]
pub(super) struct Recent {
    seed: u64,
    newest: BTreeMap<u64, Instant>,
    order: VecDeque<(Instant, u64)>,
    /// A comparison that began then needs what was sent before it.
    needed_by: Option<Instant>,
}

impl Recent {
    pub(super) fn new() -> Recent {
        // Marks differ from run to run, so that no two identifiers share one for good.
        let seed = uuid::Uuid::now_v7().as_u128() as u64;
        Recent { seed, ..Recent::default() }
    }

    /// The mark of an identifier.
    pub(super) fn mark(&self, identifier: &str) -> u64 {
        xxh3_64_with_seed(identifier.as_bytes(), self.seed)
    }

    /// These are sent now, or their answer came now. Forgets what no read can miss any more.
    pub(super) fn sent<'a>(&mut self, identifiers: impl Iterator<Item = &'a str>, now: Instant, lag: Duration) {
        for identifier in identifiers {
            let mark = self.mark(identifier);
            self.newest.insert(mark, now);
            self.order.push_back((now, mark));
        }
        let Some(limit) = self.needed_by.unwrap_or(now).checked_sub(lag) else { return };
        while let Some((at, mark)) = self.order.front().copied().filter(|(at, _)| *at < limit) {
            self.order.pop_front();
            if self.newest.get(&mark) == Some(&at) {
                self.newest.remove(&mark);
            }
        }
    }

    /// Whether it was sent at or after an instant; `None` for an instant before all others.
    pub(super) fn is_since(&self, identifier: &str, limit: Option<Instant>) -> bool {
        let at = self.newest.get(&self.mark(identifier));
        at.is_some_and(|at| limit.is_none_or(|limit| *at >= limit))
    }

    /// A comparison began, or ended.
    pub(super) fn needed_by(&mut self, begun: Option<Instant>) {
        self.needed_by = begun;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_known_for_as_long_as_a_read_may_lag_and_longer_while_somebody_compares() {
        let (start, lag) = (Instant::now() + Duration::from_secs(1_000), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recent = Recent::new();
        recent.sent(["a"].into_iter(), at(0), lag);
        assert!(recent.is_since("a", Some(at(0))) && recent.is_since("a", None));
        assert!(!recent.is_since("a", Some(at(1))) && !recent.is_since("b", None));
        recent.needed_by(Some(at(5)));
        recent.sent(["b"].into_iter(), at(14), lag);
        assert!(recent.is_since("a", None), "a comparison that began at 5 may have read what it was at -5");
        recent.needed_by(None);
        recent.sent(["c", "b"].into_iter(), at(15), lag);
        assert!(!recent.is_since("a", None));
        recent.sent([].into_iter(), at(30), lag);
        assert_eq!((recent.newest.len(), recent.order.len()), (0, 0));
    }
}
