//! Figures of a shard.

use super::api::ShardStats;
use crate::histogram::Histogram;
use model::Time;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Figures that others read without asking the shard.
#[derive(Default)]
pub(super) struct Figures {
    stats: Mutex<ShardStats>,
    /// Time from receiving an event until it was applied.
    pub changed: Histogram,
}

impl Figures {
    pub fn read(&self) -> ShardStats {
        let stats = self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ShardStats { changed: self.changed.read(), ..stats }
    }

    /// Events that were received at these instants are applied now.
    pub fn applied(&self, received: &[Time], now: Time) {
        for received in received {
            let micros = u64::try_from(now.0.saturating_sub(received.0)).unwrap_or_default();
            self.changed.add(Duration::from_micros(micros));
        }
    }

    pub fn change(&self, change: impl FnOnce(&mut ShardStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How often figures are shown, and how seldom at most: they may take one part in so many of the time.
const EVERY: Duration = Duration::from_millis(50);
const EVERY_MAX: Duration = Duration::from_secs(1);
const PART: u32 = 500;

/// When figures are shown next: finding them out takes the longer the more timers there are.
pub(super) struct Shows(Instant);

impl Shows {
    pub fn now() -> Shows {
        Shows(Instant::now())
    }

    pub fn are_due(&self) -> bool {
        Instant::now() >= self.0
    }

    /// They were found out since `began`.
    pub fn done(&mut self, began: Instant) {
        self.0 = began + (began.elapsed() * PART).clamp(EVERY, EVERY_MAX);
    }
}
