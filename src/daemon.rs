//! Builds the parts, starts them, stops them in order.

use crate::alerts::Alerts;
use crate::alerts::hook::AlertHook;
use crate::config::{Config, ConfigError};
use crate::connections::{ConnectionSettings, Connections};
use crate::control::vault::VaultError;
use crate::control::{Control, ControlError, StoredDestination, Vault};
use crate::enrich::Enrich;
use crate::links::ClickWorker;
use crate::poll::{Inbox, PollService, PollSettings};
use crate::shard::api::Core;
use crate::shard::clock::{Clock, ClockAlert, SimulatedClock, SystemClock};
use crate::shard::options::{ShardAlerts, ShardError, ShardOptions};
use crate::shard::shards::Shards;
use crate::store::db::{Db, StoreError};
use crate::sync::{CorePeople, SyncDefaults, SyncService};
use axum::Router;
use model::{SegmentId, WorkspaceId};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

mod routes;
mod run;

use routes::{Base, routes};
pub use run::run;

/// The file in the data folder that holds the first administrator's key.
pub const ADMIN_KEY_FILE: &str = "admin-key";

/// Folder of the store in the data folder.
pub const STORE_DIR: &str = "store";
/// Folder of the logs in the data folder.
pub const LOG_DIR: &str = "log";
/// The ledger of erasures in the data folder.
pub const ERASURES_FILE: &str = "erasures";

/// Folder of exports for merchants in the data folder.
pub const EXPORTS_DIR: &str = "exports";

/// The signing secret of messages about alerts, in the data folder.
pub const ALERT_SECRET_FILE: &str = "alert-webhook-secret";

/// Why the daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Descriptions of platforms.
    #[error("connections.described: {0}")]
    Described(#[from] crate::connectors::DescribedError),
    /// Store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Shards.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// Control plane.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Master key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The system.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Where alerts are told.
    #[error("{0}")]
    Alerts(String),
    /// GeoIP, or number ranges.
    #[error("{0}")]
    Enrich(String),
    /// It can't go on; a new start may help.
    #[error("{0}")]
    Broken(String),
}

fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> DaemonError {
    let what = what.into();
    move |source| DaemonError::System { what, source }
}

/// What shards tell becomes alerts; a leap of the clock holds removals until it is confirmed.
struct Told {
    alerts: Arc<Alerts>,
    sync: Arc<SyncService>,
}

impl ClockAlert for Told {
    fn leapt(&self, leap_micros: i64) {
        let what = format!("the wall clock leapt by {} s", leap_micros / 1_000_000);
        self.sync.clock_leapt(&what);
    }
}

impl ShardAlerts for Told {
    fn stopped(&self, shard: u32, reason: &str) {
        let subject = format!("shard-{shard}");
        self.alerts.raise("shard", &subject, None, reason, "mend what it names and restart the daemon");
    }

    fn checkpoint_failed(&self, shard: u32, reason: &str) {
        let subject = format!("checkpoint-{shard}");
        self.alerts.raise("checkpoint", &subject, None, reason, "make room on the disk or mend it");
    }

    fn checkpoint_works(&self, shard: u32) {
        self.alerts.clear("checkpoint", &format!("checkpoint-{shard}"), None);
    }

    fn log_cut(&self, shard: u32, what: &str) {
        tracing::warn!(shard, what, "the end of the log was cut");
    }

    fn segment_failed(&self, workspace: &WorkspaceId, segment: &SegmentId, reason: &str) {
        let what_to_do = "give the segment another definition; until then its members and lists stay as they are";
        self.alerts.raise("segment", segment.as_str(), Some(workspace.as_str()), reason, what_to_do);
    }

    fn segment_works(&self, workspace: &WorkspaceId, segment: &SegmentId) {
        self.alerts.clear("segment", segment.as_str(), Some(workspace.as_str()));
    }
}

/// Options of the shards by the settings.
pub fn shard_options(config: &Config) -> ShardOptions {
    let data = &config.data;
    let mut options = ShardOptions::in_dir(data.dir.join(LOG_DIR));
    options.shards = data.shards;
    options.checkpoint_every = Duration::from_secs(data.checkpoint_s);
    options.people_cache_bytes = data.people_cache_mib << 20;
    options.log_keep = Duration::from_secs(data.log_keep_days * 86_400);
    options.limits.free_space_reserve_bytes = data.free_space_reserve_mib << 20;
    options.limits.workspace_records_max = data.workspace_waiting_records_max;
    options.limits.workspace_bytes_max = data.workspace_waiting_mib_max << 20;
    options.erasures_file = Some(data.dir.join(ERASURES_FILE));
    options
}

/// The parts of a running daemon.
struct Parts {
    db: Db,
    alerts: Arc<Alerts>,
    shards: Arc<Shards>,
    sync: Arc<SyncService>,
    connections: Arc<Connections>,
    enrich: Arc<Enrich>,
    ready: Arc<AtomicBool>,
    router: Router,
    clicks: ClickWorker,
}

fn build(config: &Config, stop: &CancellationToken) -> Result<Parts, DaemonError> {
    let data = &config.data;
    std::fs::create_dir_all(&data.dir).map_err(system(format!("data.dir {}", data.dir.display())))?;
    let db = Db::open(&data.dir.join(STORE_DIR), data.cache_mib << 20)?;
    let alerts = Arc::new(Alerts::default());
    let defaults = SyncDefaults {
        brake_percent: config.sync.brake_percent,
        brake_members_min: config.sync.brake_members_min,
        retry_first_ms: config.sync.retry_first_ms,
        retry_longest_ms: config.sync.retry_longest_ms,
    };
    let runtime = tokio::runtime::Handle::current();
    let sync = SyncService::open(db.clone(), Arc::clone(&alerts), defaults, runtime)?;
    let simulated = config.simulated_start().map(|start| Arc::new(SimulatedClock::new(start)));
    let clock: Arc<dyn Clock> = match &simulated {
        Some(clock) => Arc::clone(clock) as Arc<dyn Clock>,
        None => Arc::new(SystemClock),
    };
    let told = Arc::new(Told { alerts: Arc::clone(&alerts), sync: Arc::clone(&sync) });
    let sink = Arc::clone(&sync) as Arc<dyn crate::shard::api::EffectSink>;
    let shards = Arc::new(Shards::open(db.clone(), shard_options(config), Arc::clone(&clock), sink, told)?);
    let core = Arc::clone(&shards) as Arc<dyn Core>;
    sync.ask_people(Arc::new(CorePeople(Arc::downgrade(&core), Arc::clone(&clock))));
    let control = Arc::new(Control::open(db.clone(), Vault::open(&config.master_key_file())?)?);
    match control.reseal()? {
        0 => {}
        count => tracing::info!(count, "secrets are sealed anew under the newest master key; older ones may go"),
    }
    control.bootstrap(&data.dir.join(ADMIN_KEY_FILE))?;
    let settings = ConnectionSettings {
        connectors: crate::connectors::begin(&config.connections.described)?,
        public_url: config.listen.public_url.clone(),
        addresses: config.connections.addresses.clone(),
        connector_settings: config.connections.settings.clone(),
        allow_private: config.sync.allow_private_destinations,
        exports_dir: data.dir.join(EXPORTS_DIR),
    };
    let connections = Connections::open(Arc::clone(&control), core, Arc::clone(&sync), Arc::clone(&alerts), settings)?;
    let inbox = read_connections(config, (&db, &clock, &alerts), &shards, &connections)?;
    connections.attach_all()?;
    if !config.alerts.webhook_url.is_empty() {
        let secret_file = data.dir.join(ALERT_SECRET_FILE);
        AlertHook::open(&config.alerts.webhook_url, &secret_file).map_err(DaemonError::Alerts)?.start(&alerts);
    }
    let enrich = Enrich::open(config.geoip(), config.phone_ranges()).map_err(DaemonError::Enrich)?;
    let enrich = Arc::new(enrich);
    shards.set_edge(Arc::<Enrich>::clone(&enrich));
    let ready = Arc::new(AtomicBool::new(false));
    keep_secrets_young(&control, &connections);
    let stop = stop.clone();
    let base = Base { db, alerts, sync, clock, simulated, shards, control, connections, inbox, enrich, ready, stop };
    let (router, clicks) = routes(config, &base)?;
    let Base { db, alerts, shards, sync, connections, enrich, ready, .. } = base;
    Ok(Parts { db, alerts, shards, sync, connections, enrich, ready, router, clicks })
}

/// Lists of connections whose past is not read yet wait from here on.
fn read_connections(
    config: &Config,
    (db, clock, alerts): (&Db, &Arc<dyn Clock>, &Arc<Alerts>),
    shards: &Arc<Shards>,
    connections: &Arc<Connections>,
) -> Result<Arc<Inbox>, DaemonError> {
    let settings = PollSettings {
        schedule: config.connections.poll_schedule.clone(),
        register_schedule: config.connections.register_schedule.clone(),
        ..PollSettings::default()
    };
    let core = Arc::clone(shards) as Arc<dyn Core>;
    let told = (Arc::clone(clock), Arc::clone(alerts));
    let runtime = tokio::runtime::Handle::current();
    let service = PollService::open(db.clone(), core, told, connections.callbacks(), settings, runtime)?;
    let inbox = service.inbox();
    connections.read_with(service);
    Ok(inbox)
}

/// Drops old signing secrets when the overlap of a rotation is over.
fn keep_secrets_young(control: &Arc<Control>, connections: &Arc<Connections>) {
    let connections = Arc::clone(connections);
    let changed = move |(workspace, list, destination, started): StoredDestination| {
        if let Err(why) = connections.attach((&workspace, &list), &destination, (started, false)) {
            tracing::error!(%why, %list, "a list goes on with its old secrets");
        }
    };
    tokio::spawn(crate::control::rotation::run(Arc::clone(control), changed));
}
