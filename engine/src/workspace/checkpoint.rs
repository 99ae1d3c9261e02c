//! What is written at a checkpoint, and how a workspace is opened from it.

use super::bits::Bits;
use super::people::People;
use super::retention::Sweep;
use super::segments::{Segments, Slots, Version};
use super::timers::Timers;
use super::versions::History;
use super::{Settings, Workspace};
use crate::eval::meter::STEPS_MAX;
use crate::given::Given;
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::person::view::day_number;
use crate::storage::{
    BitmapKey, BitmapKind, Changes, CountersRecord, DefinitionsRecord, Saved, SegmentRecord, Storage,
};
use model::{SegmentDefinition, Time, WorkspaceId};
use roaring::RoaringBitmap;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rough bytes of one changed person in a checkpoint.
const PERSON_BYTES: usize = 1_500;

/// A seed of tables that nobody else knows.
fn seed(secret: &[u8; 32]) -> u64 {
    let digest = Sha256::new().chain_update(b"tables").chain_update(secret).finalize();
    digest.iter().take(8).fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
}

impl<S: Storage> Workspace<S> {
    /// Opens a workspace. `tombstone_key` never rotates; `cache_bytes` bounds what is kept of
    /// people in memory besides what is not yet checkpointed.
    pub fn open(id: WorkspaceId, storage: S, saved: Saved, tombstone_key: [u8; 32], cache_bytes: usize) -> Self {
        let Saved { counters, definitions, histories, names, bitmaps, timers, forgotten } = saved;
        let names_written = names.len() as u32;
        let seed = seed(&tombstone_key);
        let mut names = Names::new(names, seed);
        let words = Words::intern(&mut names);
        let zone = jiff::tz::TimeZone::get(&definitions.time_zone).unwrap_or(jiff::tz::TimeZone::UTC);
        let settings = Settings {
            name: definitions.name,
            time_zone: definitions.time_zone,
            currency: definitions.currency,
            retention_days: definitions.retention_days,
            crowded_links_max: definitions.crowded_links_max,
        };
        let mut workspace = Workspace {
            id,
            settings,
            zone,
            names,
            names_written,
            words,
            sources: definitions.sources,
            rates: BTreeMap::new(),
            rate_texts: BTreeMap::new(),
            segments: Segments::starting_at(counters.next_bitmap),
            lists: definitions.lists.into_iter().map(|list| (list.id.clone(), list)).collect(),
            people: People::new(storage, cache_bytes, seed),
            steps_max: STEPS_MAX,
            dirty_bitmaps: BTreeSet::new(),
            timers: Timers::new(timers),
            tombstones: definitions.tombstones.into_iter().collect(),
            tombstone_key,
            unlinked: definitions.unlinked.into_iter().collect(),
            definitions_changed: false,
            histories_changed: BTreeSet::new(),
            now: Time(counters.now),
            forgotten: forgotten.unwrap_or(Time::MIN),
            forgotten_changed: false,
            sweep: Sweep::default(),
            position: counters.position,
            next_person: counters.next_person,
            next_chunk: counters.next_chunk,
            sequence: counters.sequence,
            turns: super::Turns::default(),
            events: counters.events,
            duplicates: counters.duplicates,
            refused: counters.refused.into_iter().collect(),
        };
        definitions.rates.into_iter().for_each(|rate| workspace.open_rate(rate));
        for (id, record) in histories {
            let history = History::open(&id, record);
            workspace.segments.histories.insert(id, history);
        }
        for segment in definitions.segments {
            workspace.open_segment(segment);
        }
        workspace.segments.given = Arc::new(Given::new(definitions.given));
        workspace.open_as_kept(&definitions.undecided);
        workspace.recompile(&workspace.segments.versions.keys().copied().collect());
        workspace.open_bitmaps(bitmaps);
        workspace.mend_versions();
        workspace.index();
        workspace
    }

    fn open_rate(&mut self, (from, to, date, rate): (String, String, String, String)) {
        if let (Ok(day), Ok(number)) = (date.parse(), Decimal::from_str_exact(&rate)) {
            let pair = (from.to_uppercase(), to.to_uppercase());
            self.rates.entry(pair).or_default().insert(day_number(day), number);
            self.rate_texts.insert((from, to, date), rate);
        }
    }

    fn open_segment(&mut self, record: SegmentRecord) {
        let mut open = |found: Option<(u32, u32, SegmentDefinition)>, building: bool| {
            let (bitmap, version, definition) = found?;
            let slot = self.segments.slots.entry(definition.id.clone()).or_default();
            let place = if building { &mut slot.building } else { &mut slot.active };
            *place = Some(bitmap);
            // Compiled when all are there that it may refer to, but for one that was stopped.
            let stopped = self.segments.histories.get(&definition.id).and_then(|history| history.stopped.clone());
            let plan = Err(stopped.filter(|_| !building).unwrap_or_else(|| "not compiled yet".to_owned()));
            let built = Version::new(version, definition, plan, building.then_some(0));
            self.segments.versions.insert(bitmap, Box::new(built))
        };
        open(record.active, false);
        open(record.building, true);
    }

    /// Has versions read their people as they were kept, as differences from everybody or not. `undecided` is in
    /// order.
    fn open_as_kept(&mut self, undecided: &[u32]) {
        let open = self.segments.given.open();
        for (bitmap, version) in &mut self.segments.versions {
            version.members = Bits::to_be_read(open.contains(bitmap));
            version.unknown = Bits::to_be_read(undecided.binary_search(bitmap).is_ok());
        }
    }

    /// A version that was being built starts over: its bits are left out, and in the store they are
    /// replaced by those that come of it.
    fn open_bitmaps(&mut self, bitmaps: Vec<(BitmapKey, Vec<u8>)>) {
        for (key, bytes) in bitmaps {
            let Ok(part) = RoaringBitmap::deserialize_from(bytes.as_slice()) else { continue };
            let version = self.segments.versions.get_mut(&key.bitmap).filter(|version| version.built_to.is_none());
            match (key.kind, version) {
                (BitmapKind::People, _) => self.segments.people |= part,
                (BitmapKind::Members, Some(version)) => version.members.read(&part),
                (BitmapKind::Unknown, Some(version)) => version.unknown.read(&part),
                _ => {
                    self.dirty_bitmaps.insert(key);
                }
            }
        }
    }

    /// Takes everything that changed since the last call. Reads go on to see it; once the storage
    /// holds it, call [`Workspace::changes_written`], and not this again before.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes { counters: self.counters(), ..Changes::default() };
        if std::mem::take(&mut self.definitions_changed) {
            changes.definitions = Some(self.definitions());
        }
        changes.histories = self.take_histories();
        let new_names = self.names.since(self.names_written);
        if !new_names.is_empty() {
            changes.names = Some((self.names_written, new_names.to_vec()));
            self.names_written += new_names.len() as u32;
        }
        if std::mem::take(&mut self.forgotten_changed) {
            changes.forgotten = Some(self.forgotten);
        }
        let (forgotten, overdue) = (self.removable(), self.overdue());
        changes.new_chunks = self.next_chunk;
        (changes.people, changes.chunks) =
            self.people.take_dirty(&mut self.next_chunk, (forgotten, overdue), &self.words);
        changes.counters.next_chunk = self.next_chunk;
        changes.persons.extend(self.people.dropped.take().iter().map(|(no, _)| (*no, None)));
        changes.chunks.extend(self.people.dropped_chunks.take().iter().map(|(id, _)| (*id, None)));
        changes.holders = self.people.holders.take();
        changes.orders = self.people.orders.take();
        changes.messages = self.people.messages.take();
        changes.messages_kept = Some(self.retention_micros());
        changes.bitmaps = self.take_bitmaps();
        changes.timers = self.timers.take_dirty();
        changes
    }

    /// The storage now answers with what the last `take_changes` returned.
    pub fn changes_written(&mut self) {
        self.people.written();
    }

    /// Rough bytes that the next `take_changes` will write.
    pub fn dirty_bytes(&self) -> usize {
        self.people.dirty_len() * PERSON_BYTES
    }

    fn counters(&self) -> CountersRecord {
        CountersRecord {
            position: self.position,
            now: self.now.0,
            next_person: self.next_person,
            next_chunk: self.next_chunk,
            next_bitmap: self.segments.next_bitmap,
            sequence: self.sequence,
            events: self.events,
            duplicates: self.duplicates,
            refused: self.refused.iter().map(|(reason, count)| (reason.clone(), *count)).collect(),
        }
    }

    fn definitions(&self) -> DefinitionsRecord {
        let slot = |bitmap: Option<u32>| {
            let bitmap = bitmap?;
            let version = self.segments.versions.get(&bitmap)?;
            Some((bitmap, version.version, version.definition.clone()))
        };
        let record = |slots: &Slots| SegmentRecord { active: slot(slots.active), building: slot(slots.building) };
        let rates = self.rate_texts.iter();
        let undecided = self.segments.versions.iter().filter(|(_, version)| version.unknown.of_everybody());
        DefinitionsRecord {
            name: self.settings.name.clone(),
            time_zone: self.settings.time_zone.clone(),
            currency: self.settings.currency.clone(),
            retention_days: self.settings.retention_days,
            crowded_links_max: self.settings.crowded_links_max,
            sources: self.sources.clone(),
            rates: rates
                .map(|((from, to, date), rate)| (from.clone(), to.clone(), date.clone(), rate.clone()))
                .collect(),
            segments: self.segments.slots.values().map(record).collect(),
            lists: self.lists.values().cloned().collect(),
            tombstones: self.tombstones.iter().map(|(hash, time)| (*hash, *time)).collect(),
            unlinked: self.unlinked.iter().copied().collect(),
            given: self.segments.given.rules().cloned().collect(),
            undecided: undecided.map(|(bitmap, _)| *bitmap).collect(),
        }
    }

    fn take_bitmaps(&mut self) -> Vec<(BitmapKey, Option<Vec<u8>>)> {
        let dirty = std::mem::take(&mut self.dirty_bitmaps);
        let part = |key: &BitmapKey| {
            let version = self.segments.versions.get(&key.bitmap);
            let first = u32::from(key.upper) << 16;
            let range = first..=first | 0xffff;
            let part = match key.kind {
                BitmapKind::People => self.segments.people.range(range).collect(),
                BitmapKind::Members => version.map(|version| version.members.part(range)).unwrap_or_default(),
                BitmapKind::Unknown => version.map(|version| version.unknown.part(range)).unwrap_or_default(),
            };
            let mut bytes = Vec::with_capacity(part.serialized_size());
            let written = !part.is_empty() && part.serialize_into(&mut bytes).is_ok();
            written.then_some(bytes)
        };
        dirty.iter().map(|key| (*key, part(key))).collect()
    }
}
