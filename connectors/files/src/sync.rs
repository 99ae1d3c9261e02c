//! The destination's role.

use crate::config::FileConfig;
use crate::rewrite;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Members of one page that is read back.
const PAGE: usize = 50_000;

/// A batch writes the whole file: it should bring much.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 50_000,
    batch_side_max: 50_000,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: true,
    read_lag_s: 0,
};

/// Makes a destination of what was set.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    Ok(Arc::new(FileDestination { config: Arc::new(FileConfig::read(setup)?), turn: Mutex::new(()) }))
}

/// A list in a file.
struct FileDestination {
    config: Arc<FileConfig>,
    /// One rewrites at a time.
    turn: Mutex<()>,
}

/// Does work on files where it may take as long as a disk takes.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::retry("the work on the file ended early", None))?
}

#[async_trait::async_trait]
impl Destination for FileDestination {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("file {}", self.config.path.display())
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let _turn = self.turn.lock().await;
        let (config, list, changes) = (Arc::clone(&self.config), batch.list.clone(), batch.changes.clone());
        apart(move || rewrite::change(&config, &list, &changes)).await?;
        Ok(Vec::new())
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a file takes changes, not snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        let properties: BTreeSet<&String> = self.config.layout.columns.iter().map(|(_, property)| property).collect();
        properties.into_iter().cloned().collect()
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let (config, after) = (Arc::clone(&self.config), after.map(str::to_owned));
        apart(move || {
            let mut rows = rewrite::open(&config)?;
            let mut held = Vec::new();
            while let Some(row) = rewrite::next(&config, &mut rows)? {
                if after.as_ref().is_none_or(|after| row.identifier > *after) {
                    held.push(row.identifier);
                }
                if held.len() == PAGE {
                    let next = held.last().cloned();
                    return Ok(HeldPage { held, next });
                }
            }
            Ok(HeldPage { held, next: None })
        })
        .await
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let (config, asked) = (Arc::clone(&self.config), identifiers.iter().cloned().collect::<BTreeSet<String>>());
        apart(move || {
            let mut rows = rewrite::open(&config)?;
            let mut found = Vec::new();
            while let Some(row) = rewrite::next(&config, &mut rows)? {
                if asked.contains(&row.identifier) {
                    found.push(row.identifier);
                }
            }
            Ok(found)
        })
        .await
    }
}
