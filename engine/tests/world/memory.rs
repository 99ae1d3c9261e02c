//! A storage in memory, and what a workspace is reopened from.

use model::{IdentityKey, SegmentId, Time};
use segmentd_engine::storage::{
    BitmapKey, Changes, ChunkRecord, CountersRecord, DefinitionsRecord, HistoryRecord, MessageKey, OrderKey,
    OrderRecord, PersonNo, PersonRecord, Saved, Storage, StorageError,
};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

#[derive(Default)]
struct Kept {
    counters: CountersRecord,
    definitions: DefinitionsRecord,
    names: Vec<String>,
    persons: BTreeMap<PersonNo, PersonRecord>,
    chunks: BTreeMap<u64, ChunkRecord>,
    holders: BTreeMap<IdentityKey, PersonNo>,
    orders: BTreeMap<OrderKey, OrderRecord>,
    messages: BTreeSet<MessageKey>,
    bitmaps: BTreeMap<BitmapKey, Vec<u8>>,
    timers: BTreeMap<u32, Vec<i64>>,
    forgotten: Option<Time>,
    histories: BTreeMap<SegmentId, HistoryRecord>,
}

/// The storage; its clones are the same one.
#[derive(Clone, Default)]
pub struct Memory(Rc<RefCell<Kept>>);

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, changes: Vec<(K, Option<V>)>) {
    for (key, value) in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
}

impl Memory {
    /// Writes a checkpoint.
    pub fn write(&self, changes: Changes) {
        let mut kept = self.0.borrow_mut();
        for (no, record, chunks) in changes.records() {
            kept.persons.insert(no, record);
            kept.chunks.extend(chunks);
        }
        kept.counters = changes.counters;
        if let Some(definitions) = changes.definitions {
            kept.definitions = definitions;
        }
        if let Some((first, names)) = changes.names {
            kept.names.truncate(first as usize);
            kept.names.extend(names);
        }
        put(&mut kept.histories, changes.histories);
        put(&mut kept.persons, changes.persons);
        put(&mut kept.chunks, changes.chunks);
        put(&mut kept.holders, changes.holders.iter().map(|(key, holder)| (*key, *holder)).collect());
        put(&mut kept.orders, changes.orders.iter().map(|(key, order)| (*key, order.clone())).collect());
        kept.messages.extend(changes.messages.iter().map(|(message, _)| *message));
        put(&mut kept.bitmaps, changes.bitmaps);
        kept.timers.extend(changes.timers);
        kept.forgotten = changes.forgotten.or(kept.forgotten);
    }

    /// A cluster as it was written last.
    pub fn record(&self, no: PersonNo) -> PersonRecord {
        self.0.borrow().persons.get(&no).cloned().unwrap_or_default()
    }

    /// A cluster's record as a store keeps it.
    pub fn person_bytes(&self, no: PersonNo) -> Option<Vec<u8>> {
        self.0.borrow().persons.get(&no).map(|record| postcard::to_allocvec(record).expect("plain data"))
    }

    /// A chunk's record as a store keeps it.
    pub fn chunk_bytes(&self, id: u64) -> Option<Vec<u8>> {
        self.0.borrow().chunks.get(&id).map(|record| postcard::to_allocvec(record).expect("plain data"))
    }

    /// Puts another definition in the place of a segment's, as an upgrade may find it.
    pub fn redefine(&self, segment: &str, definition: &str) {
        for record in &mut self.0.borrow_mut().definitions.segments {
            for (_, _, put) in [&mut record.active, &mut record.building].into_iter().flatten() {
                if put.id.as_str() == segment {
                    put.definition = definition.to_owned();
                }
            }
        }
    }

    /// The chunks that there are.
    pub fn chunk_ids(&self) -> Vec<u64> {
        self.0.borrow().chunks.keys().copied().collect()
    }

    /// From what a workspace opens.
    pub fn saved(&self) -> Saved {
        let kept = self.0.borrow();
        Saved {
            counters: kept.counters.clone(),
            definitions: kept.definitions.clone(),
            histories: kept.histories.clone().into_iter().collect(),
            names: kept.names.clone(),
            bitmaps: kept.bitmaps.iter().map(|(key, bytes)| (*key, bytes.clone())).collect(),
            timers: kept.timers.iter().map(|(block, timers)| (*block, timers.clone())).collect(),
            forgotten: kept.forgotten,
        }
    }
}

impl Storage for Memory {
    fn holder(&self, key: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        Ok(self.0.borrow().holders.get(key).copied())
    }

    fn person(&self, no: PersonNo) -> Result<Option<PersonRecord>, StorageError> {
        Ok(self.0.borrow().persons.get(&no).cloned())
    }

    fn chunk(&self, id: u64) -> Result<Option<ChunkRecord>, StorageError> {
        Ok(self.0.borrow().chunks.get(&id).cloned())
    }

    fn order(&self, key: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        Ok(self.0.borrow().orders.get(key).cloned())
    }

    fn seen(&self, key: &MessageKey) -> Result<bool, StorageError> {
        Ok(self.0.borrow().messages.contains(key))
    }
}
