//! A platform in memory that is read by a connector of its own, and a service that reads it.

#![allow(dead_code)]

pub mod platform;

use crate::fake::{FakeCore, now};
use kit::api::ApiClient;
use kit::backoff::Backoff;
use kit::connector::{Connector, Limits};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::install::Registered;
use kit::platform::{Connection, Platform};
use kit::token::FixedToken;
use model::{Identity, SourceId, Time, WorkspaceId};
use platform::Shop;
use segmentd::alerts::Alerts;
use segmentd::poll::{Accounts, Callbacks, ConnectionStatus, Exports, Holds, Keeper, PollService, PollSettings, Start};
use segmentd::shard::clock::{Clock, SimulatedClock};
use segmentd::store::db::Db;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What the service told the rest of the daemon, in order.
#[derive(Default)]
pub struct Told(pub Mutex<Vec<String>>);

impl Told {
    fn note(&self, what: String) {
        self.0.lock().unwrap().push(what);
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Holds for Told {
    fn hold(&self, _: &WorkspaceId, source: &SourceId, _: &str) {
        self.note(format!("hold {source}"));
    }
    fn release(&self, _: &WorkspaceId, source: &SourceId) {
        self.note(format!("release {source}"));
    }
}

#[async_trait::async_trait]
impl Keeper for Told {
    fn needs_authorization(&self, _: &WorkspaceId, source: &SourceId, why: &str) {
        self.note(format!("needs authorization {source}: {why}"));
    }
    async fn registered(&self, _: &WorkspaceId, source: &SourceId, registered: &Registered) -> Result<(), Failure> {
        self.note(format!("registered {source}: {}", registered.made.join(",")));
        Ok(())
    }
}

#[async_trait::async_trait]
impl Exports for Told {
    async fn export(&self, _: &WorkspaceId, _: &SourceId, who: &[Identity], reference: &str) -> Result<(), Failure> {
        self.note(format!("export {reference} {}", who.len()));
        Ok(())
    }

    async fn forget(&self, _: &WorkspaceId, _: &SourceId, who: &[Identity]) -> Result<(), Failure> {
        self.note(format!("exports of {} forgotten", who.len()));
        Ok(())
    }
}

#[async_trait::async_trait]
impl Accounts for Told {
    async fn redact_account(&self, _: &WorkspaceId, source: &SourceId) -> Result<(), Failure> {
        self.note(format!("redact account {source}"));
        Ok(())
    }
}

pub fn callbacks(told: &Arc<Told>) -> Callbacks {
    Callbacks { holds: told.clone(), keeper: told.clone(), exports: told.clone(), accounts: told.clone() }
}

/// Waits that suit a test.
pub fn settings() -> PollSettings {
    PollSettings {
        schedule: "* * * * * *".to_owned(),
        backoff: Backoff { first: Duration::from_millis(4), longest: Duration::from_millis(40) },
        collapse: Duration::from_millis(5),
        backfill_silence_max: Duration::from_millis(300),
        poll_silence_max: Duration::from_millis(300),
        fetch_max: Duration::from_millis(300),
        flush_every: Duration::ZERO,
        ..PollSettings::default()
    }
}

pub fn workspace() -> WorkspaceId {
    WorkspaceId::from("shop")
}

pub fn source() -> SourceId {
    SourceId::from("store")
}

/// A connection to nowhere: the shop answers without a network.
pub fn connection() -> Arc<Connection> {
    let http = HttpClient::new(true).unwrap();
    let api = ApiClient::new(http, Arc::new(FixedToken("t".to_owned().into())), Limits::USUAL);
    Arc::new(Connection {
        source: source(),
        account: "acme".to_owned(),
        region: None,
        settings: serde_json::Map::new(),
        details: serde_json::Map::new(),
        scopes: Vec::new(),
        platform: Arc::new(Platform::default()),
        api,
        hook_url: String::new(),
    })
}

/// A run of the daemon, as far as connections are concerned.
pub struct Run {
    pub service: Arc<PollService>,
    pub core: Arc<FakeCore>,
    pub told: Arc<Told>,
    pub alerts: Arc<Alerts>,
    pub clock: Arc<SimulatedClock>,
    pub connector: &'static Connector,
    pub db: Db,
    pub dir: PathBuf,
}

impl Run {
    pub fn open(dir: &Path, core: &Arc<FakeCore>, shop: &'static Shop, settings: PollSettings) -> Run {
        let db = Db::open(dir, 1 << 20).unwrap();
        let (told, alerts, clock) =
            (Arc::<Told>::default(), Arc::<Alerts>::default(), Arc::new(SimulatedClock::new(now())));
        let time: Arc<dyn Clock> = clock.clone();
        let runtime = tokio::runtime::Handle::current();
        let with = (time, alerts.clone());
        let service = PollService::open(db.clone(), core.clone(), with, callbacks(&told), settings, runtime).unwrap();
        let (core, dir) = (core.clone(), dir.to_owned());
        Run { service, core, told, alerts, clock, connector: shop.connector(), db, dir }
    }

    pub async fn start(&self) {
        let (connector, connection) = (self.connector, connection());
        self.service.start(Start { workspace: workspace(), connector, connection }).await.unwrap();
    }

    pub fn status(&self) -> ConnectionStatus {
        self.service.status(&workspace(), &source()).unwrap().unwrap()
    }

    /// Waits until something is so, and says what was not when it takes too long.
    pub async fn until(&self, what: &str, so: impl Fn(&Run) -> bool) {
        let began = Instant::now();
        while !so(self) {
            assert!(began.elapsed() < Duration::from_secs(10), "{what}: {:#?} {:?}", self.status(), self.told.all());
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }

    pub async fn close(self) {
        self.service.close().await;
    }
}

/// The files of a store as a kill would leave them now.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

pub fn minutes(count: i64) -> Time {
    now().plus_micros(count * 60_000_000)
}
