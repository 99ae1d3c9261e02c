//! Transitions as they are shown.

use super::api::TransitionInfo;
use engine::effect::{Cause, Transition};

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
