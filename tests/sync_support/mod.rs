//! A bench for lists: a service over a store that can crash, effects that are replayed as a shard
//! would, and a real receiving endpoint.

#![allow(dead_code, reason = "each test file uses a part")]

pub mod core;
pub mod double;
pub mod platform;

use engine::effect::{Cause, Desired, Effect};
use kit::connector::DestinationSetup;
use kit::sync::Destination;
use model::{ListDefinition, ListId, ListIdentifier, ListMode, SegmentId, Time, WorkspaceId};
use segmentd::alerts::Alerts;
use segmentd::shard::api::{EffectBatch, EffectSink};
use segmentd::store::db::Db;
use segmentd::sync::resync::Resynced;
use segmentd::sync::{DestinationConfig, ListCommand, ListStatus, SyncDefaults, SyncService, SyncSettings};
use segmentd_simulators::receiver::{Faults, Receiver};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const NEW_SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
const PATIENCE: Duration = Duration::from_secs(30);
const CACHE_BYTES: u64 = 8 << 20;

/// Random numbers that replay from a seed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Settings without waits.
pub fn settings() -> SyncSettings {
    let (calls_per_second, never) = (1_000, String::new());
    let (snapshot_schedule, reconcile_schedule) = (never.clone(), never);
    SyncSettings { calls_per_second, snapshot_schedule, reconcile_schedule, ..SyncSettings::default() }
}

/// An address at which nobody listens.
pub async fn dead_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}/hook", listener.local_addr().unwrap())
}

pub fn defaults() -> SyncDefaults {
    SyncDefaults { retry_first_ms: 5, retry_longest_ms: 50, ..SyncDefaults::default() }
}

/// Copies what the disk holds of a store: what a crash at this moment would leave.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub struct Bench {
    pub receiver: Receiver,
    pub alerts: Arc<Alerts>,
    pub service: Arc<SyncService>,
    db: Db,
    folder: tempfile::TempDir,
    store: u32,
    url: String,
    silent: Vec<Receiver>,
    sequence: u64,
    position: u64,
    checkpoint: usize,
    log: Vec<EffectBatch>,
    configs: BTreeMap<String, DestinationConfig>,
    desired: BTreeMap<String, BTreeMap<String, String>>,
}

fn workspace() -> WorkspaceId {
    WorkspaceId::from("shop")
}

fn open(path: &Path, alerts: &Arc<Alerts>) -> (Db, Arc<SyncService>) {
    let db = Db::open(path, CACHE_BYTES).unwrap();
    let runtime = tokio::runtime::Handle::current();
    let service = SyncService::open(db.clone(), Arc::clone(alerts), defaults(), runtime).unwrap();
    (db, service)
}

impl Bench {
    pub async fn new(seed: u64) -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::new(&[SECRET.to_owned()], seed).unwrap();
        let (address, _) = receiver.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let alerts = Arc::new(Alerts::default());
        let (db, service) = open(&folder.path().join("store-0"), &alerts);
        Bench {
            receiver,
            alerts,
            service,
            db,
            folder,
            store: 0,
            url: format!("http://{address}/hook"),
            silent: Vec::new(),
            sequence: 0,
            position: 0,
            checkpoint: 0,
            log: Vec::new(),
            configs: BTreeMap::new(),
            desired: BTreeMap::new(),
        }
    }

    fn hand_out(&mut self, effect: Effect) {
        self.position += 1;
        let batch = EffectBatch { shard: 0, workspace: workspace(), position: self.position, effects: vec![effect] };
        self.log.push(batch.clone());
        self.service.accept(batch);
    }

    pub fn define(&mut self, list: &str) {
        self.define_as(list, ListMode::Mirror);
    }

    pub fn define_as(&mut self, list: &str, mode: ListMode) {
        self.sequence += 1;
        let definition = ListDefinition {
            id: ListId::from(list),
            segment: SegmentId::from("vip"),
            identifier: ListIdentifier::Email,
            consent: None,
            mode,
        };
        self.hand_out(Effect::ListDefined { definition, sequence: self.sequence });
        self.desired.entry(list.to_owned()).or_default();
    }

    pub fn unlink(&mut self, list: &str, empty: bool) {
        self.sequence += 1;
        self.hand_out(Effect::ListRemoved { list: ListId::from(list), empty, sequence: self.sequence });
        self.desired.insert(list.to_owned(), BTreeMap::new());
    }

    /// The person behind an identifier is erased.
    pub fn erase(&mut self, list: &str, identifier: &str) {
        self.change(list, identifier, "p_erased", false, Cause::Erasure);
    }

    pub fn desire(&mut self, list: &str, identifier: &str, person: &str, member: bool) {
        self.change(list, identifier, person, member, Cause::Event);
    }

    fn change(&mut self, list: &str, identifier: &str, person: &str, member: bool, cause: Cause) {
        self.sequence += 1;
        let wanted = self.desired.entry(list.to_owned()).or_default();
        match member {
            true => wanted.insert(identifier.to_owned(), person.to_owned()),
            false => wanted.remove(identifier),
        };
        self.hand_out(Effect::Desired(Desired {
            list: ListId::from(list),
            identifier: identifier.to_owned(),
            person: person.to_owned(),
            member,
            sequence: self.sequence,
            at: Time(self.sequence as i64),
            cause,
        }));
    }

    fn config(&self, address: &str, settings: SyncSettings) -> DestinationConfig {
        let setup = DestinationSetup {
            address: address.to_owned(),
            secrets: vec![SECRET.into()],
            allow_private: true,
            connection: None,
            settings: serde_json::Map::new(),
            ..DestinationSetup::default()
        };
        DestinationConfig { connector: "webhook".to_owned(), setup, settings }
    }

    pub fn link(&mut self, list: &str, settings: SyncSettings) {
        let url = self.url.clone();
        self.link_to(list, settings, &url);
    }

    pub fn link_to(&mut self, list: &str, settings: SyncSettings, address: &str) {
        let config = self.config(address, settings);
        self.configs.insert(list.to_owned(), config);
        self.configure(list);
    }

    pub async fn link_to_silent(&mut self, list: &str, settings: SyncSettings) {
        let silent = Receiver::new(&[SECRET.to_owned()], 1).unwrap();
        silent.set_faults(Faults { silent: true, ..Faults::default() });
        let (address, _) = silent.serve("127.0.0.1:0".parse().unwrap()).await.unwrap();
        self.silent.push(silent);
        self.link_to(list, settings, &format!("http://{address}/hook"));
    }

    pub fn rotate(&mut self, list: &str) {
        let config = self.configs.get_mut(list).unwrap();
        config.setup.secrets = vec![NEW_SECRET.into(), SECRET.into()];
        self.configure(list);
    }

    fn configure(&self, list: &str) {
        self.service.configure(&workspace(), &ListId::from(list), &self.configs[list], false).unwrap();
    }

    pub fn destination(&self, list: &str) -> Arc<dyn Destination> {
        self.configs[list].connect().unwrap()
    }

    pub fn status(&self, list: &str) -> ListStatus {
        self.service.settle().unwrap();
        self.service.status(&workspace(), &ListId::from(list)).unwrap()
    }

    pub fn exists(&self, list: &str) -> bool {
        self.service.settle().unwrap();
        self.service.status(&workspace(), &ListId::from(list)).is_some()
    }

    pub fn command(&self, list: &str, command: ListCommand) -> ListStatus {
        self.service.settle().unwrap();
        self.service.command(&workspace(), &ListId::from(list), command).unwrap()
    }

    /// What a shard's checkpoint does; a replay begins after it.
    pub fn checkpoint(&mut self) {
        self.service.persist_through(0, self.position).unwrap();
        self.db.make_durable().unwrap();
        self.checkpoint = self.log.len();
    }

    /// Stops in order and starts again.
    pub async fn restart(&mut self) {
        self.checkpoint();
        let path = self.path();
        self.reopen(&path).await;
    }

    /// Ends as a power loss would, and starts again with what the disk held; the shard replays.
    pub async fn crash(&mut self) {
        let old = self.path();
        self.store += 1;
        let path = self.path();
        // Cut off in whatever they do; nothing is sent any more while the disk is copied, or the
        // copy could miss an intent that was durable before its message went out.
        Arc::clone(&self.service).close().await;
        copy(&old, &path);
        self.reopen(&path).await;
    }

    /// Starts again as after a restore of the store from a copy that was made just now.
    pub async fn restore(&mut self) {
        self.checkpoint();
        segmentd::store::meta::mark_restored(&self.db, 1).unwrap();
        let path = self.path();
        self.reopen(&path).await;
    }

    /// The store's folder.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join(format!("store-{}", self.store))
    }

    /// Where the next crash leaves its copy.
    pub fn next_path(&self) -> PathBuf {
        self.folder.path().join(format!("store-{}", self.store + 1))
    }

    /// Starts again on a copy that a destination made as it died.
    pub async fn reopen_copied(&mut self) {
        self.store += 1;
        let path = self.path();
        self.reopen(&path).await;
    }

    /// Closes in the midst of its work and starts again on the same files.
    pub async fn reopen_at_once(&mut self) {
        let path = self.path();
        self.reopen(&path).await;
    }

    /// Everything since the beginning comes again.
    pub fn replay(&mut self) {
        let position = self.position;
        let effects = self.log.iter().flat_map(|batch| batch.effects.clone()).collect();
        self.service.accept(EffectBatch { shard: 0, workspace: workspace(), position, effects });
        self.service.settle().unwrap();
    }

    /// Sets a destination of the test's own; it is not set again after a restart.
    pub fn put(&self, list: &str, settings: SyncSettings, destination: Arc<dyn Destination>) {
        let (workspace, list) = (workspace(), ListId::from(list));
        self.service.put_destination(&workspace, &list, settings, destination, false).unwrap();
    }

    /// Whether anything in the store names an identifier.
    pub fn store_holds(&self, identifier: &str) -> bool {
        self.service.settle().unwrap();
        let holds = |key: &[u8]| key.windows(identifier.len()).any(|part| part == identifier.as_bytes());
        self.db.tree("sync").unwrap().iter().keys().any(|key| holds(&key.unwrap()))
    }

    /// Compares a list with what the engine says.
    pub async fn resync(&self, list: &str, engine: Vec<(String, String)>) -> Resynced {
        let core = core::KnowsDesired(engine);
        self.service.resync(&core, &workspace(), &ListId::from(list)).await.unwrap()
    }

    async fn reopen(&mut self, path: &Path) {
        // The files can be opened again only when nothing of the old service has them.
        let spare = self.folder.path().join(format!("spare-{}", self.position));
        let (db, service) = open(&spare, &self.alerts);
        let old = (std::mem::replace(&mut self.db, db), std::mem::replace(&mut self.service, service));
        old.1.close().await;
        drop(old.0);
        let (db, service) = open(path, &self.alerts);
        let spare = (std::mem::replace(&mut self.db, db), std::mem::replace(&mut self.service, service));
        spare.1.close().await;
        for list in self.configs.keys() {
            self.configure(list);
        }
        let missed: Vec<EffectBatch> = self.log[self.checkpoint..].to_vec();
        // Replayed in other groups than at first.
        for group in missed.chunks(3) {
            let effects = group.iter().flat_map(|batch| batch.effects.clone()).collect();
            let position = group.last().map_or(0, |batch| batch.position);
            self.service.accept(EffectBatch { shard: 0, workspace: workspace(), position, effects });
        }
    }

    pub fn members(&self, list: &str) -> BTreeMap<String, String> {
        self.receiver.members(list)
    }

    pub fn wanted(&self, list: &str) -> Vec<String> {
        self.desired[list].keys().cloned().collect()
    }

    pub async fn until(&self, what: &str, is: impl Fn(&Bench) -> bool) {
        let begun = Instant::now();
        while !is(self) {
            assert!(begun.elapsed() < PATIENCE, "not {what} in {PATIENCE:?}: {:#?}", self.service.statuses());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Has a list's members read back, and waits until that is done and nothing is to be sent.
    pub async fn reconciled(&self, list: &str) -> ListStatus {
        self.service.settle().unwrap();
        self.service.reconcile_now(&workspace(), &ListId::from(list)).unwrap();
        let idle = |status: &ListStatus| !status.reconciling && status.to_add + status.to_remove == 0;
        self.until("reconciled", |bench| idle(&bench.status(list))).await;
        self.status(list)
    }

    /// Waits until nothing is to be sent, and then demands the exact set.
    pub async fn converges(&self, list: &str) {
        let done = |bench: &Bench| {
            let status = bench.status(list);
            let idle = status.to_add + status.to_remove == 0 && status.snapshot_parts_left == 0;
            idle && bench.members(list).into_keys().collect::<Vec<_>>() == bench.wanted(list)
        };
        self.until("converged", done).await;
        let status = self.status(list);
        assert_eq!((status.desired, status.confirmed), (self.wanted(list).len() as u64, status.desired));
    }

    pub async fn end(self) {
        self.service.close().await;
    }
}
