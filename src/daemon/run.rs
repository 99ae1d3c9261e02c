//! A daemon's life: it listens at once, is ready when the log is replayed, reloads, and ends in
//! order: when told to, or when only a new start can help.

use super::{DaemonError, Parts, build, system};
use crate::alerts::Alerts;
use crate::config::Config;
use crate::enrich::Enrich;
use crate::ops::front::Front;
use crate::ops::listener::{ListenerOptions, serve};
use crate::ops::logging::{self, LevelHandle};
use crate::ops::notify;
use crate::shard::api::Core;
use crate::shard::shards::Shards;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Requests that run when the daemon stops may take this long.
const DRAIN_WAIT: Duration = Duration::from_secs(10);
/// How often the parts are asked whether they can go on.
const HEALTH_LOOK: Duration = Duration::from_millis(500);
/// While the log is replayed, the service manager hears this often that it goes on.
const START_LOOK: Duration = Duration::from_secs(15);
/// After a write that the store refused, a new start makes sense once so much is free, bytes.
const ROOM_MIN_BYTES: u64 = 8 << 20;

/// Signals, taken from the very start: a hangup while the log is replayed must not end the daemon.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn take() -> Result<Signals, DaemonError> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate()).map_err(system("SIGTERM"))?,
            interrupt: signal(SignalKind::interrupt()).map_err(system("SIGINT"))?,
            hangup: signal(SignalKind::hangup()).map_err(system("SIGHUP"))?,
        })
    }
}

/// Runs until it is told to stop. Reads the settings from `path` again on SIGHUP.
///
/// Fails when it can't start, and when it can't go on: whoever started it starts it again then.
pub async fn run(config: Config, path: Option<PathBuf>, level: LevelHandle) -> Result<(), DaemonError> {
    let mut signals = Signals::take()?;
    let address = config.listen.address;
    let listener = TcpListener::bind(address).await.map_err(system(format!("listen.address {address}")))?;
    let bound = listener.local_addr().map_err(system("the listener's address"))?;
    let options = ListenerOptions {
        max_connections: config.listen.max_connections,
        trusted_proxies: config.listen.trusted_proxies.clone(),
        head_wait: Duration::from_secs(config.listen.head_wait_s),
    };
    let (front, stop) = (Front::default(), CancellationToken::new());
    // Ends what would go on for ever: streams of live events.
    let stopping = CancellationToken::new();
    let serving = tokio::spawn(serve(listener, front.clone(), options, stop.clone()));
    let Some(parts) = start(&config, &stopping, &mut signals).await? else {
        tracing::info!("stopped while starting");
        return Ok(());
    };
    front.ready(parts.router.clone());
    parts.ready.store(true, Ordering::Release);
    notify::ready();
    tracing::info!(address = %bound, version = env!("CARGO_PKG_VERSION"), "ready");
    watch(&parts.shards);
    parts.connections.start();
    let broken = tokio::select! {
        () = wait(&mut signals, path.as_deref(), &config, &level, &parts.enrich) => None,
        why = beyond_help(&config, &parts) => Some(why),
    };
    match &broken {
        None => tracing::info!("stopping"),
        Some(why) => tracing::error!(%why, "can't go on and ends, to be started again"),
    }
    notify::stopping();
    parts.ready.store(false, Ordering::Release);
    front.stop();
    stopping.cancel();
    if !front.drained(DRAIN_WAIT).await {
        tracing::warn!("requests were still running at the end and are cut");
    }
    end(parts, broken.is_some()).await;
    stop.cancel();
    if let Err(why) = serving.await {
        tracing::error!(%why, "the listener ended badly");
    }
    tracing::info!("stopped");
    broken.map_or(Ok(()), |why| Err(DaemonError::Broken(why)))
}

/// Opens everything and replays the log; `None` when told to stop meanwhile.
async fn start(
    config: &Config,
    stopping: &CancellationToken,
    signals: &mut Signals,
) -> Result<Option<Parts>, DaemonError> {
    let (config, stopping) = (config.clone(), stopping.clone());
    let mut building = tokio::task::spawn_blocking(move || build(&config, &stopping));
    loop {
        tokio::select! {
            built = &mut building => {
                let ended = |why: tokio::task::JoinError| DaemonError::Broken(format!("starting ended badly: {why}"));
                return built.map_err(ended)?.map(Some);
            }
            // The log has everything: nothing is lost by ending at once.
            _ = signals.terminate.recv() => return Ok(None),
            _ = signals.interrupt.recv() => return Ok(None),
            _ = signals.hangup.recv() => tracing::info!("the settings have just been read"),
            () = tokio::time::sleep(START_LOOK) => notify::starting(START_LOOK * 4),
        }
    }
}

/// Ends the parts in order. What is broken can't write a last checkpoint: the log has it all.
async fn end(parts: Parts, broken: bool) {
    parts.clicks.stop().await;
    parts.connections.close().await;
    parts.sync.stop();
    let shards = parts.shards;
    let ended = tokio::task::spawn_blocking(move || if broken { shards.abandon() } else { shards.stop() });
    if ended.await.is_err() {
        tracing::error!("the shards ended badly; the log is replayed at the next start");
    }
}

/// Returns when the daemon can't go on by itself, and why: a shard has stopped; or the store has
/// refused a write, after which sled refuses everything until it is opened anew, and there is
/// room again. (Until then reads are still answered, so nothing is gained by ending.)
async fn beyond_help(config: &Config, parts: &Parts) -> String {
    let reserve_bytes = config.data.free_space_reserve_mib << 20;
    let mut told = false;
    loop {
        tokio::time::sleep(HEALTH_LOOK).await;
        // Not knowing counts as room: a write that finds none fails by itself.
        let stat = rustix::fs::statvfs(&config.data.dir);
        let free_bytes = stat.map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize));
        look_at_space(&parts.alerts, free_bytes, reserve_bytes);
        if let Some((shard, why)) = parts.shards.stats().into_iter().find_map(|one| Some((one.shard, one.failed?))) {
            return format!("shard {shard} stopped: {why}");
        }
        let Some(why) = parts.db.broken() else { continue };
        if free_bytes >= reserve_bytes.max(ROOM_MIN_BYTES) {
            return format!("the store has refused a write and has to be opened anew: {why}");
        }
        if !told {
            tracing::error!(%why, "the store refuses writes; it is opened anew when there is room again");
            told = true;
        }
    }
}

/// An alert is up while nothing is accepted for want of space.
fn look_at_space(alerts: &Alerts, free_bytes: u64, reserve_bytes: u64) {
    if free_bytes >= reserve_bytes {
        return alerts.clear("disk", "data", None);
    }
    let what =
        format!("{} MiB are free and {} are the reserve: nothing is accepted", free_bytes >> 20, reserve_bytes >> 20);
    alerts.raise("disk", "data", None, &what, "make room where data.dir is; it goes on by itself then");
}

/// Tells the service manager that we are alive, as long as the shards go on.
fn watch(shards: &Arc<Shards>) {
    let Some(every) = notify::watchdog_interval() else { return };
    let shards = Arc::clone(shards);
    tokio::spawn(async move {
        let mut interval = tokio::time::interval(every);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match shards.stuck(every * 2) {
                None => notify::alive(),
                Some(why) => tracing::error!(%why, "the service manager is not told that we are alive"),
            }
        }
    });
}

/// Waits until told to stop; reloads on SIGHUP.
async fn wait(signals: &mut Signals, path: Option<&Path>, config: &Config, level: &LevelHandle, enrich: &Enrich) {
    let mut current = config.clone();
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => return,
            _ = signals.interrupt.recv() => return,
            _ = signals.hangup.recv() => match Config::load(path) {
                Ok(new) => current = reload(&current, new, level, enrich),
                Err(why) => tracing::error!(%why, "the settings were not reloaded"),
            },
        }
    }
}

/// Takes over what can change while running (log level, GeoIP database, number ranges), and says what can't.
fn reload(current: &Config, new: Config, level: &LevelHandle, enrich: &Enrich) -> Config {
    let mut merged = current.clone();
    match logging::set_level(level, &new.log.level) {
        Ok(()) => merged.log.level.clone_from(&new.log.level),
        Err(why) => tracing::error!(%why, "log.level was not reloaded"),
    }
    match enrich.reload_geo(new.geoip()) {
        Ok(()) => merged.geoip = new.geoip.clone(),
        Err(why) => tracing::error!(%why, "geoip.database was not reloaded"),
    }
    match enrich.reload_ranges(new.phone_ranges()) {
        Ok(()) => merged.phone = new.phone.clone(),
        Err(why) => tracing::error!(%why, "phone.ranges was not reloaded"),
    }
    let told = (&merged.log.level, &merged.geoip.database, &merged.phone.ranges);
    tracing::info!(log.level = told.0, geoip.database = told.1, phone.ranges = told.2, "reloaded");
    let mut rest = new;
    (rest.log.level, rest.geoip, rest.phone) = (merged.log.level.clone(), merged.geoip.clone(), merged.phone.clone());
    let sections = merged.sections_that_differ(&rest);
    if !sections.is_empty() {
        let sections = sections.join(", ");
        tracing::warn!(
            sections,
            "settings other than log.level, geoip.database and phone.ranges changed: they need a restart"
        );
    }
    merged
}
