//! Members who leave a destination by themselves: told of once, not added again, and back when they consent anew.

use super::commands::{ListCommand, Parked};
use super::people::{Departure, People};
use super::service::SyncService;
use super::settings::{ListState, ListStatus, SyncDefaults, SyncSettings};
use crate::alerts::Alerts;
use crate::shard::api::{EffectBatch, EffectSink, QueryError};
use crate::store::db::Db;
use engine::effect::{Cause, Desired, Effect};
use kit::failure::Failure;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use model::{Channel, ListDefinition, ListId, ListIdentifier, ListMode, SourceId, Time, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn workspace() -> WorkspaceId {
    WorkspaceId::from("shop")
}

fn list() -> ListId {
    ListId::from("news")
}

/// A list that people leave by themselves.
#[derive(Default)]
struct Platform {
    members: Mutex<BTreeSet<String>>,
    added: Mutex<Vec<String>>,
}

impl Platform {
    fn leaves(&self, address: &str) {
        assert!(self.members.lock().unwrap().remove(address), "{address} is no member");
    }

    fn has(&self, address: &str) -> bool {
        self.members.lock().unwrap().contains(address)
    }

    fn count(&self) -> usize {
        self.members.lock().unwrap().len()
    }

    fn times_added(&self, address: &str) -> usize {
        self.added.lock().unwrap().iter().filter(|added| *added == address).count()
    }
}

#[async_trait::async_trait]
impl Destination for Platform {
    fn capabilities(&self) -> SyncCapabilities {
        SyncCapabilities {
            batch_changes_max: 100,
            batch_side_max: 0,
            batch_bytes_max: 0,
            snapshot_members_max: 0,
            read_back: true,
            fields: false,
            read_lag_s: 0,
        }
    }

    fn identity(&self) -> String {
        "platform".to_owned()
    }

    fn leaving_withdraws(&self) -> Option<Channel> {
        Some(Channel::Email)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let (mut members, mut added) = (self.members.lock().unwrap(), self.added.lock().unwrap());
        for change in &batch.changes {
            if change.member {
                members.insert(change.identifier.clone());
                added.push(change.identifier.clone());
            } else {
                members.remove(&change.identifier);
            }
        }
        Ok(Vec::new())
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("no snapshots".to_owned()))
    }

    async fn held(&self, _: Option<&str>) -> Result<HeldPage, Failure> {
        Ok(HeldPage { held: self.members.lock().unwrap().iter().cloned().collect(), next: None })
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let members = self.members.lock().unwrap();
        Ok(identifiers.iter().filter(|identifier| members.contains(*identifier)).cloned().collect())
    }
}

/// What the engine would do: whoever withdraws the consent is not desired any more, unless no list asks for consent.
struct Engine {
    service: Mutex<Weak<SyncService>>,
    sequence: AtomicU64,
    heeds_consent: bool,
    told: Mutex<Vec<Departure>>,
    /// Dies after it was told, before anybody hears of it, so many times.
    dies: AtomicU64,
}

impl Engine {
    fn next(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn desire(&self, address: &str, member: bool, cause: Cause) {
        let sequence = self.next();
        let desired = Desired {
            list: list(),
            identifier: address.to_owned(),
            person: format!("p_{address}"),
            member,
            sequence,
            at: Time(0),
            cause,
        };
        let effects = vec![Effect::Desired(desired)];
        let service = self.service.lock().unwrap().upgrade().unwrap();
        service.accept(EffectBatch { shard: 0, workspace: workspace(), position: sequence, effects });
    }
}

#[async_trait::async_trait]
impl People for Engine {
    async fn properties(&self, _: &WorkspaceId, _: &str, _: &[String]) -> Result<BTreeMap<String, String>, QueryError> {
        Ok(BTreeMap::new())
    }

    async fn left(&self, _: &WorkspaceId, left: Vec<Departure>) -> Result<(), QueryError> {
        for departure in left {
            let known = self.told.lock().unwrap().contains(&departure);
            if !known && self.heeds_consent {
                self.desire(&departure.address, false, Cause::Consent);
            }
            self.told.lock().unwrap().push(departure);
        }
        let dies = self.dies.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if dies.is_ok() { Err(QueryError::Unavailable("cut off".to_owned())) } else { Ok(()) }
    }
}

struct Bench {
    folder: tempfile::TempDir,
    service: Arc<SyncService>,
    platform: Arc<Platform>,
    engine: Arc<Engine>,
    alerts: Arc<Alerts>,
}

fn open(folder: &tempfile::TempDir, engine: &Arc<Engine>, alerts: &Arc<Alerts>) -> Arc<SyncService> {
    let db = Db::open(folder.path(), 1 << 20).unwrap();
    let defaults = SyncDefaults { retry_first_ms: 1, retry_longest_ms: 5, ..SyncDefaults::default() };
    let service = SyncService::open(db, Arc::clone(alerts), defaults, tokio::runtime::Handle::current()).unwrap();
    *engine.service.lock().unwrap() = Arc::downgrade(&service);
    service.ask_people(Arc::clone(engine) as Arc<dyn People>);
    service
}

impl Bench {
    /// A list with these members, there and here.
    async fn filled(consent: Option<Channel>, members: &[String]) -> Bench {
        let (folder, alerts) = (tempfile::tempdir().unwrap(), Arc::<Alerts>::default());
        let engine = Arc::new(Engine {
            service: Mutex::default(),
            sequence: AtomicU64::new(1),
            heeds_consent: consent.is_some(),
            told: Mutex::default(),
            dies: AtomicU64::new(0),
        });
        let service = open(&folder, &engine, &alerts);
        let bench = Bench { folder, service, platform: Arc::default(), engine, alerts };
        let definition = ListDefinition {
            id: list(),
            segment: "s".into(),
            identifier: ListIdentifier::Email,
            consent,
            mode: ListMode::Mirror,
        };
        bench.service.define(&workspace(), &definition, 1).unwrap();
        bench.put();
        members.iter().for_each(|address| bench.engine.desire(address, true, Cause::Event));
        bench.until("filled", |bench| bench.platform.count() == members.len()).await;
        bench.reconciled().await;
        bench
    }

    fn put(&self) {
        let never = String::new();
        let (snapshot_schedule, reconcile_schedule) = (never.clone(), never);
        let settings =
            SyncSettings { snapshot_schedule, reconcile_schedule, calls_per_second: 1_000, ..SyncSettings::default() };
        let (destination, connection) =
            (Arc::clone(&self.platform) as Arc<dyn Destination>, Some(SourceId::from("mm")));
        let parked = Parked { settings, destination, connection, started: true, lifts: false };
        self.service.put(&workspace(), &list(), parked).unwrap();
    }

    async fn restarted(mut self) -> Bench {
        let spare = tempfile::tempdir().unwrap();
        let fresh = open(&spare, &self.engine, &self.alerts);
        std::mem::replace(&mut self.service, fresh).close().await;
        let service = open(&self.folder, &self.engine, &self.alerts);
        std::mem::replace(&mut self.service, service).close().await;
        self.put();
        self
    }

    fn status(&self) -> ListStatus {
        self.service.settle().unwrap();
        self.service.status(&workspace(), &list()).unwrap()
    }

    async fn until(&self, what: &str, is: impl Fn(&Bench) -> bool) {
        let begun = Instant::now();
        while !is(self) {
            assert!(begun.elapsed() < PATIENCE, "not {what}: {:#?}", self.status());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn reconciled(&self) -> ListStatus {
        self.service.reconcile_now(&workspace(), &list()).unwrap();
        let idle = |status: ListStatus| !status.reconciling && status.to_add + status.to_remove == 0;
        self.until("reconciled", |bench| idle(bench.status())).await;
        self.status()
    }
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}@example.com")).collect()
}

const ANA: &str = "u001@example.com";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_told_of_once_and_stays_out_until_they_consent_anew() {
    let bench = Bench::filled(Some(Channel::Email), &addresses(5)).await;
    bench.platform.leaves(ANA);
    let status = bench.reconciled().await;
    assert_eq!((status.left, status.desired, status.confirmed, status.drift_found), (1, 4, 4, 0));
    let told = bench.engine.told.lock().unwrap().clone();
    let (source, membership) = (SourceId::from("mm"), told[0].membership);
    let expected = Departure { source, list: list(), channel: Channel::Email, address: ANA.to_owned(), membership };
    assert_eq!(told, [expected]);
    let bench = bench.restarted().await;
    bench.reconciled().await;
    assert!(!bench.platform.has(ANA) && bench.engine.told.lock().unwrap().len() == 1);
    bench.engine.desire(ANA, true, Cause::Consent);
    bench.until("back", |bench| bench.platform.has(ANA)).await;
    bench.platform.leaves(ANA);
    bench.reconciled().await;
    let told = bench.engine.told.lock().unwrap().clone();
    assert!(told.len() == 2 && told[1].membership > told[0].membership, "another membership: {told:?}");
    assert_eq!((bench.platform.has(ANA), bench.platform.times_added(ANA)), (false, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_off_after_it_was_told_it_is_told_again_and_nothing_is_added() {
    let bench = Bench::filled(Some(Channel::Email), &addresses(5)).await;
    bench.engine.dies.store(2, Ordering::SeqCst);
    bench.platform.leaves(ANA);
    bench.service.reconcile_now(&workspace(), &list()).unwrap();
    bench.until("told", |bench| !bench.engine.told.lock().unwrap().is_empty()).await;
    let bench = bench.restarted().await;
    bench.reconciled().await;
    let told = bench.engine.told.lock().unwrap().clone();
    assert!(told.iter().all(|one| *one == told[0]), "the same every time: {told:?}");
    assert_eq!((bench.status().desired, bench.platform.times_added(ANA)), (4, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_list_without_consent_no_change_of_the_segment_brings_them_back_and_they_may_come_themselves() {
    let bench = Bench::filled(None, &addresses(5)).await;
    bench.platform.leaves(ANA);
    assert_eq!(bench.reconciled().await.left, 1);
    bench.engine.desire(ANA, false, Cause::Event);
    bench.engine.desire(ANA, true, Cause::Event);
    bench.service.settle().unwrap();
    let bench = bench.restarted().await;
    bench.service.command(&workspace(), &list(), ListCommand::Resend).unwrap();
    bench.reconciled().await;
    assert_eq!((bench.platform.has(ANA), bench.platform.times_added(ANA)), (false, 1));
    bench.platform.members.lock().unwrap().insert(ANA.to_owned());
    let status = bench.reconciled().await;
    assert_eq!((status.confirmed, status.strangers, bench.platform.has(ANA)), (5, 0, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_or_removed_by_us_did_not_leave() {
    let bench = Bench::filled(Some(Channel::Email), &addresses(5)).await;
    bench.service.command(&workspace(), &list(), ListCommand::Hold).unwrap();
    bench.engine.desire(ANA, false, Cause::Erasure);
    bench.platform.leaves(ANA);
    bench.service.command(&workspace(), &list(), ListCommand::Release).unwrap();
    bench.reconciled().await;
    bench.engine.desire("u002@example.com", false, Cause::Event);
    bench.until("removed", |bench| bench.platform.count() == 3).await;
    let status = bench.reconciled().await;
    assert_eq!((status.left, bench.engine.told.lock().unwrap().len()), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn much_of_a_list_that_is_missing_waits_for_a_word_to_be_told_of_or_put_back() {
    for back in [false, true] {
        let bench = Bench::filled(Some(Channel::Email), &addresses(40)).await;
        addresses(12).iter().for_each(|address| bench.platform.leaves(address));
        let status = bench.reconciled().await;
        assert_eq!((status.state, status.left), (ListState::Braked, 0));
        assert_eq!(status.reason.as_deref(), Some("12 of 40 members are missing there"));
        assert_eq!((bench.platform.count(), bench.engine.told.lock().unwrap().len()), (28, 0));
        assert!(bench.alerts.list().iter().any(|alert| alert.kind == "leaving"));
        let word = if back { ListCommand::Resend } else { ListCommand::ConfirmBrake };
        bench.service.command(&workspace(), &list(), word).unwrap();
        let status = bench.reconciled().await;
        let (left, members) = if back { (0, 40) } else { (12, 28) };
        assert_eq!((status.left, bench.platform.count(), status.state), (left, members, ListState::Active));
        assert!(bench.alerts.list().iter().all(|alert| alert.kind != "leaving"));
    }
}
