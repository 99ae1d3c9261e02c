//! Keys of the administration API: shown once, kept as a hash.

use super::vault::new_key;
use super::{Control, ControlError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;
use utoipa::ToSchema;

const PREFIX: &str = "key/";

/// What a key may do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read definitions, counts and states.
    Read,
    /// Change definitions and lists.
    Write,
    /// Read and erase personal data.
    People,
    /// Workspaces and keys.
    Admin,
}

/// A key as it is kept and shown.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its id: the beginning of its hash.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The one workspace it is for; absent for all.
    pub workspace: Option<String>,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// The hash under which a key is kept. Keys are random, so a plain hash is enough.
fn hash(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Control {
    /// Makes a key; its text is not kept.
    pub fn create_api_key(
        &self,
        name: &str,
        scopes: Vec<Scope>,
        workspace: Option<String>,
    ) -> Result<(ApiKey, String), ControlError> {
        let text = new_key("sk")?;
        let hash = hash(&text);
        let id = hash.chars().take(16).collect();
        let created = jiff::Timestamp::now().to_string();
        let key = ApiKey { id, name: name.to_owned(), scopes, workspace, created };
        self.put(&format!("{PREFIX}{hash}"), &key)?;
        Ok((key, text))
    }

    /// The key of a text. The look-up is by hash, so its time tells nothing of the text.
    pub fn find_api_key(&self, text: &str) -> Result<Option<ApiKey>, ControlError> {
        self.get(&format!("{PREFIX}{}", hash(text)))
    }

    /// Every key.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, ControlError> {
        self.all(PREFIX)
    }

    /// Removes a key by its id.
    pub fn delete_api_key(&self, id: &str) -> Result<bool, ControlError> {
        if id.len() != 16 {
            return Ok(false);
        }
        let key = self.tree.scan_prefix(format!("{PREFIX}{id}").as_bytes()).keys().next();
        match key {
            Some(key) => {
                let key = key.map_err(|why| self.db.failed(why))?;
                self.remove(&String::from_utf8_lossy(&key))
            }
            None => Ok(false),
        }
    }

    /// On the first start: makes a key that may do everything and writes it to a file that its
    /// owner alone can read. Returns whether it did.
    pub fn bootstrap(&self, file: &Path) -> Result<bool, ControlError> {
        if !self.api_keys()?.is_empty() {
            return Ok(false);
        }
        let scopes = vec![Scope::Read, Scope::Write, Scope::People, Scope::Admin];
        let (key, text) = self.create_api_key("first administrator", scopes, None)?;
        // A file of an earlier store would hold a key that opens nothing.
        let _ = std::fs::remove_file(file);
        if let Err(why) = super::vault::write_private(file, &format!("{text}\n")) {
            self.delete_api_key(&key.id)?;
            return Err(ControlError::Sealed(format!("{}: {why}", file.display())));
        }
        tracing::info!(file = %file.display(), "the first administrator's key is in this file");
        Ok(true)
    }
}
