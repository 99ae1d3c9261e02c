//! The normalized event.

use crate::{ConsentChange, Identity, Map, SourceId, Time};
use serde::{Deserialize, Serialize};

/// What an event says happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum EventKind {
    /// Something the person did, under its canonical name (see [`crate::names`]).
    Activity(String),
    /// Only a change of profile (identify, group) or of identities (alias): no activity.
    Profile,
}

/// One normalized event: what intake and connectors append to the log.
///
/// All enrichment (clock correction, location, device) is done before: a replay needs no
/// database of the day.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The source that sent it.
    pub source: SourceId,
    /// The sender's id of the message; with the source it is the key of deduplication.
    pub message_id: String,
    /// What happened.
    pub kind: EventKind,
    /// When it happened, corrected by the sender's clock, never after `received`.
    pub time: Time,
    /// When it was received.
    pub received: Time,
    /// Every identity it names, normalized, without duplicates.
    pub identities: Vec<Identity>,
    /// What is known about the happening (`order_id`, `total`, `products`, ...).
    pub properties: Map,
    /// What it says about the person (`email`, `country`, custom properties).
    pub traits: Map,
    /// Statements of consent it carries.
    pub consent: Vec<ConsentChange>,
}
