//! Where a connector works: our app on the platform, and one connection to one account.

use crate::api::ApiClient;
use model::SourceId;
use secrecy::SecretString;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Our app, as its operator registered it on the platform. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct App {
    /// The id that the platform gave it.
    pub client_id: String,
    /// Its secrets, the newest first: during a rotation several are valid.
    pub secrets: Vec<SecretString>,
}

/// What holds for every connection of a connector.
#[derive(Clone, Debug, Default)]
pub struct Platform {
    /// Where the platform is instead of at its own address (tests, demos), without a trailing slash;
    /// `{account}` in it stands for the account.
    pub address: Option<String>,
    /// Whether it may lie on loopback or in a private network.
    pub allow_private: bool,
    /// Our app; absent where only API keys are used.
    pub app: Option<App>,
    /// Our own address as platforms and browsers see it, without a trailing slash; may be empty.
    pub public_url: String,
    /// The connector's own settings (`api_version`, ...).
    pub settings: Map<String, Value>,
}

impl Platform {
    /// The platform's base address for an account: its own, or the one that is set instead.
    pub fn base(&self, account: &str, own: &str) -> String {
        match &self.address {
            Some(address) => address.replace("{account}", account),
            None => own.to_owned(),
        }
    }

    /// A setting that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// One merchant's account on a platform, connected.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The source as which it brings events; the scope of the platform's customer ids.
    pub source: SourceId,
    /// The account in its one spelling (`acme-mx.myshopify.com`).
    pub account: String,
    /// Region of phone numbers without a country code (ISO 3166, two letters).
    pub region: Option<String>,
    /// What the merchant set, in the connector's own words.
    pub settings: Map<String, Value>,
    /// What [`crate::install::Install::identify`] found (currency, time zone, data centre, ...).
    pub details: Map<String, Value>,
    /// The scopes that were granted, expanded.
    pub scopes: Vec<String>,
    /// What holds for all connections.
    pub platform: Arc<Platform>,
    /// Calls to the platform, with a token that is fresh, at the right pace.
    pub api: ApiClient,
    /// Where the platform is to call for this connection alone; empty without a public address.
    pub hook_url: String,
}

impl Connection {
    /// A detail that is text.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(Value::as_str)
    }

    /// A setting that is text.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether a scope was granted.
    pub fn granted(&self, scope: &str) -> bool {
        self.scopes.iter().any(|granted| granted == scope)
    }
}
