//! The destination's role: a tag of an audience.

mod create;
mod memory;
mod push;
mod read;
mod reasons;
mod tag;

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

/// Contacts that one call creates, puts in or takes out.
const SIDE_MAX: usize = 500;

/// What a tag takes.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 2 * SIDE_MAX,
    batch_side_max: SIDE_MAX,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: true,
    read_lag_s: 300,
};

/// Makes a destination of what an operator gave.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let config = ListConfig::read(setup)?;
    let absent = || Failure::Refused("a Mailchimp list needs the connection to its account".to_owned());
    let connection = setup.connection.clone().ok_or_else(absent)?;
    Api::new(&connection)?;
    Ok(Arc::new(MailchimpTag { config, connection, memory: Mutex::default() }))
}

/// A tag of an audience.
struct MailchimpTag {
    config: ListConfig,
    connection: Arc<Connection>,
    memory: Mutex<Memory>,
}

impl MailchimpTag {
    fn api(&self) -> Result<Api<'_>, Failure> {
        Api::new(&self.connection)
    }

    /// Never held over a call.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Destination for MailchimpTag {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        let ListConfig { audience, tag, .. } = &self.config;
        format!("mailchimp {} audience {audience} tag {tag}", self.connection.account)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        self.push_batch(batch).await
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a tag takes no snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.config.merge_fields.values().collect();
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
