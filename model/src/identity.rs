//! Who an event is about. Identities are typed; a person is a cluster of them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The kinds of identity, strongest anchor first.
///
/// `User`, `Platform`, `Phone` and `Email` are *strong*: seen together they are linked for
/// good. The others are *weak*: they belong to the strong identity of their earliest link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum IdentityKind {
    /// A `userId` of one tracking source; scope is the source id.
    User,
    /// A customer id of a platform; scope is the platform or connection (`shopify`).
    Platform,
    /// A phone number in E.164.
    Phone,
    /// An e-mail address, trimmed and lower-cased.
    Email,
    /// An anonymous id of one tracking source; scope is the source id.
    Anonymous,
    /// A device push token.
    Device,
    /// A cart token of a store.
    Cart,
}

impl IdentityKind {
    /// Every kind in the order of declaration, by which stored formats number them: a new one comes last.
    pub const ALL: [IdentityKind; 7] = [
        IdentityKind::User,
        IdentityKind::Platform,
        IdentityKind::Phone,
        IdentityKind::Email,
        IdentityKind::Anonymous,
        IdentityKind::Device,
        IdentityKind::Cart,
    ];

    /// Whether identities of this kind make a person.
    pub fn is_strong(self) -> bool {
        self <= IdentityKind::Email
    }

    /// Whether it is an address that can become *crowded*.
    pub fn is_address(self) -> bool {
        matches!(self, IdentityKind::Phone | IdentityKind::Email)
    }

    /// The prefix of the canonical text.
    pub fn prefix(self) -> &'static str {
        match self {
            IdentityKind::User => "user",
            IdentityKind::Platform => "platform",
            IdentityKind::Phone => "phone",
            IdentityKind::Email => "email",
            IdentityKind::Anonymous => "anon",
            IdentityKind::Device => "device",
            IdentityKind::Cart => "cart",
        }
    }
}

/// One identity. Values are normalized before they get here (see the connector kit).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// What kind of identity it is.
    pub kind: IdentityKind,
    /// The space in which the value is unique; empty for addresses.
    pub scope: String,
    /// The value itself.
    pub value: String,
}

impl Identity {
    /// An identity of a kind that needs a scope.
    pub fn scoped(kind: IdentityKind, scope: &str, value: &str) -> Identity {
        Identity { kind, scope: scope.to_owned(), value: value.to_owned() }
    }

    /// A `userId` of a tracking source.
    pub fn user(source: &str, value: &str) -> Identity {
        Identity::scoped(IdentityKind::User, source, value)
    }

    /// An anonymous id of a tracking source.
    pub fn anonymous(source: &str, value: &str) -> Identity {
        Identity::scoped(IdentityKind::Anonymous, source, value)
    }

    /// An e-mail address: trimmed and lower-cased, dots and plus signs kept.
    pub fn email(address: &str) -> Identity {
        Identity::scoped(IdentityKind::Email, "", &address.trim().to_lowercase())
    }

    /// A phone number that is already E.164.
    pub fn phone(e164: &str) -> Identity {
        Identity::scoped(IdentityKind::Phone, "", e164)
    }

    /// The one text form: `email:ana@example.com`, `user:web:u1`, `shopify:12345`.
    pub fn canonical(&self) -> String {
        match self.kind {
            IdentityKind::Platform => format!("{}:{}", self.scope, self.value),
            kind if self.scope.is_empty() => format!("{}:{}", kind.prefix(), self.value),
            kind => format!("{}:{}:{}", kind.prefix(), self.scope, self.value),
        }
    }

    /// The fixed-size key of the canonical form together with the kind.
    pub fn key(&self) -> IdentityKey {
        let mut hash = Sha256::new();
        hash.update([self.kind as u8]);
        hash.update((self.scope.len() as u32).to_le_bytes());
        hash.update(self.scope.as_bytes());
        hash.update(self.value.as_bytes());
        let digest = hash.finalize();
        let mut key = [0u8; 16];
        key.copy_from_slice(&digest[..16]);
        IdentityKey(key)
    }
}

/// The first 16 bytes of the SHA-256 of an identity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IdentityKey(pub [u8; 16]);

impl fmt::Display for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0u8; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
