//! Records of people as they lie in the store, borrowed from its bytes: who looks at a million of
//! them can't afford a copy of each.
//!
//! Field by field the same as [`crate::storage`]'s records, whose format these read.

use crate::storage::{MessageKey, OrderKey};
use model::{Channel, ConsentChange, ConsentState, Identity, IdentityKey, IdentityKind, Time};
use serde::Deserialize;

/// A [`crate::storage::PersonRecord`].
#[derive(Debug, Deserialize)]
pub struct StoredPerson<'a> {
    /// Its identities.
    #[serde(borrow)]
    pub nodes: Vec<StoredNode<'a>>,
    /// Closed chunks, oldest first, with the number of facts in each.
    pub chunks: Vec<(u64, u32)>,
    /// Facts that are not in a chunk yet.
    #[serde(borrow)]
    pub tail: StoredChunk<'a>,
}

/// A [`crate::storage::NodeRecord`].
#[derive(Debug, Deserialize)]
pub struct StoredNode<'a> {
    /// The identity.
    #[serde(borrow)]
    pub identity: StoredIdentity<'a>,
    /// Its links.
    #[serde(borrow)]
    pub links: Vec<StoredLink<'a>>,
}

/// An [`Identity`].
#[derive(Debug, Deserialize)]
pub struct StoredIdentity<'a> {
    /// Its kind.
    pub kind: IdentityKind,
    scope: &'a str,
    value: &'a str,
}

impl StoredIdentity<'_> {
    /// A copy.
    pub fn to_identity(&self) -> Identity {
        Identity::scoped(self.kind, self.scope, self.value)
    }
}

/// A [`crate::storage::LinkRecord`].
#[derive(Debug, Deserialize)]
pub struct StoredLink<'a> {
    /// The other side.
    pub key: IdentityKey,
    /// Its kind.
    pub kind: IdentityKind,
    /// Earliest event time at which both were seen together.
    pub time: Time,
    /// The other side's canonical text.
    pub canonical: &'a str,
}

/// A [`crate::storage::ChunkRecord`].
#[derive(Debug, Deserialize)]
pub struct StoredChunk<'a> {
    /// The anchors that its facts name by index.
    pub anchors: Vec<IdentityKey>,
    /// The facts.
    #[serde(borrow)]
    pub facts: Vec<StoredFact<'a>>,
}

/// A [`crate::storage::FactRecord`].
#[derive(Debug, Deserialize)]
pub struct StoredFact<'a> {
    /// Index of the anchor at which it is kept.
    pub anchor: u32,
    /// Index of the anchor of its own identities.
    pub own_anchor: u32,
    /// Its deduplication key.
    pub message: MessageKey,
    /// Number of its source.
    pub source: u32,
    /// Number of its name; `None` for changes of profile.
    pub name: Option<u32>,
    /// Event time, microseconds.
    pub time: i64,
    /// Receive time minus event time, microseconds.
    pub delay: i64,
    /// Properties, encoded by `person::bag`.
    pub properties: &'a [u8],
    /// Traits, encoded likewise.
    pub traits: &'a [u8],
    /// Statements of consent.
    #[serde(borrow)]
    pub consent: Vec<StoredConsent<'a>>,
    /// For facts of an order or a cart: its key and the message id.
    pub order: Option<(OrderKey, &'a str)>,
}

/// A [`ConsentChange`].
#[derive(Debug, Deserialize)]
pub struct StoredConsent<'a> {
    time: Time,
    state: ConsentState,
    channel: Channel,
    address: &'a str,
    evidence: &'a str,
}

impl StoredConsent<'_> {
    /// A copy.
    pub fn to_change(&self) -> ConsentChange {
        ConsentChange {
            time: self.time,
            state: self.state,
            channel: self.channel,
            address: self.address.to_owned(),
            evidence: self.evidence.to_owned(),
        }
    }
}
