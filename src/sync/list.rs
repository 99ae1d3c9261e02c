//! One list: its members in the store, and the work in memory.

use super::record::{Confirmed, Member};
use super::settings::{ListState, ListStatus, SyncDefaults, SyncSettings};
use crate::store::db::{Db, StoreError};
use engine::effect::Desired;
use kit::sync::{Change, Destination};
use model::{ListDefinition, ListMode, Time, WorkspaceId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const REFUSED_SHOWN_MAX: usize = 100;
const SAMPLE_MAX: usize = 10;

/// A list's members, work and state. One lock guards all of it.
pub(super) struct List {
    pub(super) workspace: WorkspaceId,
    pub(super) definition: ListDefinition,
    pub(super) settings: SyncSettings,
    pub(super) destination: Option<Arc<dyn Destination>>,
    db: Db,
    tree: sled::Tree,
    prefix: Vec<u8>,
    /// What is to be sent: identifier, and whether it is an addition.
    pending: BTreeMap<String, bool>,
    pending_since: Option<Instant>,
    removals: u64,
    desired: u64,
    confirmed: u64,
    pub(super) newest_sequence: u64,
    refused: BTreeMap<String, String>,
    pub(super) held: Option<String>,
    /// The first sync was shown and started, or needs no showing.
    pub(super) started: bool,
    pub(super) emptying: bool,
    pub(super) stopped: Option<String>,
    brake_released: bool,
    pub(super) braked: bool,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) delivered: u64,
    pub(super) last_snapshot: Option<String>,
    pub(super) snapshot_wanted: bool,
}

/// The key under which everything of a list stands.
pub(super) fn prefix(workspace: &WorkspaceId, list: &model::ListId) -> Vec<u8> {
    let mut key = vec![b'm'];
    for part in [workspace.as_str(), list.as_str()] {
        key.extend_from_slice(&(part.len() as u16).to_be_bytes());
        key.extend_from_slice(part.as_bytes());
    }
    key
}

impl List {
    /// Opens a list and works out what is to be done.
    pub(super) fn open(
        workspace: WorkspaceId,
        definition: ListDefinition,
        db: Db,
        tree: sled::Tree,
    ) -> Result<List, StoreError> {
        let prefix = prefix(&workspace, &definition.id);
        let mut list = List {
            workspace,
            definition,
            settings: SyncSettings::default(),
            destination: None,
            db,
            tree,
            prefix,
            pending: BTreeMap::new(),
            pending_since: None,
            removals: 0,
            desired: 0,
            confirmed: 0,
            newest_sequence: 0,
            refused: BTreeMap::new(),
            held: None,
            started: true,
            emptying: false,
            stopped: None,
            brake_released: false,
            braked: false,
            failures: 0,
            last_error: None,
            delivered: 0,
            last_snapshot: None,
            snapshot_wanted: false,
        };
        for entry in list.tree.scan_prefix(&list.prefix) {
            let (key, value) = entry.map_err(|why| list.db.failed(why))?;
            let member = Member::decode(&value)?;
            let identifier = key.get(list.prefix.len()..).map(|id| String::from_utf8_lossy(id).into_owned());
            list.count(&Member::default(), &member);
            list.plan(&identifier.unwrap_or_default(), &member);
        }
        Ok(list)
    }

    fn key(&self, identifier: &str) -> Vec<u8> {
        [self.prefix.as_slice(), identifier.as_bytes()].concat()
    }

    fn member(&self, identifier: &str) -> Result<Member, StoreError> {
        match self.tree.get(self.key(identifier)).map_err(|why| self.db.failed(why))? {
            Some(bytes) => Member::decode(&bytes),
            None => Ok(Member::default()),
        }
    }

    fn removes(&self) -> bool {
        self.definition.mode != ListMode::AddOnly || self.emptying
    }

    fn count(&mut self, before: &Member, after: &Member) {
        self.desired = self.desired + u64::from(after.desired()) - u64::from(before.desired());
        let held = |member: &Member| u64::from(member.confirmed == Confirmed::In);
        self.confirmed = self.confirmed + held(after) - held(before);
        self.newest_sequence = self.newest_sequence.max(after.sequence);
    }

    fn plan(&mut self, identifier: &str, member: &Member) {
        let before = match member.work(self.removes()) {
            Some(addition) => {
                self.pending_since.get_or_insert_with(Instant::now);
                self.removals += u64::from(!addition);
                self.pending.insert(identifier.to_owned(), addition)
            }
            None => self.pending.remove(identifier),
        };
        self.removals -= u64::from(before == Some(false));
        match &member.refusal {
            Some(reason) if self.refused.len() < REFUSED_SHOWN_MAX => {
                self.refused.insert(identifier.to_owned(), reason.clone());
            }
            Some(_) => {}
            None => {
                self.refused.remove(identifier);
            }
        }
        if self.pending.is_empty() {
            self.pending_since = None;
            self.brake_released = false;
        }
    }

    fn write(&mut self, identifier: &str, before: &Member, after: &Member) -> Result<(), StoreError> {
        let bytes = after.encode()?;
        self.tree.insert(self.key(identifier), bytes).map_err(|why| self.db.failed(why))?;
        self.count(before, after);
        self.plan(identifier, after);
        Ok(())
    }

    /// Takes a change of the desired set in.
    pub(super) fn desire(&mut self, desired: &Desired) -> Result<(), StoreError> {
        let before = self.member(&desired.identifier)?;
        let mut after = before.clone();
        let change = (desired.sequence, desired.at, desired.cause);
        if after.take(&desired.person, desired.member, change) {
            self.write(&desired.identifier, &before, &after)?;
        }
        Ok(())
    }

    /// Where it stands.
    pub(super) fn state(&self) -> ListState {
        if self.destination.is_none() {
            ListState::Unconfigured
        } else if self.stopped.is_some() {
            ListState::Stopped
        } else if self.emptying {
            ListState::Emptying
        } else if self.held.is_some() {
            ListState::Held
        } else if !self.started {
            ListState::DryRun
        } else if self.braked {
            ListState::Braked
        } else {
            ListState::Active
        }
    }

    /// Puts the brake on when too much is to be removed at once; true if it is on.
    pub(super) fn brake(&mut self, defaults: &SyncDefaults) -> bool {
        let held = self.confirmed.max(self.removals);
        let many = self.removals.saturating_mul(100) > held.saturating_mul(u64::from(defaults.brake_percent));
        self.braked = !self.brake_released && !self.emptying && held > defaults.brake_members_min && many;
        self.braked
    }

    /// The operator's word: what is pending may be removed.
    pub(super) fn release_brake(&mut self) {
        self.brake_released = true;
        self.braked = false;
    }

    pub(super) fn removes_something(&self) -> bool {
        self.removals > 0
    }

    pub(super) fn has_work(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The next changes to send, without removals if those wait. They are marked as begun; the
    /// caller makes that durable before it sends anything.
    pub(super) fn begin(&mut self, limit: usize, removals: bool) -> Result<Vec<Change>, StoreError> {
        let wanted = self.pending.iter().filter(|(_, addition)| removals || **addition);
        let next: Vec<(String, bool)> =
            wanted.take(limit).map(|(identifier, addition)| (identifier.clone(), *addition)).collect();
        let mut changes = Vec::with_capacity(next.len());
        for (identifier, addition) in next {
            let before = self.member(&identifier)?;
            let mut after = before.clone();
            after.confirmed = Confirmed::Unknown;
            if let Some(person) = after.people.first() {
                after.person = person.clone();
            }
            changes.push(Change {
                person: after.person.clone(),
                member: addition,
                sequence: after.sequence,
                at: after.at.to_string(),
                cause: after.cause_text().to_owned(),
                identifier: identifier.clone(),
            });
            self.write(&identifier, &before, &after)?;
        }
        Ok(changes)
    }

    /// The destination took the changes, but for the refused ones. What was desired otherwise in
    /// the meantime stays to be sent.
    pub(super) fn confirm(&mut self, changes: &[Change], refused: &BTreeMap<String, String>) -> Result<(), StoreError> {
        for change in changes {
            let before = self.member(&change.identifier)?;
            let mut after = before.clone();
            match refused.get(&change.identifier) {
                Some(reason) if after.sequence == change.sequence => {
                    after.refusal = Some(reason.clone());
                    after.confirmed = if change.member { Confirmed::Out } else { Confirmed::In };
                }
                Some(_) => {}
                None => after.confirmed = if change.member { Confirmed::In } else { Confirmed::Out },
            }
            self.write(&change.identifier, &before, &after)?;
        }
        if self.pending_since.is_some() {
            self.pending_since = Some(Instant::now());
        }
        Ok(())
    }

    /// Everything that the list should hold: identifier and sequence.
    pub(super) fn members(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let mut members = Vec::new();
        for entry in self.tree.scan_prefix(&self.prefix) {
            let (key, value) = entry.map_err(|why| self.db.failed(why))?;
            let member = Member::decode(&value)?;
            let identifier = key.get(self.prefix.len()..).map(|id| String::from_utf8_lossy(id).into_owned());
            if let Some(identifier) = identifier.filter(|_| member.desired() && member.refusal.is_none()) {
                members.push((identifier, member.sequence));
            }
        }
        Ok(members)
    }

    /// Wants nobody any more: what the destination holds is to be removed.
    pub(super) fn empty(&mut self) -> Result<(), StoreError> {
        self.emptying = true;
        for entry in self.tree.scan_prefix(&self.prefix) {
            let (key, value) = entry.map_err(|why| self.db.failed(why))?;
            let before = Member::decode(&value)?;
            let mut after = before.clone();
            after.people.clear();
            after.refusal = None;
            after.sequence += u64::from(before.desired());
            after.at = after.at.max(Time(0));
            let identifier = key.get(self.prefix.len()..).map(|id| String::from_utf8_lossy(id).into_owned());
            self.write(&identifier.unwrap_or_default(), &before, &after)?;
        }
        Ok(())
    }

    /// Forgets everything of the list.
    pub(super) fn forget(&self) -> Result<(), StoreError> {
        for key in self.tree.scan_prefix(&self.prefix).keys() {
            let key = key.map_err(|why| self.db.failed(why))?;
            self.tree.remove(key).map_err(|why| self.db.failed(why))?;
        }
        Ok(())
    }

    /// What is shown of it.
    pub(super) fn status(&self) -> ListStatus {
        let waited = self.pending_since.map_or(Duration::ZERO, |since| since.elapsed());
        let reason = self.stopped.clone().or_else(|| self.held.clone()).or_else(|| {
            self.braked.then(|| format!("{} of {} members would be removed", self.removals, self.confirmed))
        });
        ListStatus {
            workspace: self.workspace.to_string(),
            list: self.definition.id.to_string(),
            segment: self.definition.segment.to_string(),
            state: self.state(),
            reason,
            desired: self.desired,
            confirmed: self.confirmed,
            to_add: self.pending.len() as u64 - self.removals,
            to_remove: self.removals,
            sample: self.pending.keys().take(SAMPLE_MAX).cloned().collect(),
            oldest_pending_ms: waited.as_millis() as u64,
            failures: self.failures,
            last_error: self.last_error.clone(),
            refused: self.refused.clone(),
            delivered: self.delivered,
            last_snapshot: self.last_snapshot.clone(),
            mode: self.definition.mode,
        }
    }
}
