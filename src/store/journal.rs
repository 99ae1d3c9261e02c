//! The journal of a workspace's transitions: blobs under sequential keys, written with
//! checkpoints.

use super::codec;
use super::db::{Db, StoreError};
use super::keys::{self, kind};
use super::redo::Writes;
use engine::effect::{Cause, Effect, Presence, Transition};
use engine::given::Given;
use model::{SegmentId, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Lines in one blob.
const BLOB_ENTRIES: usize = 1024;

/// What the journal has lines of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Entry {
    /// A person entered or left a segment.
    Transition(Transition),
    /// A person came or went: as many transitions as versions hold of everybody.
    Presence(Presence),
}

impl Entry {
    /// The line of an effect, if it is one.
    pub fn of(effect: &Effect) -> Option<Entry> {
        match effect {
            Effect::Transition(transition) => Some(Entry::Transition(transition.clone())),
            Effect::Presence(presence) => Some(Entry::Presence(presence.clone())),
            _ => None,
        }
    }

    /// Position of the record that brought it.
    pub fn position(&self) -> u64 {
        match self {
            Entry::Transition(transition) => transition.position,
            Entry::Presence(presence) => presence.position,
        }
    }

    /// The person.
    pub fn person(&self) -> &str {
        match self {
            Entry::Transition(transition) => &transition.person,
            Entry::Presence(presence) => &presence.person,
        }
    }

    fn at(&self) -> Time {
        match self {
            Entry::Transition(transition) => transition.at,
            Entry::Presence(presence) => presence.at,
        }
    }

    /// Shows its transitions, of one segment or of all, until `take` returns false; then it returns false, too.
    pub fn each(self, given: &Given, segment: Option<&SegmentId>, take: &mut dyn FnMut(Transition) -> bool) -> bool {
        match self {
            Entry::Transition(transition) if segment.is_some_and(|segment| *segment != transition.segment) => true,
            Entry::Transition(transition) => take(transition),
            Entry::Presence(presence) => given.each(&presence, segment, take),
        }
    }
}

/// Which segment and version a line is about; of a presence, those that it is not about.
#[derive(Serialize, Deserialize)]
enum AboutRecord {
    Version(String, u32),
    Everything(Vec<u32>),
}

#[derive(Serialize, Deserialize)]
struct EntryRecord {
    about: AboutRecord,
    person: String,
    entered: bool,
    at: i64,
    found: i64,
    cause: u8,
    position: u64,
}

/// So many lines.
#[derive(Serialize, Deserialize)]
struct BlobRecord {
    /// Nothing of these lines, nor of any that follows, became true before.
    floor: i64,
    entries: Vec<EntryRecord>,
}

fn cause_number(cause: Cause) -> u8 {
    match cause {
        Cause::Event => 0,
        Cause::Time => 1,
        Cause::Edit => 2,
        Cause::Merge => 3,
        Cause::Consent => 4,
        Cause::Erasure => 5,
        Cause::Redact => 6,
    }
}

fn to_record(entry: &Entry) -> EntryRecord {
    let (about, person, entered, at, found, cause, position) = match entry {
        Entry::Transition(one) => {
            let about = AboutRecord::Version(one.segment.0.clone(), one.version);
            (about, &one.person, one.entered, one.at, one.found, one.cause, one.position)
        }
        Entry::Presence(one) => {
            let about = AboutRecord::Everything(one.but.clone());
            (about, &one.person, one.came, one.at, one.found, one.cause, one.position)
        }
    };
    let (person, at, found, cause) = (person.clone(), at.0, found.0, cause_number(cause));
    EntryRecord { about, person, entered, at, found, cause, position }
}

fn from_record(record: EntryRecord) -> Result<Entry, StoreError> {
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
    let EntryRecord { about, person, entered, position, .. } = record;
    let (at, found) = (Time(record.at), Time(record.found));
    Ok(match about {
        AboutRecord::Version(segment, version) => {
            let segment = SegmentId(segment);
            Entry::Transition(Transition { segment, version, person, entered, at, found, cause, position })
        }
        AboutRecord::Everything(but) => {
            Entry::Presence(Presence { person, came: entered, at, found, cause, position, but })
        }
    })
}

/// Adds lines, in order of position, to a checkpoint. Nothing of the lines that later ones add became true before
/// `floor`.
pub fn write(writes: &mut Writes, workspace: u32, entries: &[Entry], floor: Time) -> Result<(), StoreError> {
    let blobs: Vec<(usize, &[Entry])> = entries.chunks(BLOB_ENTRIES).enumerate().collect();
    let mut floor = floor;
    for (number, blob) in blobs.into_iter().rev() {
        let Some(first) = blob.first() else { continue };
        floor = blob.iter().map(Entry::at).fold(floor, Time::min);
        let record = BlobRecord { floor: floor.0, entries: blob.iter().map(to_record).collect() };
        let key = [&first.position().to_be_bytes()[..], &(number as u32).to_be_bytes()];
        writes.insert(keys::key(workspace, kind::JOURNAL, &key), codec::encode("part of the journal", &record)?);
    }
    Ok(())
}

fn read_blob(bytes: &[u8]) -> Result<BlobRecord, StoreError> {
    codec::decode("part of the journal", bytes)
}

/// Collects a page of transitions.
pub struct Page {
    given: Arc<Given>,
    segment: Option<SegmentId>,
    people: Option<BTreeSet<String>>,
    from: Place,
    /// Those that became true in this range alone: the first instant included, the second not.
    between: (Time, Time),
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
    /// A page of `limit` transitions from a place on, of one segment or of all; `given` is what held of everybody. Of
    /// the store it takes only what a checkpoint up to `until_position` wrote.
    pub fn new(given: Arc<Given>, segment: Option<SegmentId>, from: Place, until_position: u64, limit: usize) -> Page {
        let between = (Time::MIN, Time::MAX);
        let (people, skipped, full, found) = (None, 0, false, Vec::new());
        Page { given, segment, people, from, between, until_position, limit, skipped, full, found }
    }

    /// Of a range of time alone.
    pub fn between(self, since: Time, until: Time) -> Page {
        Page { between: (since, until), ..self }
    }

    /// Of some people alone, by every id under which they are or were known.
    pub fn of_people(self, people: BTreeSet<String>) -> Page {
        Page { people: Some(people), ..self }
    }

    /// Takes what belongs to the page; false when it is full.
    pub fn take(&mut self, entry: Entry) -> bool {
        let Page { given, segment, people, from, between, limit, skipped, full, found, .. } = self;
        // Amid a wave of timers what is later in the journal may have become true earlier.
        if entry.position() < from.position
            || people.as_ref().is_some_and(|people| !people.contains(entry.person()))
            || entry.at() < between.0
            || entry.at() >= between.1
        {
            return true;
        }
        entry.each(given, segment.as_ref(), &mut |transition| {
            if transition.position == from.position && *skipped < from.seen {
                *skipped += 1;
                return true;
            }
            *full = found.len() >= *limit;
            if !*full {
                found.push(transition);
            }
            !*full
        })
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

/// Fills a page from the store; false when nothing more is wanted.
pub fn read(db: &Db, tree: &sled::Tree, workspace: u32, page: &mut Page) -> Result<bool, StoreError> {
    let mut first = page.from.position;
    if page.between.0 > Time::MIN {
        first = first.max(seek(db, tree, workspace, page.between.0)?);
    }
    let span = Span { first, last: page.until_position, before: page.between.1 };
    scan(db, tree, workspace, span, &mut |entry| page.take(entry))
}

/// Which lines are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// From this position on, and perhaps some before it.
    pub first: u64,
    /// Up to this position, included.
    pub last: u64,
    /// All that became true before this instant, and perhaps more.
    pub before: Time,
}

/// Shows lines until `take` returns false; then it returns false, too, and also where nothing that follows became
/// true before the instant.
pub fn scan(
    db: &Db,
    tree: &sled::Tree,
    workspace: u32,
    span: Span,
    take: &mut dyn FnMut(Entry) -> bool,
) -> Result<bool, StoreError> {
    let prefix = keys::key(workspace, kind::JOURNAL, &[]);
    let from = keys::key(workspace, kind::JOURNAL, &[&span.first.to_be_bytes()]);
    // The blob before may reach into the range.
    let before = tree.get_lt(&from).map_err(|error| db.failed(error))?;
    let begin = before.map(|(key, _)| key).filter(|key| key.starts_with(&prefix));
    let begin = begin.unwrap_or_else(|| sled::IVec::from(from));
    for entry in tree.range(begin..) {
        let (key, value) = entry.map_err(|error| db.failed(error))?;
        if !key.starts_with(&prefix) {
            break;
        }
        let blob = read_blob(&value)?;
        if blob.floor >= span.before.0 {
            return Ok(false);
        }
        for record in blob.entries {
            let entry = from_record(record)?;
            if entry.position() <= span.last && !take(entry) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// A position before which nothing became true at or after an instant, but for the blob before it. It halves the
/// journal again and again by the instants at which lines were found: these never fall along it, and nothing is found
/// before it becomes true.
fn seek(db: &Db, tree: &sled::Tree, workspace: u32, since: Time) -> Result<u64, StoreError> {
    let prefix = keys::key(workspace, kind::JOURNAL, &[]);
    // The last blob that begins at or before a position: where it begins, and when its first line was found.
    let blob = |position: u64| -> Result<Option<(u64, i64)>, StoreError> {
        let after = match position.checked_add(1) {
            Some(after) => keys::key(workspace, kind::JOURNAL, &[&after.to_be_bytes()]),
            None => keys::key(workspace, kind::JOURNAL + 1, &[]),
        };
        let found = tree.get_lt(after).map_err(|error| db.failed(error))?;
        let Some((_, value)) = found.filter(|(key, _)| key.starts_with(&prefix)) else { return Ok(None) };
        Ok(read_blob(&value)?.entries.first().map(|first| (first.position, first.found)))
    };
    let Some((mut high, last)) = blob(u64::MAX)? else { return Ok(0) };
    if last < since.0 {
        return Ok(high);
    }
    let mut low = 0;
    while low < high {
        let middle = low + (high - low) / 2;
        match blob(middle)? {
            Some((position, found)) if found >= since.0 => high = position.min(middle),
            _ => low = middle + 1,
        }
    }
    // Several blobs may begin at one position: whatever begins here is looked at, and the one before.
    Ok(high)
}

/// Who was in a segment by its journal: the people in order of their ids after one of them. Of many
/// people only so many are kept in memory that a page is sure.
pub struct HeldThen {
    segment: SegmentId,
    at: Time,
    after: Option<String>,
    limit: usize,
    /// The newest change of each person that is looked at.
    newest: BTreeMap<String, bool>,
    /// People from here on are for a later page.
    beyond: Option<String>,
    /// Whether the segment appears at all.
    pub known: bool,
}

/// People whose newest change is kept in memory for a page, for each that it may hold.
const LOOKED_AT_TIMES: usize = 16;

impl HeldThen {
    /// A page of at most `limit` people after one, as of an instant.
    pub fn new(segment: SegmentId, at: Time, after: Option<String>, limit: usize) -> HeldThen {
        HeldThen { segment, at, after, limit, newest: BTreeMap::new(), beyond: None, known: false }
    }

    /// The segment.
    pub fn segment(&self) -> &SegmentId {
        &self.segment
    }

    /// Takes a transition of the segment, in order of the journal.
    pub fn take(&mut self, transition: Transition) {
        // What follows may have become true earlier, of others.
        if transition.at > self.at {
            return;
        }
        self.known = true;
        let person = transition.person;
        let earlier = self.after.as_ref().is_some_and(|after| person <= *after);
        if earlier || self.beyond.as_ref().is_some_and(|beyond| person >= *beyond) {
            return;
        }
        self.newest.insert(person, transition.entered);
        if self.newest.len() > self.limit.saturating_mul(LOOKED_AT_TIMES)
            && let Some((last, _)) = self.newest.pop_last()
        {
            self.beyond = Some(last);
        }
    }

    /// Who was in, and after whom the next page begins if there may be more.
    pub fn found(self) -> (Vec<String>, Option<String>) {
        let last = self.newest.last_key_value().map(|(person, _)| person.clone());
        let mut inside: Vec<String> =
            self.newest.into_iter().filter(|(_, inside)| *inside).map(|(who, _)| who).collect();
        if inside.len() > self.limit {
            inside.truncate(self.limit);
            let next = inside.last().cloned();
            return (inside, next);
        }
        (inside, last.filter(|_| self.beyond.is_some()))
    }
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
        let mut blob = read_blob(&value)?;
        let before = blob.entries.len();
        blob.entries.retain(|record| !people.contains(&record.person));
        if blob.entries.is_empty() {
            writes.remove(key.to_vec());
        } else if blob.entries.len() < before {
            writes.insert(key.to_vec(), codec::encode("part of the journal", &blob)?);
        }
    }
    Ok(())
}
