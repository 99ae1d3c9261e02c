//! A shard's workspaces: records go in, effects come out.

use super::api::{EffectBatch, EffectSink, Live};
use super::backfill::Backfill;
use super::journal::transition_info;
use super::options::{ShardAlerts, ShardError};
use crate::store::journal::Entry;
use crate::store::state::{ShardStore, WorkspaceCheckpoint, WorkspaceStorage};
use engine::effect::Effect;
use engine::given::Given;
use engine::workspace::ahead::{AHEAD, Keys};
use engine::workspace::{Applied, PersonName, Workspace};
use model::{Command, Event, EventKind, Identity, Record, SegmentId, Time, WorkspaceId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::sync::broadcast;

/// A workspace of the engine over the store.
pub(super) type Engine = Workspace<WorkspaceStorage>;

/// One workspace and what of it is not in the store yet.
pub(super) struct Tenant {
    pub number: u32,
    pub engine: Engine,
    /// Since the last checkpoint was taken.
    pub entries: Vec<Entry>,
    /// In the checkpoint that is being written.
    pub writing: Arc<Vec<Entry>>,
    erased: BTreeSet<String>,
    pub next_timer: Time,
    /// The latest instant as of which it was shown.
    pub shown: Time,
    /// What looks at everybody for a segment that is being built.
    pub backfill: Option<Backfill>,
    /// Failed segments that were told of.
    told_failed: BTreeMap<SegmentId, String>,
}

/// What came of records of one workspace.
#[derive(Default)]
struct Came {
    /// Position of the last one.
    position: u64,
    /// Of the record that is being applied.
    found: Vec<Effect>,
    /// Whether anything came at all.
    any: bool,
    /// What lists have to hear of. Transitions are in the journal.
    effects: Vec<Effect>,
}

/// All workspaces of a shard.
pub(super) struct Tenants {
    pub(super) shard: u32,
    pub(super) store: Arc<ShardStore>,
    sink: Arc<dyn EffectSink>,
    live: broadcast::Sender<Arc<Live>>,
    tombstone_key: [u8; 32],
    cache_bytes: usize,
    all: BTreeMap<u32, Tenant>,
    numbers: HashMap<WorkspaceId, u32>,
    /// Who is due next.
    due: BTreeSet<(Time, u32)>,
    /// Workspaces that changed since the last checkpoint was taken.
    touched: BTreeSet<u32>,
    /// Workspaces with a segment that is being built.
    pub building: BTreeSet<u32>,
}

impl Tenants {
    /// Opens every workspace of the store.
    pub fn open(
        shard: u32,
        store: Arc<ShardStore>,
        sink: Arc<dyn EffectSink>,
        live: broadcast::Sender<Arc<Live>>,
        tombstone_key: [u8; 32],
        cache_bytes: usize,
    ) -> Result<Tenants, ShardError> {
        let mut tenants = Tenants {
            shard,
            store: store.clone(),
            sink,
            live,
            tombstone_key,
            cache_bytes,
            all: BTreeMap::new(),
            numbers: HashMap::new(),
            due: BTreeSet::new(),
            touched: BTreeSet::new(),
            building: BTreeSet::new(),
        };
        for (number, id) in store.workspaces()? {
            tenants.open_one(number, id)?;
        }
        Ok(tenants)
    }

    fn open_one(&mut self, number: u32, id: WorkspaceId) -> Result<(), ShardError> {
        let (saved, storage) = (self.store.load(number)?, self.store.storage(number)?);
        let engine = Workspace::open(id.clone(), storage, saved, self.tombstone_key, self.cache_bytes);
        let tenant = Tenant {
            number,
            engine,
            entries: Vec::new(),
            writing: Arc::default(),
            erased: BTreeSet::new(),
            next_timer: Time::MAX,
            shown: Time::MIN,
            backfill: None,
            told_failed: BTreeMap::new(),
        };
        self.all.insert(number, tenant);
        self.numbers.insert(id, number);
        self.look_again(number);
        Ok(())
    }

    /// Notes when the workspace is due next and whether it builds.
    fn look_again(&mut self, number: u32) {
        let Some(tenant) = self.all.get_mut(&number) else { return };
        let next = tenant.engine.next_timer();
        if next != tenant.next_timer {
            self.due.remove(&(tenant.next_timer, number));
            tenant.next_timer = next;
            if next != Time::MAX {
                self.due.insert((next, number));
            }
        }
    }

    /// Applies records in order and hands out their effects; `keys` are those of the events among them.
    pub fn apply(&mut self, records: &[Record], keys: &[Keys]) -> Result<(), ShardError> {
        let mut batches: BTreeMap<u32, Came> = BTreeMap::new();
        let mut touched = BTreeSet::new();
        let mut keys = keys.iter();
        let of = |record: &Record| matches!(record.command, Command::Event(_)).then(|| keys.next())?;
        let keys: Vec<Option<&Keys>> = records.iter().map(of).collect();
        for (place, (record, known_keys)) in records.iter().zip(&keys).enumerate() {
            if place % AHEAD == 0 {
                let part = records.iter().zip(&keys).skip(place).take(AHEAD);
                self.look_ahead(part.filter_map(|(record, keys)| Some((record, (*keys)?))));
            }
            let known = self.numbers.get(&record.workspace).copied();
            let number = match (known, &record.command) {
                (Some(number), _) => number,
                (None, Command::WorkspacePut { .. }) => self.create(&record.workspace)?,
                (None, _) => {
                    tracing::warn!(workspace = %record.workspace, "a record for an unknown workspace is skipped");
                    continue;
                }
            };
            let batch = batches.entry(number).or_default();
            batch.position = record.position;
            touched.insert(number);
            self.apply_one(number, (record, *known_keys), batch)?;
        }
        for number in touched {
            self.look_again(number);
        }
        for (number, batch) in batches {
            self.hand_out(number, batch);
        }
        Ok(())
    }

    fn create(&mut self, id: &WorkspaceId) -> Result<u32, ShardError> {
        let number = self.all.last_key_value().map_or(1, |(last, _)| last + 1);
        self.open_one(number, id.clone())?;
        Ok(number)
    }

    /// Looks at the people of some events that are applied next, workspace by workspace.
    fn look_ahead<'a>(&self, part: impl Iterator<Item = (&'a Record, &'a Keys)> + Clone) {
        let mut workspaces: Vec<&WorkspaceId> = part.clone().map(|(record, _)| &record.workspace).collect();
        workspaces.sort_unstable();
        workspaces.dedup();
        for id in workspaces {
            let tenant = self.numbers.get(id).and_then(|number| self.all.get(number));
            let of_it = part.clone().filter(|(record, _)| record.workspace == *id).map(|(_, keys)| keys);
            if let Some(tenant) = tenant {
                tenant.engine.look_ahead(of_it);
            }
        }
    }

    fn apply_one(
        &mut self,
        number: u32,
        (record, keys): (&Record, Option<&Keys>),
        came: &mut Came,
    ) -> Result<(), ShardError> {
        let Some(tenant) = self.all.get_mut(&number) else { return Ok(()) };
        self.touched.insert(number);
        let forgotten = match &record.command {
            Command::Erase { identity } => tenant.forget(identity)?,
            _ => Vec::new(),
        };
        if let Command::SegmentActivate { id, version } = &record.command {
            tenant.build_whole((id, *version), self.shard, &self.store)?;
        }
        let applied = tenant.engine.apply_known(record, keys, &mut came.found)?;
        let before = tenant.entries.len();
        came.any |= !came.found.is_empty();
        for effect in came.found.drain(..) {
            let entry = match effect {
                Effect::Transition(transition) => Entry::Transition(transition),
                Effect::Presence(presence) => Entry::Presence(presence),
                of_lists => {
                    came.effects.push(of_lists);
                    continue;
                }
            };
            if !forgotten.iter().any(|gone| gone == entry.person()) {
                tenant.entries.push(entry);
            }
        }
        match &record.command {
            Command::SegmentPut(_)
            | Command::SegmentPrepare(_)
            | Command::SegmentCancel { .. }
            | Command::SegmentActivate { .. }
            | Command::SegmentDelete { .. } => {
                if tenant.engine.is_building() {
                    self.building.insert(number);
                } else {
                    self.building.remove(&number);
                    // Whoever looks at people for what was deleted is in the way of other workspaces.
                    tenant.end_backfill();
                }
            }
            _ => {}
        }
        if self.live.receiver_count() > 0 {
            let new = tenant.entries.get(before..).unwrap_or_default();
            publish(&self.live, record, &applied, (new, tenant.engine.given()));
        }
        Ok(())
    }

    fn hand_out(&self, number: u32, came: Came) {
        let Some(tenant) = self.all.get(&number) else { return };
        if came.any {
            let (workspace, position, effects) = (tenant.engine.id().clone(), came.position, came.effects);
            self.sink.accept(EffectBatch { shard: self.shard, workspace, position, effects });
        }
    }

    /// The instant of the next due timer; `Time::MAX` when there is none.
    pub fn next_due(&self) -> Time {
        self.due.first().map_or(Time::MAX, |(time, _)| *time)
    }

    /// Whether a workspace with a timer due before an instant has had later records: a wave that is not through.
    pub fn waves_before(&self, instant: Time) -> bool {
        let mut due = self.due.iter().take_while(|(time, _)| *time < instant);
        due.any(|(time, number)| self.all.get(number).is_some_and(|tenant| tenant.engine.now() > *time))
    }

    /// Workspaces with a timer due at `now` or before.
    pub fn due(&self, now: Time) -> Vec<(u32, WorkspaceId)> {
        let due = self.due.iter().take_while(|(time, _)| *time <= now);
        due.filter_map(|(_, number)| Some((*number, self.all.get(number)?.engine.id().clone()))).collect()
    }

    /// Workspaces by number.
    pub fn iter(&self) -> impl Iterator<Item = &Tenant> {
        self.all.values()
    }

    /// Tells which segments have failed and which work again.
    pub fn tell_failed(&mut self, alerts: &dyn ShardAlerts) {
        self.all.values_mut().for_each(|tenant| tenant.tell_failed(alerts));
    }

    /// A workspace by id.
    pub fn get(&mut self, id: &WorkspaceId) -> Option<&mut Tenant> {
        let number = self.numbers.get(id)?;
        self.all.get_mut(number)
    }

    /// A workspace by number.
    pub fn by_number(&mut self, number: u32) -> Option<&mut Tenant> {
        self.all.get_mut(&number)
    }

    /// Notes the timers that a step of building has set.
    pub fn built(&mut self, number: u32) {
        self.touched.insert(number);
        self.look_again(number);
        // A version that waits for the operator, or can't be built, is not built any more.
        if self.all.get(&number).is_some_and(|tenant| !tenant.engine.is_building()) {
            self.building.remove(&number);
        }
    }

    /// After opening: segments that were being built go on.
    pub fn resume_building(&mut self) {
        let building = self.all.values().filter(|tenant| tenant.engine.is_building());
        self.building = building.map(|tenant| tenant.number).collect();
    }

    /// Rough bytes of the next checkpoint.
    pub fn dirty_bytes(&self) -> usize {
        let touched = self.touched.iter().filter_map(|number| self.all.get(number));
        touched.map(|tenant| tenant.engine.dirty_bytes() + tenant.entries.len() * 128).sum()
    }

    /// Takes everything that changed.
    pub fn take_changes(&mut self) -> Vec<WorkspaceCheckpoint> {
        let touched = std::mem::take(&mut self.touched);
        let tenants = self.all.values_mut().filter(|tenant| touched.contains(&tenant.number));
        tenants
            .map(|tenant| {
                tenant.writing = Arc::new(std::mem::take(&mut tenant.entries));
                WorkspaceCheckpoint {
                    number: tenant.number,
                    id: tenant.engine.id().clone(),
                    changes: tenant.engine.take_changes(),
                    entries: tenant.writing.clone(),
                    floor: tenant.engine.settled_before(),
                    erased: std::mem::take(&mut tenant.erased),
                }
            })
            .collect()
    }

    /// What was taken last is in the store.
    pub fn changes_written(&mut self) {
        for tenant in self.all.values_mut() {
            tenant.engine.changes_written();
            tenant.writing = Arc::default();
        }
    }
}

impl Tenant {
    /// Tells which segments have failed since the last call, and which work again.
    pub fn tell_failed(&mut self, alerts: &dyn ShardAlerts) {
        let failed = self.engine.failed_segments();
        if *failed == self.told_failed {
            return;
        }
        for (segment, why) in failed.iter().filter(|(segment, why)| self.told_failed.get(*segment) != Some(*why)) {
            alerts.segment_failed(self.engine.id(), segment, why);
        }
        for segment in self.told_failed.keys().filter(|segment| !failed.contains_key(*segment)) {
            alerts.segment_works(self.engine.id(), segment);
        }
        self.told_failed = failed.clone();
    }

    /// Takes a person who is about to be erased out of the journal; every id that the journal knows them by.
    fn forget(&mut self, identity: &Identity) -> Result<Vec<String>, ShardError> {
        let Some(no) = self.engine.resolve(&PersonName::Identity(identity.clone()))? else { return Ok(Vec::new()) };
        let ids = self.engine.ids(no)?;
        self.entries.retain(|entry| !ids.iter().any(|id| id == entry.person()));
        self.erased.extend(ids.iter().cloned());
        Ok(ids)
    }
}

fn publish(
    live: &broadcast::Sender<Arc<Live>>,
    record: &Record,
    applied: &Applied,
    (entries, given): (&[Entry], &Arc<Given>),
) {
    let workspace = record.workspace.0.clone();
    if let (Command::Event(event), Applied::Changed { person }) = (&record.command, applied) {
        // Nobody listening any more is fine.
        let _ = live.send(Arc::new(live_event(workspace.clone(), event, person.as_deref(), record.position)));
    }
    for entry in entries {
        let workspace = workspace.clone();
        let told = match entry {
            Entry::Transition(transition) => Live::Transition { workspace, transition: transition_info(transition) },
            Entry::Presence(presence) => {
                Live::Presence { workspace, presence: presence.clone(), given: Arc::clone(given) }
            }
        };
        let _ = live.send(Arc::new(told));
    }
}

fn live_event(workspace: String, event: &Event, person: Option<&str>, position: u64) -> Live {
    let name = match &event.kind {
        EventKind::Activity(name) => name.clone(),
        EventKind::Profile => "Profile".to_owned(),
    };
    let person = person.map(str::to_owned);
    Live::Event { workspace, name, person, time: event.time.to_string(), source: event.source.0.clone(), position }
}
