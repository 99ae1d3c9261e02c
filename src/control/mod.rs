//! What administrators set up: keys, sources with their write keys, destinations with their
//! secrets. Durable before it is answered; secrets are sealed at rest.

pub mod api_keys;
pub mod apps;
pub mod connections;
pub mod pending;
pub mod records;
mod reseal;
pub mod rotation;
pub mod sources;
pub mod tokens;
pub mod vault;

pub use api_keys::{ApiKey, Scope};
pub use apps::StoredApp;
pub use connections::{ConnectionRecord, NewConnection, Step, Way};
pub use records::{Destination, SourceRecord, StoredDestination};
pub use tokens::StoredTokens;
pub use vault::Vault;

use crate::store::db::{Db, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sources::WriteKeyIndex;
use std::sync::Arc;

const TREE: &str = "control";
const FORMAT: u8 = 1;

/// Why something could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret can't be opened with any of the keys at hand.
    #[error("a secret can't be opened: {0}; restore the master key that sealed it")]
    Sealed(String),
    /// There is no randomness.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// The control plane's records.
pub struct Control {
    db: Db,
    tree: sled::Tree,
    vault: Vault,
    index: Arc<WriteKeyIndex>,
}

impl Control {
    /// Opens the records.
    pub fn open(db: Db, vault: Vault) -> Result<Control, ControlError> {
        let tree = db.tree(TREE)?;
        let control = Control { db, tree, vault, index: Arc::new(WriteKeyIndex::default()) };
        control.index_sources()?;
        Ok(control)
    }

    fn put<T: Serialize>(&self, key: &str, value: &T) -> Result<(), ControlError> {
        let mut bytes = vec![FORMAT];
        serde_json::to_writer(&mut bytes, value).map_err(|why| unreadable(&why.to_string()))?;
        self.tree.insert(key.as_bytes(), bytes).map_err(|why| self.db.failed(why))?;
        self.db.make_durable()?;
        Ok(())
    }

    fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ControlError> {
        let found = self.tree.get(key.as_bytes()).map_err(|why| self.db.failed(why))?;
        found.map(|bytes| decode(&bytes)).transpose()
    }

    fn remove(&self, key: &str) -> Result<bool, ControlError> {
        let was = self.tree.remove(key.as_bytes()).map_err(|why| self.db.failed(why))?.is_some();
        self.db.make_durable()?;
        Ok(was)
    }

    fn all<T: DeserializeOwned>(&self, prefix: &str) -> Result<Vec<T>, ControlError> {
        let mut found = Vec::new();
        for entry in self.tree.scan_prefix(prefix.as_bytes()) {
            let (_, value) = entry.map_err(|why| self.db.failed(why))?;
            found.push(decode(&value)?);
        }
        Ok(found)
    }
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ControlError> {
    match bytes.split_first() {
        Some((&FORMAT, rest)) => serde_json::from_slice(rest).map_err(|why| unreadable(&why.to_string())),
        _ => Err(unreadable("written by another version")),
    }
}

fn unreadable(why: &str) -> ControlError {
    StoreError::Unreadable { what: "control record", why: why.to_owned() }.into()
}

/// Random bytes as base62 text: about 5.95 bits a character.
pub fn random_text(characters: usize) -> Result<String, ControlError> {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(characters);
    let mut bytes = [0u8; 64];
    while text.len() < characters {
        getrandom::fill(&mut bytes).map_err(|_| ControlError::NoRandomness)?;
        // Bytes from 248 on would make the first letters likelier.
        for byte in bytes.iter().filter(|byte| **byte < 248) {
            if let Some(letter) = ALPHABET.get(usize::from(byte % 62))
                && text.len() < characters
            {
                text.push(char::from(*letter));
            }
        }
    }
    Ok(text)
}
