//! A connection in memory: its record, its tokens, and what connectors see of it.

use super::Connections;
use super::watch::Watcher;
use crate::control::{ConnectionRecord, Control, ControlError, Step, Way};
use crate::oauth::{ConnectionTokens, TokenStatus};
use crate::poll::ConnectionStatus;
use crate::store::db::StoreError;
use kit::api::ApiClient;
use kit::connector::Connector;
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::token::Tokens;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::Notify;
use utoipa::ToSchema;

/// A connection as it is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ConnectionShown {
    /// Its id, also that of the source as which it brings events.
    pub id: String,
    /// The connector.
    pub connector: String,
    /// The account on the platform.
    pub account: String,
    /// The account's name.
    pub name: String,
    /// How it was authorized.
    pub way: Way,
    /// What comes next in its life.
    pub step: Step,
    /// Why it does not go on by itself.
    pub failure: Option<String>,
    /// How its token stands.
    pub token: TokenStatus,
    /// The scopes that were granted.
    pub scopes: Vec<String>,
    /// What is missing, and what can't be done without it.
    pub missing: Vec<String>,
    /// What the merchant set.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// What the platform says of the account.
    #[schema(value_type = Object)]
    pub details: Map<String, Value>,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// What is read of the platform, once it runs.
    pub reading: Option<ConnectionStatus>,
}

/// A connection in memory.
pub(super) struct Live {
    pub(super) connector: &'static Connector,
    pub(super) tokens: Arc<ConnectionTokens>,
    /// Something was changed, or an operator says "now".
    pub(super) wake: Notify,
    record: Mutex<ConnectionRecord>,
    connection: RwLock<Arc<Connection>>,
    living: Mutex<bool>,
}

impl Live {
    /// Brings a record to life; nothing is asked of the platform.
    pub(super) fn open(connections: &Arc<Connections>, record: ConnectionRecord) -> Result<Arc<Live>, ControlError> {
        let unknown =
            |_| ControlError::Store(StoreError::Unreadable { what: "connection", why: record.connector.clone() });
        let (connector, install) = connections.connector(&record.connector).map_err(unknown)?;
        let platform = connections.platform(connector.name)?;
        let place = (record.workspace(), record.source());
        let watcher = Watcher::new(connections, place.clone());
        let control = Arc::clone(&connections.control);
        let tokens =
            ConnectionTokens::open(control, place, (install, Arc::clone(&platform)), &record.account, watcher)?;
        let http = HttpClient::new(platform.allow_private)
            .map_err(|why| ControlError::Store(StoreError::Unreadable { what: "HTTP client", why: why.to_string() }))?;
        let api = ApiClient::new(http, Arc::clone(&tokens) as Arc<dyn Tokens>, connector.limits);
        let api = connections.paced(&record, api);
        let connection = RwLock::new(Arc::new(seen(&connections.control, &record, platform, api)?));
        let wake = Notify::new();
        let (record, living) = (Mutex::new(record), Mutex::new(false));
        Ok(Arc::new(Live { connector, tokens, wake, record, connection, living }))
    }

    pub(super) fn record(&self) -> ConnectionRecord {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the record: kept first, then in force.
    pub(super) fn edit(
        &self,
        connections: &Connections,
        change: impl FnOnce(&mut ConnectionRecord) -> Result<(), ControlError>,
    ) -> Result<(), ControlError> {
        {
            let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
            let mut new = record.clone();
            change(&mut new)?;
            if new == *record {
                return Ok(());
            }
            connections.control.save_connection(&new)?;
            *record = new;
        }
        self.refresh(connections)
    }

    /// What connectors see is made anew, with the same pace and the same tokens.
    pub(super) fn refresh(&self, connections: &Connections) -> Result<(), ControlError> {
        let record = self.record();
        let platform = connections.platform(self.connector.name)?;
        self.tokens.set_platform(Arc::clone(&platform), &record.account);
        let api = connections.paced(&record, self.connection().api.clone());
        let connection = Arc::new(seen(&connections.control, &record, platform, api)?);
        let before = {
            let mut now = self.connection.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *now, Arc::clone(&connection))
        };
        if (&before.details, &before.account, &before.settings, &before.scopes)
            != (&connection.details, &connection.account, &connection.settings, &connection.scopes)
        {
            connections.attach_again(&(record.workspace(), record.source()))?;
        }
        connections.reindex()
    }

    /// Whether its life is to be begun: it is so from now on.
    pub(super) fn begin(&self) -> bool {
        !std::mem::replace(&mut *self.living.lock().unwrap_or_else(PoisonError::into_inner), true)
    }

    /// Its life is over, unless `more` says that there is something to do by now.
    pub(super) fn end(&self, more: impl FnOnce() -> bool) -> bool {
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        *living = more();
        !*living
    }

    /// What is shown of it.
    pub(super) fn shown(&self, reading: Option<ConnectionStatus>) -> Result<ConnectionShown, ControlError> {
        let record = self.record();
        Ok(ConnectionShown {
            token: self.tokens.status()?,
            id: record.id,
            connector: record.connector,
            account: record.account,
            name: record.name,
            way: record.way,
            step: record.step,
            failure: record.failure,
            scopes: record.scopes,
            missing: record.missing,
            settings: record.settings,
            details: record.details,
            region: record.region,
            created: record.created,
            reading,
        })
    }
}

/// A connection as connectors see it.
fn seen(
    control: &Control,
    record: &ConnectionRecord,
    platform: Arc<Platform>,
    api: ApiClient,
) -> Result<Connection, ControlError> {
    let hook_url = match platform.public_url.is_empty() {
        true => String::new(),
        false => format!("{}/hooks/{}/{}", platform.public_url, record.connector, control.hook_token(record)?),
    };
    Ok(Connection {
        source: record.source(),
        account: record.account.clone(),
        region: record.region.clone(),
        settings: record.settings.clone(),
        details: record.details.clone(),
        scopes: record.scopes.clone(),
        platform,
        api,
        hook_url,
    })
}
