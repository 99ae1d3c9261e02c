//! What was asked of the simulator, and what no caller may ask.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Calls of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    /// Done, and the answer was sent.
    pub succeeded: u64,
    /// Refused, or hit by a fault.
    pub failed: u64,
    /// Those of the failed that a fault on demand or the limit of connections hit.
    pub faulted: u64,
}

/// Counts since the start or the last reset.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counters {
    /// By operation; operations inside a batch are counted as `batched:NAME`.
    pub calls: BTreeMap<String, Calls>,
    /// Most API requests that were in progress at once.
    pub concurrency_max: usize,
    /// Requests beyond the limit of connections.
    pub over_limit: u64,
    /// Contacts created by the API.
    pub contacts_created: u64,
    /// Contacts that the API put into a static segment.
    pub tagged: u64,
    /// Contacts that the API took out of a static segment.
    pub untagged: u64,
}

impl Counters {
    /// Calls of one operation.
    pub fn of(&self, operation: &str) -> Calls {
        self.calls.get(operation).copied().unwrap_or_default()
    }

    /// Calls of all operations.
    pub fn total(&self) -> Calls {
        self.calls.values().fold(Calls::default(), |sum, calls| Calls {
            succeeded: sum.succeeded + calls.succeeded,
            failed: sum.failed + calls.failed,
            faulted: sum.faulted + calls.faulted,
        })
    }

    pub(super) fn count(&mut self, operation: &str, succeeded: bool, faulted: bool) {
        let calls = self.calls.entry(operation.to_owned()).or_default();
        calls.succeeded += u64::from(succeeded);
        calls.failed += u64::from(!succeeded);
        calls.faulted += u64::from(faulted);
    }
}

/// What a request did, or would have done, that it must not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ViolationKind {
    /// Would subscribe, or send a mail to subscribe, somebody who has unsubscribed, bounced or was archived so.
    Resubscribed,
    /// Changes the status of somebody who is on the audience.
    StatusChanged,
    /// Names the status that the contact has by chance: it would overwrite any other.
    StatusSent,
    /// Replaces the tags of a contact that others gave.
    TagsReplaced,
    /// The specification refuses the request.
    Specification,
}

/// One violation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Violation {
    /// What.
    pub kind: ViolationKind,
    /// The operation, named as in the counters.
    pub operation: String,
    /// The audience, if one is named.
    pub audience: String,
    /// The address, if one is meant.
    pub email: String,
    /// In words.
    pub detail: String,
}
