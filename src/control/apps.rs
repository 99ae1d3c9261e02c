//! Our apps on platforms: the ids and secrets that their operator got there.

use super::{Control, ControlError, random_text};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const PREFIX: &str = "app/";
const HOOK_PREFIX: &str = "app-hook/";
/// Characters of the part of an app's hook address that nobody can guess: about 190 bits.
const HOOK_TOKEN_CHARS: usize = 32;

#[derive(Serialize, Deserialize)]
struct AppRecord {
    connector: String,
    client_id: String,
    /// Sealed, the newest first.
    secrets: Vec<String>,
    settings: Map<String, Value>,
}

/// An app as it is kept. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct StoredApp {
    /// The connector that it is for.
    pub connector: String,
    /// The id that the platform gave it.
    pub client_id: String,
    /// Its secrets, the newest first: all of them verify, the newest signs.
    pub secrets: Vec<SecretString>,
    /// The connector's own settings (`api_version`, ...).
    pub settings: Map<String, Value>,
}

fn key(connector: &str) -> String {
    format!("{PREFIX}{connector}")
}

impl Control {
    /// Keeps an app; its secrets are sealed.
    pub fn put_app(&self, app: &StoredApp) -> Result<(), ControlError> {
        let key = key(&app.connector);
        let seal = |secret: &SecretString| self.vault.seal(&key, secret.expose_secret());
        let record = AppRecord {
            connector: app.connector.clone(),
            client_id: app.client_id.clone(),
            secrets: app.secrets.iter().map(seal).collect::<Result<_, _>>()?,
            settings: app.settings.clone(),
        };
        self.put(&key, &record)
    }

    /// The app for a connector.
    pub fn app(&self, connector: &str) -> Result<Option<StoredApp>, ControlError> {
        self.get::<AppRecord>(&key(connector))?.map(|record| self.open_app(record)).transpose()
    }

    /// Every app.
    pub fn apps(&self) -> Result<Vec<StoredApp>, ControlError> {
        let records: Vec<AppRecord> = self.all(PREFIX)?;
        records.into_iter().map(|record| self.open_app(record)).collect()
    }

    /// Forgets an app.
    pub fn delete_app(&self, connector: &str) -> Result<bool, ControlError> {
        self.remove(&key(connector))
    }

    /// The part of the address of an app's hooks that nobody can guess, where nobody signs them; made when it is asked
    /// for first. It outlives the app's secrets: the address is set by hand on the platform.
    pub fn app_hook_token(&self, connector: &str) -> Result<String, ControlError> {
        let key = format!("{HOOK_PREFIX}{connector}");
        if let Some(sealed) = self.get::<String>(&key)? {
            return self.vault.unseal(&key, &sealed);
        }
        let token = random_text(HOOK_TOKEN_CHARS)?;
        self.put(&key, &self.vault.seal(&key, &token)?)?;
        Ok(token)
    }

    fn open_app(&self, record: AppRecord) -> Result<StoredApp, ControlError> {
        let key = key(&record.connector);
        let open = |sealed: &String| self.vault.unseal(&key, sealed).map(SecretString::from);
        Ok(StoredApp {
            secrets: record.secrets.iter().map(open).collect::<Result<_, _>>()?,
            connector: record.connector,
            client_id: record.client_id,
            settings: record.settings,
        })
    }
}
