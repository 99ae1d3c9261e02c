//! What is remembered of an audience for as long as the process runs: it spares calls, and nothing depends on it.

use crate::address::key;
use crate::api::PAGE_MAX;
use std::collections::{HashMap, HashSet};

/// Contacts that are remembered; then it begins anew. Eight bytes each, and what a set needs.
const KNOWN_MAX: usize = 1_000_000;
/// Contacts of whose status nothing was said.
const UNSEEN_MAX: usize = 100_000;
/// Contacts that a tag did not see right after they were created.
const LATE_MAX: usize = 10_000;

/// See the module.
pub(super) struct Memory {
    /// The tag's id.
    pub(super) tag: Option<u64>,
    /// Contacts of one page when reading back; less after the platform took too long.
    pub(super) page: usize,
    known: HashSet<u64>,
    unseen: HashSet<u64>,
    late: HashMap<u64, u8>,
}

impl Default for Memory {
    fn default() -> Memory {
        let (known, unseen, late) = (HashSet::new(), HashSet::new(), HashMap::new());
        Memory { tag: None, page: PAGE_MAX, known, unseen, late }
    }
}

impl Memory {
    /// Whether an address is on the audience, as far as we know.
    pub(super) fn knows(&self, email: &str) -> bool {
        self.known.contains(&key(email))
    }

    /// It is on the audience, whatever its status.
    pub(super) fn learn(&mut self, email: &str) {
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(key(email));
    }

    /// It is not on the audience, or nobody knows.
    pub(super) fn unlearn(&mut self, email: &str) {
        self.known.remove(&key(email));
    }

    /// It is in the tag, but of its status nothing was said: to be looked at when members are read back.
    pub(super) fn not_seen(&mut self, email: &str) {
        if self.unseen.len() < UNSEEN_MAX {
            self.unseen.insert(key(email));
        }
    }

    /// Its status is seen now; whether it was waited for.
    pub(super) fn seen(&mut self, email: &str) -> bool {
        self.unseen.remove(&key(email))
    }

    /// Whether its status is waited for.
    pub(super) fn is_unseen(&self, email: &str) -> bool {
        self.unseen.contains(&key(email))
    }

    /// A tag did not see it though it was created: how often that was.
    pub(super) fn is_late(&mut self, email: &str) -> u8 {
        if self.late.len() >= LATE_MAX {
            self.late.clear();
        }
        let times = self.late.entry(key(email)).or_default();
        *times = times.saturating_add(1);
        *times
    }

    /// The tag sees it, or it is waited for no longer.
    pub(super) fn is_there(&mut self, email: &str) {
        self.late.remove(&key(email));
    }
}
