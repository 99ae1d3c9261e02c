//! Where events come from.

use crate::SourceId;
use serde::{Deserialize, Serialize};

/// What kind of sender a source is. The order is the rank that decides ties between
/// properties of the same instant: the greater wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A browser or an app: its write key is public. Never overrules a platform.
    Browser,
    /// A server SDK or an import.
    Server,
    /// A store or CRM connection.
    Platform,
}

/// Whether the orders of a tracking source count by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderPolicy {
    /// `match` if the workspace has a store, else `count`.
    #[default]
    Auto,
    /// They count.
    Count,
    /// They only match those of a store connection: the store's version holds.
    Match,
}

/// A source as the engine needs it; write keys stay with the intake.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Source {
    /// Its id in the workspace.
    pub id: SourceId,
    /// What kind of sender.
    pub kind: SourceKind,
    /// What its orders mean.
    pub orders: OrderPolicy,
}
