//! Connections to merchants' accounts, and where each stands in its life.

use super::{Control, ControlError, random_text};
use model::{SourceId, WorkspaceId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

const PREFIX: &str = "connection/";
/// Characters of the part of a hook's address that nobody can guess: about 190 bits.
const HOOK_TOKEN_CHARS: usize = 32;

/// The next thing to do in a connection's life. Each may be done twice: it is done again when the daemon ended
/// before the next one was kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The merchant has not agreed yet.
    Authorizing,
    /// It is looked who the token is for.
    Identifying,
    /// The workspace gets the source.
    Announcing,
    /// What the platform is to send is registered there.
    Registering,
    /// It brings what happens; the past is read in first.
    Running,
    /// What was registered on the platform is taken back, then the tokens go.
    Disconnecting,
    /// It brings nothing more. What it brought stays until it is withdrawn.
    Disconnected,
    /// What it brought is taken out, person by person; then it is forgotten.
    Withdrawing,
}

/// How a connection was authorized.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The merchant agreed on the platform.
    Oauth,
    /// Somebody pasted a key.
    ApiKey,
}

/// A connection as it is kept. Its secrets are sealed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConnectionRecord {
    /// Its workspace.
    pub workspace: String,
    /// Its id: also that of the source as which it brings events.
    pub id: String,
    /// The connector.
    pub connector: String,
    /// The account in its one spelling; empty until the platform has said it.
    pub account: String,
    /// The account's name for people.
    pub name: String,
    /// How it was authorized.
    pub way: Way,
    /// What comes next.
    pub step: Step,
    /// Why it does not go on by itself.
    pub failure: Option<String>,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// What the merchant set.
    pub settings: Map<String, Value>,
    /// What the install found.
    pub details: Map<String, Value>,
    /// The scopes that were granted, expanded.
    pub scopes: Vec<String>,
    /// What is missing, and what can't be done without it.
    pub missing: Vec<String>,
    /// When it was made, RFC 3339.
    pub created: String,
    /// Whether the workspace knows it as a source.
    #[serde(default)]
    pub announced: bool,
    /// Whether what it brought is withdrawn once it is disconnected.
    #[serde(default)]
    pub withdraw: bool,
    /// Sealed part of the hook's address.
    hook_token: String,
    /// Sealed secret with which the platform signs for this connection.
    hook_secret: Option<String>,
}

/// What a new connection is made of.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// Its id.
    pub id: SourceId,
    /// The connector.
    pub connector: String,
    /// The account, if it is known.
    pub account: String,
    /// How it is authorized.
    pub way: Way,
    /// Region of phone numbers.
    pub region: Option<String>,
    /// What the merchant set.
    pub settings: Map<String, Value>,
}

pub(super) fn key(workspace: &str, id: &str) -> String {
    format!("{PREFIX}{workspace}/{id}")
}

impl ConnectionRecord {
    fn key(&self) -> String {
        key(&self.workspace, &self.id)
    }

    /// Its workspace.
    pub fn workspace(&self) -> WorkspaceId {
        WorkspaceId(self.workspace.clone())
    }

    /// Its source.
    pub fn source(&self) -> SourceId {
        SourceId(self.id.clone())
    }

    /// Whether it is set up or on the way there.
    pub fn is_live(&self) -> bool {
        self.step <= Step::Running
    }
}

impl Control {
    /// Keeps a new connection, before anything is asked of the platform.
    pub fn create_connection(&self, new: NewConnection) -> Result<ConnectionRecord, ControlError> {
        let key = key(new.workspace.as_str(), new.id.as_str());
        let record = ConnectionRecord {
            hook_token: self.vault.seal(&key, &random_text(HOOK_TOKEN_CHARS)?)?,
            hook_secret: None,
            workspace: new.workspace.0,
            id: new.id.0,
            connector: new.connector,
            account: new.account,
            name: String::new(),
            way: new.way,
            step: Step::Authorizing,
            failure: None,
            region: new.region,
            settings: new.settings,
            details: Map::new(),
            scopes: Vec::new(),
            missing: Vec::new(),
            created: jiff::Timestamp::now().to_string(),
            announced: false,
            withdraw: false,
        };
        self.put(&key, &record)?;
        Ok(record)
    }

    /// Keeps a connection as it is now.
    pub fn save_connection(&self, record: &ConnectionRecord) -> Result<(), ControlError> {
        self.put(&record.key(), record)
    }

    /// A connection.
    pub fn connection(&self, workspace: &WorkspaceId, id: &SourceId) -> Result<Option<ConnectionRecord>, ControlError> {
        self.get(&key(workspace.as_str(), id.as_str()))
    }

    /// Every connection.
    pub fn connections(&self) -> Result<Vec<ConnectionRecord>, ControlError> {
        self.all(PREFIX)
    }

    /// Forgets a connection and its tokens.
    pub fn delete_connection(&self, record: &ConnectionRecord) -> Result<(), ControlError> {
        self.delete_tokens(&record.workspace(), &record.source())?;
        self.remove(&record.key()).map(|_| ())
    }

    /// The part of its hook's address that nobody can guess.
    pub fn hook_token(&self, record: &ConnectionRecord) -> Result<String, ControlError> {
        self.vault.unseal(&record.key(), &record.hook_token)
    }

    /// The secret with which the platform signs for it.
    pub fn hook_secret(&self, record: &ConnectionRecord) -> Result<Option<SecretString>, ControlError> {
        let open = |sealed: &String| self.vault.unseal(&record.key(), sealed).map(SecretString::from);
        record.hook_secret.as_ref().map(open).transpose()
    }

    /// Puts a signing secret into a record; one that is there already leaves it as it is.
    pub fn set_hook_secret(&self, record: &mut ConnectionRecord, secret: &SecretString) -> Result<(), ControlError> {
        let known = self.hook_secret(record)?;
        if known.is_some_and(|known| known.expose_secret() == secret.expose_secret()) {
            return Ok(());
        }
        record.hook_secret = Some(self.vault.seal(&record.key(), secret.expose_secret())?);
        Ok(())
    }
}
