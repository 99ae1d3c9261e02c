//! What the administration gives of a list's destination, and the connectors that it may name.

use super::commands::CommandError;
use super::service::SyncService;
use super::settings::SyncSettings;
use kit::connector::{Connector, DestinationSetup};
use kit::sync::Destination;
use model::{ListId, WorkspaceId};
use std::sync::Arc;

/// Every connector of the daemon: one line each.
pub const CONNECTORS: &[Connector] = &[connector_webhook::CONNECTOR];

/// A list's destination. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct DestinationConfig {
    /// Name of the connector: `webhook`.
    pub connector: String,
    /// Address, secrets, and whether it may lie inside the network.
    pub setup: DestinationSetup,
    /// Pace, batch size, dry run and snapshot schedule.
    pub settings: SyncSettings,
}

impl DestinationConfig {
    /// Makes the destination, or says what is wrong with the config. Sends nothing.
    pub fn connect(&self) -> Result<Arc<dyn Destination>, CommandError> {
        let connector = CONNECTORS.iter().find(|connector| connector.name == self.connector);
        let role = connector.and_then(|connector| connector.sync);
        let Some(role) = role else {
            let known: Vec<&str> = CONNECTORS.iter().filter(|one| one.sync.is_some()).map(|one| one.name).collect();
            let why = format!("no connector {:?} keeps lists; there is {}", self.connector, known.join(", "));
            return Err(CommandError::BadSetting(why));
        };
        (role.connect)(&self.setup).map_err(|why| CommandError::BadSetting(why.to_string()))
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
        let destination = config.connect()?;
        self.put_destination(workspace, list, config.settings.clone(), destination, started)
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
