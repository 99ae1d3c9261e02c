//! Settings of the shards, and how they tell what needs a person.

use super::clock::ClockAlert;
use crate::log::{AppenderLimits, LogError, LogOptions};
use crate::store::db::StoreError;
use engine::storage::StorageError;
use model::{SegmentId, WorkspaceId};
use std::path::PathBuf;
use std::time::Duration;

/// Settings of the shards.
#[derive(Clone, Debug)]
pub struct ShardOptions {
    /// How many shards a new store gets; an existing store keeps its number.
    pub shards: u32,
    /// Folder of the logs; each shard has one in it.
    pub log_dir: PathBuf,
    /// Layout of a log.
    pub log: LogOptions,
    /// What may wait.
    pub limits: AppenderLimits,
    /// A checkpoint at least this often while something changes.
    pub checkpoint_every: Duration,
    /// A checkpoint when this much has changed, bytes.
    pub checkpoint_dirty_bytes: usize,
    /// People kept in memory per workspace, bytes.
    pub people_cache_bytes: usize,
    /// Log files are kept this long after the checkpoint that covers them.
    pub log_keep: Duration,
    /// The ledger of erasures, to be kept apart from backups.
    pub erasures_file: Option<PathBuf>,
    /// Items that a slow watcher may fall behind.
    pub live_items_max: usize,
}

impl ShardOptions {
    /// The defaults, with logs in a folder.
    pub fn in_dir(log_dir: PathBuf) -> ShardOptions {
        ShardOptions {
            shards: 1,
            log_dir,
            log: LogOptions::default(),
            limits: AppenderLimits::default(),
            checkpoint_every: Duration::from_secs(10),
            checkpoint_dirty_bytes: 64 << 20,
            people_cache_bytes: 256 << 20,
            log_keep: Duration::from_secs(7 * 86_400),
            erasures_file: None,
            live_items_max: 4096,
        }
    }
}

/// Why shards can't start or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store, as the engine met it.
    #[error(transparent)]
    Engine(#[from] StorageError),
    /// The store was made with another number of shards.
    #[error("the store was made with {made} shards and the settings say {set}; the number can't change: set it back")]
    ShardCount {
        /// In the store.
        made: u32,
        /// In the settings.
        set: u32,
    },
    /// A thread could not be started, or ended without a word.
    #[error("a thread of shard {shard} is not running: {why}")]
    Thread {
        /// Which shard.
        shard: u32,
        /// What is known.
        why: String,
    },
}

/// Hears of what needs a person. Must not block.
pub trait ShardAlerts: ClockAlert {
    /// A shard stopped; nothing of its workspaces goes on.
    fn stopped(&self, shard: u32, reason: &str);
    /// A checkpoint could not be written; it is tried again.
    fn checkpoint_failed(&self, shard: u32, reason: &str);
    /// Checkpoints work again.
    fn checkpoint_works(&self, shard: u32);
    /// The end of a log was cut: a group that nobody was told of.
    fn log_cut(&self, shard: u32, what: &str);
    /// A segment has a version that can't be evaluated; it stops alone.
    fn segment_failed(&self, workspace: &WorkspaceId, segment: &SegmentId, reason: &str);
    /// The segment has another version, or is gone.
    fn segment_works(&self, workspace: &WorkspaceId, segment: &SegmentId);
}

/// Tells the log file alone.
#[derive(Clone, Copy, Default, Debug)]
pub struct LoggedAlerts;

impl ClockAlert for LoggedAlerts {
    fn leapt(&self, leap_micros: i64) {
        tracing::error!(leap_micros, "the wall clock leapt");
    }
}

impl ShardAlerts for LoggedAlerts {
    fn stopped(&self, shard: u32, reason: &str) {
        tracing::error!(shard, reason, "a shard stopped");
    }

    fn checkpoint_failed(&self, shard: u32, reason: &str) {
        tracing::error!(shard, reason, "a checkpoint failed and is tried again");
    }

    fn checkpoint_works(&self, shard: u32) {
        tracing::info!(shard, "checkpoints work again");
    }

    fn log_cut(&self, shard: u32, what: &str) {
        tracing::warn!(shard, what, "the end of the log was cut");
    }

    fn segment_failed(&self, workspace: &WorkspaceId, segment: &SegmentId, reason: &str) {
        tracing::warn!(%workspace, %segment, reason, "a segment stopped");
    }

    fn segment_works(&self, workspace: &WorkspaceId, segment: &SegmentId) {
        tracing::info!(%workspace, %segment, "a segment works again");
    }
}
