//! Lists that are reached through a connection, and those that have an address of their own.

use super::{Connections, Place};
use crate::control::records::Destination;
use crate::sync::destination::DestinationConfig;
use kit::connector::{DestinationSetup, SyncRole};
use model::{ListId, SourceId, WorkspaceId};

impl Connections {
    /// What a list's destination is made of; says what is wrong with it. Nothing is sent.
    pub fn destination(&self, workspace: &WorkspaceId, destination: &Destination) -> Result<DestinationConfig, String> {
        let found = self.settings.connectors.iter().find(|connector| connector.name == destination.connector);
        let role = found.and_then(|found| Some((found.sync?, found.install.is_some())));
        let (role, by_connection): (SyncRole, bool) =
            role.ok_or_else(|| format!("no connector {:?} keeps lists", destination.connector))?;
        let connection = match (&destination.connection, by_connection) {
            (Some(id), true) => {
                let live = self.find(workspace, &SourceId(id.clone())).map_err(|why| why.to_string())?;
                if live.connector.name != destination.connector {
                    return Err(format!(
                        "connection {id} is to {}, not to {}",
                        live.connector.name, destination.connector
                    ));
                }
                Some(live.connection())
            }
            (None, true) => return Err(format!("a list on {} needs a connection", destination.connector)),
            (Some(_), false) => return Err(format!("a list on {} goes over no connection", destination.connector)),
            (None, false) => None,
        };
        let operator = self.settings.connector_settings.get(&destination.connector).cloned().unwrap_or_default();
        let setup = DestinationSetup {
            workspace: workspace.to_string(),
            operator,
            address: destination.url.clone(),
            secrets: destination.secrets.iter().map(|secret| secret.as_str().into()).collect(),
            allow_private: self.settings.allow_private,
            connection,
            settings: destination.settings.clone(),
        };
        let settings = destination.sync.clone();
        let config = DestinationConfig { connector: destination.connector.clone(), setup, settings };
        (role.connect)(&config.setup).map_err(|why| why.to_string())?;
        Ok(config)
    }

    /// Hands a list's destination to sync. `set` tells that somebody set it just now.
    pub fn attach(
        &self,
        (workspace, list): (&WorkspaceId, &ListId),
        destination: &Destination,
        (started, set): (bool, bool),
    ) -> Result<(), String> {
        let config = self.destination(workspace, destination)?;
        let done = match set {
            true => self.sync.configure(workspace, list, &config, started),
            false => self.sync.resume(workspace, list, &config, started),
        };
        done.map_err(|why| why.to_string())
    }

    /// Hands all destinations of earlier runs to sync.
    pub fn attach_all(&self) -> Result<(), crate::control::ControlError> {
        for live in self.all() {
            // Lists of a workspace wait from the very start for a connection that is being set up.
            self.reading.hold(self, &live);
        }
        for (workspace, list, destination, started) in self.control.destinations()? {
            if let Err(why) = self.attach((&workspace, &list), &destination, (started, false)) {
                let what_to_do = "set the list's destination again, or unlink it";
                self.alerts.raise("destination", list.as_str(), Some(workspace.as_str()), &why, what_to_do);
            }
        }
        Ok(())
    }

    /// What is known of a connection changed: lists that are reached through it go on with that.
    pub(super) fn attach_again(&self, (workspace, id): &Place) -> Result<(), crate::control::ControlError> {
        for list in self.control.lists_of_connection(workspace, id)? {
            let list = ListId(list);
            let Some((_, _, destination, started)) = self.control.destination(workspace, &list)? else { continue };
            if let Err(why) = self.attach((workspace, &list), &destination, (started, false)) {
                tracing::warn!(%list, %why, "a list goes on with what was known of its connection");
            }
        }
        Ok(())
    }
}
