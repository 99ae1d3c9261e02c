//! One merchant's audience: applies records in order and answers questions about now.

use crate::effect::Effect;
use crate::storage::{Changes, Saved, Storage, StorageError};
use model::{Record, SegmentId, Time, WorkspaceId};

/// A workspace over a storage.
pub struct Workspace<S> {
    #[allow(dead_code)]
    storage: S,
}

impl<S: Storage> Workspace<S> {
    /// Opens a workspace. `tombstone_key` never rotates; `cache_bytes` bounds what is kept of
    /// people in memory besides what is not yet checkpointed.
    pub fn open(_id: WorkspaceId, storage: S, _saved: Saved, _tombstone_key: [u8; 32], _cache_bytes: usize) -> Self {
        Workspace { storage }
    }

    /// Applies one record. Timers due before the record's time fire first; a `Tick` also fires
    /// those due at its time. An error is the store's: the workspace must not be used further.
    pub fn apply(&mut self, _record: &Record, _effects: &mut Vec<Effect>) -> Result<Applied, StorageError> {
        Ok(Applied::Changed { person: None })
    }

    /// The instant of the next due timer; `Time::MAX` when there is none.
    pub fn next_timer(&mut self) -> Time {
        Time::MAX
    }

    /// Evaluates up to `people` more people for the versions being built; returns the versions
    /// that are complete and wait for their `SegmentActivate`.
    pub fn build_step(&mut self, _people: usize) -> Result<Vec<(SegmentId, u32)>, StorageError> {
        Ok(Vec::new())
    }

    /// Takes everything that changed since the last call. Until [`Workspace::changes_written`] is called the
    /// storage need not know it.
    pub fn take_changes(&mut self) -> Changes {
        Changes::default()
    }

    /// The storage now answers with what the last `take_changes` returned.
    pub fn changes_written(&mut self) {}

    /// Rough bytes that the next `take_changes` will write.
    pub fn dirty_bytes(&self) -> usize {
        0
    }
}

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It was applied; for events, the person's stable id when there is one.
    Changed {
        /// The person.
        person: Option<String>,
    },
    /// The event is a duplicate.
    Duplicate,
    /// The record was refused and counted under this reason.
    Refused(&'static str),
}
