//! Connections to merchants' accounts: made, kept going, taken down.
//!
//! Each has a life of steps (see [`crate::control::Step`]), each kept before the next one begins and each safe to do
//! twice; so a daemon that ends anywhere goes on where it was.

mod edit;
mod error;
mod exports;
mod life;
mod lists;
mod live;
mod lookup;
mod quotas;
mod reading;
mod steps;
mod watch;

pub use edit::{Asked, Made};
pub use error::ConnectError;
pub use exports::ExportShown;
pub use live::ConnectionShown;

use crate::alerts::Alerts;
use crate::control::{ConnectionRecord, Control, ControlError, Step};
use crate::shard::api::Core;
use crate::sync::SyncService;
use kit::connector::Connector;
use kit::install::{Install, Way};
use kit::platform::{App, Connection, Platform};
use live::Live;
use lookup::Index;
use model::{SourceId, WorkspaceId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A connection's place.
pub(crate) type Place = (WorkspaceId, SourceId);

/// What the operator set for all connections.
#[derive(Clone)]
pub struct ConnectionSettings {
    /// The connectors that there are.
    pub connectors: &'static [Connector],
    /// Our own address as platforms and browsers see it, without a trailing slash.
    pub public_url: String,
    /// Where platforms are instead of at their own addresses, by connector.
    pub addresses: BTreeMap<String, String>,
    /// Settings of connectors that the operator makes, by connector. An app's own hold before them.
    pub connector_settings: BTreeMap<String, Map<String, Value>>,
    /// Whether those may lie inside the network.
    pub allow_private: bool,
    /// Where exports for merchants are kept.
    pub exports_dir: PathBuf,
}

/// All connections of the daemon.
pub struct Connections {
    control: Arc<Control>,
    core: Arc<dyn Core>,
    sync: Arc<SyncService>,
    alerts: Arc<Alerts>,
    settings: ConnectionSettings,
    live: RwLock<BTreeMap<Place, Arc<Live>>>,
    index: RwLock<Arc<Index>>,
    reading: reading::Reading,
    quotas: quotas::Quotas,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Connections {
    /// The connections of earlier runs. They do nothing before [`Connections::start`].
    pub fn open(
        control: Arc<Control>,
        core: Arc<dyn Core>,
        sync: Arc<SyncService>,
        alerts: Arc<Alerts>,
        settings: ConnectionSettings,
    ) -> Result<Arc<Connections>, ControlError> {
        let connections = Arc::new(Connections {
            control,
            core,
            sync,
            alerts,
            settings,
            live: RwLock::default(),
            index: RwLock::default(),
            reading: reading::Reading::default(),
            quotas: quotas::Quotas::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        for record in connections.control.connections()? {
            connections.admit(record)?;
        }
        connections.reindex()?;
        connections.tell_exports_again();
        Ok(connections)
    }

    /// Takes a connection among the live ones.
    fn admit(self: &Arc<Self>, record: ConnectionRecord) -> Result<Arc<Live>, ControlError> {
        let place = (record.workspace(), record.source());
        let live = Live::open(self, record)?;
        self.live.write().unwrap_or_else(PoisonError::into_inner).insert(place, Arc::clone(&live));
        Ok(live)
    }

    /// Lists wait for connections that read their past; then every life goes on.
    pub fn start(self: &Arc<Self>) {
        for live in self.all() {
            // The tokens were kept, and the daemon ended before the step was.
            let authorized = live.record().step == Step::Authorizing && live.tokens.are_good();
            if authorized && let Err(why) = self.identify_next(&live) {
                tracing::error!(%why, "a connection's state can't be kept");
            }
            self.begin_life(&live);
        }
    }

    /// Ends every life where it is, and waits for that.
    pub async fn close(&self) {
        self.stop.cancel();
        self.reading.close().await;
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn all(&self) -> Vec<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    fn find(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<Arc<Live>, ConnectError> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&(workspace.clone(), id.clone())).cloned().ok_or_else(|| ConnectError::NoConnection(id.to_string()))
    }

    /// The control plane.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Our own address.
    pub fn public_url(&self) -> &str {
        &self.settings.public_url
    }

    /// A connection as it is kept.
    pub fn record(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<ConnectionRecord, ConnectError> {
        Ok(self.find(workspace, id)?.record())
    }

    /// A connection as connectors see it.
    pub fn connection(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<Arc<Connection>, ConnectError> {
        Ok(self.find(workspace, id)?.connection())
    }

    /// Whether a connection waits for its merchant.
    pub fn needs_merchant(&self, record: &ConnectionRecord) -> bool {
        self.find(&record.workspace(), &record.source()).is_ok_and(|live| !live.tokens.are_good())
    }

    /// Connections to one account, of all workspaces.
    pub fn of_account(&self, connector: &str, account: &str) -> Vec<ConnectionRecord> {
        let records = self.all().into_iter().map(|live| live.record());
        records.filter(|record| record.connector == connector && record.account == account).collect()
    }

    /// What holds for all connections of a connector, with our app as it is set now.
    pub fn platform(&self, connector: &str) -> Result<Arc<Platform>, ControlError> {
        let app = self.control.app(connector)?;
        let mut settings = self.settings.connector_settings.get(connector).cloned().unwrap_or_default();
        settings.extend(app.as_ref().map(|app| app.settings.clone()).unwrap_or_default());
        let address = self.settings.addresses.get(connector).cloned();
        Ok(Arc::new(Platform {
            // An address that the operator set may be anywhere; a platform's own is in the public.
            allow_private: address.is_some() || self.settings.allow_private,
            address,
            app: app.map(|app| App { client_id: app.client_id, secrets: app.secrets }),
            public_url: self.settings.public_url.clone(),
            settings,
        }))
    }

    /// The install role of a connector with what holds for it; our app must be set up where the platform knows apps.
    pub fn installer(&self, name: &str) -> Result<(&'static dyn Install, Arc<Platform>), ConnectError> {
        let (_, install) = self.connector(name)?;
        let platform = self.platform(name)?;
        if platform.app.is_none() && !install.capabilities().ways.contains(&Way::Grant) {
            return Err(ConnectError::NoApp(name.to_owned()));
        }
        Ok((install, platform))
    }

    fn no_connector(&self, name: &str) -> ConnectError {
        let known = self.settings.connectors.iter().filter(|one| one.install.is_some()).map(|one| one.name);
        ConnectError::NoConnector(name.to_owned(), known.collect::<Vec<_>>().join(", "))
    }

    /// A connector that connects to accounts, with its role.
    fn connector(&self, name: &str) -> Result<(&'static Connector, &'static dyn Install), ConnectError> {
        let found = self.settings.connectors.iter().find(|connector| connector.name == name);
        found.and_then(|found| Some((found, found.install?))).ok_or_else(|| self.no_connector(name))
    }
}

#[cfg(test)]
mod tests;
