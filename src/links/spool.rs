//! Clicks that the log could not take yet, kept in the store until it can.

use super::LinkStore;
use super::store::unreadable;
use crate::store::db::StoreError;
use model::{Event, WorkspaceId};

/// Clicks kept at most; what is beyond is lost and counted.
pub(super) const SPOOLED_MAX: u64 = 200_000;

const PREFIX: &[u8] = b"s/";
const FORMAT: u8 = 1;

/// A queue in the links' tree, oldest first. One task alone uses it.
pub(super) struct Spool {
    store: LinkStore,
    next: u64,
    len: u64,
}

fn key(number: u64) -> Vec<u8> {
    [PREFIX, &number.to_be_bytes()].concat()
}

impl Spool {
    /// Opens it with what an earlier run left.
    pub(super) fn open(store: LinkStore) -> Result<Spool, StoreError> {
        let (mut next, mut len) = (0, 0);
        for entry in store.tree().scan_prefix(PREFIX) {
            let (key, _) = entry.map_err(|why| store.db().failed(why))?;
            let number = key.get(PREFIX.len()..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
            next = number.ok_or_else(|| unreadable("a spooled click's key".to_owned()))?.saturating_add(1);
            len += 1;
        }
        Ok(Spool { store, next, len })
    }

    /// How many wait.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Puts events behind the others; returns how many there was no room for.
    pub(super) fn push(&mut self, workspace: &WorkspaceId, events: &[Event]) -> Result<u64, StoreError> {
        let room = usize::try_from(SPOOLED_MAX.saturating_sub(self.len)).unwrap_or(usize::MAX);
        let mut batch = sled::Batch::default();
        let kept = events.len().min(room);
        for event in events.iter().take(kept) {
            let value = postcard::to_extend(&(workspace, event), vec![FORMAT]);
            batch.insert(key(self.next), value.map_err(|why| unreadable(why.to_string()))?);
            self.next += 1;
        }
        self.store.tree().apply_batch(batch).map_err(|why| self.store.db().failed(why))?;
        self.len += kept as u64;
        Ok((events.len() - kept) as u64)
    }

    /// The oldest ones that are for one workspace, at most `max`, with their keys. One that can't be
    /// read comes without an event, to be removed.
    pub(super) fn front(&self, max: usize) -> Result<Option<Front>, StoreError> {
        let mut front: Option<Front> = None;
        for entry in self.store.tree().scan_prefix(PREFIX).take(max) {
            let (key, value) = entry.map_err(|why| self.store.db().failed(why))?;
            let Some((workspace, event)) = decode(&value) else {
                front.get_or_insert_with(Front::default).keys.push(key);
                continue;
            };
            let front = front.get_or_insert_with(Front::default);
            if front.workspace.get_or_insert_with(|| workspace.clone()) != &workspace {
                break;
            }
            front.keys.push(key);
            front.events.push(event);
        }
        Ok(front)
    }

    /// Takes away what `front` gave.
    pub(super) fn remove(&mut self, front: &Front) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        front.keys.iter().for_each(|key| batch.remove(key));
        self.store.tree().apply_batch(batch).map_err(|why| self.store.db().failed(why))?;
        self.len = self.len.saturating_sub(front.keys.len() as u64);
        Ok(())
    }
}

/// The head of the queue.
#[derive(Default)]
pub(super) struct Front {
    keys: Vec<sled::IVec>,
    /// Whose events they are; none when nothing could be read.
    pub(super) workspace: Option<WorkspaceId>,
    /// The events.
    pub(super) events: Vec<Event>,
}

fn decode(bytes: &[u8]) -> Option<(WorkspaceId, Event)> {
    let (&FORMAT, rest) = bytes.split_first()? else { return None };
    let (found, left) = postcard::take_from_bytes(rest).ok()?;
    left.is_empty().then_some(found)
}
