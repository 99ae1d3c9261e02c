//! Brings clicks to the log, away from the redirect's way.
//!
//! A redirect is answered at once; its click goes through a bounded queue to one task, which appends
//! groups of them. What the log can't take goes to the spool and is tried again, also after a restart.
//! A crash loses what was in the queue, some milliseconds of clicks.

use super::click::Visit;
use super::spool::Spool;
use super::{Clicks, LinkStore, SOURCE};
use crate::intake::IntakeMetrics;
use crate::shard::api::{Core, SubmitError};
use crate::store::db::StoreError;
use model::{Command, Event, OrderPolicy, Source, SourceId, SourceKind, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Visits that wait at most; what is beyond is lost and counted.
const QUEUED_MAX: usize = 20_000;
/// Clicks of one append.
const GROUP_MAX: usize = 256;
/// How long counts of links may wait to be written.
const COUNTS_WAIT: Duration = Duration::from_secs(2);
/// Bounds of the wait before the log is tried again.
const RETRY_S: std::ops::RangeInclusive<u64> = 1..=30;

/// Where visits go. Clones share it.
#[derive(Clone)]
pub struct ClickQueue {
    sender: mpsc::Sender<Visit>,
    metrics: Arc<IntakeMetrics>,
}

impl ClickQueue {
    /// Starts the task that brings clicks to the log, with those that an earlier run left.
    pub fn start(
        core: Arc<dyn Core>,
        store: LinkStore,
        metrics: Arc<IntakeMetrics>,
    ) -> Result<(ClickQueue, ClickWorker), StoreError> {
        let (sender, receiver) = mpsc::channel(QUEUED_MAX);
        let (stop, stopped) = oneshot::channel();
        let work = Work {
            spool: Spool::open(store.clone())?,
            core,
            store,
            metrics: Arc::clone(&metrics),
            introduced: BTreeSet::new(),
            counts: BTreeMap::new(),
            not_before: Instant::now(),
        };
        let task = tokio::spawn(work.run(receiver, stopped));
        Ok((ClickQueue { sender, metrics }, ClickWorker { stop, task }))
    }

    /// Puts a visit into the queue. One that finds it full is lost and counted.
    pub(super) fn put(&self, visit: Visit) {
        let kind = if visit.bot { &self.metrics.bot_clicks } else { &self.metrics.clicks };
        kind.fetch_add(1, Ordering::Relaxed);
        if self.sender.try_send(visit).is_err() {
            self.metrics.clicks_lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The task behind a [`ClickQueue`].
pub struct ClickWorker {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl ClickWorker {
    /// Takes no more visits, and returns when those at hand are in the log or durably spooled.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Work {
    core: Arc<dyn Core>,
    store: LinkStore,
    spool: Spool,
    metrics: Arc<IntakeMetrics>,
    /// Workspaces that know the source of clicks.
    introduced: BTreeSet<WorkspaceId>,
    counts: BTreeMap<String, Clicks>,
    not_before: Instant,
}

impl Work {
    async fn run(mut self, mut receiver: mpsc::Receiver<Visit>, mut stopped: oneshot::Receiver<()>) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        let mut write_counts = tokio::time::interval(COUNTS_WAIT);
        write_counts.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let waiting = self.spool.len() > 0;
            tokio::select! {
                taken = receiver.recv_many(&mut group, GROUP_MAX) => {
                    if taken == 0 {
                        break;
                    }
                    self.take(&mut group).await;
                }
                () = tokio::time::sleep_until(self.not_before), if waiting => self.empty_spool().await,
                _ = write_counts.tick() => self.write_counts(),
                _ = &mut stopped, if !receiver.is_closed() => receiver.close(),
            }
        }
        self.write_counts();
        let store = self.store;
        let durable = tokio::task::spawn_blocking(move || store.db().make_durable()).await;
        if !matches!(durable, Ok(Ok(()))) {
            tracing::warn!("the last clicks could not be made durable");
        }
    }

    async fn take(&mut self, group: &mut Vec<Visit>) {
        let mut events: BTreeMap<WorkspaceId, Vec<Event>> = BTreeMap::new();
        for visit in group.drain(..) {
            let clicks = self.counts.entry(visit.code).or_default();
            let count = if visit.bot { &mut clicks.bots } else { &mut clicks.counted };
            *count = count.saturating_add(1);
            if let Some((workspace, event)) = visit.event {
                events.entry(workspace).or_default().push(event);
            }
        }
        for (workspace, events) in events {
            let try_now = Instant::now() >= self.not_before;
            if !try_now || !self.submit(&workspace, &events).await {
                self.spool(&workspace, &events);
            }
        }
    }

    /// Whether the events need no further care.
    async fn submit(&mut self, workspace: &WorkspaceId, events: &[Event]) -> bool {
        let mut commands = Vec::with_capacity(events.len() + 1);
        if !self.introduced.contains(workspace) {
            // A visitor's browser is believed no more than any other.
            let (id, kind) = (SourceId::from(SOURCE), SourceKind::Browser);
            commands.push(Command::SourcePut(Source { id, kind, orders: OrderPolicy::Match }));
        }
        commands.extend(events.iter().map(|event| Command::Event(Box::new(event.clone()))));
        let wait_s = match self.core.submit(workspace, commands).await {
            Ok(_) => {
                self.introduced.insert(workspace.clone());
                self.metrics.events.fetch_add(events.len() as u64, Ordering::Relaxed);
                return true;
            }
            Err(SubmitError::UnknownWorkspace(_)) => {
                self.lost(events.len() as u64);
                return true;
            }
            Err(
                SubmitError::Overloaded { retry_after_s }
                | SubmitError::WorkspaceBusy { retry_after_s }
                | SubmitError::NotDurable { retry_after_s, .. },
            ) => u64::from(retry_after_s),
            Err(SubmitError::Stopping) => *RETRY_S.end(),
        };
        let wait_s = wait_s.clamp(*RETRY_S.start(), *RETRY_S.end());
        self.not_before = Instant::now() + Duration::from_secs(wait_s);
        false
    }

    fn spool(&mut self, workspace: &WorkspaceId, events: &[Event]) {
        match self.spool.push(workspace, events) {
            Ok(lost) => self.lost(lost),
            Err(error) => {
                tracing::warn!(%error, "clicks could not be spooled");
                self.lost(events.len() as u64);
            }
        }
        self.metrics.clicks_spooled.store(self.spool.len(), Ordering::Relaxed);
    }

    /// Tries the head of the spool again.
    async fn empty_spool(&mut self) {
        if let Err(error) = self.try_spooled().await {
            tracing::warn!(%error, "spooled clicks can't be read or removed");
            self.not_before = Instant::now() + Duration::from_secs(*RETRY_S.end());
        }
        self.metrics.clicks_spooled.store(self.spool.len(), Ordering::Relaxed);
    }

    async fn try_spooled(&mut self) -> Result<(), StoreError> {
        let Some(front) = self.spool.front(GROUP_MAX)? else { return Ok(()) };
        let done = match &front.workspace {
            Some(workspace) => self.submit(workspace, &front.events).await,
            None => true,
        };
        if done { self.spool.remove(&front) } else { Ok(()) }
    }

    fn write_counts(&mut self) {
        if self.counts.is_empty() {
            return;
        }
        match self.store.add_clicks(&self.counts) {
            Ok(()) => self.counts.clear(),
            Err(error) => tracing::warn!(%error, "counts of clicks could not be written"),
        }
    }

    fn lost(&self, count: u64) {
        self.metrics.clicks_lost.fetch_add(count, Ordering::Relaxed);
    }
}
