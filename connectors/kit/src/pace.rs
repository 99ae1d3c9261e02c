//! How fast a destination is called: a rate of ours, and what its answers ask for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// No destination is called faster, whatever is set.
pub const CALLS_PER_SECOND_MAX: u32 = 1_000;
/// A rate is kept by a gap that is longer by so much: a platform counts in windows of its own, and no network is even.
const MARGIN_PERCENT: u32 = 3;
/// A call that comes late is made up for by those after it, which come earlier by so much at most. It is well below
/// the margin of a second, so that no window of a second holds a call more.
const MADE_UP: Duration = Duration::from_millis(10);
const GAP_MIN: Duration = Duration::from_millis(1);

/// The pace of one destination. Whoever waits for a turn gets it in the order in which they came.
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    /// When the next turn is due. Held by whoever is the next.
    due: tokio::sync::Mutex<Option<Instant>>,
    blocked_until: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most this many calls a second, one at a time; 0 counts as 1.
    pub fn new(calls_per_second: u32) -> Pace {
        let rate = calls_per_second.clamp(1, CALLS_PER_SECOND_MAX);
        Pace::every(Duration::from_secs(1) * (100 + MARGIN_PERCENT) / 100 / rate)
    }

    /// One call in every gap; a gap under a millisecond counts as one.
    pub fn every(gap: Duration) -> Pace {
        Pace { gap: gap.max(GAP_MIN), due: tokio::sync::Mutex::new(None), blocked_until: Mutex::new(None) }
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

    /// Until when nothing is sent.
    fn blocked(&self) -> Option<Instant> {
        let until = *self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    /// How long nothing is sent yet.
    pub fn blocked_for(&self) -> Option<Duration> {
        self.blocked().map(|until| until.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero())
    }

    /// Returns once the destination may be called at all; takes no turn.
    pub async fn open(&self) {
        while let Some(until) = self.blocked() {
            sleep_until(until).await;
        }
    }

    /// Returns when the next call may be made, and counts it.
    pub async fn turn(&self) {
        let mut due = self.due.lock().await;
        loop {
            self.open().await;
            match *due {
                // A wait may have been asked for meanwhile.
                Some(at) if at > Instant::now() => sleep_until(at).await,
                _ => break,
            }
        }
        let now = Instant::now();
        let made_up = now.checked_sub(MADE_UP).unwrap_or(now);
        *due = Some(due.map_or(now, |at| at.max(made_up)) + self.gap);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

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
    async fn what_timers_come_late_is_made_up_for_but_no_longer_rest() {
        let pace = Pace::every(Duration::from_millis(2));
        let begun = Instant::now();
        for _ in 0..100 {
            pace.turn().await;
        }
        // Each timer is late by about a millisecond.
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(187), "{took:?}");
        assert!(took < Duration::from_millis(300), "99 gaps of 2 ms, but took {took:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let begun = Instant::now();
        for _ in 0..20 {
            pace.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(26), "a rest is not saved up");
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

    #[tokio::test]
    async fn a_wait_that_is_asked_for_holds_those_too_who_wait_already() {
        let pace = Arc::new(Pace::every(Duration::from_millis(20)));
        pace.turn().await;
        let (waiting, begun) = (Arc::clone(&pace), Instant::now());
        let second = tokio::spawn(async move { waiting.turn().await });
        tokio::time::sleep(Duration::from_millis(5)).await;
        pace.block_for(Duration::from_millis(100));
        second.await.unwrap();
        assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    }
}
