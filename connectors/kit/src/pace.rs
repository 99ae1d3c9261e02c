//! How fast a destination is called: a rate of ours, and what its answers ask for.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// No destination is called faster, whatever is set.
pub const CALLS_PER_SECOND_MAX: u32 = 1_000;

/// The pace of one destination.
///
/// A rate limiter can't be slowed down by an answer, so beside it stands the instant before
/// which nothing is sent.
#[derive(Debug)]
pub struct Pace {
    limiter: DefaultDirectRateLimiter,
    clock: DefaultClock,
    blocked_until: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most this many calls a second, one at a time; 0 counts as 1.
    pub fn new(calls_per_second: u32) -> Pace {
        let rate = NonZeroU32::new(calls_per_second.clamp(1, CALLS_PER_SECOND_MAX)).unwrap_or(NonZeroU32::MIN);
        Pace::of(Quota::per_second(rate))
    }

    /// One call in every gap; a gap under a millisecond counts as one.
    pub fn every(gap: Duration) -> Pace {
        let shortest = Duration::from_millis(1);
        Pace::of(Quota::with_period(gap.max(shortest)).unwrap_or(Quota::per_second(NonZeroU32::MIN)))
    }

    fn of(quota: Quota) -> Pace {
        let quota = quota.allow_burst(NonZeroU32::MIN);
        let clock = DefaultClock::default();
        Pace { limiter: RateLimiter::direct_with_clock(quota, clock.clone()), clock, blocked_until: Mutex::new(None) }
    }

    /// Nothing is sent for this long. A longer wait that is set already stays.
    pub fn block_for(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut blocked = self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = Some(blocked.map_or(until, |known| known.max(until)));
    }

    /// What the destination asked for no longer holds: it was set anew, or an operator says so.
    pub fn unblock(&self) {
        *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// How long nothing is sent yet.
    pub fn blocked_for(&self) -> Option<Duration> {
        let until = (*self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner))?;
        Some(until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// Returns when the next call may be made, and counts it.
    pub async fn turn(&self) {
        loop {
            let blocked = *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(until) = blocked {
                sleep_until(until).await;
            }
            match self.limiter.check() {
                Ok(()) => return,
                Err(early) => sleep(early.wait_time_from(self.clock.now())).await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn calls_are_spread_over_the_second() {
        let pace = Pace::new(50);
        let begun = Instant::now();
        for _ in 0..6 {
            pace.turn().await;
        }
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(95), "five gaps of 20 ms, but took {took:?}");
    }

    #[tokio::test]
    async fn a_gap_is_kept() {
        let pace = Pace::every(Duration::from_millis(30));
        let begun = Instant::now();
        for _ in 0..4 {
            pace.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(85), "three gaps of 30 ms");
    }

    #[tokio::test]
    async fn a_blocked_destination_waits_and_the_longer_wait_counts() {
        let pace = Pace::new(1_000);
        pace.block_for(Duration::from_millis(80));
        pace.block_for(Duration::from_millis(1));
        let begun = Instant::now();
        pace.turn().await;
        assert!(begun.elapsed() >= Duration::from_millis(75));
        assert_eq!(pace.blocked_for(), None);
    }
}
