//! How much of what waits is whose: a workspace that floods the daemon is told to wait before it
//! takes the room, and the time, of others.

use model::WorkspaceId;
use std::collections::HashMap;

/// What of one workspace waits: queued, or durable and not applied yet.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Share {
    /// Records.
    pub records: usize,
    /// Bytes in the log.
    pub bytes: u64,
}

/// What waits, by workspace. There are as many entries as workspaces.
#[derive(Default, Debug)]
pub(super) struct Shares(HashMap<WorkspaceId, Share>);

impl Shares {
    /// What waits of a workspace.
    pub(super) fn of(&self, workspace: &WorkspaceId) -> Share {
        self.0.get(workspace).copied().unwrap_or_default()
    }

    pub(super) fn add(&mut self, workspace: &WorkspaceId, more: Share) {
        let share = match self.0.get_mut(workspace) {
            Some(share) => share,
            None => self.0.entry(workspace.clone()).or_default(),
        };
        share.records += more.records;
        share.bytes += more.bytes;
    }

    pub(super) fn remove(&mut self, done: &[(WorkspaceId, Share)]) {
        for (workspace, less) in done {
            if let Some(share) = self.0.get_mut(workspace) {
                share.records = share.records.saturating_sub(less.records);
                share.bytes = share.bytes.saturating_sub(less.bytes);
            }
        }
    }
}

/// Adds to the sums of a group, which has few workspaces.
pub(super) fn sum(into: &mut Vec<(WorkspaceId, Share)>, workspace: &WorkspaceId, more: Share) {
    // Neighbours are often of the same workspace.
    match into.iter_mut().rev().find(|(known, _)| known == workspace) {
        Some((_, share)) => {
            share.records += more.records;
            share.bytes += more.bytes;
        }
        None => into.push((workspace.clone(), more)),
    }
}
