//! The destination's role: a list.

mod ends;
mod import;
mod memory;
mod push;
mod read;
mod reasons;
mod remove;

use crate::api::Api;
use crate::config::ListConfig;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use memory::Memory;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Profiles of one import.
const IMPORT_MAX: usize = 10_000;
/// How long a read may lag behind a write, seconds: it is eventually consistent.
const READ_LAG_S: u32 = 300;

/// What a list takes: an import, and as many removals in calls of their own.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 2 * IMPORT_MAX,
    batch_side_max: IMPORT_MAX,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: true,
    read_lag_s: READ_LAG_S,
};

/// Makes a destination of what an operator gave.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let config = ListConfig::read(setup)?;
    let absent = || Failure::Refused("a Klaviyo list needs the connection to its account".to_owned());
    let connection = setup.connection.clone().ok_or_else(absent)?;
    Ok(Arc::new(KlaviyoList { config, connection, memory: Mutex::default() }))
}

/// A list.
struct KlaviyoList {
    config: ListConfig,
    connection: Arc<Connection>,
    memory: Mutex<Memory>,
}

impl KlaviyoList {
    fn api(&self) -> Api<'_> {
        Api::new(&self.connection)
    }

    /// Never held over a call.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The list is not there.
    fn gone(&self, why: &str) -> Failure {
        Failure::Gone(format!("list {}: {why}", self.config.list))
    }
}

/// An address as it is compared: trimmed and lower-cased.
fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

#[async_trait::async_trait]
impl Destination for KlaviyoList {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("klaviyo {} list {}", self.connection.account, self.config.list)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        self.push_batch(batch).await
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a Klaviyo list takes no snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.config.properties.values().collect();
        names.into_iter().cloned().collect()
    }

    fn passes_after(&self, refusal: &Refusal) -> Option<Duration> {
        reasons::passes_after(&refusal.reason)
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        self.held_page(after).await
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        self.those_held(identifiers).await
    }
}
