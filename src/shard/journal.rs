//! Transitions as they are shown.

use engine::effect::{Cause, Transition};
use serde::Serialize;
use utoipa::ToSchema;

/// A line of a segment's journal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransitionInfo {
    /// The segment.
    pub segment: String,
    /// Version of its definition.
    pub version: u32,
    /// The person.
    pub person: String,
    /// `entered` or `left`.
    pub change: String,
    /// When it became true, RFC 3339.
    pub at: String,
    /// When it was found, RFC 3339.
    pub found: String,
    /// `event`, `time`, `edit`, `merge`, `consent`, `erasure` or `redact`.
    pub cause: String,
    /// Position in the log.
    pub position: u64,
}

/// A page of a journal.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TransitionPage {
    /// Oldest first.
    pub items: Vec<TransitionInfo>,
    /// Pass as `after` for the next page; absent at the end.
    pub next: Option<String>,
    /// Position of the newest record whose transitions the journal has.
    pub position: u64,
}

/// A transition as it is shown.
pub(super) fn transition_info(transition: &Transition) -> TransitionInfo {
    let cause = match transition.cause {
        Cause::Event => "event",
        Cause::Time => "time",
        Cause::Edit => "edit",
        Cause::Merge => "merge",
        Cause::Consent => "consent",
        Cause::Erasure => "erasure",
        Cause::Redact => "redact",
    };
    TransitionInfo {
        segment: transition.segment.0.clone(),
        version: transition.version,
        person: transition.person.clone(),
        change: if transition.entered { "entered" } else { "left" }.to_owned(),
        at: transition.at.to_string(),
        found: transition.found.to_string(),
        cause: cause.to_owned(),
        position: transition.position,
    }
}
