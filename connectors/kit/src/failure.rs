//! What can go wrong with a platform, by what has to happen next.

use std::time::Duration;

/// Why a call to a platform did not do what was asked. The daemon decides what happens next.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Failure {
    /// It may work later.
    #[error("{why}; try again")]
    Retry {
        /// What happened.
        why: String,
        /// How long the platform asked to wait, if it did.
        after: Option<Duration>,
    },
    /// The credentials are not accepted: a person has to act.
    #[error("authorization was refused: {0}")]
    NeedsAuthorization(String),
    /// The platform says that the destination is no more.
    #[error("the destination is gone: {0}")]
    Gone(String),
    /// The platform refuses for a reason of its own (a smallest audience size, say), which may pass.
    #[error("blocked by the platform: {0}")]
    Blocked(String),
    /// The platform refuses this request for good, whoever sends it. A single record that it
    /// refuses is no failure of the call: see [`crate::sync::Refusal`].
    #[error("refused: {0}")]
    Refused(String),
    /// The platform answered something that it should not.
    #[error("unexpected answer: {0}")]
    PlatformChanged(String),
}

impl Failure {
    /// Something that may work later, after the platform's own wait if it gave one.
    pub fn retry(why: impl Into<String>, after: Option<Duration>) -> Failure {
        Failure::Retry { why: why.into(), after }
    }
}
