//! Lists that are sent through a connection: paused with it, and going on with it.

use super::commands::Parked;
use super::service::SyncService;
use super::settings::{ListState, SyncDefaults, SyncSettings};
use super::waits::Whose;
use crate::store::db::Db;
use kit::failure::Failure;
use kit::sync::{Batch, Destination, Refusal, SnapshotPart, SyncCapabilities};
use model::{ListDefinition, ListId, ListIdentifier, ListMode, SourceId, WorkspaceId};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A destination that answers as it is told to.
#[derive(Default)]
struct Account {
    failure: Mutex<Option<Failure>>,
    batches: Mutex<Vec<Batch>>,
    /// A push waits until somebody lets it go.
    slow: Mutex<Option<Arc<tokio::sync::Notify>>>,
}

#[async_trait::async_trait]
impl Destination for Account {
    fn capabilities(&self) -> SyncCapabilities {
        SyncCapabilities {
            batch_changes_max: 1_000,
            batch_side_max: 500,
            batch_bytes_max: 0,
            snapshot_members_max: 0,
            read_back: false,
            fields: false,
            read_lag_s: 0,
        }
    }

    fn identity(&self) -> String {
        "account".to_owned()
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let failure = self.failure.lock().unwrap().clone();
        let slow = self.slow.lock().unwrap().take();
        if let Some(slow) = slow {
            slow.notified().await;
        }
        match failure {
            Some(failure) => Err(failure),
            None => {
                self.batches.lock().unwrap().push(batch.clone());
                Ok(Vec::new())
            }
        }
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Ok(())
    }
}

struct Bench {
    _folder: tempfile::TempDir,
    service: Arc<SyncService>,
    account: Arc<Account>,
    sequence: u64,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::from("w")
}

fn list() -> ListId {
    ListId::from("l")
}

fn connection() -> SourceId {
    SourceId::from("mail")
}

impl Bench {
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(folder.path(), 1 << 20).unwrap();
        let runtime = tokio::runtime::Handle::current();
        let service = SyncService::open(db, Arc::default(), SyncDefaults::default(), runtime).unwrap();
        let definition = ListDefinition {
            id: list(),
            segment: "s".into(),
            identifier: ListIdentifier::Email,
            consent: None,
            mode: ListMode::Mirror,
        };
        service.define(&workspace(), &definition, 1).unwrap();
        Bench { _folder: folder, service, account: Arc::default(), sequence: 1 }
    }

    fn put(&self) {
        let settings = SyncSettings { snapshot_schedule: String::new(), ..SyncSettings::default() };
        let destination = Arc::clone(&self.account) as Arc<dyn Destination>;
        let connection = Some(connection());
        let parked = Parked { settings, destination, connection, started: true, lifts: false };
        self.service.put(&workspace(), &list(), parked).unwrap();
    }

    fn desire(&mut self, identifier: &str) {
        self.sequence += 1;
        let slot = self.service.slot(&workspace(), &list()).unwrap();
        let desired = engine::effect::Desired {
            list: list(),
            identifier: identifier.to_owned(),
            person: "p".to_owned(),
            member: true,
            sequence: self.sequence,
            at: model::Time(0),
            cause: engine::effect::Cause::Event,
        };
        slot.lock().desire(&desired).unwrap();
        slot.bell.notify_one();
    }

    fn state(&self) -> ListState {
        self.service.status(&workspace(), &list()).unwrap().state
    }

    fn sent(&self) -> usize {
        self.account.batches.lock().unwrap().len()
    }

    async fn until(&self, what: &str, is: impl Fn(&Bench) -> bool) {
        for _ in 0..2_000 {
            if is(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not {what}: {:#?}", self.service.statuses());
    }
}

#[tokio::test]
async fn a_list_goes_on_by_itself_when_its_connection_is_authorized_again() {
    let mut bench = Bench::new();
    *bench.account.failure.lock().unwrap() = Some(Failure::NeedsAuthorization("revoked".to_owned()));
    bench.put();
    bench.desire("a@b.mx");
    bench.until("stopped", |bench| bench.state() == ListState::Stopped).await;
    assert_eq!(bench.service.alerts.list().len(), 1);
    *bench.account.failure.lock().unwrap() = None;
    assert_eq!(bench.service.connection_restored(&workspace(), &SourceId::from("other")).unwrap(), 0);
    assert_eq!((bench.state(), bench.sent()), (ListState::Stopped, 0));
    assert_eq!(bench.service.connection_restored(&workspace(), &connection()).unwrap(), 1);
    bench.until("sent", |bench| bench.sent() == 1).await;
    assert!(bench.service.alerts.list().is_empty());
    bench.service.close().await;
}

#[tokio::test]
async fn a_list_whose_destination_is_gone_stays_stopped_when_its_connection_comes_back() {
    let mut bench = Bench::new();
    *bench.account.failure.lock().unwrap() = Some(Failure::Gone("deleted".to_owned()));
    bench.put();
    bench.desire("a@b.mx");
    bench.until("stopped", |bench| bench.state() == ListState::Stopped).await;
    assert_eq!(bench.service.connection_restored(&workspace(), &connection()).unwrap(), 0);
    assert_eq!(bench.state(), ListState::Stopped);
    bench.service.close().await;
}

#[tokio::test]
async fn a_refusal_of_the_old_token_that_comes_late_stops_nothing() {
    let mut bench = Bench::new();
    let slow = Arc::new(tokio::sync::Notify::new());
    *bench.account.failure.lock().unwrap() = Some(Failure::NeedsAuthorization("revoked".to_owned()));
    *bench.account.slow.lock().unwrap() = Some(Arc::clone(&slow));
    bench.put();
    bench.desire("a@b.mx");
    bench.until("under way", |bench| bench.account.slow.lock().unwrap().is_none()).await;
    *bench.account.failure.lock().unwrap() = None;
    bench.service.connection_restored(&workspace(), &connection()).unwrap();
    slow.notify_one();
    bench.until("sent", |bench| bench.sent() == 1).await;
    assert_eq!(bench.state(), ListState::Active);
    bench.service.close().await;
}

#[tokio::test]
async fn lists_of_a_paused_connection_wait_also_when_they_are_set_later() {
    let mut bench = Bench::new();
    let whose = Whose::Connection(connection());
    bench.service.wait_for(&workspace(), &whose, "paused", "the connection needs its merchant");
    assert_eq!(bench.state(), ListState::Unconfigured);
    bench.put();
    bench.desire("a@b.mx");
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!((bench.state(), bench.sent()), (ListState::Held, 0));
    bench.service.done_waiting(&workspace(), &whose, "paused");
    bench.until("sent", |bench| bench.sent() == 1).await;
    bench.service.close().await;
}

#[tokio::test]
async fn a_call_waits_a_moment_for_its_other_side_and_never_for_a_few_changes() {
    let mut bench = Bench::new();
    bench.service.wait_for(&workspace(), &Whose::Workspace, "test", "looked at by hand");
    bench.put();
    let slot = bench.service.slot(&workspace(), &list()).unwrap();
    for number in 0..49 {
        bench.desire(&format!("u{number}@b.mx"));
    }
    assert!(!slot.lock().is_filling(), "a few go at once");
    for number in 49..499 {
        bench.desire(&format!("u{number}@b.mx"));
    }
    assert!(slot.lock().is_filling());
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!slot.lock().is_filling(), "nothing comes any more");
    bench.desire("v@b.mx");
    assert!(slot.lock().is_filling());
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    bench.desire("w@b.mx");
    assert!(!slot.lock().is_filling(), "the oldest has waited long enough");
    bench.service.close().await;
}
