//! Static segments, which are tags, and the lag of reading them.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

/// A change that reads don't show yet.
struct Waiting {
    at: Instant,
    contact: u32,
    inside: bool,
}

/// A segment. Only static ones have members here.
pub(super) struct Segment {
    pub id: u64,
    pub name: String,
    /// Conditions of a saved segment; `None` for a static one.
    pub options: Option<Value>,
    pub created: i64,
    pub updated: i64,
    /// Number of the contact, and since when, Unix seconds.
    members: BTreeMap<u32, i64>,
    shown: BTreeSet<u32>,
    waiting: VecDeque<Waiting>,
}

impl Segment {
    pub fn new(id: u64, name: &str, options: Option<Value>, now: i64) -> Segment {
        Segment {
            id,
            name: name.to_owned(),
            options,
            created: now,
            updated: now,
            members: BTreeMap::new(),
            shown: BTreeSet::new(),
            waiting: VecDeque::new(),
        }
    }

    pub fn is_static(&self) -> bool {
        self.options.is_none()
    }

    /// Whether that was a change.
    pub fn put(&mut self, contact: u32, inside: bool, now: i64) -> bool {
        let changed = match inside {
            true => !self.members.contains_key(&contact) && self.members.insert(contact, now).is_none(),
            false => self.members.remove(&contact).is_some(),
        };
        if changed {
            self.updated = now;
            self.waiting.push_back(Waiting { at: Instant::now(), contact, inside });
        }
        changed
    }

    /// Since when a contact is a member, Unix seconds.
    pub fn since(&self, contact: u32) -> Option<i64> {
        self.members.get(&contact).copied()
    }

    /// The members, exact at this instant.
    pub fn members(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    /// Lets reads show what is older than the lag.
    pub fn settle(&mut self, lag: Duration) {
        while self.waiting.front().is_some_and(|change| change.at.elapsed() >= lag) {
            let Some(change) = self.waiting.pop_front() else { break };
            match change.inside {
                true => self.shown.insert(change.contact),
                false => self.shown.remove(&change.contact),
            };
        }
    }

    /// The members that a read shows.
    pub fn shown(&self) -> impl Iterator<Item = u32> {
        self.shown.iter().copied()
    }

    /// A contact that no longer exists leaves at once.
    pub fn forget(&mut self, contact: u32) {
        self.members.remove(&contact);
        self.shown.remove(&contact);
        self.waiting.retain(|change| change.contact != contact);
    }

    pub fn json(&self, list: &str, member_count: usize) -> Value {
        let mut segment = json!({
            "id": self.id,
            "name": self.name,
            "member_count": member_count,
            "type": if self.is_static() { "static" } else { "saved" },
            "created_at": super::time::show(self.created),
            "updated_at": super::time::show(self.updated),
            "list_id": list,
            "_links": [],
        });
        if let Some(options) = &self.options {
            segment["options"] = options.clone();
        }
        segment
    }
}
