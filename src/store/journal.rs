//! The journal of a workspace's transitions: blobs under sequential keys, written with
//! checkpoints.

use super::codec;
use super::db::{Db, StoreError};
use super::keys::{self, kind};
use super::redo::Writes;
use engine::effect::{Cause, Transition};
use model::{SegmentId, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Transitions in one blob.
const BLOB_TRANSITIONS: usize = 1024;

#[derive(Serialize, Deserialize)]
struct TransitionRecord {
    segment: String,
    version: u32,
    person: String,
    entered: bool,
    at: i64,
    found: i64,
    cause: u8,
    position: u64,
}

fn to_record(transition: &Transition) -> TransitionRecord {
    let cause = match transition.cause {
        Cause::Event => 0,
        Cause::Time => 1,
        Cause::Edit => 2,
        Cause::Merge => 3,
        Cause::Consent => 4,
        Cause::Erasure => 5,
        Cause::Redact => 6,
    };
    TransitionRecord {
        segment: transition.segment.0.clone(),
        version: transition.version,
        person: transition.person.clone(),
        entered: transition.entered,
        at: transition.at.0,
        found: transition.found.0,
        cause,
        position: transition.position,
    }
}

fn from_record(record: TransitionRecord) -> Result<Transition, StoreError> {
    let cause = match record.cause {
        0 => Cause::Event,
        1 => Cause::Time,
        2 => Cause::Edit,
        3 => Cause::Merge,
        4 => Cause::Consent,
        5 => Cause::Erasure,
        6 => Cause::Redact,
        other => {
            return Err(StoreError::Unreadable { what: "transition", why: format!("its cause is {other}") });
        }
    };
    Ok(Transition {
        segment: SegmentId(record.segment),
        version: record.version,
        person: record.person,
        entered: record.entered,
        at: Time(record.at),
        found: Time(record.found),
        cause,
        position: record.position,
    })
}

/// Adds transitions, in order of position, to a checkpoint.
pub fn write(writes: &mut Writes, workspace: u32, transitions: &[Transition]) -> Result<(), StoreError> {
    for (number, blob) in transitions.chunks(BLOB_TRANSITIONS).enumerate() {
        let Some(first) = blob.first() else { continue };
        let records: Vec<_> = blob.iter().map(to_record).collect();
        let key = [&first.position.to_be_bytes()[..], &(number as u32).to_be_bytes()];
        writes.insert(keys::key(workspace, kind::JOURNAL, &key), codec::encode("part of the journal", &records)?);
    }
    Ok(())
}

fn read_blob(bytes: &[u8]) -> Result<impl Iterator<Item = Result<Transition, StoreError>> + use<>, StoreError> {
    let records: Vec<TransitionRecord> = codec::decode("part of the journal", bytes)?;
    Ok(records.into_iter().map(from_record))
}

/// Collects a page of transitions.
pub struct Page {
    segment: Option<SegmentId>,
    people: Option<BTreeSet<String>>,
    from: Place,
    /// Inclusive.
    until_position: u64,
    limit: usize,
    skipped: u64,
    full: bool,
    found: Vec<Transition>,
}

/// Where a page begins: one record of the log may bring very many transitions.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Place {
    /// Position of the log.
    pub position: u64,
    /// Transitions of that position (of the segment or the people, if some are meant) that were seen already.
    pub seen: u64,
}

impl Page {
    /// A page of `limit` transitions from a place on, of one segment or of all. Of the store it
    /// takes only what a checkpoint up to `until_position` wrote.
    pub fn new(segment: Option<SegmentId>, from: Place, until_position: u64, limit: usize) -> Page {
        Page { segment, people: None, from, until_position, limit, skipped: 0, full: false, found: Vec::new() }
    }

    /// Of some people alone, by every id under which they are or were known.
    pub fn of_people(self, people: BTreeSet<String>) -> Page {
        Page { people: Some(people), ..self }
    }

    /// Takes a transition if it belongs to the page; false when the page is full.
    pub fn take(&mut self, transition: Transition) -> bool {
        if transition.position < self.from.position {
            return true;
        }
        if self.segment.as_ref().is_some_and(|segment| *segment != transition.segment)
            || self.people.as_ref().is_some_and(|people| !people.contains(&transition.person))
        {
            return true;
        }
        if transition.position == self.from.position && self.skipped < self.from.seen {
            self.skipped += 1;
            return true;
        }
        if self.found.len() >= self.limit {
            self.full = true;
            return false;
        }
        self.found.push(transition);
        true
    }

    /// What is on the page, oldest first, and where the next one begins if there is more.
    pub fn found(self) -> (Vec<Transition>, Option<Place>) {
        let position = self.found.last().map_or(self.from.position, |last| last.position);
        let here = self.found.iter().rev().take_while(|one| one.position == position).count() as u64;
        let before = if position == self.from.position { self.skipped } else { 0 };
        let next = self.full.then_some(Place { position, seen: before + here });
        (self.found, next)
    }
}

/// Fills a page from the store; false when the page is full.
pub fn read(db: &Db, tree: &sled::Tree, workspace: u32, page: &mut Page) -> Result<bool, StoreError> {
    let prefix = keys::key(workspace, kind::JOURNAL, &[]);
    let from = keys::key(workspace, kind::JOURNAL, &[&page.from.position.to_be_bytes()]);
    // The blob before may reach into the page.
    let before = tree.get_lt(&from).map_err(|error| db.failed(error))?;
    let begin = before.map(|(key, _)| key).filter(|key| key.starts_with(&prefix));
    let begin = begin.unwrap_or_else(|| sled::IVec::from(from));
    for entry in tree.range(begin..) {
        let (key, value) = entry.map_err(|error| db.failed(error))?;
        if !key.starts_with(&prefix) {
            break;
        }
        for transition in read_blob(&value)? {
            let transition = transition?;
            if transition.position <= page.until_position && !page.take(transition) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Removes what the journal says of erased people, as part of a checkpoint.
pub fn erase(
    db: &Db,
    tree: &sled::Tree,
    writes: &mut Writes,
    workspace: u32,
    people: &BTreeSet<String>,
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    for entry in tree.scan_prefix(keys::key(workspace, kind::JOURNAL, &[])) {
        let (key, value) = entry.map_err(|error| db.failed(error))?;
        let mut records: Vec<TransitionRecord> = codec::decode("part of the journal", &value)?;
        let before = records.len();
        records.retain(|record| !people.contains(&record.person));
        if records.is_empty() {
            writes.remove(key.to_vec());
        } else if records.len() < before {
            writes.insert(key.to_vec(), codec::encode("part of the journal", &records)?);
        }
    }
    Ok(())
}
