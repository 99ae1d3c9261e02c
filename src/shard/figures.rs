//! Figures of a shard.

use super::api::ShardStats;
use crate::histogram::Histogram;
use std::sync::{Mutex, PoisonError};

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

    pub fn change(&self, change: impl FnOnce(&mut ShardStats)) {
        change(&mut self.stats.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
