//! What people who watch are told as it happens.

use super::journal::TransitionInfo;
use engine::effect::Presence;
use engine::given::Given;
use serde::Serialize;
use std::sync::Arc;

/// What streams to people who watch.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Live {
    /// An event was applied.
    Event {
        /// Its workspace.
        workspace: String,
        /// Its canonical name, or `Profile`.
        name: String,
        /// The person, when there is one already.
        person: Option<String>,
        /// Event time, RFC 3339.
        time: String,
        /// Its source.
        source: String,
        /// Position in the log.
        position: u64,
    },
    /// A person entered or left a segment.
    Transition {
        /// Its workspace.
        workspace: String,
        /// What happened.
        #[serde(flatten)]
        transition: TransitionInfo,
    },
    /// A person came or went, and entered or left every segment that holds of everybody: those who follow the
    /// journal find which. It is not shown itself.
    #[serde(skip)]
    Presence {
        /// Its workspace.
        workspace: String,
        /// Who, and when.
        presence: Presence,
        /// What holds, and held, of everybody.
        given: Arc<Given>,
    },
}
