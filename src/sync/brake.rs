//! The brake: a removal of much of a list at once waits for the operator's word.

use super::settings::SyncDefaults;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Removals begun within this time count with those that wait.
const BRAKE_WINDOW: Duration = Duration::from_secs(10);

/// Whether removals of one list wait, and what was removed lately.
#[derive(Default)]
pub(super) struct Brake {
    /// Members when it came on.
    on: Option<u64>,
    /// The operator let go what waits; holds until nothing waits any more.
    released: bool,
    /// Removals that were begun, with their time.
    recent: VecDeque<(Instant, u64)>,
}

impl Brake {
    /// Looks at what waits to be removed of a list that holds `held`; true if it has to wait.
    ///
    /// Removals of the last moments count with those that wait, so that a flood does not pass in
    /// small batches. Once on it stays on, also if the list grows, until the operator releases it
    /// or so much is desired again that what is left would not have set it off.
    pub(super) fn check(&mut self, waiting: u64, held: u64, defaults: &SyncDefaults, now: Instant) -> bool {
        if waiting == 0 {
            (self.on, self.released) = (None, false);
            return false;
        }
        if self.released {
            return false;
        }
        while self.recent.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) >= BRAKE_WINDOW) {
            self.recent.pop_front();
        }
        let recent: u64 = self.recent.iter().map(|(_, count)| count).sum();
        let base = self.on.unwrap_or(held + recent);
        let part = waiting.saturating_add(recent).saturating_mul(100);
        let much = base > defaults.brake_members_min && part > base.saturating_mul(u64::from(defaults.brake_percent));
        self.on = much.then_some(base);
        much
    }

    /// Removals were begun.
    pub(super) fn removed(&mut self, count: u64, now: Instant) {
        if count > 0 && !self.released {
            self.recent.push_back((now, count));
        }
    }

    /// The operator's word: what waits may be removed.
    pub(super) fn release(&mut self) {
        (self.on, self.released) = (None, true);
        self.recent.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: SyncDefaults =
        SyncDefaults { brake_percent: 20, brake_members_min: 100, retry_first_ms: 1, retry_longest_ms: 1 };

    #[test]
    fn more_than_a_fifth_of_more_than_a_hundred_waits() {
        let now = Instant::now();
        assert!(!Brake::default().check(100, 100, &DEFAULTS, now), "a small list has no brake");
        assert!(!Brake::default().check(40, 200, &DEFAULTS, now), "a fifth is allowed");
        assert!(Brake::default().check(41, 200, &DEFAULTS, now));
    }

    #[test]
    fn a_flood_in_small_batches_is_stopped_and_a_drip_is_not() {
        let (mut brake, begun) = (Brake::default(), Instant::now());
        assert!(!brake.check(40, 200, &DEFAULTS, begun));
        brake.removed(40, begun);
        assert!(brake.check(1, 160, &DEFAULTS, begun + Duration::from_secs(9)));
        let mut brake = Brake::default();
        brake.removed(40, begun);
        assert!(!brake.check(1, 160, &DEFAULTS, begun + Duration::from_secs(10)));
    }

    #[test]
    fn it_stays_on_while_the_list_grows_and_goes_with_the_operators_word_until_all_is_done() {
        let (mut brake, now) = (Brake::default(), Instant::now());
        assert!(brake.check(50, 200, &DEFAULTS, now));
        assert!(brake.check(50, 2_000, &DEFAULTS, now), "additions don't let removals pass");
        brake.release();
        assert!(!brake.check(50, 200, &DEFAULTS, now));
        brake.removed(50, now);
        assert!(!brake.check(150, 150, &DEFAULTS, now), "released until nothing waits");
        assert!(!brake.check(0, 0, &DEFAULTS, now));
        assert!(brake.check(101, 101, &DEFAULTS, now), "and then it works again");
    }
}
