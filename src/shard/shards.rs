//! The shards as everybody else sees them.

use super::answers;
use super::api::*;
use super::clock::{Clock, LeapWatch};
use super::inbox::{Ending, Notice};
use super::options::{ShardAlerts, ShardError, ShardOptions};
use super::preview;
use super::runner::Runner;
use super::start::{Common, Shard, start};
use super::state::Tenant;
use crate::log::{LogError, Submission};
use crate::store::db::Db;
use crate::store::erasures::Ledger;
use crate::store::meta::Meta;
use crate::store::state::CheckpointMark;
use model::{Command, ListId, SegmentId, SourceId, Time, WorkspaceId};
use std::collections::HashSet;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, RwLock, mpsc};
use std::time::Duration;
use tokio::sync::{Semaphore, broadcast, oneshot};

/// What clients are told to wait for when a shard has stopped, seconds.
const STOPPED_RETRY_S: u32 = 60;
/// Members on one page.
pub const MEMBERS_MAX: usize = 1_000;
/// Transitions on one page.
pub const TRANSITIONS_MAX: usize = 10_000;

/// All shards of the daemon.
pub struct Shards {
    shards: Vec<Shard>,
    common: Common,
    known: RwLock<HashSet<WorkspaceId>>,
    /// Turns for estimates and for exact counts.
    pub(super) counting: [Semaphore; 2],
    /// What is told of events before they are logged.
    edge: OnceLock<Arc<dyn Edge>>,
}

impl Shards {
    /// Has something told of every event before it is logged; the first call counts.
    pub fn set_edge(&self, edge: Arc<dyn Edge>) {
        drop(self.edge.set(edge));
    }

    /// Opens every shard and replays its log; returns when all are up to date. Timers that
    /// came due meanwhile fire right after.
    pub fn open(
        db: Db,
        options: ShardOptions,
        clock: Arc<dyn Clock>,
        sink: Arc<dyn EffectSink>,
        alerts: Arc<dyn ShardAlerts>,
    ) -> Result<Shards, ShardError> {
        let meta = Meta::open(&db, options.shards.max(1))?;
        if meta.shards != options.shards.max(1) {
            return Err(ShardError::ShardCount { made: meta.shards, set: options.shards });
        }
        let live = broadcast::Sender::new(options.live_items_max.max(1));
        let leaps = Arc::new(LeapWatch::new());
        let ledger = options.erasures_file.as_deref().map(Ledger::open).transpose()?.map(Arc::new);
        let common = Common { db, meta, options, clock, sink, alerts, live, leaps, ledger };
        let starting: Vec<_> = (0..common.meta.shards).map(|number| start(&common, number)).collect();
        let mut shards = Vec::new();
        let mut known = HashSet::new();
        let mut failed = None;
        for one in starting {
            match one.and_then(|one| one.finish()) {
                Ok((shard, workspaces)) => {
                    shards.push(shard);
                    known.extend(workspaces);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            shards.iter().for_each(|shard| shard.end(Ending::Abandon));
            return Err(error);
        }
        let counting = [preview::ESTIMATES_MAX, preview::COUNTS_MAX].map(Semaphore::new);
        Ok(Shards { shards, common, known: RwLock::new(known), counting, edge: OnceLock::new() })
    }

    /// Accepts nothing more, applies what is durable, writes a last checkpoint, and ends.
    /// Blocks.
    pub fn stop(&self) {
        self.shards.iter().for_each(|shard| shard.end(Ending::Drain));
    }

    /// Ends at once and without a checkpoint, as a crash would. For tests.
    pub fn abandon(&self) {
        self.shards.iter().for_each(|shard| shard.end(Ending::Abandon));
    }

    /// Which shard begins nothing for longer than `limit`, though it has work; slow questions count as work.
    pub fn stuck(&self, limit: Duration) -> Option<String> {
        let stuck = |shard: &Shard| Some((shard.number, shard.pulse.stuck(limit)?));
        let (shard, stuck_for) = self.shards.iter().find_map(stuck)?;
        Some(format!("shard {shard} has done nothing for {} s", stuck_for.as_secs()))
    }

    /// Writes a checkpoint of everything applied by now and waits until it is durable. Blocks.
    pub fn checkpoint(&self) -> Result<(), ShardError> {
        for shard in &self.shards {
            let (reply, done) = mpsc::channel();
            shard.inbox.tell(Notice::Checkpoint(reply));
            let ended = |_| ShardError::Thread { shard: shard.number, why: "it has ended".to_owned() };
            done.recv().map_err(ended)?;
        }
        Ok(())
    }

    /// Holds back checkpoints until the guards are dropped.
    pub fn hold_checkpoints(&self) -> Vec<MutexGuard<'_, ()>> {
        self.shards.iter().map(|shard| shard.gate.lock().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    /// Every shard's log, by number.
    pub fn logs(&self) -> impl Iterator<Item = (u32, &crate::log::Appender)> {
        self.shards.iter().map(|shard| (shard.number, &shard.appender))
    }

    /// The newest checkpoint of a shard.
    pub fn mark(&self, shard: u32) -> Result<CheckpointMark, ShardError> {
        let why = "there is no such shard".to_owned();
        let found = self.shards.iter().find(|one| one.number == shard);
        Ok(found.ok_or(ShardError::Thread { shard, why })?.store.mark()?)
    }

    /// The store that they share.
    pub fn db(&self) -> &Db {
        &self.common.db
    }

    /// What the store was made with.
    pub fn meta(&self) -> &Meta {
        &self.common.meta
    }

    pub(super) fn shard(&self, workspace: &WorkspaceId) -> Option<&Shard> {
        let place = xxhash_rust::xxh3::xxh3_64(workspace.0.as_bytes()) % (self.shards.len().max(1) as u64);
        self.shards.get(place as usize)
    }

    fn is_known(&self, workspace: &WorkspaceId) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).contains(workspace)
    }

    /// Puts a question to a shard's thread.
    pub(super) async fn ask_shard<T: Send + 'static>(
        &self,
        shard: &Shard,
        question: impl FnOnce(&mut Runner) -> T + Send + 'static,
    ) -> Result<T, QueryError> {
        let (reply, answer) = oneshot::channel();
        shard.inbox.ask(Box::new(move |runner| {
            // Whoever asked may no longer wait.
            let _ = reply.send(question(runner));
        }));
        answer.await.map_err(|_| QueryError::Unavailable(self.why_stopped(shard)))
    }

    fn why_stopped(&self, shard: &Shard) -> String {
        shard.figures.read().failed.unwrap_or_else(|| "it is stopping".to_owned())
    }

    /// Asks about a workspace at the shard's instant.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        workspace: &WorkspaceId,
        question: impl FnOnce(&mut Tenant) -> Result<T, QueryError> + Send + 'static,
    ) -> Result<AsOf<T>, QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let id = workspace.clone();
        let asked = self.ask_shard(shard, move |runner| {
            let as_of = runner.as_of_workspace(&id)?;
            let answer = question(runner.tenants.get(&id)?);
            Some(answer.map(|answer| AsOf { as_of: as_of.to_string(), answer }))
        });
        asked.await?.ok_or_else(unknown)?
    }
}

fn refused(error: LogError) -> SubmitError {
    SubmitError::NotDurable { reason: error.to_string(), retry_after_s: STOPPED_RETRY_S }
}

#[async_trait::async_trait]
impl Core for Shards {
    fn has_room(&self, workspace: &WorkspaceId) -> Result<(), SubmitError> {
        // What is refused for another reason is told that by `submit`.
        self.shard(workspace).map_or(Ok(()), |shard| match shard.appender.has_room(workspace) {
            Err(SubmitError::Stopping) => Ok(()),
            other => other,
        })
    }

    async fn submit(&self, workspace: &WorkspaceId, mut commands: Vec<Command>) -> Result<Accepted, SubmitError> {
        let unknown = || SubmitError::UnknownWorkspace(workspace.clone());
        let creates = commands.iter().any(|command| matches!(command, Command::WorkspacePut { .. }));
        if !creates && !self.is_known(workspace) {
            return Err(unknown());
        }
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        if commands.is_empty() {
            return Ok(Accepted { time: shard.appender.shown_time(), position: shard.appender.appended() });
        }
        if let Some(edge) = self.edge.get() {
            for command in &mut commands {
                if let Command::Event(event) = command {
                    edge.tell(event);
                }
            }
        }
        let (submission, answer) = Submission::new(workspace, commands, false).map_err(refused)?;
        let accepted = match shard.appender.submit(submission) {
            Ok(()) => answer.await.unwrap_or(Err(SubmitError::Stopping)),
            Err(error) => Err(error),
        };
        if creates && accepted.is_ok() && !self.is_known(workspace) {
            self.known.write().unwrap_or_else(PoisonError::into_inner).insert(workspace.clone());
        }
        match accepted {
            Err(SubmitError::Stopping) => match shard.figures.read().failed {
                Some(reason) => Err(SubmitError::NotDurable { reason, retry_after_s: STOPPED_RETRY_S }),
                None => Err(SubmitError::Stopping),
            },
            other => other,
        }
    }

    async fn applied(&self, workspace: &WorkspaceId, position: u64) -> Result<(), QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let mut applied = shard.applied.clone();
        let reached = applied.wait_for(|applied| *applied >= position).await;
        reached.map(drop).map_err(|_| QueryError::Unavailable(self.why_stopped(shard)))
    }

    async fn as_of(&self, workspace: &WorkspaceId) -> Result<Time, QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let id = workspace.clone();
        let asked = self.ask_shard(shard, move |runner| runner.as_of_workspace(&id));
        asked.await?.ok_or_else(unknown)
    }

    async fn workspaces(&self) -> Vec<WorkspaceInfo> {
        let mut all = Vec::new();
        for shard in &self.shards {
            let asked = self.ask_shard(shard, |runner| {
                runner.tenants.iter().map(|tenant| answers::workspace_info(&tenant.engine)).collect::<Vec<_>>()
            });
            all.extend(asked.await.unwrap_or_default());
        }
        all.sort_by(|one, other| one.id.cmp(&other.id));
        all
    }

    async fn workspace(&self, workspace: &WorkspaceId) -> Result<AsOf<WorkspaceInfo>, QueryError> {
        self.ask(workspace, |tenant| Ok(answers::workspace_info(&tenant.engine))).await
    }

    async fn segments(&self, workspace: &WorkspaceId) -> Result<AsOf<Items<SegmentInfo>>, QueryError> {
        self.ask(workspace, |tenant| Ok(Items { items: answers::segments(&tenant.engine) })).await
    }

    async fn segment(&self, workspace: &WorkspaceId, segment: &SegmentId) -> Result<AsOf<SegmentInfo>, QueryError> {
        let segment = segment.clone();
        self.ask(workspace, move |tenant| answers::segment(&tenant.engine, &segment)).await
    }

    async fn check_definition(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        definition: &str,
    ) -> Result<String, QueryError> {
        let (segment, definition) = (segment.clone(), definition.to_owned());
        let answer = self.ask(workspace, move |tenant| {
            tenant.engine.check_definition(&segment, &definition).map_err(QueryError::Refused)
        });
        answer.await.map(|answer| answer.answer)
    }

    async fn members(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        after: Option<String>,
        limit: usize,
    ) -> Result<AsOf<MemberPage>, QueryError> {
        let (segment, limit) = (segment.clone(), limit.clamp(1, MEMBERS_MAX));
        self.ask(workspace, move |tenant| answers::members(&mut tenant.engine, &segment, after, limit)).await
    }

    async fn explain(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
    ) -> Result<AsOf<Explanation>, QueryError> {
        let (segment, person) = (segment.clone(), person.clone());
        self.ask(workspace, move |tenant| answers::explanation(&mut tenant.engine, &segment, &person)).await
    }

    async fn preview(
        &self,
        workspace: &WorkspaceId,
        definition: &str,
        exact: bool,
    ) -> Result<AsOf<Preview>, QueryError> {
        self.count(workspace, definition, exact).await
    }

    async fn versions(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
    ) -> Result<AsOf<Items<VersionInfo>>, QueryError> {
        let segment = segment.clone();
        self.ask(workspace, move |tenant| super::editing::versions(&tenant.engine, &segment)).await
    }

    async fn preview_change(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        definition: &str,
    ) -> Result<AsOf<ChangePreview>, QueryError> {
        self.look_at_change(workspace, segment, definition).await
    }

    async fn person(&self, workspace: &WorkspaceId, person: &PersonKey) -> Result<AsOf<PersonInfo>, QueryError> {
        let person = person.clone();
        self.ask(workspace, move |tenant| answers::person(&tenant.engine, &person)).await
    }

    async fn events(
        &self,
        workspace: &WorkspaceId,
        person: &PersonKey,
        after: Option<String>,
        limit: usize,
    ) -> Result<AsOf<EventPage>, QueryError> {
        let (person, limit) = (person.clone(), limit.clamp(1, TRANSITIONS_MAX));
        self.ask(workspace, move |tenant| answers::events(&tenant.engine, &person, after, limit)).await
    }

    async fn rates(&self, workspace: &WorkspaceId) -> Result<AsOf<Items<RateInfo>>, QueryError> {
        self.ask(workspace, |tenant| Ok(answers::rates(&tenant.engine))).await
    }

    async fn transitions(
        &self,
        workspace: &WorkspaceId,
        asked: JournalAsk,
    ) -> Result<AsOf<TransitionPage>, QueryError> {
        self.journal_page(workspace, asked).await
    }

    async fn members_past(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        asked: PastAsk,
        (after, limit): (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError> {
        let page = (after, limit.clamp(1, MEMBERS_MAX));
        match asked.view {
            PastView::Now => self.members_known(workspace, segment, asked.at, page).await,
            PastView::Recorded => self.members_recorded(workspace, segment, asked.at, page).await,
        }
    }

    async fn explain_past(
        &self,
        workspace: &WorkspaceId,
        segment: &SegmentId,
        person: &PersonKey,
        asked: PastAsk,
    ) -> Result<AsOf<Explanation>, QueryError> {
        match asked.view {
            PastView::Now => self.explain_known(workspace, segment, person, asked.at).await,
            PastView::Recorded => self.explain_recorded(workspace, segment, person, asked.at).await,
        }
    }

    async fn desired(
        &self,
        workspace: &WorkspaceId,
        list: &ListId,
    ) -> Result<(u64, Vec<(String, String)>), QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let (id, list) = (workspace.clone(), list.clone());
        let asked = self.ask_shard(shard, move |runner| {
            let position = runner.applied();
            let tenant = runner.tenants.get(&id)?;
            if !tenant.engine.lists().any(|known| known.id == list) {
                return Some(Err(QueryError::NotFound { what: "list", id: list.0.clone() }));
            }
            let desired = tenant.engine.desired(&list).map_err(answers::unavailable);
            Some(desired.map(|desired| (position, desired)))
        });
        asked.await?.ok_or_else(unknown)?
    }

    async fn people_of(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        after: Option<String>,
        limit: usize,
    ) -> Result<SourcePeople, QueryError> {
        let (source, limit) = (source.clone(), limit.clamp(1, MEMBERS_MAX));
        let asked = self.ask(workspace, move |tenant| answers::people_of(&tenant.engine, &source, after, limit));
        asked.await.map(|page| page.answer)
    }

    async fn export(&self, workspace: &WorkspaceId, person: &PersonKey) -> Result<PersonExport, QueryError> {
        let unknown = || QueryError::NotFound { what: "workspace", id: workspace.0.clone() };
        let shard = self.shard(workspace).ok_or_else(unknown)?;
        let (id, person, store) = (workspace.clone(), person.clone(), shard.store.clone());
        let asked = self.ask_shard(shard, move |runner| {
            let mark = runner.mark();
            let tenant = runner.tenants.get(&id)?;
            let export = answers::export(&mut tenant.engine, &person);
            Some(export.map(|export| {
                let fresh = tenant.writing.iter().chain(&tenant.entries);
                let given = Arc::clone(tenant.engine.given());
                PersonExport::new(export, (store, tenant.number, mark.position), fresh, given)
            }))
        });
        asked.await?.ok_or_else(unknown)?
    }

    fn live(&self) -> broadcast::Receiver<Arc<Live>> {
        self.common.live.subscribe()
    }

    fn stats(&self) -> Vec<ShardStats> {
        let one = |shard: &Shard| ShardStats {
            appended: shard.appender.appended(),
            applied: *shard.applied.borrow(),
            apply_lag_ms: u64::try_from(shard.inbox.lag().as_millis()).unwrap_or(u64::MAX),
            log_bytes: shard.appender.log_bytes(),
            ..shard.figures.read()
        };
        self.shards.iter().map(one).collect()
    }
}
