//! Starting and ending the threads of one shard.

use super::api::{EffectSink, Live};
use super::checkpoint::CheckpointWriter;
use super::clock::{Clock, LeapWatch};
use super::figures::Figures;
use super::inbox::{Ending, Inbox};
use super::options::{ShardAlerts, ShardError, ShardOptions};
use super::pulse::Pulse;
use super::runner::{Parts, Runner};
use super::state::Tenants;
use crate::log::{Appender, DiskFiles, Log};
use crate::store::db::Db;
use crate::store::erasures::Ledger;
use crate::store::meta::Meta;
use crate::store::state::ShardStore;
use model::WorkspaceId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::{broadcast, watch};

/// What all shards share.
#[derive(Clone)]
pub(super) struct Common {
    pub db: Db,
    pub meta: Meta,
    pub options: ShardOptions,
    pub clock: Arc<dyn Clock>,
    pub sink: Arc<dyn EffectSink>,
    pub alerts: Arc<dyn ShardAlerts>,
    pub live: broadcast::Sender<Arc<Live>>,
    pub leaps: Arc<LeapWatch>,
    pub ledger: Option<Arc<Ledger>>,
}

/// A running shard, from outside.
pub(super) struct Shard {
    pub number: u32,
    pub appender: Appender,
    pub inbox: Arc<Inbox<Runner>>,
    pub figures: Arc<Figures>,
    pub pulse: Arc<Pulse>,
    pub applied: watch::Receiver<u64>,
    pub store: Arc<ShardStore>,
    /// No checkpoint is written while this is held.
    pub gate: Arc<Mutex<()>>,
    abandoned: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// A shard that replays its log; ready when the receiver says so, with its workspaces.
pub(super) struct Starting {
    pub shard: Shard,
    ready: mpsc::Receiver<Result<Vec<WorkspaceId>, ShardError>>,
}

impl Starting {
    /// Waits until the log is replayed.
    pub fn finish(self) -> Result<(Shard, Vec<WorkspaceId>), ShardError> {
        let why = "it ended while it was starting".to_owned();
        let ended = ShardError::Thread { shard: self.shard.number, why };
        match self.ready.recv().unwrap_or(Err(ended)) {
            Ok(workspaces) => Ok((self.shard, workspaces)),
            Err(error) => {
                self.shard.end(Ending::Abandon);
                Err(error)
            }
        }
    }
}

/// Opens log and store of a shard and starts its threads.
pub(super) fn start(common: &Common, number: u32) -> Result<Starting, ShardError> {
    let options = &common.options;
    let dir = options.log_dir.join(ShardStore::tree_name(number));
    let store = Arc::new(ShardStore::open(&common.db, number, &dir)?);
    let mark = store.mark()?;
    let (log, cut) = Log::open(&dir, Arc::new(DiskFiles), options.log, mark.position)?;
    if let Some(cut) = cut {
        let what = format!("{} at byte {}: {}", cut.path.display(), cut.offset, cut.why);
        common.alerts.log_cut(number, &what);
    }
    let appender = Appender::new(log, common.clock.clone(), options.limits, mark.time);
    let inbox = Arc::new(Inbox::new());
    let pulse = Arc::new(Pulse::new());
    let figures = Arc::new(Figures::default());
    figures.change(|figures| figures.shard = number);
    let (applied, applied_seen) = watch::channel(mark.position);
    let (jobs, jobs_taken) = mpsc::sync_channel(1);
    let (gate, abandoned) = (Arc::<Mutex<()>>::default(), Arc::<AtomicBool>::default());
    let writer = CheckpointWriter {
        shard: number,
        store: store.clone(),
        sink: common.sink.clone(),
        appender: appender.clone(),
        clock: common.clock.clone(),
        alerts: common.alerts.clone(),
        inbox: inbox.clone(),
        log_keep: options.log_keep,
        ledger: common.ledger.clone(),
        gate: gate.clone(),
        abandoned: abandoned.clone(),
    };
    let parts = Parts {
        shard: number,
        appender: appender.clone(),
        clock: common.clock.clone(),
        alerts: common.alerts.clone(),
        inbox: inbox.clone(),
        figures: figures.clone(),
        pulse: pulse.clone(),
        jobs,
        leaps: common.leaps.clone(),
        checkpoint_every: options.checkpoint_every,
        checkpoint_dirty_bytes: options.checkpoint_dirty_bytes,
        applied,
        mark,
    };
    let (ready_told, ready) = mpsc::channel();
    let threads = Mutex::new(vec![
        spawn(number, "checkpoint", move || writer.run(&jobs_taken))?,
        spawn_runner(common.clone(), store.clone(), parts, (ready_told, abandoned.clone()))?,
    ]);
    let shard =
        Shard { number, appender, inbox, figures, pulse, applied: applied_seen, store, gate, abandoned, threads };
    Ok(Starting { shard, ready })
}

fn spawn(shard: u32, what: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, ShardError> {
    let thread = std::thread::Builder::new().name(format!("{what}-{shard}"));
    thread.spawn(run).map_err(|error| ShardError::Thread { shard, why: error.to_string() })
}

type Ready = mpsc::Sender<Result<Vec<WorkspaceId>, ShardError>>;

fn spawn_runner(
    common: Common,
    store: Arc<ShardStore>,
    parts: Parts,
    (ready, abandoned): (Ready, Arc<AtomicBool>),
) -> Result<JoinHandle<()>, ShardError> {
    let shard = parts.shard;
    spawn(shard, "shard", move || {
        let (alerts, figures) = (parts.alerts.clone(), parts.figures.clone());
        let (inbox, appender) = (parts.inbox.clone(), parts.appender.clone());
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(&common, store, parts, &ready)));
        let failed = match ended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("a bug: the shard's thread panicked, see the log".to_owned()),
        };
        inbox.close();
        abandoned.store(true, Ordering::Release);
        if let Some(reason) = failed {
            appender.stop();
            figures.change(|figures| figures.failed = Some(reason.clone()));
            alerts.stopped(shard, &reason);
        }
    })
}

/// The life of a shard's thread.
fn live(common: &Common, store: Arc<ShardStore>, parts: Parts, ready: &Ready) -> Result<(), ShardError> {
    let (shard, inbox, appender) = (parts.shard, parts.inbox.clone(), parts.appender.clone());
    let opened = Tenants::open(
        shard,
        store,
        common.sink.clone(),
        common.live.clone(),
        common.meta.tombstone_key,
        common.options.people_cache_bytes,
    );
    let replayed = opened.and_then(|tenants| {
        let mut runner = Runner::new(tenants, parts);
        runner.replay()?;
        Ok(runner)
    });
    let mut runner = match replayed {
        Ok(runner) => runner,
        Err(error) => {
            let reason = error.to_string();
            // Whoever starts the shards hears of it, or is gone.
            let _ = ready.send(Err(error));
            common.alerts.stopped(shard, &reason);
            return Ok(());
        }
    };
    let started = appender.start(&shard.to_string(), inbox);
    let appending = started.map_err(|error| ShardError::Thread { shard, why: error.to_string() })?;
    let workspaces = runner.tenants.iter().map(|tenant| tenant.engine.id().clone()).collect();
    let _ = ready.send(Ok(workspaces));
    let ended = runner.run();
    appender.stop();
    drop(appending.join());
    ended
}

impl Shard {
    /// Ends the shard and waits for its threads.
    pub fn end(&self, ending: Ending) {
        match ending {
            Ending::Abandon => {
                self.abandoned.store(true, Ordering::Release);
                self.appender.stop();
            }
            Ending::Drain => self.appender.stop_and_wait(),
        }
        self.inbox.end(ending);
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            drop(thread.join());
        }
    }
}
