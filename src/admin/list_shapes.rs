//! Lists as they are set and shown.

use super::Problem;
use super::limits;
use crate::connectors;
use crate::control::records::Destination;
use crate::sync::{ListStatus, SyncSettings};
use axum::http::StatusCode;
use kit::connector::{Identifies, SyncRole};
use kit::standard_webhooks::Secret;
use model::{Channel, ListIdentifier, ListMode, SourceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The connector of lists that are sent to an address.
const WEBHOOK: &str = "webhook";
/// Bytes of a platform's own settings of a list, as JSON.
const SETTINGS_BYTES_MAX: usize = 16_384;

/// A list as it is set. It is sent to an address (`webhook`) or kept on a platform (`platform`).
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    /// The segment that it follows.
    pub segment: String,
    /// `person`, `email`, `phone`, `{"user": "SOURCE"}` or `{"platform": "CONNECTION"}`. Absent: what the platform
    /// knows its members by, else `person`.
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    pub identifier: Option<ListIdentifier>,
    /// `email` or `sms`: only who agreed to it is a member. Absent: what the platform's lists are for, else nobody
    /// is asked.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub consent: Option<Channel>,
    /// `add_only`, `mirror` or `own`.
    #[serde(default = "mirror")]
    #[schema(value_type = String)]
    pub mode: ListMode,
    /// The address to which it is sent.
    #[serde(default)]
    pub webhook: Option<WebhookIn>,
    /// The platform on which it is kept.
    #[serde(default)]
    pub platform: Option<PlatformIn>,
}

fn mirror() -> ListMode {
    ListMode::Mirror
}

/// An address that takes signed messages.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookIn {
    /// Where to post, http or https.
    pub url: String,
    /// How it is sent.
    #[serde(default)]
    pub sync: SyncSettings,
    /// Signing secrets, the newest first. Made when none is given; shown when the list is set.
    #[serde(default)]
    pub secrets: Vec<String>,
}

/// A list on a platform that is connected.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformIn {
    /// The connector: `mailchimp`, `shopify`, `files`, ...
    pub connector: String,
    /// The connection through which it is reached; absent for a connector that needs none (`files`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Which list it is there, in the connector's own words; see its README.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// How it is sent.
    #[serde(default)]
    pub sync: SyncSettings,
}

/// A list as it is shown.
#[derive(Serialize, ToSchema)]
pub struct ListShown {
    /// Where it stands. `sample` and `refused` are empty for a key without the scope `people`.
    #[serde(flatten)]
    pub status: ListStatus,
    /// The address to which it is sent.
    pub webhook: Option<WebhookShown>,
    /// The platform on which it is kept.
    pub platform: Option<PlatformIn>,
}

/// Where a list is sent, without secrets.
#[derive(Serialize, ToSchema)]
pub struct WebhookShown {
    /// The address: whole for a key that may write, else without its path, which may be a secret.
    pub url: String,
    /// How it is sent.
    pub sync: SyncSettings,
    /// Signing secrets in use: two during a rotation.
    pub secrets: usize,
    /// When the old secrets of a rotation are dropped, RFC 3339.
    pub old_secrets_until: Option<String>,
}

/// A list as it is shown after it was set: with its signing secrets.
#[derive(Serialize, ToSchema)]
pub struct ListOut {
    /// Where it stands.
    pub status: ListStatus,
    /// Signing secrets, the newest first; none for a list on a platform.
    pub secrets: Vec<String>,
}

fn wrong(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}

impl ListIn {
    /// Where it is to be kept; secrets that are not given stay as `known`, or are made.
    pub(super) fn destination(&self, known: Option<&Destination>) -> Result<Destination, Problem> {
        match (&self.webhook, &self.platform) {
            (Some(webhook), None) => webhook.destination(known),
            (None, Some(platform)) => platform.destination(),
            _ => Err(wrong("expected either webhook or platform: where the list is kept")),
        }
    }

    /// By what it knows its members, and the consent that they need.
    pub(super) fn members(&self) -> Result<(ListIdentifier, Option<Channel>), Problem> {
        let Some(platform) = &self.platform else {
            return Ok((self.identifier.clone().unwrap_or(ListIdentifier::Person), self.consent));
        };
        let role = role(&platform.connector)?;
        let own = match role.identifies {
            Identifies::AsSet => None,
            Identifies::Email => Some(ListIdentifier::Email),
            Identifies::Phone => Some(ListIdentifier::Phone),
            Identifies::Customer => {
                let connection = platform.connection.clone();
                let why = || wrong(format!("platform.connection: a list on {} needs one", platform.connector));
                Some(ListIdentifier::Platform(SourceId(connection.ok_or_else(why)?)))
            }
        };
        let given = self.identifier.clone();
        let identifier = match (given, own) {
            (Some(given), Some(own)) if given != own => {
                let own = serde_json::to_string(&own).unwrap_or_default();
                return Err(wrong(format!("identifier: {} knows its members by {own}", platform.connector)));
            }
            (given, own) => own.or(given).unwrap_or(ListIdentifier::Person),
        };
        Ok((identifier, self.consent.or(role.consent)))
    }
}

fn role(name: &str) -> Result<SyncRole, Problem> {
    let found = connectors::find(name).filter(|connector| connector.name != WEBHOOK);
    found
        .and_then(|connector| connector.sync)
        .ok_or_else(|| wrong(format!("platform.connector: {name:?} keeps no lists")))
}

impl WebhookIn {
    fn destination(&self, known: Option<&Destination>) -> Result<Destination, Problem> {
        let mut secrets = self.secrets.clone();
        if secrets.is_empty() {
            secrets = known.map(|known| known.secrets.clone()).unwrap_or_default();
        }
        if secrets.is_empty() {
            secrets.push(Secret::generate().map_err(|why| wrong(why.to_string()))?.1);
        }
        if secrets.len() > limits::SECRETS_MAX || self.url.len() > limits::ADDRESS_BYTES_MAX {
            let (secrets, bytes) = (limits::SECRETS_MAX, limits::ADDRESS_BYTES_MAX);
            return Err(wrong(format!("webhook: at most {secrets} secrets, and an address of at most {bytes} bytes")));
        }
        let (connector, url, sync) = (WEBHOOK.to_owned(), self.url.clone(), self.sync.clone());
        Ok(Destination { connector, url, secrets, connection: None, settings: Map::new(), sync })
    }
}

impl PlatformIn {
    fn destination(&self) -> Result<Destination, Problem> {
        role(&self.connector)?;
        if serde_json::to_string(&self.settings).map_or(0, |text| text.len()) > SETTINGS_BYTES_MAX {
            return Err(wrong(format!("platform.settings: at most {SETTINGS_BYTES_MAX} bytes")));
        }
        Ok(Destination {
            connector: self.connector.clone(),
            url: String::new(),
            secrets: Vec::new(),
            connection: self.connection.clone(),
            settings: self.settings.clone(),
            sync: self.sync.clone(),
        })
    }
}

impl ListShown {
    /// What is shown of a list that is kept at `destination`.
    pub(super) fn of(
        status: ListStatus,
        destination: Option<Destination>,
        writes: bool,
        until: Option<String>,
    ) -> ListShown {
        let mut shown = ListShown { status, webhook: None, platform: None };
        let Some(destination) = destination else { return shown };
        if destination.connector == WEBHOOK {
            let url = if writes { destination.url } else { origin(&destination.url) };
            let (sync, secrets) = (destination.sync, destination.secrets.len());
            shown.webhook = Some(WebhookShown { url, sync, secrets, old_secrets_until: until });
        } else {
            let Destination { connector, connection, settings, sync, .. } = destination;
            shown.platform = Some(PlatformIn { connector, connection, settings, sync });
        }
        shown
    }
}

/// Scheme and host.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
}
