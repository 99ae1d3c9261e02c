//! Connections and whoever reads them: the workers of [`crate::poll`].

use super::live::Live;
use super::{Connections, Place};
use crate::control::Step;
use crate::poll::{Accounts, Callbacks, ConnectionStatus, Exports, Holds, Keeper, PollService, Start};
use crate::shard::api::Core;
use crate::sync::Whose;
use kit::failure::Failure;
use kit::install::Registered;
use model::{Command, Identity, SourceId, WorkspaceId};
use std::sync::{Arc, OnceLock, Weak};

/// Passes of one withdrawal; what is left then is tried again later.
const PASSES_MAX: usize = 20;
/// Why lists wait for a connection that is being set up.
const SETTING_UP: &str = "a connection is being set up";

/// The workers, once they are there.
#[derive(Default)]
pub(super) struct Reading {
    service: OnceLock<Arc<PollService>>,
}

fn later(why: impl std::fmt::Display) -> Failure {
    Failure::retry(why.to_string(), None)
}

impl Reading {
    fn service(&self) -> Option<&Arc<PollService>> {
        self.service.get()
    }

    /// Lists of the workspace wait for a connection that is being set up; its past keeps them waiting after that.
    pub(super) fn hold(&self, connections: &Connections, live: &Live) {
        let record = live.record();
        if record.step > Step::Authorizing && record.step < Step::Running {
            let (workspace, source) = (record.workspace(), record.source());
            connections.sync.wait_for(&workspace, &Whose::Workspace, source.as_str(), SETTING_UP);
        }
    }

    /// Reads a connection from now on, with what is new of it, and asks at once for what was missed meanwhile.
    pub(super) async fn start(&self, connections: &Connections, live: &Live) -> Result<(), Failure> {
        let Some(service) = self.service() else { return Ok(()) };
        let (record, connection) = (live.record(), live.connection());
        let (workspace, source) = (record.workspace(), record.source());
        let start = Start { workspace: workspace.clone(), connector: live.connector, connection };
        service.start(start).await.map_err(later)?;
        service.poll_now(&workspace, &source);
        // Whoever reads the past lets lists go when it is read; where it is, nobody would.
        if service.status(&workspace, &source).map_err(later)?.is_none_or(|status| !status.holds_lists) {
            connections.sync.done_waiting(&workspace, &Whose::Workspace, source.as_str());
        }
        Ok(())
    }

    /// Ends the reading of a connection until it is started again.
    pub(super) async fn stop(&self, (workspace, source): (&WorkspaceId, &SourceId)) {
        if let Some(service) = self.service() {
            service.stop(workspace, source).await;
        }
    }

    /// Ends the reading of a connection for good; lists wait for it no more.
    pub(super) async fn end(&self, (workspace, source): &Place) -> Result<(), Failure> {
        let Some(service) = self.service() else { return Ok(()) };
        service.forget(workspace, source).await.map_err(later)
    }

    pub(super) fn poll_now(&self, workspace: &WorkspaceId, source: &SourceId) {
        self.service().map(|service| service.poll_now(workspace, source));
    }

    pub(super) fn status(&self, workspace: &WorkspaceId, source: &SourceId) -> Option<ConnectionStatus> {
        let status = self.service().map(|service| service.status(workspace, source));
        status.transpose().unwrap_or_else(|why| {
            tracing::error!(%why, "how a connection is read can't be told");
            None
        })?
    }

    pub(super) async fn close(&self) {
        if let Some(service) = self.service() {
            service.close().await;
        }
    }
}

/// What the workers ask of connections.
struct Answers(Weak<Connections>);

impl Answers {
    fn connections(&self) -> Result<Arc<Connections>, Failure> {
        self.0.upgrade().ok_or_else(|| later("the daemon is stopping"))
    }
}

impl Connections {
    /// What the workers ask of connections.
    pub fn callbacks(self: &Arc<Self>) -> Callbacks {
        let answers = Arc::new(Answers(Arc::downgrade(self)));
        Callbacks {
            holds: Arc::clone(&answers) as Arc<dyn Holds>,
            keeper: Arc::clone(&answers) as Arc<dyn Keeper>,
            exports: Arc::clone(&answers) as Arc<dyn Exports>,
            accounts: answers as Arc<dyn Accounts>,
        }
    }

    /// The workers are there.
    pub fn read_with(&self, service: Arc<PollService>) {
        if self.reading.service.set(service).is_err() {
            tracing::error!("connections are read already");
        }
    }

    /// How the connections that are read stand.
    pub fn readings(&self) -> Vec<ConnectionStatus> {
        let statuses = self.reading.service().map(|service| service.statuses()).transpose();
        statuses.ok().flatten().unwrap_or_default()
    }
}

impl Holds for Answers {
    fn hold(&self, workspace: &WorkspaceId, source: &SourceId, why: &str) {
        if let Some(connections) = self.0.upgrade() {
            connections.sync.wait_for(workspace, &Whose::Workspace, source.as_str(), why);
        }
    }

    fn release(&self, workspace: &WorkspaceId, source: &SourceId) {
        if let Some(connections) = self.0.upgrade() {
            connections.sync.done_waiting(workspace, &Whose::Workspace, source.as_str());
        }
    }
}

#[async_trait::async_trait]
impl Keeper for Answers {
    fn needs_authorization(&self, workspace: &WorkspaceId, source: &SourceId, why: &str) {
        if let Some(connections) = self.0.upgrade() {
            connections.authorization_lost(&(workspace.clone(), source.clone()), why);
        }
    }

    async fn registered(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        registered: &Registered,
    ) -> Result<(), Failure> {
        let connections = self.connections()?;
        let live = connections.find(workspace, source).map_err(later)?;
        connections.keep_registered(&live, registered)
    }
}

#[async_trait::async_trait]
impl Exports for Answers {
    async fn export(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        identities: &[Identity],
        reference: &str,
    ) -> Result<(), Failure> {
        self.connections()?.export((workspace, source), identities, reference).await
    }

    async fn forget(&self, workspace: &WorkspaceId, source: &SourceId, identities: &[Identity]) -> Result<(), Failure> {
        self.connections()?.forget_exports(workspace, source, Some(identities)).await
    }
}

#[async_trait::async_trait]
impl Accounts for Answers {
    /// The platform's signature covers neither its headers nor the time: the account is asked itself. One that
    /// answers is there (again), and keeps its facts.
    async fn redact_account(&self, workspace: &WorkspaceId, source: &SourceId) -> Result<(), Failure> {
        let connections = self.connections()?;
        let Ok(live) = connections.find(workspace, source) else { return Ok(()) };
        if live.record().is_live() && live.tokens.are_good() {
            let install = live.connector.install.ok_or_else(|| later("no install role"))?;
            match install.identify(&live.connection(), None).await {
                Ok(_) => {
                    tracing::warn!(%workspace, connection = %source, "a request to erase an account that is still connected is not heeded");
                    return Ok(());
                }
                Err(Failure::NeedsAuthorization(_) | Failure::Gone(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        connections.bring_down(&live, true).map_err(later)
    }
}

/// Takes out what a source brought, person by person, until a whole pass finds nobody: who is united with somebody
/// meanwhile may be missed by one.
pub(super) async fn withdraw(core: &dyn Core, place: &Place, page: usize) -> Result<(), Failure> {
    for _ in 0..PASSES_MAX {
        if !pass(core, place, page).await? {
            return Ok(());
        }
    }
    Err(Failure::retry(format!("somebody is still left after {PASSES_MAX} passes"), None))
}

/// One pass; whether it found anybody.
async fn pass(core: &dyn Core, (workspace, source): &Place, page: usize) -> Result<bool, Failure> {
    let (mut after, mut found) = (None, false);
    loop {
        let people = core.people_of(workspace, source, after, page).await.map_err(later)?;
        let one = |identity| Command::Withdraw { source: source.clone(), identity };
        let commands: Vec<Command> = people.identities.into_iter().map(one).collect();
        if !commands.is_empty() {
            found = true;
            let accepted = core.submit(workspace, commands).await.map_err(later)?;
            core.applied(workspace, accepted.position).await.map_err(later)?;
        }
        after = people.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}
