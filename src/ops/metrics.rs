//! Health and metrics for operators.

use crate::alerts::Alerts;
use crate::connections::Connections;
use crate::intake::hooks::HookMetrics;
use crate::intake::{IntakeMetrics, Refusals};
use crate::shard::api::Core;
use crate::store::db::Db;
use crate::sync::SyncService;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What the operator's routes look at.
#[derive(Clone)]
pub struct OpsState {
    /// The shards.
    pub core: Arc<dyn Core>,
    /// Lists.
    pub sync: Arc<SyncService>,
    /// Intake.
    pub intake: Arc<IntakeMetrics>,
    /// Deliveries of platforms.
    pub hooks: Arc<HookMetrics>,
    /// Connections.
    pub connections: Arc<Connections>,
    /// What intake refused.
    pub refusals: Arc<Refusals>,
    /// What needs a person.
    pub alerts: Arc<Alerts>,
    /// The store.
    pub db: Db,
    /// The data folder, for free space.
    pub data_dir: std::path::PathBuf,
    /// Whether it takes requests.
    pub ready: Arc<AtomicBool>,
}

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router(state: OpsState) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(state)
}

async fn readyz(State(state): State<OpsState>) -> (StatusCode, String) {
    let failed = state.core.stats().into_iter().find_map(|shard| shard.failed);
    match failed {
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("a shard stopped: {why}\n")),
        None if !state.ready.load(Ordering::Acquire) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
        None => (StatusCode::OK, "ready\n".to_owned()),
    }
}

async fn metrics(State(state): State<OpsState>) -> impl IntoResponse {
    let mut out = String::new();
    intake(&state, &mut out);
    state.hooks.write(&mut out);
    crate::poll::metrics::write(&state.connections.readings(), &mut out);
    shards(&state, &mut out);
    lists(&state, &mut out);
    gauge(&mut out, "segmentd_store_bytes", "Bytes of the store on disk", state.db.size_bytes());
    if let Ok(free) = rustix::fs::statvfs(&state.data_dir) {
        let bytes = free.f_bavail.saturating_mul(free.f_frsize);
        gauge(&mut out, "segmentd_free_space_bytes", "Free bytes where the data are", bytes);
    }
    gauge(&mut out, "segmentd_alerts", "Alerts that are up", state.alerts.list().len() as u64);
    let version = env!("CARGO_PKG_VERSION");
    let _ = writeln!(out, "# TYPE segmentd_build_info gauge\nsegmentd_build_info{{version=\"{version}\"}} 1");
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], out)
}

fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, help, "gauge");
    let _ = writeln!(out, "{name} {value}");
}

fn counter(out: &mut String, name: &str, help: &str, value: u64) {
    head(out, name, help, "counter");
    let _ = writeln!(out, "{name} {value}");
}

fn intake(state: &OpsState, out: &mut String) {
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let intake = &state.intake;
    counter(out, "segmentd_intake_requests_total", "Requests on tracking routes", read(&intake.requests));
    counter(out, "segmentd_intake_events_total", "Events made durable", read(&intake.events));
    counter(out, "segmentd_intake_pushed_back_total", "Requests answered 429 or 503", read(&intake.pushed_back));
    counter(out, "segmentd_link_clicks_total", "Clicks on short links by people", read(&intake.clicks));
    counter(out, "segmentd_link_bot_clicks_total", "Visits by previews and bots", read(&intake.bot_clicks));
    counter(out, "segmentd_link_clicks_lost_total", "Clicks that found the queue full", read(&intake.clicks_lost));
    head(out, "segmentd_intake_refused_total", "Events refused, by reason", "counter");
    for (reason, count) in state.refusals.counts() {
        let _ = writeln!(out, "segmentd_intake_refused_total{{reason=\"{reason}\"}} {count}");
    }
    let name = "segmentd_intake_latency_seconds";
    head(out, name, "Time from request to answer", "histogram");
    intake.latency.read().write(out, name, "");
}

fn shards(state: &OpsState, out: &mut String) {
    let stats = state.core.stats();
    let mut each = |name: &str, help: &str, value: &dyn Fn(&crate::shard::api::ShardStats) -> u64| {
        head(out, name, help, "gauge");
        for shard in &stats {
            let _ = writeln!(out, "{name}{{shard=\"{}\"}} {}", shard.shard, value(shard));
        }
    };
    each("segmentd_log_position", "Newest durable record", &|shard| shard.appended);
    each("segmentd_applied_position", "Newest applied record", &|shard| shard.applied);
    each("segmentd_checkpoint_position", "Newest record in a checkpoint", &|shard| shard.checkpoint);
    each("segmentd_apply_lag_milliseconds", "Age of the oldest durable record not applied", &|shard| {
        shard.apply_lag_ms
    });
    each("segmentd_timers", "Timers waiting", &|shard| shard.timers);
    each("segmentd_timers_due", "Timers due that have not fired", &|shard| shard.timers_due);
    each("segmentd_people", "People", &|shard| shard.people);
    each("segmentd_log_bytes", "Bytes of the log", &|shard| shard.log_bytes);
    each("segmentd_shard_failed", "Whether the shard has stopped", &|shard| u64::from(shard.failed.is_some()));
    let name = "segmentd_change_latency_seconds";
    head(out, name, "Time from receiving an event until the memberships that it changes are changed", "histogram");
    for shard in &stats {
        shard.changed.write(out, name, &format!("shard=\"{}\"", shard.shard));
    }
}

fn lists(state: &OpsState, out: &mut String) {
    let lists = state.sync.statuses();
    let mut each = |name: &str, help: &str, value: &dyn Fn(&crate::sync::ListStatus) -> u64| {
        head(out, name, help, "gauge");
        for list in &lists {
            let labels = format!("workspace=\"{}\",list=\"{}\"", list.workspace, list.list);
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(list));
        }
    };
    each("segmentd_list_members", "Members that a list should hold", &|list| list.desired);
    each("segmentd_list_confirmed", "Members that its destination holds", &|list| list.confirmed);
    each("segmentd_outbox_depth", "Changes not sent", &|list| list.to_add + list.to_remove);
    each("segmentd_outbox_age_milliseconds", "Age of the oldest change not sent", &|list| list.oldest_pending_ms);
    each("segmentd_list_failures", "Failed tries in a row", &|list| u64::from(list.failures));
    each("segmentd_list_strangers", "Members there that are not ours and are left alone", &|list| list.strangers);
    let mut total = |name: &str, help: &str, value: &dyn Fn(&crate::sync::ListStatus) -> u64| {
        head(out, name, help, "counter");
        for list in &lists {
            let labels = format!("workspace=\"{}\",list=\"{}\"", list.workspace, list.list);
            let _ = writeln!(out, "{name}{{{labels}}} {}", value(list));
        }
    };
    total("segmentd_list_drift_found_total", "Members found to differ when read back", &|list| list.drift_found);
    total("segmentd_list_drift_repaired_total", "Of those, how many are right again", &|list| list.drift_repaired);
}
