//! A core that keeps what it is given, and sources with fixed write keys.

#![allow(dead_code)]

pub mod gate;

use gate::Gate;

use model::{Command, Event, ListId, OrderPolicy, SegmentId, Source, SourceId, SourceKind, Time, WorkspaceId};
use segmentd::enrich::Enrich;
use segmentd::intake::{BodyRoom, IntakeLimits, IntakeMetrics, IntakeState, Refusals, SourceEntry, WriteKeys};
use segmentd::shard::api::*;
use segmentd::shard::clock::SimulatedClock;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use tokio::sync::broadcast;

/// Keeps every submission; answers with errors when told to.
#[derive(Default)]
pub struct FakeCore {
    /// Why nothing is taken now.
    pub full: Mutex<Option<SubmitError>>,
    pub submissions: Mutex<Vec<(WorkspaceId, Vec<Command>)>>,
    pub failures: Mutex<VecDeque<SubmitError>>,
    /// Every submission passes it twice, before and after it is kept.
    pub gate: Mutex<Option<Arc<Gate>>>,
    /// Positions beyond this one are not applied; `None` for all are.
    pub applied_through: Mutex<Option<u64>>,
}

impl FakeCore {
    pub fn fail_next(&self, errors: impl IntoIterator<Item = SubmitError>) {
        self.failures.lock().unwrap().extend(errors);
    }

    async fn pass(&self, what: &str) -> Result<(), SubmitError> {
        let gate = self.gate.lock().unwrap().clone();
        match gate {
            Some(gate) => gate.pass(what).await.map_err(|()| SubmitError::Stopping),
            None => Ok(()),
        }
    }

    pub fn commands(&self) -> Vec<Command> {
        self.submissions.lock().unwrap().iter().flat_map(|(_, commands)| commands.clone()).collect()
    }

    pub fn events(&self) -> Vec<Event> {
        let submissions = self.submissions.lock().unwrap();
        let commands = submissions.iter().flat_map(|(_, commands)| commands);
        let event = |command: &Command| match command {
            Command::Event(event) => Some(event.as_ref().clone()),
            _ => None,
        };
        commands.filter_map(event).collect()
    }
}

fn no<T>() -> Result<T, QueryError> {
    Err(QueryError::Unavailable("only submissions are kept".to_owned()))
}

#[async_trait::async_trait]
impl Core for FakeCore {
    fn has_room(&self, _: &WorkspaceId) -> Result<(), SubmitError> {
        self.full.lock().unwrap().clone().map_or(Ok(()), Err)
    }
    async fn submit(&self, workspace: &WorkspaceId, commands: Vec<Command>) -> Result<Accepted, SubmitError> {
        if let Some(error) = self.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        self.pass("append").await?;
        let position = {
            let mut submissions = self.submissions.lock().unwrap();
            submissions.push((workspace.clone(), commands));
            submissions.len() as u64
        };
        self.pass("appended").await?;
        Ok(Accepted { time: Time(0), position })
    }
    async fn applied(&self, _: &WorkspaceId, position: u64) -> Result<(), QueryError> {
        while self.applied_through.lock().unwrap().is_some_and(|through| through < position) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        Ok(())
    }
    async fn as_of(&self, _: &WorkspaceId) -> Result<Time, QueryError> {
        no()
    }
    async fn workspaces(&self) -> Vec<WorkspaceInfo> {
        Vec::new()
    }
    async fn workspace(&self, _: &WorkspaceId) -> Result<AsOf<WorkspaceInfo>, QueryError> {
        no()
    }
    async fn segments(&self, _: &WorkspaceId) -> Result<AsOf<Items<SegmentInfo>>, QueryError> {
        no()
    }
    async fn segment(&self, _: &WorkspaceId, _: &SegmentId) -> Result<AsOf<SegmentInfo>, QueryError> {
        no()
    }
    async fn check_definition(&self, _: &WorkspaceId, _: &SegmentId, _: &str) -> Result<String, QueryError> {
        no()
    }
    async fn members(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: Option<String>,
        _: usize,
    ) -> Result<AsOf<MemberPage>, QueryError> {
        no()
    }
    async fn explain(&self, _: &WorkspaceId, _: &SegmentId, _: &PersonKey) -> Result<AsOf<Explanation>, QueryError> {
        no()
    }
    async fn preview(&self, _: &WorkspaceId, _: &str, _: bool) -> Result<AsOf<Preview>, QueryError> {
        no()
    }
    async fn versions(&self, _: &WorkspaceId, _: &SegmentId) -> Result<AsOf<Items<VersionInfo>>, QueryError> {
        no()
    }
    async fn preview_change(&self, _: &WorkspaceId, _: &SegmentId, _: &str) -> Result<AsOf<ChangePreview>, QueryError> {
        no()
    }
    async fn person(&self, _: &WorkspaceId, person: &PersonKey) -> Result<AsOf<PersonInfo>, QueryError> {
        Err(QueryError::NotFound { what: "person", id: format!("{person:?}") })
    }
    async fn events(
        &self,
        _: &WorkspaceId,
        _: &PersonKey,
        _: Option<String>,
        _: usize,
    ) -> Result<AsOf<EventPage>, QueryError> {
        no()
    }
    async fn rates(&self, _: &WorkspaceId) -> Result<AsOf<Items<RateInfo>>, QueryError> {
        no()
    }
    async fn transitions(&self, _: &WorkspaceId, _: JournalAsk) -> Result<AsOf<TransitionPage>, QueryError> {
        no()
    }
    async fn members_past(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: PastAsk,
        _: (Option<String>, usize),
    ) -> Result<AsOf<MemberPage>, QueryError> {
        no()
    }
    async fn explain_past(
        &self,
        _: &WorkspaceId,
        _: &SegmentId,
        _: &PersonKey,
        _: PastAsk,
    ) -> Result<AsOf<Explanation>, QueryError> {
        no()
    }
    async fn desired(&self, _: &WorkspaceId, _: &ListId) -> Result<(u64, Vec<(String, String)>), QueryError> {
        no()
    }
    async fn people_of(
        &self,
        _: &WorkspaceId,
        _: &SourceId,
        _: Option<String>,
        _: usize,
    ) -> Result<SourcePeople, QueryError> {
        no()
    }
    async fn export(&self, _: &WorkspaceId, _: &PersonKey) -> Result<PersonExport, QueryError> {
        no()
    }
    fn live(&self) -> broadcast::Receiver<Arc<Live>> {
        broadcast::channel(1).1
    }
    fn stats(&self) -> Vec<ShardStats> {
        Vec::new()
    }
}

/// Write keys known to the tests: `WRITE_KEY_1` of a server, `BROWSER` of a browser, `OFF` switched off.
pub struct FakeKeys(pub BTreeMap<String, Arc<SourceEntry>>);

impl FakeKeys {
    pub fn new() -> FakeKeys {
        let entry = |id: &str, kind, enabled| {
            let source = Source { id: id.into(), kind, orders: OrderPolicy::Auto };
            let entry = SourceEntry { workspace: "shop".into(), source, enabled, region: Some("MX".to_owned()) };
            Arc::new(entry)
        };
        FakeKeys(BTreeMap::from([
            ("WRITE_KEY_1".to_owned(), entry("server", SourceKind::Server, true)),
            ("BROWSER".to_owned(), entry("web", SourceKind::Browser, true)),
            ("OFF".to_owned(), entry("old", SourceKind::Server, false)),
        ]))
    }
}

impl WriteKeys for FakeKeys {
    fn find(&self, key: &str) -> Option<Arc<SourceEntry>> {
        self.0.get(key).cloned()
    }
}

/// The receive time of every test: 2026-11-24T12:00:00Z.
pub fn now() -> Time {
    Time::parse("2026-11-24T12:00:00Z").unwrap()
}

/// The workspace has a connection `meli`.
pub struct FakeCustomers;

impl segmentd::intake::Customers for FakeCustomers {
    fn is_connection(&self, _: &WorkspaceId, source: &str) -> bool {
        source == "meli"
    }
}

/// An intake over a fake core.
pub struct Bench {
    pub core: Arc<FakeCore>,
    pub state: IntakeState,
}

impl Bench {
    pub fn new() -> Bench {
        Bench::with_limits(IntakeLimits::default())
    }

    pub fn with_limits(limits: IntakeLimits) -> Bench {
        let core = Arc::new(FakeCore::default());
        let state = IntakeState {
            core: core.clone(),
            keys: Arc::new(FakeKeys::new()),
            customers: Arc::new(FakeCustomers),
            enrich: Arc::new(Enrich::default()),
            limits,
            room: Arc::new(BodyRoom::new(256 << 20)),
            metrics: Arc::new(IntakeMetrics::default()),
            refusals: Arc::new(Refusals::default()),
            clock: Arc::new(SimulatedClock::new(now())),
            public_url: "http://127.0.0.1:8787".to_owned(),
        };
        Bench { core, state }
    }

    pub fn router(&self) -> axum::Router {
        segmentd::intake::router(self.state.clone())
    }
}
