//! What the log holds: commands, each with the time at which it was accepted.

use crate::{Channel, Event, Identity, ListId, SegmentId, Source, SourceId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};

/// One entry of a shard's log.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Its place in the shard's log: 1, 2, 3, ... without gaps.
    pub position: u64,
    /// The shard's time when it was accepted. Never decreases along the log.
    pub time: Time,
    /// The workspace it is for.
    pub workspace: WorkspaceId,
    /// What to do.
    pub command: Command,
}

/// A change to a workspace. Definitions are commands too, so a replay gives the same state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Command {
    /// An event happened.
    Event(Box<Event>),
    /// It is now the record's time: due timers fire.
    Tick,
    /// Creates the workspace or changes its settings.
    WorkspacePut {
        /// Shown name.
        name: String,
        /// IANA time zone; calendar windows, ages and anniversaries follow it.
        time_zone: String,
        /// ISO 4217 code in which `spent` without a currency is counted.
        currency: String,
        /// Days for which events other than orders are kept.
        retention_days: u32,
        /// An address linked to more user or platform ids than this is crowded.
        crowded_links_max: u32,
    },
    /// Creates or changes a source.
    SourcePut(Source),
    /// The operator's conversion rate for one day: one `from` is worth `rate` of `to`.
    RatePut {
        /// ISO 4217 code.
        from: String,
        /// ISO 4217 code.
        to: String,
        /// Civil date `YYYY-MM-DD` in the workspace's zone from which it holds.
        date: String,
        /// A decimal, as text.
        rate: String,
    },
    /// Creates a segment or begins a new version of it; it takes effect at `SegmentActivate`.
    SegmentPut(SegmentDefinition),
    /// The background evaluation of this version is complete: it takes effect now.
    SegmentActivate {
        /// The segment.
        id: SegmentId,
        /// The version that was built.
        version: u32,
    },
    /// Deletes a segment. People stay.
    SegmentDelete {
        /// The segment.
        id: SegmentId,
    },
    /// Creates or changes a list that follows a segment.
    ListPut(ListDefinition),
    /// Unlinks a list.
    ListDelete {
        /// The list.
        id: ListId,
        /// Whether its members are removed there first.
        empty: bool,
    },
    /// Removes a person and all that is known of them, up to and including the record's time.
    Erase {
        /// Any strong identity of the person.
        identity: Identity,
    },
    /// Cuts the link between two strong identities for good.
    Unlink {
        /// One side.
        left: Identity,
        /// The other side.
        right: Identity,
    },
    /// Removes what came from one source about one person (a platform's redact).
    Redact {
        /// The source whose facts go.
        source: SourceId,
        /// Any strong identity of the person.
        identity: Identity,
    },
    /// Removes what came from one source about one person because the source is withdrawn (a shop's
    /// redact): as `Redact`, but its removals from lists are ordinary ones.
    Withdraw {
        /// The source whose facts go.
        source: SourceId,
        /// Any identity of the person.
        identity: Identity,
    },
    /// As `SegmentPut`, but the version waits for a `SegmentActivate` of the operator once it is built.
    SegmentPrepare(SegmentDefinition),
    /// Drops a version that is not in force.
    SegmentCancel {
        /// The segment.
        id: SegmentId,
        /// The version.
        version: u32,
    },
}

/// A segment's definition as it was accepted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentDefinition {
    /// Its id.
    pub id: SegmentId,
    /// Shown name.
    pub name: String,
    /// The JSON form of the definition, canonical text.
    pub definition: String,
}

/// How a list is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListMode {
    /// Only adds.
    AddOnly,
    /// Removes only what we added.
    Mirror,
    /// The list is ours alone: anything else goes.
    Own,
}

/// By what a list knows its members.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListIdentifier {
    /// Our person id.
    Person,
    /// The e-mail address.
    Email,
    /// The phone number, E.164.
    Phone,
    /// The `userId` of a tracking source; the smallest one if a person has several.
    User(SourceId),
    /// The customer id of a connection; the smallest one if a person has several.
    Platform(SourceId),
}

/// A list as the engine needs it; endpoint, secret and pace stay with sync.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ListDefinition {
    /// Its id.
    pub id: ListId,
    /// The segment it follows.
    pub segment: SegmentId,
    /// By what it knows its members.
    pub identifier: ListIdentifier,
    /// Consent that a member needs, if any. Unknown counts as no.
    pub consent: Option<Channel>,
    /// How it is kept.
    pub mode: ListMode,
}
