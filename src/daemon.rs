//! Builds the parts, starts them, stops them in order.

use crate::admin::{self, AdminState};
use crate::alerts::Alerts;
use crate::alerts::hook::AlertHook;
use crate::config::{Config, ConfigError};
use crate::control::vault::VaultError;
use crate::control::{Control, ControlError, StoredDestination, Vault};
use crate::enrich::Enrich;
use crate::intake::{self, BodyRoom, IntakeMetrics, IntakeState, Refusals};
use crate::links::{self, ClickQueue, ClickWorker, LinkState, LinkStore};
use crate::ops::metrics::{self, OpsState};
use crate::shard::api::Core;
use crate::shard::clock::{Clock, ClockAlert, SimulatedClock, SystemClock};
use crate::shard::options::{ShardAlerts, ShardError, ShardOptions};
use crate::shard::shards::Shards;
use crate::store::db::{Db, StoreError};
use crate::sync::{CorePeople, SyncDefaults, SyncService};
use axum::Router;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

mod run;

pub use run::run;

/// The file in the data folder that holds the first administrator's key.
pub const ADMIN_KEY_FILE: &str = "admin-key";

/// Folder of the store in the data folder.
pub const STORE_DIR: &str = "store";
/// Folder of the logs in the data folder.
pub const LOG_DIR: &str = "log";
/// The ledger of erasures in the data folder.
pub const ERASURES_FILE: &str = "erasures";

/// The signing secret of messages about alerts, in the data folder.
pub const ALERT_SECRET_FILE: &str = "alert-webhook-secret";

/// Why the daemon can't run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
    /// GeoIP.
    #[error("{0}")]
    Geo(String),
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
    sync.ask_people(Arc::new(CorePeople(Arc::downgrade(&core))));
    let control = Arc::new(Control::open(db.clone(), Vault::open(&config.master_key_file())?)?);
    control.bootstrap(&data.dir.join(ADMIN_KEY_FILE))?;
    let allow_private = config.sync.allow_private_destinations;
    for (workspace, list, destination, started) in control.destinations()? {
        let place = (&workspace, &list);
        if let Err(why) = admin::connect(&sync, place, &destination, (started, allow_private, false)) {
            let what_to_do = "set the list's destination again, or unlink it";
            alerts.raise("destination", list.as_str(), Some(workspace.as_str()), &why, what_to_do);
        }
    }
    if !config.alerts.webhook_url.is_empty() {
        let secret_file = data.dir.join(ALERT_SECRET_FILE);
        AlertHook::open(&config.alerts.webhook_url, &secret_file).map_err(DaemonError::Alerts)?.start(&alerts);
    }
    let enrich = Arc::new(Enrich::open(config.geoip()).map_err(DaemonError::Geo)?);
    let ready = Arc::new(AtomicBool::new(false));
    keep_secrets_young(&control, &sync, allow_private);
    let stop = stop.clone();
    let base = Base { db, alerts, sync, clock, simulated, shards, control, enrich, ready, stop };
    let (router, clicks) = routes(config, &base)?;
    let Base { db, alerts, shards, sync, enrich, ready, .. } = base;
    Ok(Parts { db, alerts, shards, sync, enrich, ready, router, clicks })
}

/// What the routes are made of.
struct Base {
    db: Db,
    alerts: Arc<Alerts>,
    sync: Arc<SyncService>,
    clock: Arc<dyn Clock>,
    simulated: Option<Arc<SimulatedClock>>,
    shards: Arc<Shards>,
    control: Arc<Control>,
    enrich: Arc<Enrich>,
    ready: Arc<AtomicBool>,
    stop: CancellationToken,
}

/// Drops old signing secrets when the overlap of a rotation is over.
fn keep_secrets_young(control: &Arc<Control>, sync: &Arc<SyncService>, allow_private: bool) {
    let sync = Arc::clone(sync);
    let changed = move |(workspace, list, destination, started): StoredDestination| {
        let how = (started, allow_private, false);
        if let Err(why) = admin::connect(&sync, (&workspace, &list), &destination, how) {
            tracing::error!(%why, %list, "a list goes on with its old secrets");
        }
    };
    tokio::spawn(crate::control::rotation::run(Arc::clone(control), changed));
}

fn routes(config: &Config, base: &Base) -> Result<(Router, ClickWorker), DaemonError> {
    let (metrics, refusals) = (Arc::new(IntakeMetrics::default()), Arc::new(Refusals::default()));
    let core = Arc::clone(&base.shards) as Arc<dyn Core>;
    let links = LinkStore::open(base.db.clone())?;
    let (queue, clicks) = ClickQueue::start(Arc::clone(&core), links.clone(), Arc::clone(&metrics))?;
    let link_routes = links::router(LinkState {
        store: links.clone(),
        queue,
        enrich: Arc::clone(&base.enrich),
        clock: Arc::clone(&base.clock),
    });
    let intake_routes = intake::router(IntakeState {
        core: Arc::clone(&core),
        keys: base.control.write_keys(),
        enrich: Arc::clone(&base.enrich),
        limits: config.intake,
        room: Arc::new(BodyRoom::new(config.intake.bodies_mib_max << 20)),
        metrics: Arc::clone(&metrics),
        refusals: Arc::clone(&refusals),
        clock: Arc::clone(&base.clock),
        public_url: config.listen.public_url.clone(),
    });
    let ops_routes = metrics::router(OpsState {
        core: Arc::clone(&core),
        sync: Arc::clone(&base.sync),
        intake: metrics,
        refusals: Arc::clone(&refusals),
        alerts: Arc::clone(&base.alerts),
        db: base.db.clone(),
        data_dir: config.data.dir.clone(),
        ready: Arc::clone(&base.ready),
    });
    let admin_routes = admin::router(AdminState {
        core,
        shards: Some(Arc::clone(&base.shards)),
        control: Arc::clone(&base.control),
        sync: Arc::clone(&base.sync),
        links,
        time: Arc::clone(&base.clock),
        alerts: Arc::clone(&base.alerts),
        refusals,
        clock: base.simulated.clone(),
        failures: Arc::default(),
        streams: Arc::new(tokio::sync::Semaphore::new(admin::limits::STREAMS_MAX)),
        stop: base.stop.clone(),
        allow_private: config.sync.allow_private_destinations,
        body_wait: Duration::from_secs(config.intake.body_wait_s),
        public_url: config.listen.public_url.clone(),
    });
    Ok((intake_routes.merge(link_routes).merge(ops_routes).merge(admin_routes), clicks))
}
