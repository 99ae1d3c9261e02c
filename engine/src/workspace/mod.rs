//! One merchant's audience: applies records in order and answers questions about now.

pub mod ahead;
mod allowed;
pub mod backfill;
mod bits;
mod build;
mod checkpoint;
mod connect;
mod consented;
mod define;
mod early;
mod erase;
mod evaluate;
mod event;
pub mod export;
mod fire;
mod giving;
mod held;
pub mod history;
mod index;
#[cfg(test)]
mod lines_tests;
pub mod past;
mod people;
mod presence;
pub mod query;
mod references;
mod retention;
mod scope;
mod segments;
mod settle;
pub mod survey;
mod timers;
mod told;
pub mod versions;
mod waits;

use crate::effect::{Cause, Effect};
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::person::view::Context;
use crate::storage::{Storage, StorageError};
use model::{Command, IdentityKey, ListDefinition, ListId, Record, SegmentId, Source, Time, WorkspaceId};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use query::{PersonName, SegmentState};

/// How many timers one record fires that change something: a wave of them goes on between records. Which others there
/// are does not follow from the records alone (a version is built beside them), so they must not count: a replay would
/// find other changes with other records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turns {
    /// A tick: some 80 ms, between which records are applied.
    pub tick: usize,
    /// An event, of those that were due before it.
    pub event: usize,
}

impl Default for Turns {
    fn default() -> Turns {
        Turns { tick: 8_192, event: 256 }
    }
}

/// Settings of a workspace.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shown name.
    pub name: String,
    /// IANA zone.
    pub time_zone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Days for which events other than orders are kept.
    pub retention_days: u32,
    /// Links beyond which an address is crowded. Fixed when the workspace is created.
    pub crowded_links_max: u32,
}

/// A workspace over a storage.
pub struct Workspace<S> {
    id: WorkspaceId,
    settings: Settings,
    zone: jiff::tz::TimeZone,
    names: Names,
    names_written: u32,
    words: Words,
    sources: Vec<Source>,
    rates: BTreeMap<(String, String), BTreeMap<i64, Decimal>>,
    rate_texts: BTreeMap<(String, String, String), String>,
    segments: segments::Segments,
    lists: BTreeMap<ListId, ListDefinition>,
    people: people::People<S>,
    steps_max: u64,
    dirty_bitmaps: BTreeSet<crate::storage::BitmapKey>,
    timers: timers::Timers,
    tombstones: BTreeMap<[u8; 16], Time>,
    tombstone_key: [u8; 32],
    unlinked: BTreeSet<(IdentityKey, IdentityKey)>,
    definitions_changed: bool,
    histories_changed: BTreeSet<SegmentId>,
    now: Time,
    /// What passed its retention under earlier settings stays gone.
    forgotten: Time,
    forgotten_changed: bool,
    sweep: retention::Sweep,
    position: u64,
    next_person: u32,
    next_chunk: u64,
    sequence: u64,
    turns: Turns,
    events: u64,
    duplicates: u64,
    refused: BTreeMap<String, u64>,
}

/// What became of a record.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Applied {
    /// It was applied; for events, the person's stable id when there is one.
    Changed {
        /// The person.
        person: Option<Arc<str>>,
    },
    /// The event is a duplicate.
    Duplicate,
    /// The record was refused and counted under this reason.
    Refused(&'static str),
}

/// When and why memberships change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// When it became true.
    at: Time,
    /// The record's time.
    found: Time,
    cause: Cause,
    position: u64,
}

impl<S: Storage> Workspace<S> {
    /// Applies one record. Timers due before the record's time fire first; a `Tick` also fires
    /// those due at its time. Of a wave of timers, events and ticks fire a part each, and an event all of those
    /// whom it touches; [`Workspace::next_timer`] tells what is left, for more ticks. A record that was applied
    /// before is skipped. An error is the store's: the workspace must not be used further.
    pub fn apply(&mut self, record: &Record, effects: &mut Vec<Effect>) -> Result<Applied, StorageError> {
        self.apply_known(record, None, effects)
    }

    /// The same of a record whose keys are known already.
    pub fn apply_known(
        &mut self,
        record: &Record,
        keys: Option<&ahead::Keys>,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        if record.position <= self.position {
            return Ok(Applied::Changed { person: None });
        }
        let time = record.time.max(self.now);
        let (inclusive, most) = match &record.command {
            Command::Tick => (true, self.turns.tick),
            Command::Event(_) => (false, self.turns.event),
            _ => (false, usize::MAX),
        };
        self.fire((time, inclusive), most, record.position, effects)?;
        self.now = time;
        self.position = record.position;
        let when = |cause| When { at: time, found: time, cause, position: record.position };
        let applied = match &record.command {
            Command::Tick => Applied::Changed { person: None },
            Command::Event(event) => match keys {
                Some(keys) => self.apply_event(event, keys, when(Cause::Event), effects)?,
                None => self.apply_event(event, &ahead::Keys::of(event), when(Cause::Event), effects)?,
            },
            Command::Erase { identity } => self.erase(identity, when(Cause::Erasure), effects)?,
            Command::Redact { source, identity } => self.redact(source, identity, when(Cause::Erasure), effects)?,
            Command::Withdraw { source, identity } => self.redact(source, identity, when(Cause::Redact), effects)?,
            Command::Unlink { left, right } => self.unlink(left, right, when(Cause::Merge), effects)?,
            command => self.define(command, when(Cause::Edit), effects)?,
        };
        if let Applied::Refused(reason) = applied {
            *self.refused.entry(reason.to_owned()).or_default() += 1;
        }
        self.sweep()?;
        self.people.evict();
        Ok(applied)
    }

    /// Has each record fire as many timers as this. A replay needs what held before: it is for those who
    /// want waves of few people.
    pub fn set_turns(&mut self, turns: Turns) {
        self.turns = turns;
    }

    /// The instant of the next due timer; `Time::MAX` when there is none.
    pub fn next_timer(&self) -> Time {
        self.timers.next()
    }

    /// What became true before this instant is told: whatever is told from now on became true at it or after it.
    pub fn settled_before(&self) -> Time {
        self.now.min(self.timers.next())
    }

    /// How many people wait for an instant, and how many of them are due at `now`.
    pub fn timer_counts(&self, now: Time) -> (u64, u64) {
        (self.timers.len(), self.timers.due_count(now))
    }

    /// The workspace's id.
    pub fn id(&self) -> &WorkspaceId {
        &self.id
    }

    /// The workspace's time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Position of the newest applied record.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its sources.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Its lists.
    pub fn lists(&self) -> impl Iterator<Item = &ListDefinition> {
        self.lists.values()
    }

    /// Number of people.
    pub fn people_count(&self) -> u64 {
        self.segments.people.len()
    }

    /// Events applied, duplicates dropped, and events refused by reason.
    pub fn counts(&self) -> (u64, u64, &BTreeMap<String, u64>) {
        (self.events, self.duplicates, &self.refused)
    }

    pub(crate) fn context(&self) -> Context<'_> {
        self.context_at(self.now)
    }

    /// What holds at an instant after now if nothing happens until then.
    pub(crate) fn context_at(&self, at: Time) -> Context<'_> {
        Context {
            names: &self.names,
            words: &self.words,
            sources: &self.sources,
            rates: &self.rates,
            zone: &self.zone,
            currency: &self.settings.currency,
            forgotten: self.forgotten_at(at),
            held: &self.segments,
        }
    }
}
