//! The thread that writes checkpoints while the shard goes on.

use super::api::EffectSink;
use super::clock::Clock;
use super::inbox::{Inbox, Notice};
use super::options::ShardAlerts;
use crate::log::Appender;
use crate::store::db::StoreError;
use crate::store::erasures::Ledger;
use crate::store::state::{CheckpointMark, ShardStore, WorkspaceCheckpoint};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long to wait after a checkpoint that failed.
const RETRY_REST: Duration = Duration::from_secs(1);

/// Everything that changed up to a position.
pub(super) struct Job {
    pub mark: CheckpointMark,
    pub parts: Vec<WorkspaceCheckpoint>,
}

/// Writes the checkpoints of one shard.
pub(super) struct CheckpointWriter<T> {
    pub shard: u32,
    pub store: Arc<ShardStore>,
    pub sink: Arc<dyn EffectSink>,
    pub appender: Appender,
    pub clock: Arc<dyn Clock>,
    pub alerts: Arc<dyn ShardAlerts>,
    pub inbox: Arc<Inbox<T>>,
    pub log_keep: Duration,
    pub ledger: Option<Arc<Ledger>>,
    /// Held while a checkpoint is written; who copies the store holds it too.
    pub gate: Arc<Mutex<()>>,
    /// Set when the shard ends, with its last checkpoint or without: nobody waits for one then.
    pub abandoned: Arc<AtomicBool>,
}

impl<T> CheckpointWriter<T> {
    /// Runs until the other end is gone.
    pub fn run(&self, jobs: &Receiver<Job>) {
        while let Ok(job) = jobs.recv() {
            let gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            let mut failed = false;
            while let Err(error) = self.write(&job) {
                failed = true;
                self.alerts.checkpoint_failed(self.shard, &error.to_string());
                self.inbox.tell(Notice::CheckpointFailed);
                std::thread::sleep(RETRY_REST);
                if self.abandoned.load(Ordering::Acquire) {
                    return;
                }
            }
            if failed {
                self.alerts.checkpoint_works(self.shard);
            }
            self.inbox.tell(Notice::Checkpointed(job.mark));
            if let Err(error) = self.store.tidy(&job.parts) {
                tracing::warn!(shard = self.shard, %error, "message runs could not be merged");
            }
            drop(gate);
            self.trim(job.mark);
        }
    }

    fn write(&self, job: &Job) -> Result<(), StoreError> {
        // sled refuses everything after a failed write until it is reopened: better not to try.
        if self.appender.space_is_short() {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(StoreError::Io { path: "checkpoint".into(), source });
        }
        // What sync holds must not lag behind the state: a replay begins after it.
        self.sink.persist_through(self.shard, job.mark.position)?;
        for part in &job.parts {
            if let (Some(ledger), Some(definitions)) = (&self.ledger, &part.changes.definitions) {
                ledger.note(&part.id, &definitions.tombstones)?;
            }
        }
        self.store.commit(job.mark, &job.parts)
    }

    fn trim(&self, mark: CheckpointMark) {
        let keep = i64::try_from(self.log_keep.as_micros()).unwrap_or(i64::MAX);
        let older_than = self.clock.now().min(mark.time).plus_micros(-keep);
        if let Err(error) = self.appender.trim(mark.position + 1, older_than) {
            tracing::warn!(shard = self.shard, %error, "old log files could not be removed");
        }
    }
}
