//! What deliveries need to know of connections.

use kit::connector::Connector;
use model::{SourceId, WorkspaceId};
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A connection, as far as deliveries are concerned. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The source as which events come.
    pub source: SourceId,
    /// The account in its one spelling.
    pub account: String,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// What the install found.
    pub details: Map<String, Value>,
    /// What the merchant set.
    pub settings: Map<String, Value>,
    /// With one of these its deliveries are signed, the newest first: the app's or its own, as the connector
    /// says. Empty when the address alone is the secret.
    pub secrets: Vec<SecretString>,
    /// Whether it is connected. Of one that is not, only what the law asks is still taken.
    pub enabled: bool,
}

/// Finds connections for deliveries. Asked on every request: it must answer from memory.
pub trait Connections: Send + Sync {
    /// A connector by its name.
    fn connector(&self, name: &str) -> Option<&'static Connector>;

    /// Every connection to an account, also those that are disconnected as long as they are known.
    fn by_account(&self, connector: &str, account: &str) -> Vec<Arc<Target>>;

    /// The connection whose own address ends with `token`. Compared in constant time, or by a hash.
    fn by_token(&self, connector: &str, token: &str) -> Option<Arc<Target>>;

    /// Whether an address that ends with `token` is that of our app, where nobody signs deliveries. Compared by a hash.
    fn is_app_token(&self, connector: &str, token: &str) -> bool;

    /// The secrets of our app, the newest first. They tell a delivery for an account that is unknown here from
    /// one that nobody should believe.
    fn app_secrets(&self, connector: &str) -> Vec<SecretString>;
}
