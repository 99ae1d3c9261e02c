//! Lists that wait for something of the daemon's own: a source that is read in, a segment that is
//! built, a connection that needs its merchant.

use super::list::List;
use super::service::{Slot, SyncService};
use model::{ListId, SegmentId, SourceId, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Which lists of a workspace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Whose {
    /// All of them, also those that are defined later.
    Workspace,
    /// Those that follow a segment.
    Segment(SegmentId),
    /// Those that are sent through a connection, by its source.
    Connection(SourceId),
    /// One.
    List(ListId),
}

impl Whose {
    fn has(&self, list: &List) -> bool {
        match self {
            Whose::Workspace => true,
            Whose::Segment(segment) => list.record.definition.segment == *segment,
            Whose::Connection(source) => list.connection.as_ref() == Some(source),
            Whose::List(id) => list.record.definition.id == *id,
        }
    }
}

/// What is waited for, by workspace, by who said so, and for which lists; with the reason.
#[derive(Default)]
pub(super) struct Waits(Mutex<BTreeMap<(WorkspaceId, String, Whose), String>>);

impl Waits {
    /// What a list waits for: who says so, and why.
    fn of(&self, list: &List) -> BTreeMap<String, String> {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all = waits.iter().filter(|((workspace, ..), _)| *workspace == list.record.workspace);
        let its = all.filter(|((_, _, whose), _)| whose.has(list));
        its.map(|((_, who, _), why)| (who.clone(), why.clone())).collect()
    }
}

impl SyncService {
    /// Holds lists for a reason of the daemon's own, named by `who`, until [`SyncService::done_waiting`]. Lists that
    /// are defined meanwhile, or come to be among `whose`, are held too. It is not kept over a restart: whoever
    /// holds says so again before destinations are set.
    pub fn wait_for(&self, workspace: &WorkspaceId, whose: &Whose, who: &str, why: &str) {
        let key = (workspace.clone(), who.to_owned(), whose.clone());
        self.waits.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key, why.to_owned());
        self.heed_waits_of(workspace);
    }

    /// Lets go what `who` held.
    pub fn done_waiting(&self, workspace: &WorkspaceId, whose: &Whose, who: &str) {
        let key = (workspace.clone(), who.to_owned(), whose.clone());
        if self.waits.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&key).is_some() {
            self.heed_waits_of(workspace);
        }
    }

    fn heed_waits_of(&self, workspace: &WorkspaceId) {
        for slot in self.slots() {
            if slot.lock().record.workspace == *workspace {
                self.heed_waits(&slot);
            }
        }
    }

    /// Works out anew what a list waits for. Whoever adds a list, or changes what it follows or where it is sent,
    /// calls this after: either side then sees what the other did.
    pub(super) fn heed_waits(&self, slot: &Slot) {
        let mut list = slot.lock();
        list.waits = self.waits.of(&list);
        slot.bell.notify_one();
    }
}
