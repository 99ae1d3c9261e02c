//! One list: its members in the store, and the work in memory.

use super::brake::Brake;
use super::drift::Reads;
use super::passing::Passing;
use super::record::{Confirmed, ListRecord, Member, prefix};
use super::settings::{ListState, SyncSettings};
use super::work::Work;
use crate::store::db::{Db, StoreError};
use engine::effect::Desired;
use kit::pace::Pace;
use kit::sync::{Batch, Destination, SnapshotMember, SnapshotPart};
use model::{ListMode, SourceId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Instant;

/// Refusals that are kept to be shown.
const REFUSED_SHOWN_MAX: usize = 100;

/// A batch that was begun, and is sent as it is until it is taken or out of date.
pub(super) struct InFlight {
    pub(super) batch: Arc<Batch>,
    pub(super) identifiers: BTreeSet<String>,
    pub(super) removes: bool,
    /// Something of it is desired otherwise by now.
    pub(super) stale: bool,
    /// Its intent survives a crash.
    pub(super) durable: bool,
}

/// A member that is over.
pub(super) struct Over {
    pub(super) identifier: String,
    /// The destination was read since, and did not hold it.
    pub(super) seen: bool,
}

/// A list's members, work and state. One lock guards all of it.
pub(super) struct List {
    pub(super) record: ListRecord,
    pub(super) settings: SyncSettings,
    pub(super) destination: Option<Arc<dyn Destination>>,
    /// The connection through which it is reached, by its source.
    pub(super) connection: Option<SourceId>,
    /// How often its connection was authorized anew.
    pub(super) authorizations: u64,
    pub(super) pace: Arc<Pace>,
    pub(super) db: Db,
    pub(super) lists_tree: sled::Tree,
    pub(super) tree: sled::Tree,
    pub(super) prefix: Vec<u8>,
    pub(super) work: Work,
    pub(super) brake: Brake,
    pub(super) in_flight: Option<InFlight>,
    /// Parts of a snapshot that are still to be sent.
    pub(super) snapshot: VecDeque<Arc<SnapshotPart>>,
    /// Added to sequences as they go out: after a restore the engine counts again what it had
    /// counted already, and receivers must see greater numbers than before.
    pub(super) sequence_base: u64,
    pub(super) desired: u64,
    pub(super) confirmed: u64,
    /// Members that the destination may hold: confirmed, or begun.
    held_there: u64,
    pub(super) newest_sequence: u64,
    pub(super) refused: BTreeMap<String, String>,
    pub(super) refused_count: u64,
    pub(super) passing: Passing,
    /// Members of whom nothing need be known after the next checkpoint but one.
    pub(super) over: (Vec<Over>, Vec<Over>),
    /// What was read of the destination's members.
    pub(super) reads: Reads,
    /// Why it waits, by who says so (a segment that is built, a source that is read in).
    pub(super) waits: BTreeMap<String, String>,
    /// Removals wait for the operator, by the brake or because all removals are held.
    pub(super) removals_wait: bool,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    pub(super) delivered: u64,
    pub(super) last_snapshot: Option<String>,
}

impl List {
    /// Opens a list and works out what is to be done.
    pub(super) fn open(
        record: ListRecord,
        db: Db,
        lists_tree: sled::Tree,
        tree: sled::Tree,
        sequence_base: u64,
    ) -> Result<List, StoreError> {
        let settings = SyncSettings::default();
        let mut list = List {
            prefix: prefix(&record.workspace, &record.definition.id),
            pace: Arc::new(Pace::new(settings.calls_per_second)),
            reads: Reads::open(record.destination.is_some()),
            newest_sequence: record.sequence.max(record.forgotten_sequence),
            record,
            settings,
            destination: None,
            connection: None,
            authorizations: 0,
            db,
            lists_tree,
            tree,
            work: Work::default(),
            brake: Brake::default(),
            in_flight: None,
            snapshot: VecDeque::new(),
            sequence_base,
            desired: 0,
            confirmed: 0,
            held_there: 0,
            refused: BTreeMap::new(),
            refused_count: 0,
            passing: Passing::default(),
            over: (Vec::new(), Vec::new()),
            waits: BTreeMap::new(),
            removals_wait: false,
            failures: 0,
            last_error: None,
            delivered: 0,
            last_snapshot: None,
        };
        for entry in list.entries() {
            let (identifier, member) = entry?;
            list.count(&Member::default(), &member);
            if let Some(reason) = &member.refusal {
                list.passing.refused(&identifier, reason);
            }
            list.plan(&identifier, &Member::default(), &member);
        }
        Ok(list)
    }

    /// Every identifier with what is known of it.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<(String, Member), StoreError>> + use<> {
        self.entries_after(None)
    }

    /// The same from an identifier on, in their order, without that one.
    pub(super) fn entries_after(
        &self,
        after: Option<&str>,
    ) -> impl Iterator<Item = Result<(String, Member), StoreError>> + use<> {
        let (db, skip, prefix) = (self.db.clone(), self.prefix.len(), self.prefix.clone());
        let first = after.map_or(Bound::Included(prefix.clone()), |after| Bound::Excluded(self.key(after)));
        let from_there = self.tree.range::<Vec<u8>, _>((first, Bound::Unbounded));
        let its = from_there.take_while(move |entry| entry.as_ref().map_or(true, |(key, _)| key.starts_with(&prefix)));
        its.map(move |entry| {
            let (key, value) = entry.map_err(|why| db.failed(why))?;
            let identifier = String::from_utf8_lossy(key.get(skip..).unwrap_or_default()).into_owned();
            Ok((identifier, Member::decode(&value)?))
        })
    }

    fn key(&self, identifier: &str) -> Vec<u8> {
        [self.prefix.as_slice(), identifier.as_bytes()].concat()
    }

    /// What is known of an identifier.
    pub(super) fn member(&self, identifier: &str) -> Result<Member, StoreError> {
        match self.tree.get(self.key(identifier)).map_err(|why| self.db.failed(why))? {
            Some(bytes) => Member::decode(&bytes),
            None => Ok(Member::default()),
        }
    }

    /// Whether members are ever removed.
    pub(super) fn removes(&self) -> bool {
        self.record.definition.mode != ListMode::AddOnly || self.record.emptying
    }

    fn count(&mut self, before: &Member, after: &Member) {
        let change =
            |total: u64, before: bool, after: bool| (total + u64::from(after)).saturating_sub(u64::from(before));
        self.desired = change(self.desired, before.desired, after.desired);
        let is_in = |member: &Member| member.confirmed == Confirmed::In;
        self.confirmed = change(self.confirmed, is_in(before), is_in(after));
        self.held_there = change(self.held_there, before.may_be_held(), after.may_be_held());
        self.refused_count = change(self.refused_count, before.refusal.is_some(), after.refusal.is_some());
        self.newest_sequence = self.newest_sequence.max(after.sequence);
    }

    fn plan(&mut self, identifier: &str, before: &Member, after: &Member) {
        self.work.set(identifier, after.work(self.removes()));
        match &after.refusal {
            Some(reason) if self.refused.len() < REFUSED_SHOWN_MAX => {
                self.refused.insert(identifier.to_owned(), reason.clone());
            }
            Some(_) => {}
            None => {
                self.refused.remove(identifier);
            }
        }
        // A replay can bring it back until a checkpoint has passed.
        if after.is_over() && (before.sequence != after.sequence || !before.is_over()) {
            self.over.0.push(Over { identifier: identifier.to_owned(), seen: false });
        }
    }

    pub(super) fn write(&mut self, identifier: &str, before: &Member, after: &Member) -> Result<(), StoreError> {
        let bytes = after.encode()?;
        self.tree.insert(self.key(identifier), bytes).map_err(|why| self.db.failed(why))?;
        self.count(before, after);
        self.plan(identifier, before, after);
        if after.refusal.is_none() && after.work(self.removes()).is_none() {
            self.reads.mended(identifier);
        }
        Ok(())
    }

    /// Writes what is kept of the list as a whole.
    pub(super) fn save(&self) -> Result<(), StoreError> {
        let bytes = self.record.encode()?;
        self.lists_tree.insert(&self.prefix, bytes).map_err(|why| self.db.failed(why))?;
        Ok(())
    }

    /// Takes a change of the desired set in.
    pub(super) fn desire(&mut self, desired: &Desired) -> Result<(), StoreError> {
        let before = self.member(&desired.identifier)?;
        let mut after = before.clone();
        // Older than the newest definition is only what a replay brings again.
        if desired.sequence <= self.record.sequence || !after.take(desired) {
            return Ok(());
        }
        // Whoever left is not desired as long as the consent is withdrawn: desired again, they consented anew.
        if before.confirmed == Confirmed::Left && (self.consent_decides() || after.is_erased()) {
            after.confirmed = Confirmed::Out;
        }
        let known = self.in_flight.as_mut().filter(|sent| sent.identifiers.contains(&desired.identifier));
        if let Some(in_flight) = known {
            in_flight.stale = true;
        }
        // Who was erased is in no message any more, also not in one that was made before.
        if after.is_erased() && !self.snapshot.is_empty() {
            self.snapshot.clear();
            self.want_snapshot()?;
        }
        self.write(&desired.identifier, &before, &after)
    }

    /// Changes what is known of one identifier by other means than a change or a delivery.
    pub(super) fn amend(&mut self, identifier: &str, change: impl FnOnce(&mut Member)) -> Result<(), StoreError> {
        let before = self.member(identifier)?;
        let mut after = before.clone();
        change(&mut after);
        if after == before { Ok(()) } else { self.write(identifier, &before, &after) }
    }

    /// Works out anew what is to be done for everybody: the mode changed.
    pub(super) fn plan_anew(&mut self) -> Result<(), StoreError> {
        self.work.clear();
        let removes = self.removes();
        for entry in self.entries() {
            let (identifier, member) = entry?;
            self.work.set(&identifier, member.work(removes));
        }
        Ok(())
    }

    /// Where it stands.
    pub(super) fn state(&self) -> ListState {
        if self.destination.is_none() {
            ListState::Unconfigured
        } else if self.record.stopped.is_some() {
            ListState::Stopped
        } else if self.record.emptying {
            ListState::Emptying
        } else if self.record.held.is_some() || !self.waits.is_empty() {
            ListState::Held
        } else if !self.record.started {
            ListState::DryRun
        } else if self.reads_first() {
            ListState::Reading
        } else if self.removals_wait || self.reads.leaving.waits() {
            ListState::Braked
        } else {
            ListState::Active
        }
    }

    /// Puts the brake on when too much is to be removed at once; true if removals wait.
    pub(super) fn brakes(&mut self, defaults: &super::settings::SyncDefaults) -> bool {
        let (waiting, held) = (self.work.to_remove(), self.held_there);
        !self.record.emptying && self.brake.check(waiting, held, defaults, Instant::now())
    }

    /// Everything that the destination should hold once all that may be sent now is sent, in
    /// the order of the identifiers.
    pub(super) fn snapshot_members(&self) -> Result<Vec<SnapshotMember>, StoreError> {
        let keeps = self.removals_wait || !self.removes();
        let mut members = Vec::new();
        for entry in self.entries() {
            let (identifier, member) = entry?;
            let sequence = if member.desired && member.refusal.is_none() && member.confirmed != Confirmed::Left {
                member.sequence
            } else if keeps && !member.desired && !member.is_erased() && member.may_be_held() {
                member.confirmed_sequence
            } else {
                continue;
            };
            let sequence = self.sequence_base + sequence;
            members.push(SnapshotMember { identifier, person: member.person, sequence });
        }
        Ok(members)
    }
}
