//! What administrators and merchants do with connections.

use super::live::Live;
use super::{ConnectError, ConnectionShown, Connections};
use crate::control::pending::For;
use crate::control::rotation::now;
use crate::control::{ConnectionRecord, ControlError, NewConnection, Step, StoredApp, Way};
use kit::connector::Connector;
use kit::install::Way as Offered;
use kit::token::Grant;
use model::{SourceId, WorkspaceId};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Ids that would read like another kind of identity.
const RESERVED: [&str; 7] = ["user", "platform", "phone", "email", "anon", "device", "cart"];
/// Connections of one workspace.
const CONNECTIONS_MAX: usize = 100;
/// How long whoever pastes a key waits to hear whose it is.
const KEY_WAIT_MAX: Duration = Duration::from_secs(15);
const KEY_LOOK: Duration = Duration::from_millis(25);

/// A connection that is asked for. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its id.
    pub id: SourceId,
    /// The connector.
    pub connector: String,
    /// The account, as somebody typed it.
    pub account: Option<String>,
    /// A key, where it is connected by one.
    pub api_key: Option<SecretString>,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// The connector's own settings.
    pub settings: Map<String, Value>,
}

/// A connection that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// How it stands.
    pub shown: ConnectionShown,
    /// Where the merchant agrees; absent where a key was given.
    pub connect_url: Option<String>,
}

impl Connections {
    /// Makes a connection. With a key it is checked at once; else the merchant is to be sent to an address.
    pub async fn make(self: &Arc<Self>, workspace: &WorkspaceId, asked: Asked) -> Result<Made, ConnectError> {
        let way = if asked.api_key.is_some() { Way::ApiKey } else { Way::Oauth };
        let account = self.checked(workspace, &asked, way)?;
        let new = NewConnection {
            workspace: workspace.clone(),
            id: asked.id.clone(),
            connector: asked.connector,
            account,
            way,
            region: asked.region,
            settings: asked.settings,
        };
        let live = self.admit(self.control.create_connection(new)?)?;
        self.reindex()?;
        match asked.api_key {
            Some(key) => {
                self.accept_key(&live, key).await?;
                self.until_identified(&live).await;
                Ok(Made { shown: self.shown(&live)?, connect_url: None })
            }
            None => {
                let connect_url = Some(self.invitation(workspace, &asked.id)?);
                Ok(Made { shown: self.shown(&live)?, connect_url })
            }
        }
    }

    /// What is wrong with what is asked for; else the account in its one spelling, or nothing yet.
    fn checked(&self, workspace: &WorkspaceId, asked: &Asked, way: Way) -> Result<String, ConnectError> {
        let (found, install) = self.connector(&asked.connector)?;
        let offers = |offered: Offered| install.capabilities().ways.contains(&offered);
        let offered = match way {
            Way::Oauth => offers(Offered::OAuth) || offers(Offered::Grant),
            Way::ApiKey => offers(Offered::ApiKey),
        };
        if !offered {
            let why = format!("{} does not connect by {}", found.name, if way == Way::Oauth { "OAuth" } else { "key" });
            return Err(ConnectError::BadSetting(why));
        }
        if way == Way::Oauth {
            self.installer(&asked.connector)?;
        }
        let id = asked.id.as_str();
        if RESERVED.contains(&id) {
            return Err(ConnectError::BadId(format!("the id {id:?} is kept for identities; choose another")));
        }
        let of_workspace = self.all().iter().filter(|live| live.record().workspace == workspace.as_str()).count();
        if of_workspace >= CONNECTIONS_MAX {
            return Err(ConnectError::NotNow(format!("a workspace has at most {CONNECTIONS_MAX} connections")));
        }
        let tracking = self.control.sources(workspace)?;
        if self.find(workspace, &asked.id).is_ok() || tracking.iter().any(|(record, _)| record.id == id) {
            return Err(ConnectError::NotNow(self.id_is_taken(workspace, id)));
        }
        let Some(typed) = asked.account.as_deref().filter(|typed| !typed.trim().is_empty()) else {
            // A merchant is asked in the browser; whoever has a key knows what it is for.
            if way == Way::ApiKey && install.capabilities().account_first {
                let why = format!("{} does not tell by a key whose it is: name the account", found.name);
                return Err(ConnectError::BadSetting(why));
            }
            return Ok(String::new());
        };
        let account = install.account(typed).map_err(ConnectError::Platform)?;
        let others = self.of_account(&asked.connector, &account).into_iter();
        let mut others = others.filter(|other| other.workspace == workspace.as_str() && self.still_counts(other));
        match others.next() {
            Some(other) if other.is_live() => Err(ConnectError::Taken(account, other.id)),
            Some(other) => {
                let id = other.id;
                let why =
                    format!("{account} was connected as {id}, and what it brought is still there: connect it again");
                Err(ConnectError::NotNow(format!("{why} by `reauthorize`, or remove {id} with what it brought first")))
            }
            None => Ok(account),
        }
    }

    fn id_is_taken(&self, workspace: &WorkspaceId, id: &str) -> String {
        match self.record(workspace, &SourceId::from(id)) {
            Ok(known) if !known.is_live() => {
                format!(
                    "{id} was connected before: connect it again by `reauthorize`, or remove it with what it brought"
                )
            }
            _ => format!("there is a source {id} already; choose another id"),
        }
    }

    /// Whether another connection to the same account would bring everything twice: one that is there, or whose orders
    /// stayed when it was taken down.
    pub(super) fn still_counts(&self, record: &ConnectionRecord) -> bool {
        let adds_up = |connector: &Connector| {
            connector.poll.is_some_and(|poll| poll.streams().iter().any(|stream| stream.adds_up))
        };
        let stays =
            record.announced && self.connector(&record.connector).is_ok_and(|(connector, _)| adds_up(connector));
        record.is_live() || stays
    }

    async fn accept_key(self: &Arc<Self>, live: &Arc<Live>, key: SecretString) -> Result<(), ControlError> {
        let (refresh, scopes, extra) = (None, None, Map::new());
        let grant = Grant { access: key, expires_in: None, refresh, refresh_expires_in: None, scopes, extra };
        live.tokens.grant(&grant).await?;
        self.identify_next(live)?;
        self.begin_life(live);
        Ok(())
    }

    async fn until_identified(&self, live: &Live) {
        let begun = Instant::now();
        while begun.elapsed() < KEY_WAIT_MAX {
            let record = live.record();
            if record.step > Step::Identifying || record.failure.is_some() {
                return;
            }
            tokio::time::sleep(KEY_LOOK).await;
        }
    }

    /// There are new tokens: it is looked who they are for, and everything after that is done again.
    pub(super) fn identify_next(&self, live: &Live) -> Result<(), ControlError> {
        live.edit(self, |record| {
            (record.step, record.failure, record.withdraw) = (Step::Identifying, None, false);
            Ok(())
        })
    }

    /// An address at which the merchant agrees, good for a week.
    pub fn invitation(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<String, ConnectError> {
        let record = self.record(workspace, id)?;
        if record.way != Way::Oauth {
            return Err(ConnectError::NotByOauth);
        }
        self.installer(&record.connector)?;
        let wanted = For { workspace: workspace.clone(), id: id.clone() };
        let secret = self.control.invite(&wanted, now())?;
        Ok(format!("{}/connect/{secret}", self.settings.public_url))
    }

    /// The merchant agreed: the tokens are kept, and the connection goes on by itself.
    pub(crate) async fn granted(
        self: &Arc<Self>,
        wanted: &For,
        account: &str,
        grant: &Grant,
    ) -> Result<(), ConnectError> {
        let live = self.find(&wanted.workspace, &wanted.id)?;
        not_going(&live)?;
        let known = live.record().account;
        if !known.is_empty() && !account.is_empty() && known != account {
            return Err(ConnectError::OtherAccount);
        }
        // Nobody reads with a token of which it is not known yet whose it is.
        self.reading.stop((&wanted.workspace, &wanted.id)).await;
        live.edit(self, |record| {
            if record.account.is_empty() {
                account.clone_into(&mut record.account);
            }
            Ok(())
        })?;
        live.tokens.grant(grant).await?;
        self.identify_next(&live)?;
        self.begin_life(&live);
        Ok(())
    }

    /// A new key for a connection that is made by one.
    pub async fn new_key(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        id: &SourceId,
        key: SecretString,
    ) -> Result<ConnectionShown, ConnectError> {
        let live = self.find(workspace, id)?;
        if live.record().way != Way::ApiKey {
            let why = "this connection is authorized by the merchant, not by a key".to_owned();
            return Err(ConnectError::NotNow(why));
        }
        not_going(&live)?;
        self.reading.stop((workspace, id)).await;
        self.accept_key(&live, key).await?;
        self.until_identified(&live).await;
        Ok(self.shown(&live)?)
    }

    /// Changes the connector's own settings and the region of phone numbers.
    pub fn set(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        id: &SourceId,
        (settings, region): (Option<Map<String, Value>>, Option<String>),
    ) -> Result<ConnectionShown, ConnectError> {
        let live = self.find(workspace, id)?;
        live.edit(self, |record| {
            record.settings = settings.unwrap_or_else(|| record.settings.clone());
            record.region = region.or_else(|| record.region.clone());
            Ok(())
        })?;
        live.wake.notify_one();
        Ok(self.shown(&live)?)
    }

    /// Try now what waits.
    pub fn retry(self: &Arc<Self>, workspace: &WorkspaceId, id: &SourceId) -> Result<ConnectionShown, ConnectError> {
        let live = self.find(workspace, id)?;
        self.begin_life(&live);
        self.reading.poll_now(workspace, id);
        Ok(self.shown(&live)?)
    }

    /// Takes a connection down; with `withdraw`, what it brought goes too. Refused while lists use it.
    pub fn take_down(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        id: &SourceId,
        withdraw: bool,
    ) -> Result<ConnectionShown, ConnectError> {
        let live = self.find(workspace, id)?;
        let users = self.control.lists_of_connection(workspace, id)?;
        if !users.is_empty() {
            return Err(ConnectError::InUse(id.to_string(), users.join(", ")));
        }
        self.bring_down(&live, withdraw)?;
        Ok(self.shown(&live)?)
    }

    /// The same, whoever uses it.
    pub(super) fn bring_down(self: &Arc<Self>, live: &Arc<Live>, withdraw: bool) -> Result<(), ControlError> {
        live.edit(self, |record| {
            record.withdraw |= withdraw;
            record.failure = None;
            record.step = match record.step {
                Step::Withdrawing => Step::Withdrawing,
                Step::Disconnected if record.withdraw => Step::Withdrawing,
                Step::Disconnected => Step::Disconnected,
                _ => Step::Disconnecting,
            };
            Ok(())
        })?;
        self.begin_life(live);
        Ok(())
    }

    fn shown(&self, live: &Live) -> Result<ConnectionShown, ControlError> {
        let record = live.record();
        live.shown(self.reading.status(&record.workspace(), &record.source()))
    }

    /// How a connection stands.
    pub fn show(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<ConnectionShown, ConnectError> {
        Ok(self.shown(self.find(workspace, id)?.as_ref())?)
    }

    /// How the connections of a workspace stand.
    pub fn list(&self, workspace: &WorkspaceId) -> Result<Vec<ConnectionShown>, ConnectError> {
        let all = self.all().into_iter().filter(|live| live.record().workspace == workspace.as_str());
        Ok(all.map(|live| self.shown(&live)).collect::<Result<_, _>>()?)
    }

    /// Sets our app on a platform; what runs goes on with it at once.
    pub fn set_app(&self, app: &StoredApp) -> Result<(), ConnectError> {
        self.connector(&app.connector)?;
        self.control.put_app(app)?;
        for live in self.all().iter().filter(|live| live.record().connector == app.connector) {
            live.refresh(self)?;
        }
        self.reindex()?;
        Ok(())
    }
}

/// A connection that is being taken down is not brought back half way.
fn not_going(live: &Live) -> Result<(), ConnectError> {
    match live.record().step {
        Step::Disconnecting | Step::Withdrawing => {
            Err(ConnectError::NotNow("the connection is being taken down; try again later".to_owned()))
        }
        _ => Ok(()),
    }
}
