//! Tracking sources and the index from write keys to them.

use super::records::SourceRecord;
use super::vault::new_key;
use super::{Control, ControlError};
use crate::intake::{SourceEntry, WriteKeys};
use model::{Source, SourceId, WorkspaceId};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

const PREFIX: &str = "source/";

/// Sources by write key, in memory.
#[derive(Default)]
pub struct WriteKeyIndex {
    keys: RwLock<Arc<HashMap<String, Arc<SourceEntry>>>>,
}

impl WriteKeys for WriteKeyIndex {
    fn find(&self, key: &str) -> Option<Arc<SourceEntry>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        keys.get(key).cloned()
    }
}

fn record_key(workspace: &str, id: &str) -> String {
    format!("{PREFIX}{workspace}/{id}")
}

impl Control {
    /// The index for the intake.
    pub fn write_keys(&self) -> Arc<WriteKeyIndex> {
        Arc::clone(&self.index)
    }

    /// Keeps a source; a new one gets a write key. Returns its write key.
    pub fn put_source(&self, mut record: SourceRecord) -> Result<String, ControlError> {
        let key = record_key(&record.workspace, &record.id);
        let write_key = match self.get::<SourceRecord>(&key)? {
            Some(known) => self.vault.unseal(&key, &known.write_key)?,
            None => new_key("wk")?,
        };
        record.write_key = self.vault.seal(&key, &write_key)?;
        self.put(&key, &record)?;
        self.index_sources()?;
        Ok(write_key)
    }

    /// Gives a source a new write key; the old one is unknown from now on. `None` if there is no such source.
    pub fn rotate_write_key(
        &self,
        workspace: &WorkspaceId,
        id: &SourceId,
    ) -> Result<Option<(SourceRecord, String)>, ControlError> {
        let key = record_key(workspace.as_str(), id.as_str());
        let Some(mut record) = self.get::<SourceRecord>(&key)? else { return Ok(None) };
        let write_key = new_key("wk")?;
        record.write_key = self.vault.seal(&key, &write_key)?;
        self.put(&key, &record)?;
        self.index_sources()?;
        Ok(Some((record, write_key)))
    }

    /// Sources of a workspace with their write keys.
    pub fn sources(&self, workspace: &WorkspaceId) -> Result<Vec<(SourceRecord, String)>, ControlError> {
        let records: Vec<SourceRecord> = self.all(&record_key(workspace.as_str(), ""))?;
        let open = |record: SourceRecord| {
            let key = record_key(&record.workspace, &record.id);
            let write_key = self.vault.unseal(&key, &record.write_key)?;
            Ok((record, write_key))
        };
        records.into_iter().map(open).collect()
    }

    /// Stops accepting from a source for good. What it sent stays.
    pub fn delete_source(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<bool, ControlError> {
        let was = self.remove(&record_key(workspace.as_str(), id.as_str()))?;
        self.index_sources()?;
        Ok(was)
    }

    pub(super) fn index_sources(&self) -> Result<(), ControlError> {
        let mut keys = HashMap::new();
        for record in self.all::<SourceRecord>(PREFIX)? {
            let write_key = self.vault.unseal(&record_key(&record.workspace, &record.id), &record.write_key)?;
            let entry = SourceEntry {
                workspace: WorkspaceId(record.workspace),
                source: Source { id: SourceId(record.id), kind: record.kind, orders: record.orders },
                enabled: record.enabled,
                region: record.region,
            };
            keys.insert(write_key, Arc::new(entry));
        }
        *self.index.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        Ok(())
    }
}
