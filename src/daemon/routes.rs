//! All routes of the daemon, from its parts.

use super::DaemonError;
use crate::admin::{self, AdminState};
use crate::alerts::Alerts;
use crate::config::Config;
use crate::connections::Connections;
use crate::control::Control;
use crate::enrich::Enrich;
use crate::intake::hooks::{self, HookMetrics, HookState};
use crate::intake::{self, BodyRoom, IntakeMetrics, IntakeState, Refusals};
use crate::links::{self, ClickQueue, ClickWorker, LinkState, LinkStore};
use crate::ops::metrics::{self, OpsState};
use crate::poll::Inbox;
use crate::shard::api::Core;
use crate::shard::clock::{Clock, SimulatedClock};
use crate::shard::shards::Shards;
use crate::store::db::Db;
use crate::sync::SyncService;
use axum::Router;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the routes are made of.
pub(super) struct Base {
    pub(super) db: Db,
    pub(super) alerts: Arc<Alerts>,
    pub(super) sync: Arc<SyncService>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) simulated: Option<Arc<SimulatedClock>>,
    pub(super) shards: Arc<Shards>,
    pub(super) control: Arc<Control>,
    pub(super) connections: Arc<Connections>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) enrich: Arc<Enrich>,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) stop: CancellationToken,
}

pub(super) fn routes(config: &Config, base: &Base) -> Result<(Router, ClickWorker), DaemonError> {
    let (metrics, refusals) = (Arc::new(IntakeMetrics::default()), Arc::new(Refusals::default()));
    let hook_metrics = Arc::new(HookMetrics::default());
    let room = Arc::new(BodyRoom::new(config.intake.bodies_mib_max << 20));
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
        customers: Arc::clone(&base.connections) as Arc<dyn intake::Customers>,
        enrich: Arc::clone(&base.enrich),
        limits: config.intake,
        room: Arc::clone(&room),
        metrics: Arc::clone(&metrics),
        refusals: Arc::clone(&refusals),
        clock: Arc::clone(&base.clock),
        public_url: config.listen.public_url.clone(),
    });
    let ops_routes = metrics::router(OpsState {
        core: Arc::clone(&core),
        sync: Arc::clone(&base.sync),
        intake: metrics,
        hooks: Arc::clone(&hook_metrics),
        connections: Arc::clone(&base.connections),
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
        connections: Arc::clone(&base.connections),
        body_wait: Duration::from_secs(config.intake.body_wait_s),
        public_url: config.listen.public_url.clone(),
    });
    let hook_routes = hook_routes(config, base, &room, hook_metrics);
    let merchant_routes = crate::oauth::routes::router(Arc::clone(&base.connections));
    let router = intake_routes
        .merge(link_routes)
        .merge(ops_routes)
        .merge(admin_routes)
        .merge(hook_routes)
        .merge(merchant_routes);
    Ok((router, clicks))
}

fn hook_routes(config: &Config, base: &Base, room: &Arc<BodyRoom>, metrics: Arc<HookMetrics>) -> Router {
    hooks::router(HookState {
        public_url: config.listen.public_url.clone(),
        core: Arc::clone(&base.shards) as Arc<dyn Core>,
        connections: Arc::clone(&base.connections) as Arc<dyn crate::poll::Connections>,
        inbox: base.inbox.clone(),
        limits: config.intake,
        room: Arc::clone(room),
        clock: Arc::clone(&base.clock),
        metrics,
        aside: Arc::default(),
        alerts: Arc::clone(&base.alerts),
        senders: Arc::new(config.connections.senders.clone()),
    })
}
