//! What the administration gives of a list's destination.

use super::commands::{CommandError, Parked};
use super::service::SyncService;
use super::settings::SyncSettings;
use crate::connectors::{all, find};
use kit::connector::DestinationSetup;
use kit::sync::Destination;
use model::{ListId, WorkspaceId};
use std::sync::Arc;

/// A list's destination. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// Name of the connector.
    pub connector: String,
    /// Address and secrets, or connection and settings.
    pub setup: DestinationSetup,
    /// Pace, batch size, dry run and schedules.
    pub settings: SyncSettings,
}

impl DestinationConfig {
    /// Makes the destination, or says what is wrong with the config. Sends nothing.
    pub fn connect(&self) -> Result<Arc<dyn Destination>, CommandError> {
        let Some(role) = find(&self.connector).and_then(|connector| connector.sync) else {
            let known: Vec<&str> = all().iter().filter(|one| one.sync.is_some()).map(|one| one.name).collect();
            let why = format!("no connector {:?} keeps lists; there is {}", self.connector, known.join(", "));
            return Err(CommandError::BadSetting(why));
        };
        (role.connect)(&self.setup).map_err(|why| CommandError::BadSetting(why.to_string()))
    }

    fn parked(&self, started: bool, lifts: bool) -> Result<Parked, CommandError> {
        let connection = self.setup.connection.as_ref().map(|connection| connection.source.clone());
        Ok(Parked { settings: self.settings.clone(), destination: self.connect()?, connection, started, lifts })
    }
}

impl SyncService {
    /// Sets a list's destination from its config: see [`SyncService::put_destination`].
    pub fn configure(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        config: &DestinationConfig,
        started: bool,
    ) -> Result<(), CommandError> {
        self.put_checked(workspace, list, config.parked(started, true)?)
    }

    /// Sets a list's destination from its config as it was before: see [`SyncService::resume_destination`].
    pub fn resume(
        self: &Arc<Self>,
        workspace: &WorkspaceId,
        list: &ListId,
        config: &DestinationConfig,
        started: bool,
    ) -> Result<(), CommandError> {
        self.put(workspace, list, config.parked(started, false)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(connector: &str, address: &str, secrets: &[&str]) -> DestinationConfig {
        DestinationConfig {
            connector: connector.to_owned(),
            setup: DestinationSetup {
                address: address.to_owned(),
                secrets: secrets.iter().map(|text| (*text).into()).collect(),
                allow_private: false,
                connection: None,
                settings: serde_json::Map::new(),
                ..DestinationSetup::default()
            },
            settings: SyncSettings::default(),
        }
    }

    #[test]
    fn what_is_wrong_with_a_destination_is_said_before_anything_is_sent() {
        const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert!(config("webhook", "https://example.com/hook", &[SECRET]).connect().is_ok());
        let wrong = [
            config("mailchimp", "https://example.com/hook", &[SECRET]),
            config("webhook", "https://example.com/hook", &[]),
            config("webhook", "https://example.com/hook", &["whsec_short"]),
            config("webhook", "http://127.0.0.1/hook", &[SECRET]),
            config("webhook", "ftp://example.com", &[SECRET]),
        ];
        for config in wrong {
            assert!(config.connect().is_err(), "{config:?}");
            assert!(!format!("{config:?}").contains("MfKQ9r8"), "a secret shows");
        }
    }
}
