//! The destination's role: a list of contacts whose members we keep.

mod ids;
mod list;
mod push;
mod read;

use crate::api::Api;
use crate::config::ListConfig;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Contacts that one call puts in, and others that it takes out. The platform is said to take 100,000; a call of this
/// size is cheap to repeat.
const SIDE_MAX: usize = 1_000;
/// What keeps a contact out may pass: an address that becomes another contact's, or is corrected.
const REFUSAL_PASSES: Duration = Duration::from_secs(24 * 3600);

/// What a list takes.
pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 2 * SIDE_MAX,
    batch_side_max: SIDE_MAX,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: true,
    read_lag_s: 15,
};

/// Makes a destination of what an operator gave.
pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let config = ListConfig::read(setup)?;
    let absent = || Failure::Refused("a HubSpot list needs the connection to its account".to_owned());
    let connection = setup.connection.clone().ok_or_else(absent)?;
    let needs = ["crm.lists.read", "crm.lists.write", "crm.objects.contacts.read"].into_iter();
    let needs = needs.chain(config.add_contacts.then_some("crm.objects.contacts.write"));
    let lacking: Vec<&str> = needs.filter(|scope| !connection.granted(scope)).collect();
    if !lacking.is_empty() {
        return Err(Failure::Refused(format!("the account did not grant {}", lacking.join(", "))));
    }
    Ok(Arc::new(HubspotList { config, connection, number: Mutex::default() }))
}

/// A list of contacts.
struct HubspotList {
    config: ListConfig,
    connection: Arc<Connection>,
    /// The list's number there, once it is known. Contacts' numbers are not remembered: one that was merged into
    /// another since would take that one out.
    number: Mutex<Option<String>>,
}

impl HubspotList {
    fn api(&self) -> Api<'_> {
        Api(&self.connection)
    }

    /// Never held over a call.
    fn number(&self) -> MutexGuard<'_, Option<String>> {
        self.number.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl Destination for HubspotList {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("hubspot {} list {}", self.connection.account, self.config.list)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        self.push_batch(batch).await
    }

    async fn snapshot(&self, _part: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("a list takes no snapshots".to_owned()))
    }

    fn fields(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self.config.properties.values().collect();
        names.into_iter().cloned().collect()
    }

    fn passes_after(&self, _refusal: &Refusal) -> Option<Duration> {
        Some(REFUSAL_PASSES)
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        self.held_page(after).await
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        self.those_held(identifiers).await
    }
}
