//! Events that were refused, with their reasons: the newest ones, and how many.

use model::WorkspaceId;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use utoipa::ToSchema;

/// Refused events kept of one workspace.
const KEPT_MAX: usize = 200;

/// One refused event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct RefusedEvent {
    /// When, RFC 3339.
    pub at: String,
    /// Its source.
    pub source: String,
    /// Its message id, as far as it could be read.
    pub message_id: String,
    /// Why.
    pub reason: String,
}

#[derive(Default)]
struct Kept {
    newest: BTreeMap<WorkspaceId, VecDeque<RefusedEvent>>,
    counts: BTreeMap<&'static str, u64>,
}

/// All refusals since the start.
#[derive(Default)]
pub struct Refusals {
    kept: Mutex<Kept>,
}

impl Refusals {
    /// Notes an event that stands for `count` of the same fate.
    pub fn note(&self, workspace: &WorkspaceId, reason: &'static str, event: RefusedEvent, count: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept.counts.entry(reason).or_default() += count;
        let newest = match kept.newest.get_mut(workspace) {
            Some(newest) => newest,
            None => kept.newest.entry(workspace.clone()).or_default(),
        };
        if newest.len() >= KEPT_MAX {
            newest.pop_front();
        }
        newest.push_back(event);
    }

    /// Counts a request that was refused as a whole.
    pub fn count(&self, reason: &'static str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept.counts.entry(reason).or_default() += 1;
    }

    /// The newest ones of a workspace, newest first.
    pub fn newest(&self, workspace: &WorkspaceId) -> Vec<RefusedEvent> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.newest.get(workspace).map(|newest| newest.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// How many, by reason.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).counts.clone()
    }
}
