//! A shard's state in the store: what workspaces are opened from, what the engine reads on
//! its way, and how a checkpoint is written.

use super::codec::{decode, decode_timers, encode, encode_timers};
use super::db::{Db, StoreError};
use super::journal;
use super::keys::{self, SHARD, kind};
use super::redo::{RedoFile, Writes};
use super::seal::Seal;
use super::seen::{NewRun, SPANS, Seen};
use engine::storage::{
    BitmapKey, Changes, ChunkRecord, DefinitionsRecord, MessageKey, OrderKey, OrderRecord, PersonNo, PersonRecord,
    Saved, Storage, StorageError,
};
use model::{Identity, IdentityKey, SegmentId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Where a shard's newest checkpoint stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CheckpointMark {
    /// Everything up to this position is in it.
    pub position: u64,
    /// The shard's time then.
    pub time: Time,
}

#[derive(Serialize, Deserialize)]
struct MarkRecord {
    position: u64,
    time: i64,
}

/// One workspace's part of a checkpoint.
pub struct WorkspaceCheckpoint {
    /// Its number in the shard.
    pub number: u32,
    /// Its id.
    pub id: WorkspaceId,
    /// What changed.
    pub changes: Changes,
    /// New lines of its journal.
    pub entries: Arc<Vec<journal::Entry>>,
    /// Nothing of the lines of later checkpoints became true before.
    pub floor: Time,
    /// Stable ids of people that were erased.
    pub erased: BTreeSet<String>,
}

/// A shard's tree.
pub struct ShardStore {
    db: Db,
    tree: sled::Tree,
    redo: RedoFile,
    seal: Seal,
    seen: Mutex<BTreeMap<u32, Arc<Seen>>>,
}

impl ShardStore {
    /// The name of a shard's tree.
    pub fn tree_name(shard: u32) -> String {
        format!("shard-{shard}")
    }

    /// Opens the tree of a shard; `dir` is the folder of its log. A checkpoint that a crash
    /// interrupted is carried out. Refuses a store that has lost a durable checkpoint.
    pub fn open(db: &Db, shard: u32, dir: &Path) -> Result<ShardStore, StoreError> {
        let tree = db.tree(&ShardStore::tree_name(shard))?;
        std::fs::create_dir_all(dir).map_err(|source| StoreError::Io { path: dir.to_owned(), source })?;
        let redo = RedoFile::in_dir(dir);
        redo.recover(db, &tree)?;
        let seal = Seal::in_dir(dir);
        let store = ShardStore { db: db.clone(), tree, redo, seal, seen: Mutex::default() };
        store.seal.check(store.mark()?.position)?;
        Ok(store)
    }

    /// The newest checkpoint; position 0 in a new store.
    pub fn mark(&self) -> Result<CheckpointMark, StoreError> {
        let found = self.get(&keys::key(SHARD, kind::CHECKPOINT, &[]))?;
        let Some(bytes) = found else { return Ok(CheckpointMark { position: 0, time: Time::MIN }) };
        let mark: MarkRecord = decode("checkpoint", &bytes)?;
        Ok(CheckpointMark { position: mark.position, time: Time(mark.time) })
    }

    /// Every workspace with its number, in order of number.
    pub fn workspaces(&self) -> Result<Vec<(u32, WorkspaceId)>, StoreError> {
        let mut found = Vec::new();
        for (id, value) in self.scan(SHARD, kind::WORKSPACE)? {
            let id = String::from_utf8(id).map_err(|_| broken_key("workspace"))?;
            found.push((decode("number of a workspace", &value)?, WorkspaceId(id)));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// What a workspace is opened from.
    pub fn load(&self, number: u32) -> Result<Saved, StoreError> {
        let mut saved = Saved::default();
        if let Some(bytes) = self.get(&keys::key(number, kind::COUNTERS, &[]))? {
            saved.counters = decode("counters", &bytes)?;
        }
        if let Some(bytes) = self.get(&keys::key(number, kind::DEFINITIONS, &[]))? {
            saved.definitions = decode("definitions", &bytes)?;
        }
        if let Some(bytes) = self.get(&keys::key(number, kind::FORGOTTEN, &[]))? {
            saved.forgotten = Some(Time(decode("instant of forgetting", &bytes)?));
        }
        for (id, value) in self.scan(number, kind::HISTORY)? {
            let id = String::from_utf8(id).map_err(|_| broken_key("history of a segment"))?;
            saved.histories.push((SegmentId(id), decode("history of a segment", &value)?));
        }
        for (first, value) in self.scan(number, kind::NAMES)? {
            if keys::u32_of(&first) != Some(saved.names.len() as u32) {
                return Err(broken_key("names"));
            }
            saved.names.extend(decode::<Vec<String>>("names", &value)?);
        }
        for (key, value) in self.scan(number, kind::BITMAP)? {
            let key: BitmapKey = keys::bitmap_of(&key).ok_or_else(|| broken_key("bitmap"))?;
            saved.bitmaps.push((key, super::codec::body("bitmap", &value)?.to_vec()));
        }
        for (block, value) in self.scan(number, kind::TIMERS)? {
            let block = keys::u32_of(&block).ok_or_else(|| broken_key("block of timers"))?;
            saved.timers.push((block, decode_timers(&value)?));
        }
        Ok(saved)
    }

    /// What the engine reads of a workspace.
    pub fn storage(&self, number: u32) -> Result<WorkspaceStorage, StoreError> {
        Ok(WorkspaceStorage { tree: self.tree.clone(), number, seen: self.seen(number)? })
    }

    fn seen(&self, number: u32) -> Result<Arc<Seen>, StoreError> {
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seen) = all.get(&number) {
            return Ok(seen.clone());
        }
        let seen = Arc::new(Seen::open(self.tree.clone(), number)?);
        all.insert(number, seen.clone());
        Ok(seen)
    }

    /// Writes a checkpoint, whole or not at all. It is durable when this returns.
    pub fn commit(&self, mark: CheckpointMark, parts: &[WorkspaceCheckpoint]) -> Result<(), StoreError> {
        let mut writes = Writes::default();
        let mut runs: Vec<(Arc<Seen>, NewRun)> = Vec::new();
        for part in parts {
            let seen = self.seen(part.number)?;
            write_changes(&mut writes, part)?;
            journal::erase(&self.db, &self.tree, &mut writes, part.number, &part.erased)?;
            journal::write(&mut writes, part.number, &part.entries, part.floor)?;
            if let Some(mut run) = seen.prepare(&part.changes.messages, part.changes.counters.now)? {
                std::mem::take(&mut run.records).into_iter().for_each(|(key, value)| writes.insert(key, value));
                runs.push((seen, run));
            }
        }
        let record = MarkRecord { position: mark.position, time: mark.time.0 };
        writes.insert(keys::key(SHARD, kind::CHECKPOINT, &[]), encode("checkpoint", &record)?);
        self.redo.write(&self.db, &self.tree, &writes)?;
        runs.iter().for_each(|(seen, run)| seen.show(run));
        self.redo.finish(&self.db)?;
        self.seal.write(mark.position)
    }

    /// Drops message keys that are older than events are kept, and merges runs of them where they
    /// are many. Not beside [`ShardStore::commit`].
    pub fn tidy(&self, parts: &[WorkspaceCheckpoint]) -> Result<(), StoreError> {
        for part in parts {
            let (seen, now) = (self.seen(part.number)?, part.changes.counters.now);
            let kept = part.changes.messages_kept.unwrap_or(i64::MAX);
            seen.forget(now.saturating_sub(kept))?;
            while seen.merge(now, kept / SPANS)? {}
        }
        Ok(())
    }

    /// Shows every identity of a workspace.
    pub fn each_identity(&self, number: u32, show: &mut dyn FnMut(&Identity)) -> Result<(), StoreError> {
        for entry in self.tree.scan_prefix(keys::key(number, kind::PERSON, &[])) {
            let (_, value) = entry.map_err(|error| self.db.failed(error))?;
            let person: PersonRecord = decode("person", &value)?;
            person.nodes.iter().for_each(|node| show(&node.identity));
        }
        Ok(())
    }

    /// Replaces the definitions of a workspace that is not open.
    pub fn put_definitions(&self, number: u32, definitions: &DefinitionsRecord) -> Result<(), StoreError> {
        let value = encode("definitions", definitions)?;
        let put = self.tree.insert(keys::key(number, kind::DEFINITIONS, &[]), value);
        put.map(drop).map_err(|error| self.db.failed(error))
    }

    /// Fills a page of the journal; false when it is full.
    pub fn journal(&self, number: u32, page: &mut journal::Page) -> Result<bool, StoreError> {
        journal::read(&self.db, &self.tree, number, page)
    }

    pub(super) fn handles(&self) -> (&Db, &sled::Tree) {
        (&self.db, &self.tree)
    }

    /// Shows lines of the journal until `take` returns false, or nothing that follows is in the span; then it
    /// returns false.
    pub fn scan_journal(
        &self,
        number: u32,
        span: journal::Span,
        take: &mut dyn FnMut(journal::Entry) -> bool,
    ) -> Result<bool, StoreError> {
        journal::scan(&self.db, &self.tree, number, span, take)
    }

    fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.tree.get(key).map_err(|error| self.db.failed(error))
    }

    /// All records of a kind: what follows the kind in their keys, and their values.
    fn scan(&self, workspace: u32, kind: u8) -> Result<Vec<(Vec<u8>, sled::IVec)>, StoreError> {
        let entries = self.tree.scan_prefix(keys::key(workspace, kind, &[]));
        entries
            .map(|entry| entry.map(|(key, value)| (keys::rest(&key).to_vec(), value)))
            .collect::<Result<_, _>>()
            .map_err(|error| self.db.failed(error))
    }
}

fn broken_key(what: &'static str) -> StoreError {
    StoreError::Unreadable { what, why: "its key is broken or out of order".to_owned() }
}

fn put<T: Serialize>(
    writes: &mut Writes,
    what: &'static str,
    key: Vec<u8>,
    value: Option<&T>,
) -> Result<(), StoreError> {
    match value {
        Some(value) => writes.insert(key, encode(what, value)?),
        None => writes.remove(key),
    }
    Ok(())
}

fn write_changes(writes: &mut Writes, part: &WorkspaceCheckpoint) -> Result<(), StoreError> {
    let (number, changes) = (part.number, &part.changes);
    let at = |kind, rest: &[u8]| keys::key(number, kind, &[rest]);
    put(writes, "number of a workspace", keys::key(SHARD, kind::WORKSPACE, &[part.id.0.as_bytes()]), Some(&number))?;
    put(writes, "counters", at(kind::COUNTERS, &[]), Some(&changes.counters))?;
    if let Some(definitions) = &changes.definitions {
        put(writes, "definitions", at(kind::DEFINITIONS, &[]), Some(definitions))?;
    }
    for (id, history) in &changes.histories {
        put(writes, "history of a segment", at(kind::HISTORY, id.as_str().as_bytes()), history.as_ref())?;
    }
    if let Some(forgotten) = &changes.forgotten {
        put(writes, "instant of forgetting", at(kind::FORGOTTEN, &[]), Some(&forgotten.0))?;
    }
    if let Some((first, names)) = &changes.names {
        put(writes, "names", at(kind::NAMES, &first.to_be_bytes()), Some(names))?;
    }
    for (person, record) in &changes.persons {
        put(writes, "person", at(kind::PERSON, &person.to_be_bytes()), record.as_ref())?;
    }
    for (person, record, chunks) in changes.records() {
        put(writes, "person", at(kind::PERSON, &person.to_be_bytes()), Some(&record))?;
        for (chunk, record) in chunks {
            put(writes, "chunk of history", at(kind::CHUNK, &chunk.to_be_bytes()), Some(&record))?;
        }
    }
    for (chunk, record) in &changes.chunks {
        put(writes, "chunk of history", at(kind::CHUNK, &chunk.to_be_bytes()), record.as_ref())?;
    }
    for (key, holder) in changes.holders.iter() {
        put(writes, "holder of an identity", at(kind::HOLDER, &key.0), holder.as_ref())?;
    }
    for (key, order) in changes.orders.iter() {
        put(writes, "order", at(kind::ORDER, &key.0), order.as_ref())?;
    }
    for (key, bytes) in &changes.bitmaps {
        match bytes {
            Some(bytes) => {
                writes.insert(keys::bitmap(number, key), [&[super::codec::VALUE_VERSION], &bytes[..]].concat())
            }
            None => writes.remove(keys::bitmap(number, key)),
        }
    }
    for (block, timers) in &changes.timers {
        writes.insert(at(kind::TIMERS, &block.to_be_bytes()), encode_timers(timers));
    }
    Ok(())
}

/// What the engine reads of one workspace besides what it keeps in memory.
pub struct WorkspaceStorage {
    tree: sled::Tree,
    number: u32,
    seen: Arc<Seen>,
}

impl WorkspaceStorage {
    fn read<T: serde::de::DeserializeOwned>(
        &self,
        what: &'static str,
        kind: u8,
        rest: &[u8],
    ) -> Result<Option<T>, StorageError> {
        let found = self.tree.get(keys::key(self.number, kind, &[rest]));
        match found.map_err(|error| StorageError(error.to_string()))? {
            Some(bytes) => decode(what, &bytes).map(Some).map_err(|error| StorageError(error.to_string())),
            None => Ok(None),
        }
    }
}

impl Storage for WorkspaceStorage {
    fn holder(&self, key: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        self.read("holder of an identity", kind::HOLDER, &key.0)
    }

    fn person(&self, no: PersonNo) -> Result<Option<PersonRecord>, StorageError> {
        self.read("person", kind::PERSON, &no.to_be_bytes())
    }

    fn chunk(&self, id: u64) -> Result<Option<ChunkRecord>, StorageError> {
        self.read("chunk of history", kind::CHUNK, &id.to_be_bytes())
    }

    fn order(&self, key: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        self.read("order", kind::ORDER, &key.0)
    }

    fn seen(&self, key: &MessageKey) -> Result<bool, StorageError> {
        self.seen.has(key).map_err(|error| StorageError(error.to_string()))
    }
}
