//! Records of sources and destinations.

use super::{Control, ControlError};
use crate::sync::SyncSettings;
use model::{ListId, OrderPolicy, SourceId, SourceKind, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A tracking source.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SourceRecord {
    /// Its workspace.
    pub workspace: String,
    /// Its id.
    pub id: String,
    /// What kind of sender.
    pub kind: SourceKind,
    /// What its orders mean.
    pub orders: OrderPolicy,
    /// Whether its events are accepted.
    pub enabled: bool,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// Sealed write key.
    pub write_key: String,
}

/// Where a list is sent. Its `Debug` shows no secret: neither what signs nor an address that may be one.
#[derive(Clone, PartialEq, Eq)]
pub struct Destination {
    /// The connector.
    pub connector: String,
    /// Where it is, for a connector whose destinations have an address of their own; else empty.
    pub url: String,
    /// Secrets of such a destination, the newest first.
    pub secrets: Vec<String>,
    /// The connection through which it is reached, by its id.
    pub connection: Option<String>,
    /// Which list it is there, in the connector's own words.
    pub settings: Map<String, Value>,
    /// How it is sent.
    pub sync: SyncSettings,
}

impl std::fmt::Debug for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Destination");
        shown
            .field("connector", &self.connector)
            .field("connection", &self.connection)
            .field("settings", &self.settings);
        shown.finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct DestinationRecord {
    workspace: String,
    list: String,
    #[serde(default = "webhook")]
    connector: String,
    url: String,
    sync: SyncSettings,
    secrets: Vec<String>,
    #[serde(default)]
    connection: Option<String>,
    #[serde(default)]
    settings: Map<String, Value>,
    started: bool,
    /// When all secrets but the newest are dropped, microseconds.
    #[serde(default)]
    old_secrets_until: Option<i64>,
}

/// What lists were sent to before there were others.
fn webhook() -> String {
    "webhook".to_owned()
}

fn destination_key(workspace: &str, list: &str) -> String {
    format!("list/{workspace}/{list}")
}

/// A stored destination: workspace, list, destination, and whether its first sync was started.
pub type StoredDestination = (WorkspaceId, ListId, Destination, bool);

impl Control {
    /// Keeps a destination; its address and secrets are sealed.
    pub fn put_destination(
        &self,
        workspace: &WorkspaceId,
        list: &ListId,
        destination: &Destination,
        started: bool,
    ) -> Result<(), ControlError> {
        let key = destination_key(workspace.as_str(), list.as_str());
        let known = self.get::<DestinationRecord>(&key)?;
        let until = match known {
            Some(known) => {
                let until = known.old_secrets_until;
                let (_, _, before, _) = self.open_destination(known)?;
                until.filter(|_| before.secrets == destination.secrets)
            }
            None => None,
        };
        self.write_destination((workspace, list), destination, started, until)
    }

    fn write_destination(
        &self,
        (workspace, list): (&WorkspaceId, &ListId),
        destination: &Destination,
        started: bool,
        old_secrets_until: Option<i64>,
    ) -> Result<(), ControlError> {
        let key = destination_key(workspace.as_str(), list.as_str());
        let seal = |text: &String| self.vault.seal(&key, text);
        let record = DestinationRecord {
            workspace: workspace.to_string(),
            list: list.to_string(),
            connector: destination.connector.clone(),
            connection: destination.connection.clone(),
            settings: destination.settings.clone(),
            url: seal(&destination.url)?,
            sync: destination.sync.clone(),
            secrets: destination.secrets.iter().map(seal).collect::<Result<_, _>>()?,
            started,
            old_secrets_until,
        };
        self.put(&key, &record)
    }

    /// Puts a new secret before the newest one, which stays until `until`; older ones go. The
    /// destination as it is then, or `None` if there is none.
    pub fn rotate_secret(
        &self,
        workspace: &WorkspaceId,
        list: &ListId,
        secret: String,
        until: Option<Time>,
    ) -> Result<Option<StoredDestination>, ControlError> {
        let Some((_, _, mut destination, started)) = self.destination(workspace, list)? else { return Ok(None) };
        destination.secrets.insert(0, secret);
        destination.secrets.truncate(if until.is_some() { 2 } else { 1 });
        self.write_destination((workspace, list), &destination, started, until.map(|until| until.0))?;
        Ok(Some((workspace.clone(), list.clone(), destination, started)))
    }

    /// When the old secrets of a list are dropped, if it has any.
    pub fn old_secrets_until(&self, workspace: &WorkspaceId, list: &ListId) -> Result<Option<Time>, ControlError> {
        let key = destination_key(workspace.as_str(), list.as_str());
        Ok(self.get::<DestinationRecord>(&key)?.and_then(|record| record.old_secrets_until).map(Time))
    }

    /// Drops old secrets whose time is over; the destinations that changed.
    pub fn drop_old_secrets(&self, now: Time) -> Result<Vec<StoredDestination>, ControlError> {
        let mut changed = Vec::new();
        for record in self.all::<DestinationRecord>("list/")? {
            if record.old_secrets_until.is_none_or(|until| until > now.0) {
                continue;
            }
            let (workspace, list, mut destination, started) = self.open_destination(record)?;
            destination.secrets.truncate(1);
            self.write_destination((&workspace, &list), &destination, started, None)?;
            changed.push((workspace, list, destination, started));
        }
        Ok(changed)
    }

    /// Notes that the first sync of a list was started.
    pub fn start_destination(&self, workspace: &WorkspaceId, list: &ListId) -> Result<(), ControlError> {
        match self.destination(workspace, list)? {
            Some((_, _, destination, false)) => self.put_destination(workspace, list, &destination, true),
            _ => Ok(()),
        }
    }

    /// A destination.
    pub fn destination(
        &self,
        workspace: &WorkspaceId,
        list: &ListId,
    ) -> Result<Option<StoredDestination>, ControlError> {
        let key = destination_key(workspace.as_str(), list.as_str());
        self.get::<DestinationRecord>(&key)?.map(|record| self.open_destination(record)).transpose()
    }

    /// Every destination.
    pub fn destinations(&self) -> Result<Vec<StoredDestination>, ControlError> {
        let records: Vec<DestinationRecord> = self.all("list/")?;
        records.into_iter().map(|record| self.open_destination(record)).collect()
    }

    /// The lists of a workspace that are reached through a connection.
    pub fn lists_of_connection(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<Vec<String>, ControlError> {
        let mut records: Vec<DestinationRecord> = self.all(&destination_key(workspace.as_str(), ""))?;
        records.retain(|record| record.connection.as_deref() == Some(id.as_str()));
        Ok(records.into_iter().map(|record| record.list).collect())
    }

    /// Forgets a destination.
    pub fn delete_destination(&self, workspace: &WorkspaceId, list: &ListId) -> Result<bool, ControlError> {
        self.remove(&destination_key(workspace.as_str(), list.as_str()))
    }

    fn open_destination(&self, record: DestinationRecord) -> Result<StoredDestination, ControlError> {
        let key = destination_key(&record.workspace, &record.list);
        let open = |sealed: &String| self.vault.unseal(&key, sealed);
        let destination = Destination {
            connector: record.connector,
            connection: record.connection,
            settings: record.settings,
            url: open(&record.url)?,
            sync: record.sync,
            secrets: record.secrets.iter().map(open).collect::<Result<_, _>>()?,
        };
        Ok((WorkspaceId(record.workspace), ListId(record.list), destination, record.started))
    }
}
