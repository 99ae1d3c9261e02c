//! The versions of a segment's definition: what was in force and when, what waits, and what was stopped.

use super::bits::Bits;
use super::segments::Slots;
use super::{Applied, When, Workspace};
use crate::storage::{HistoryRecord, PastVersionRecord, PersonNo, Storage, StorageError};
use model::{SegmentDefinition, SegmentId, Time};
use std::collections::{BTreeMap, VecDeque};

/// Ids of people who would enter, and of people who would leave.
pub type EnterAndLeave = (Vec<String>, Vec<String>);

/// Old versions kept of a segment; the oldest go first.
pub const PAST_VERSIONS_MAX: usize = 100;
/// Bytes of their definitions that are kept of a segment; the oldest go first.
pub const PAST_VERSIONS_BYTES_MAX: usize = 1 << 20;

/// How the reason of a version begins that can't be compiled any more.
const NOT_COMPILED: &str = "it can't be compiled any more: ";

/// What is kept of a segment besides its versions in force and in building.
#[derive(Clone, Default, Debug)]
pub(super) struct History {
    /// The newest number that was given: none is given twice.
    pub(super) last_version: u32,
    /// Since when the version in force is.
    since: Option<Time>,
    /// Whether the version in building waits for the operator once it is built.
    pub(super) held: bool,
    /// Why the version in force was stopped: for its cost, or, beginning with [`NOT_COMPILED`], because it can't
    /// be compiled after an upgrade.
    pub(super) stopped: Option<String>,
    /// Why the version in building can't be built. Not kept: it is tried again after a restart.
    pub(super) paused: Option<String>,
    past: VecDeque<PastVersion>,
}

#[derive(Clone, Debug)]
struct PastVersion {
    version: u32,
    definition: SegmentDefinition,
    since: Option<Time>,
    until: Time,
}

/// A version as it is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionState {
    /// Its number.
    pub version: u32,
    /// Shown name.
    pub name: String,
    /// Canonical JSON of its definition.
    pub definition: String,
    /// How it stands.
    pub standing: Standing,
    /// Since when it was in force; `None` when it never was, or before this was noted.
    pub since: Option<Time>,
    /// Until when it was in force.
    pub until: Option<Time>,
}

/// How a version stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// It was in force.
    Past,
    /// It is in force.
    Active,
    /// It was in force and has failed; its members stay.
    Failed(String),
    /// It is being built: people evaluated so far.
    Building(u64),
    /// It is built and waits to be put in force: who would enter and who would leave.
    Waiting {
        /// People who would enter.
        enter: u64,
        /// People who would leave.
        leave: u64,
    },
    /// It can't be built.
    Paused(String),
}

impl History {
    /// From a store.
    pub(super) fn open(id: &SegmentId, record: HistoryRecord) -> History {
        let past = record.past.into_iter().map(|past| {
            let definition = SegmentDefinition { id: id.clone(), name: past.name, definition: past.definition };
            let (version, since, until) = (past.version, past.since.map(Time), Time(past.until));
            PastVersion { version, definition, since, until }
        });
        let (last_version, since) = (record.last_version, record.since.map(Time));
        let past = past.collect();
        History { last_version, since, held: record.held, stopped: record.stopped, paused: None, past }
    }

    /// To be stored.
    pub(super) fn record(&self) -> HistoryRecord {
        let past = self.past.iter().map(|past| PastVersionRecord {
            version: past.version,
            name: past.definition.name.clone(),
            definition: past.definition.definition.clone(),
            since: past.since.map(|since| since.0),
            until: past.until.0,
        });
        HistoryRecord {
            last_version: self.last_version,
            since: self.since.map(|since| since.0),
            held: self.held,
            stopped: self.stopped.clone(),
            past: past.collect(),
        }
    }

    /// Another version came into force.
    pub(super) fn switched(&mut self, old: Option<(u32, SegmentDefinition)>, at: Time) {
        if let Some((version, definition)) = old {
            self.past.push_back(PastVersion { version, definition, since: self.since, until: at });
        }
        let bytes =
            |past: &VecDeque<PastVersion>| past.iter().map(|one| one.definition.definition.len()).sum::<usize>();
        while self.past.len() > PAST_VERSIONS_MAX
            || (self.past.len() > 1 && bytes(&self.past) > PAST_VERSIONS_BYTES_MAX)
        {
            self.past.pop_front();
        }
        (self.since, self.held, self.stopped, self.paused) = (Some(at), false, None, None);
    }
}

impl<S: Storage> Workspace<S> {
    /// The history of a segment, to be changed and stored.
    pub(super) fn history(&mut self, id: &SegmentId) -> &mut History {
        self.histories_changed.insert(id.clone());
        self.segments.histories.entry(id.clone()).or_default()
    }

    /// Forgets a segment's history.
    pub(super) fn drop_history(&mut self, id: &SegmentId) {
        self.segments.histories.remove(id);
        self.histories_changed.insert(id.clone());
    }

    /// Takes the histories that changed; `None` where a segment is gone.
    pub(super) fn take_histories(&mut self) -> Vec<(SegmentId, Option<HistoryRecord>)> {
        let changed = std::mem::take(&mut self.histories_changed);
        let record = |id: SegmentId| {
            let record = self.segments.histories.get(&id).map(History::record);
            (id, record)
        };
        changed.into_iter().map(record).collect()
    }

    /// Drops a version that is not in force: nobody was in it, no list heard of it.
    pub(super) fn cancel_version(&mut self, id: &SegmentId, version: u32) -> Applied {
        let Some(slots) = self.segments.slots.get(id).copied() else { return Applied::Refused("no_such_segment") };
        let of_version =
            |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|built| built.version == version);
        let Some(bitmap) = slots.building.filter(of_version) else { return Applied::Refused("no_such_version") };
        let used = || self.lists.values().any(|list| list.segment == *id) || !self.referring(id).is_empty();
        if slots.active.is_none() && used() {
            return Applied::Refused("segment_in_use");
        }
        self.drop_version(bitmap);
        match slots.active {
            Some(_) => {
                self.segments.slots.insert(id.clone(), Slots { building: None, ..slots });
                let history = self.history(id);
                (history.held, history.paused) = (false, None);
            }
            None => {
                self.segments.slots.remove(id);
                self.drop_history(id);
            }
        }
        self.index();
        self.definitions_changed = true;
        Applied::Changed { person: None }
    }

    /// Segments with a version that can't be evaluated, and why: in force it keeps its members, in building it
    /// stays where it is.
    pub fn failed_segments(&self) -> &BTreeMap<SegmentId, String> {
        &self.segments.failed
    }

    /// Every version of a segment that is kept, oldest first; `None` when there is no such segment.
    pub fn versions(&self, id: &SegmentId) -> Option<Vec<VersionState>> {
        let slots = self.segments.slots.get(id)?;
        let history = self.segments.histories.get(id);
        let told = |version: u32, definition: &SegmentDefinition, standing, since, until| VersionState {
            version,
            name: definition.name.clone(),
            definition: definition.definition.clone(),
            standing,
            since,
            until,
        };
        let past = history.into_iter().flat_map(|history| &history.past);
        let mut all: Vec<VersionState> = past
            .map(|past| told(past.version, &past.definition, Standing::Past, past.since, Some(past.until)))
            .collect();
        if let Some(active) = slots.active.and_then(|bitmap| self.segments.versions.get(&bitmap)) {
            let standing = active.plan.as_ref().err().map_or(Standing::Active, |why| Standing::Failed(why.clone()));
            let since = history.and_then(|history| history.since);
            all.push(told(active.version, &active.definition, standing, since, None));
        }
        all.extend(self.next_version(id));
        Some(all)
    }

    /// The version of a segment that is being built or waits.
    pub fn next_version(&self, id: &SegmentId) -> Option<VersionState> {
        let slots = self.segments.slots.get(id)?;
        let next = self.segments.versions.get(&slots.building?)?;
        let history = self.segments.histories.get(id);
        let active = slots.active.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let built_to = next.built_to.unwrap_or(PersonNo::MAX);
        let standing = match (&next.plan, history.and_then(|history| history.paused.clone())) {
            (Err(why), _) => Standing::Paused(why.clone()),
            (_, Some(why)) => Standing::Paused(why),
            _ if built_to == PersonNo::MAX => {
                let (people, nobody) = (&self.segments.people, Bits::default());
                let members = active.map_or(&nobody, |active| &active.members);
                let enter = next.members.len_without(members, people);
                Standing::Waiting { enter, leave: members.len_without(&next.members, people) }
            }
            _ if built_to == 0 => Standing::Building(0),
            _ => Standing::Building(self.segments.people.range_cardinality(0..built_to)),
        };
        Some(VersionState {
            version: next.version,
            name: next.definition.name.clone(),
            definition: next.definition.definition.clone(),
            standing,
            since: None,
            until: None,
        })
    }

    /// Ids of some of those who would enter and who would leave if the waiting version were put in force.
    pub fn next_changes(&self, id: &SegmentId, limit: usize) -> Result<Option<EnterAndLeave>, StorageError> {
        let building = self.segments.slots.get(id).and_then(|slots| slots.building);
        let Some(next) = building.and_then(|bitmap| self.segments.versions.get(&bitmap)) else { return Ok(None) };
        let members = self.segments.members(id).unwrap_or_default();
        let next = next.members.all(&self.segments.people);
        let (enter, leave) = (&next - &members, &members - &next);
        Ok(Some((self.ids_of(&enter, limit)?, self.ids_of(&leave, limit)?)))
    }

    /// Stops a version that took too many steps for a person. One in force keeps its members and is not
    /// evaluated any more; one in building goes no further than to this person.
    pub(super) fn stop_version(&mut self, bitmap: u32, no: PersonNo, person: &str) {
        let why = crate::eval::meter::overrun(person, self.steps_max);
        let Some(version) = self.segments.versions.get_mut(&bitmap) else { return };
        let id = version.segment.clone();
        if let Some(built_to) = &mut version.built_to {
            *built_to = no.min(*built_to);
            self.segments.histories.entry(id).or_default().paused = Some(why);
            self.index();
            return;
        }
        version.plan = Err(why.clone());
        self.history(&id).stopped = Some(why);
        self.index();
    }

    /// After an upgrade: notes which versions in force can't be compiled any more. One that could not be, and can
    /// be again, holds who was in when it failed: it is built anew for everybody.
    pub(super) fn mend_versions(&mut self) {
        let active: Vec<(SegmentId, u32, bool)> = self
            .segments
            .slots
            .iter()
            .filter_map(|(id, slots)| Some((id.clone(), slots.active?, slots.building.is_some())))
            .collect();
        for (id, bitmap, building) in active {
            let Some(version) = self.segments.versions.get(&bitmap) else { continue };
            let Err(why) = &version.plan else { continue };
            let (why, definition) = (why.clone(), version.definition.clone());
            let stopped = self.segments.histories.get(&id).and_then(|history| history.stopped.as_deref());
            match stopped.map(|stopped| stopped.starts_with(NOT_COMPILED)) {
                None => self.not_compiled(&id, bitmap, &why),
                Some(true) => match self.compile(&definition.definition) {
                    Err(why) => self.not_compiled(&id, bitmap, &why),
                    // Who is in a frozen one is as it was.
                    Ok(plan) if plan.frozen => {
                        self.history(&id).stopped = None;
                        if let Some(version) = self.segments.versions.get_mut(&bitmap) {
                            version.plan = Ok(plan);
                        }
                    }
                    // Beside what came since it may not be allowed.
                    Ok(plan) if !building && self.allowed(&id, &definition.definition).is_ok() => {
                        self.put_version(&definition, plan, false);
                    }
                    Ok(_) => {}
                },
                Some(false) => {}
            }
        }
    }

    fn not_compiled(&mut self, id: &SegmentId, bitmap: u32, why: &str) {
        let why = format!("{NOT_COMPILED}{why}");
        if let Some(version) = self.segments.versions.get_mut(&bitmap) {
            version.plan = Err(why.clone());
        }
        let stopped = self.segments.histories.get(id).and_then(|history| history.stopped.as_ref());
        if stopped != Some(&why) {
            self.history(id).stopped = Some(why);
        }
    }

    /// A version comes into force: the one before is kept to be read.
    pub(super) fn keep_past_version(&mut self, id: &SegmentId, old: Option<u32>, when: When) {
        let old = old.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let old = old.map(|version| (version.version, version.definition.clone()));
        self.history(id).switched(old, when.at);
    }
}
