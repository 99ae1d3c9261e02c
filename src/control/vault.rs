//! Seals secrets at rest: XChaCha20-Poly1305 under a master key that stands outside the store.

use super::{ControlError, random_text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The file can't be read or made.
    #[error("master key {path}: {why}")]
    File {
        /// Which file.
        path: String,
        /// What is wrong.
        why: String,
    },
}

/// The master keys: the first seals, all open.
pub struct Vault {
    keys: Vec<XChaCha20Poly1305>,
}

impl Vault {
    /// Reads master keys from a file, one a line in base64 (32 bytes each), the newest first. The file
    /// is made with a random key when it is missing, and must be readable by its owner alone.
    pub fn open(path: &Path) -> Result<Vault, VaultError> {
        let failed = |why: String| VaultError::File { path: path.display().to_string(), why };
        if !path.exists() {
            create(path).map_err(&failed)?;
        }
        let mode = std::fs::metadata(path).map_err(|why| failed(why.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(failed("others can read it; set its mode to 0600".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|why| failed(why.to_string()))?;
        let mut keys = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let key = STANDARD.decode(line).ok().filter(|key| key.len() == KEY_BYTES);
            let key = key.ok_or_else(|| failed("expected base64 of 32 bytes on each line".to_owned()))?;
            keys.push(XChaCha20Poly1305::new_from_slice(&key).map_err(|why| failed(why.to_string()))?);
        }
        if keys.is_empty() {
            return Err(failed("it is empty".to_owned()));
        }
        Ok(Vault { keys })
    }

    /// Seals a secret; `purpose` binds it to its place, so that it can't be moved to another.
    pub fn seal(&self, purpose: &str, secret: &str) -> Result<String, ControlError> {
        let mut nonce = [0u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| ControlError::NoRandomness)?;
        let payload = Payload { msg: secret.as_bytes(), aad: purpose.as_bytes() };
        let sealed = self.keys.first().and_then(|key| key.encrypt(&XNonce::from(nonce), payload).ok());
        let sealed = sealed.ok_or_else(|| ControlError::Sealed(purpose.to_owned()))?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens a sealed secret.
    pub fn unseal(&self, purpose: &str, sealed: &str) -> Result<String, ControlError> {
        let opened = self.open_with_any(purpose, sealed).map(|(_, secret)| secret);
        opened.ok_or_else(|| ControlError::Sealed(purpose.to_owned()))
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.len()
    }

    /// A secret that is sealed under an older key, under the newest one. `None` for what is so already, and for
    /// text that is no sealed secret.
    pub fn resealed(&self, purpose: &str, sealed: &str) -> Result<Option<String>, ControlError> {
        match self.open_with_any(purpose, sealed) {
            Some((place, secret)) if place > 0 => self.seal(purpose, &secret).map(Some),
            _ => Ok(None),
        }
    }

    /// The secret, and the place of the key that opens it.
    fn open_with_any(&self, purpose: &str, sealed: &str) -> Option<(usize, String)> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, body) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
        let open = |(place, key): (usize, &XChaCha20Poly1305)| {
            let payload = Payload { msg: body, aad: purpose.as_bytes() };
            Some((place, key.decrypt(&XNonce::from(nonce), payload).ok()?))
        };
        let (place, opened) = self.keys.iter().enumerate().find_map(open)?;
        Some((place, String::from_utf8(opened).ok()?))
    }
}

fn create(path: &Path) -> Result<(), String> {
    let mut key = [0u8; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|why| why.to_string())?;
    write_private(path, &format!("{}\n", STANDARD.encode(key)))
}

/// Writes a new file that its owner alone can read.
pub fn write_private(path: &Path, text: &str) -> Result<(), String> {
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|why| why.to_string())?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|why| why.to_string())
}

/// A key that people paste: a prefix that says what it is, and 40 random characters.
pub fn new_key(prefix: &str) -> Result<String, ControlError> {
    Ok(format!("{prefix}_{}", random_text(40)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("segmentd-vault-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn secrets_open_in_their_place_alone_and_after_a_rotation() {
        let path = dir().join("key");
        let sealed = Vault::open(&path).unwrap().seal("list/a", "whsec_x").unwrap();
        assert!(!sealed.contains("whsec"));
        let other = STANDARD.encode([7u8; 32]);
        let old = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{other}\n{old}")).unwrap();
        let vault = Vault::open(&path).unwrap();
        assert_eq!(vault.unseal("list/a", &sealed).unwrap(), "whsec_x");
        assert!(vault.unseal("list/b", &sealed).is_err());
        std::fs::write(&path, other).unwrap();
        assert!(Vault::open(&path).unwrap().unseal("list/a", &sealed).is_err());
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let path = dir().join("key");
        Vault::open(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(Vault::open(&path).is_err());
    }
}
