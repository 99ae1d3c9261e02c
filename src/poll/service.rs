//! All connections that are read, each with its worker.

use super::callbacks::Callbacks;
use super::inbox::Inbox;
use super::keys::Scope;
use super::records::{ConnectionRecord, StreamRecord};
use super::settings::PollSettings;
use super::slot::Slot;
use super::status::{ConnectionStatus, StreamStatus};
use super::{life, requests, worker};
use crate::alerts::Alerts;
use crate::shard::api::Core;
use crate::shard::clock::Clock;
use crate::store::db::{Db, StoreError};
use chrono::SecondsFormat;
use kit::connector::Connector;
use kit::platform::Connection;
use model::{SourceId, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why lists of a workspace wait.
const HOLD: &str = "a connection's past is being read";
/// Kinds of alerts about a connection that name its source.
const ALERTS: [&str; 4] = ["fetch", "registration", "deliveries", "silent"];

/// What every worker needs.
pub(super) struct Shared {
    pub(super) core: Arc<dyn Core>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) alerts: Arc<Alerts>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) callbacks: Callbacks,
    pub(super) settings: PollSettings,
    pub(super) stop: CancellationToken,
}

/// A connection to read.
#[derive(Clone)]
pub struct Start {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its connector.
    pub connector: &'static Connector,
    /// The connection.
    pub connection: Arc<Connection>,
}

struct Running {
    slot: Arc<Slot>,
    task: JoinHandle<()>,
}

/// All connections that are read.
pub struct PollService {
    shared: Arc<Shared>,
    running: Mutex<BTreeMap<Scope, Running>>,
    /// Starts and ends come one after the other.
    turns: tokio::sync::Mutex<()>,
    tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
}

impl PollService {
    /// Opens what earlier runs left: lists of workspaces whose connections' past is not read yet are held again
    /// before this returns, so it is to be called before lists run. Requests that wait are carried out on
    /// `runtime` from now on; connections are read once they are started.
    pub fn open(
        db: Db,
        core: Arc<dyn Core>,
        (clock, alerts): (Arc<dyn Clock>, Arc<Alerts>),
        callbacks: Callbacks,
        settings: PollSettings,
        runtime: tokio::runtime::Handle,
    ) -> Result<Arc<PollService>, StoreError> {
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let inbox = Arc::new(Inbox::open(db, settings.pointers_max, tasks.clone())?);
        for record in inbox.cursors.connections()?.into_iter().filter(|record| record.holds) {
            callbacks.holds.hold(&record.workspace, &record.source, HOLD);
        }
        let shared = Arc::new(Shared { core, clock, alerts, inbox, callbacks, settings, stop });
        let carrying = Arc::clone(&shared);
        let life = async move {
            tokio::select! {
                () = requests::run(Arc::clone(&carrying)) => {}
                () = carrying.stop.cancelled() => {}
            }
        };
        drop(tasks.spawn_on(life, &runtime));
        let (running, turns) = (Mutex::default(), tokio::sync::Mutex::new(()));
        Ok(Arc::new(PollService { shared, running, turns, tasks, runtime }))
    }

    /// Where deliveries go.
    pub fn inbox(&self) -> Arc<Inbox> {
        Arc::clone(&self.shared.inbox)
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<Scope, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, scope: &Scope) -> Option<Arc<Slot>> {
        self.running().get(scope).map(|running| Arc::clone(&running.slot))
    }

    /// Reads a connection from now on. One that is being read is ended first, and read on with what is new (a
    /// token, settings). The first time, the instant is kept and lists are held before this returns.
    pub async fn start(&self, start: Start) -> Result<(), StoreError> {
        let Start { workspace, connector, connection } = start;
        let scope = Scope::new(&workspace, &connection.source);
        let _turn = self.turns.lock().await;
        self.end(&scope).await;
        self.begin(&scope, connector).await?;
        let slot = Slot::new(scope.clone(), connector, connection);
        let worker = worker::run(Arc::clone(&self.shared), Arc::clone(&slot));
        let task = self.tasks.spawn_on(worker, &self.runtime);
        self.running().insert(scope, Running { slot, task });
        Ok(())
    }

    async fn begin(&self, scope: &Scope, connector: &Connector) -> Result<(), StoreError> {
        let cursors = &self.shared.inbox.cursors;
        let mut unread = false;
        for stream in connector.poll.map_or(&[][..], |poll| poll.streams()).iter().filter(|stream| stream.backfills) {
            unread |= !cursors.stream(scope, stream.name)?.backfilled;
        }
        let known = cursors.connection(scope)?;
        let now = self.shared.clock.now();
        let mut record = known.clone().unwrap_or(ConnectionRecord {
            workspace: scope.workspace.clone(),
            source: scope.source.clone(),
            connector: connector.name.to_owned(),
            begun: now,
            backfilled: None,
            holds: false,
        });
        // A stream may have come with an upgrade: its past is read then, and lists wait again.
        record.holds |= unread;
        if !unread && !record.holds {
            record.backfilled = record.backfilled.or(Some(now));
        }
        if known.as_ref() != Some(&record) {
            cursors.put_connection(&record)?;
            self.shared.inbox.flush.flush().await?;
        }
        if record.holds {
            self.shared.callbacks.holds.hold(&scope.workspace, &scope.source, HOLD);
        }
        Ok(())
    }

    /// Ends the worker of a connection; what it knows stays. Nothing of it is under way on return.
    pub async fn stop(&self, workspace: &WorkspaceId, source: &SourceId) {
        let _turn = self.turns.lock().await;
        self.end(&Scope::new(workspace, source)).await;
    }

    /// Ends the worker of a connection and forgets its cursors and pointers: what is started after it begins
    /// anew. Lists wait for it no more. Requests that wait are carried out all the same. Twice means once.
    pub async fn forget(&self, workspace: &WorkspaceId, source: &SourceId) -> Result<(), StoreError> {
        let scope = Scope::new(workspace, source);
        let _turn = self.turns.lock().await;
        self.end(&scope).await;
        self.shared.inbox.forget(&scope).await?;
        self.shared.callbacks.holds.release(workspace, source);
        Ok(())
    }

    async fn end(&self, scope: &Scope) {
        let Some(Running { slot, task }) = self.running().remove(scope) else { return };
        slot.cancel.cancel();
        if let Err(why) = task.await {
            tracing::error!(%why, source = %scope.source, "the worker of a connection ended badly");
        }
        let workspace = Some(scope.workspace.as_str());
        ALERTS.iter().for_each(|kind| self.shared.alerts.clear(kind, scope.source.as_str(), workspace));
        for stream in slot.connector.poll.map_or(&[][..], |poll| poll.streams()) {
            self.shared.alerts.clear("poll", &life::subject(&slot, stream.name), workspace);
        }
    }

    /// Polls a connection now, and tries again at once whatever waits for its next try. False when nobody reads it.
    pub fn poll_now(&self, workspace: &WorkspaceId, source: &SourceId) -> bool {
        let slot = self.slot(&Scope::new(workspace, source));
        let Some(slot) = slot.filter(|slot| slot.shown().paused.is_none()) else { return false };
        slot.word.notify_one();
        slot.fetch_word.notify_one();
        true
    }

    /// Looks now at what is registered. False when nobody reads the connection.
    pub fn register_now(&self, workspace: &WorkspaceId, source: &SourceId) -> bool {
        let slot = self.slot(&Scope::new(workspace, source));
        let Some(slot) = slot.filter(|slot| slot.shown().paused.is_none()) else { return false };
        slot.register_word.notify_one();
        true
    }

    /// How far a connection is; `None` for one that is not known.
    pub fn status(&self, workspace: &WorkspaceId, source: &SourceId) -> Result<Option<ConnectionStatus>, StoreError> {
        let scope = Scope::new(workspace, source);
        let record = self.shared.inbox.cursors.connection(&scope)?;
        record.map(|record| self.status_of(&record)).transpose()
    }

    /// How far every connection is.
    pub fn statuses(&self) -> Result<Vec<ConnectionStatus>, StoreError> {
        let records = self.shared.inbox.cursors.connections()?;
        records.iter().map(|record| self.status_of(record)).collect()
    }

    fn status_of(&self, record: &ConnectionRecord) -> Result<ConnectionStatus, StoreError> {
        let (scope, inbox, now) = (record.scope(), &self.shared.inbox, self.shared.clock.now());
        let slot = self.slot(&scope);
        let mut status = ConnectionStatus {
            workspace: record.workspace.to_string(),
            source: record.source.to_string(),
            connector: record.connector.clone(),
            running: false,
            paused: None,
            begun: Some(record.begun.to_string()),
            holds_lists: record.holds,
            history_since: None,
            streams: Vec::new(),
            next_poll: None,
            completeness: inbox.completeness().figures(&scope, now)?,
            pointers_waiting: inbox.pointers.waiting(&scope)?,
            pointers_given_up: 0,
            requests_waiting: inbox.requests.waiting(&scope),
            last_fetch_error: None,
            registration: super::RegistrationStatus::default(),
        };
        let Some(slot) = slot else { return Ok(status) };
        if let Some(poll) = slot.connector.poll {
            status.history_since = poll.history_since(&slot.connection, now).map(|since| since.to_string());
            for stream in poll.streams() {
                let kept = inbox.cursors.stream(&scope, stream.name)?;
                status.streams.push(stream_status(&slot, stream, &kept));
            }
        }
        let shown = slot.shown();
        status.running = shown.paused.is_none();
        status.paused.clone_from(&shown.paused);
        status.next_poll = shown.next_poll.map(|next| next.to_rfc3339_opts(SecondsFormat::Secs, true));
        status.pointers_given_up = shown.given_up;
        status.last_fetch_error.clone_from(&shown.last_fetch_error);
        status.registration = shown.registration.clone();
        Ok(status)
    }

    /// Ends every worker and waits for them. Nothing of the service uses the store any more.
    pub async fn close(&self) {
        self.shared.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

fn stream_status(slot: &Slot, stream: &kit::poll::Stream, kept: &StreamRecord) -> StreamStatus {
    let shown = slot.shown();
    let live = shown.streams.get(stream.name);
    let backfilled = kept.backfilled || !stream.backfills;
    let left = || live.and_then(|live| live.seconds_left(kept.done, kept.total, Instant::now()));
    StreamStatus {
        name: stream.name.to_owned(),
        state: live.map(|live| live.state).unwrap_or_default(),
        backfilled,
        done: kept.done,
        total: kept.total,
        seconds_left: if backfilled { None } else { left() },
        last_poll: kept.last_poll.map(|at| at.to_string()),
        failures: live.map_or(0, |live| live.failures),
        last_error: live.and_then(|live| live.last_error.clone()),
    }
}
