//! People in memory: what changed since the last checkpoint, and a bounded cache of the rest.

use super::survey::Watches;
use super::waits::{Wait, Waits};
use crate::person::orders::Words;
use crate::person::retention::Rewritten;
use crate::person::{NODE_BYTES, Node, Person};
use crate::storage::{MessageKey, OrderKey, OrderRecord, PersonNo, Storage, StorageError};
use crate::table::Table;
use model::{IdentityKey, Time};
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

/// Identities whose holder is kept in memory beyond those of loaded people: some 40 MiB.
const KNOWN_MAX: usize = 1 << 20;
/// People looked at in one go of eviction: while most wait to be written, a longer look would find
/// nothing and cost every record.
const EVICT_LOOKS_MAX: usize = 16;

/// Who is taken out and put back stands in the order of use once more: it is made anew when it is so
/// many times as long as there are people.
const ORDER_TIMES_MAX: usize = 4;
const ORDER_SLACK: usize = 1_024;

struct Slot {
    /// Shared with a checkpoint that is being written: a change meanwhile makes a copy.
    person: Arc<Person>,
    /// The checkpoint that its newest change goes into; 0 for none.
    changed: u64,
    used: bool,
    waits: Option<Box<Waits>>,
}

/// Overlay over the storage: what is new, and what is being written right now.
pub(super) struct Layer<K, V> {
    pub(super) fresh: Table<K, V>,
    /// Shared with whoever writes it: a checkpoint copies nothing.
    writing: Arc<Table<K, V>>,
}

impl<K: Hash + Eq, V> Layer<K, V> {
    fn seeded(seed: u64) -> Layer<K, V> {
        Layer { fresh: Table::seeded(seed), writing: Arc::new(Table::seeded(seed)) }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.fresh.get(key).or_else(|| self.writing.get(key))
    }

    pub(super) fn take(&mut self) -> Arc<Table<K, V>> {
        let fresh = self.fresh.another();
        self.writing = Arc::new(std::mem::replace(&mut self.fresh, fresh));
        Arc::clone(&self.writing)
    }

    fn written(&mut self) {
        self.writing = Arc::new(self.fresh.another());
    }
}

/// People and the indexes that lead to them.
pub(super) struct People<S> {
    pub(super) storage: S,
    loaded: Table<PersonNo, Slot>,
    order_of_use: VecDeque<PersonNo>,
    bytes: usize,
    bytes_max: usize,
    /// Who holds identities that were met: a person who comes back costs one read, not one more for
    /// each identity. True also of people who are not in memory, for nothing moves to another
    /// cluster without being loaded first.
    known: Table<IdentityKey, PersonNo>,
    pub(super) holders: Layer<IdentityKey, Option<PersonNo>>,
    pub(super) orders: Layer<OrderKey, Option<OrderRecord>>,
    pub(super) messages: Layer<MessageKey, ()>,
    pub(super) dropped: Layer<PersonNo, ()>,
    pub(super) dropped_chunks: Layer<u64, ()>,
    /// Who changed since the last checkpoint was taken; some may be there twice, or be gone.
    dirty: Vec<PersonNo>,
    /// Number of the checkpoint that changes go into now, and of the newest that the storage holds.
    checkpoint: u64,
    written: u64,
    /// Who asks everybody something in the background is told who changes meanwhile.
    pub(super) watches: Watches,
}

impl<S: Storage> People<S> {
    pub(super) fn new(storage: S, bytes_max: usize, seed: u64) -> People<S> {
        People {
            storage,
            loaded: Table::seeded(seed),
            order_of_use: VecDeque::new(),
            bytes: 0,
            bytes_max,
            known: Table::seeded(seed),
            holders: Layer::seeded(seed),
            orders: Layer::seeded(seed),
            messages: Layer::seeded(seed),
            dropped: Layer::seeded(seed),
            dropped_chunks: Layer::seeded(seed),
            dirty: Vec::new(),
            checkpoint: 1,
            written: 0,
            watches: Watches::default(),
        }
    }

    /// Whether a message was accepted before.
    pub(super) fn seen(&self, key: &MessageKey) -> Result<bool, StorageError> {
        if self.messages.get(key).is_some() {
            return Ok(true);
        }
        self.storage.seen(key)
    }

    /// The cluster that holds an identity.
    pub(super) fn holder(&self, key: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        if let Some(no) = self.known.get(key) {
            return Ok(Some(*no));
        }
        match self.holders.get(key) {
            Some(no) => Ok(*no),
            None => self.storage.holder(key),
        }
    }

    /// The cluster that holds an identity, if that needs no look into the storage.
    pub(super) fn known(&self, key: &IdentityKey) -> Option<PersonNo> {
        self.known.get(key).copied()
    }

    /// Looks at clusters in memory, at each step at all of them.
    pub(super) fn touch(&self, people: &[PersonNo]) -> usize {
        let slots: SmallVec<[&Slot; 64]> = people.iter().filter_map(|no| self.loaded.get(no)).collect();
        let first: usize = slots.iter().map(|slot| slot.person.touch()).sum();
        first + slots.iter().map(|slot| slot.person.touch_history()).sum::<usize>()
    }

    /// To whom an order belongs.
    pub(super) fn order(&self, key: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        match self.orders.get(key) {
            Some(order) => Ok(order.clone()),
            None => self.storage.order(key),
        }
    }

    /// Brings a cluster into memory; false when there is none.
    pub(super) fn ensure(&mut self, no: PersonNo, words: &Words) -> Result<bool, StorageError> {
        if let Some(slot) = self.loaded.get_mut(&no) {
            slot.used = true;
            return Ok(true);
        }
        match self.read(no, words)? {
            None => Ok(false),
            Some(person) => {
                self.insert(person, 0);
                Ok(true)
            }
        }
    }

    /// Reads a cluster that is not in memory, without keeping it.
    pub(super) fn read(&self, no: PersonNo, words: &Words) -> Result<Option<Person>, StorageError> {
        if self.dropped.get(&no).is_some() {
            return Ok(None);
        }
        let Some(record) = self.storage.person(no)? else { return Ok(None) };
        let mut person = Person::load(no, record, &self.storage)?;
        person.index(words);
        Ok(Some(person))
    }

    /// A cluster in memory.
    pub(super) fn get(&self, no: PersonNo) -> Option<&Person> {
        self.loaded.get(&no).map(|slot| &*slot.person)
    }

    /// A cluster in memory as it is now: a change meanwhile makes a copy.
    pub(super) fn share(&self, no: PersonNo) -> Option<Arc<Person>> {
        self.loaded.get(&no).map(|slot| Arc::clone(&slot.person))
    }

    /// A cluster in memory, to be changed.
    pub(super) fn get_mut(&mut self, no: PersonNo) -> Option<&mut Person> {
        let slot = self.loaded.get_mut(&no)?;
        self.watches.changes(no, Some(&slot.person));
        slot.used = true;
        if slot.changed != self.checkpoint {
            slot.changed = self.checkpoint;
            self.dirty.push(no);
        }
        Some(Arc::make_mut(&mut slot.person))
    }

    /// What answers about a cluster wait for, if it is remembered.
    pub(super) fn waits(&self, no: PersonNo, generation: u64) -> Option<&Waits> {
        self.loaded.get(&no)?.waits.as_deref().filter(|waits| waits.is_of(generation))
    }

    /// Remembers some answers about a cluster in memory, or that these are all.
    pub(super) fn remember(&mut self, no: PersonNo, generation: u64, answers: &[Wait], all: bool) {
        let Some(slot) = self.loaded.get_mut(&no) else { return };
        match &mut slot.waits {
            waits if all => *waits = Some(Box::new(Waits::new(generation, answers))),
            Some(waits) if waits.is_of(generation) => waits.update(answers),
            waits => *waits = None,
        }
    }

    /// Answers about a cluster were given elsewhere.
    pub(super) fn forget_waits(&mut self, no: PersonNo) {
        if let Some(slot) = self.loaded.get_mut(&no) {
            slot.waits = None;
        }
    }

    /// What lines were kept by may have changed.
    pub(super) fn drop_lines(&self) {
        self.loaded.iter().for_each(|(_, slot)| slot.person.lines.clear());
    }

    /// Adds a fact to a cluster in memory.
    pub(super) fn push(&mut self, no: PersonNo, fact: crate::person::fact::Fact, words: &Words) {
        let bytes = fact.bytes();
        if let Some(person) = self.get_mut(no) {
            person.push(fact, words);
            self.bytes += bytes;
        }
    }

    /// Gives a cluster in memory one more identity.
    pub(super) fn adopt(&mut self, no: PersonNo, node: Node) {
        let key = node.identity.key();
        if let Some(person) = self.get_mut(no) {
            person.nodes.insert(key, node);
            person.bytes += NODE_BYTES;
            self.bytes += NODE_BYTES;
            self.known.insert(key, no);
            self.holders.fresh.insert(key, Some(no));
        }
    }

    /// Takes a cluster out of memory, to be put back changed or dropped.
    pub(super) fn take(&mut self, no: PersonNo) -> Option<Person> {
        let person = self.unload(no)?;
        self.watches.changes(no, Some(&person));
        Some(Arc::unwrap_or_clone(person))
    }

    fn unload(&mut self, no: PersonNo) -> Option<Arc<Person>> {
        let slot = self.loaded.remove(&no)?;
        self.bytes = self.bytes.saturating_sub(slot.person.bytes);
        for key in slot.person.nodes.keys() {
            self.known.remove(key);
        }
        Some(slot.person)
    }

    /// Puts a changed or new cluster into memory and records that it holds its identities.
    pub(super) fn put(&mut self, person: Person) {
        for key in person.nodes.keys() {
            self.holders.fresh.insert(*key, Some(person.no));
        }
        self.watches.changes(person.no, None);
        self.dirty.push(person.no);
        self.insert(person, self.checkpoint);
    }

    /// Forgets a cluster that was taken out: its number is free of content for good.
    pub(super) fn drop_number(&mut self, no: PersonNo) {
        self.dropped.fresh.insert(no, ());
    }

    fn insert(&mut self, person: Person, changed: u64) {
        self.bytes += person.bytes;
        for key in person.nodes.keys() {
            self.known.insert(*key, person.no);
        }
        self.order_of_use.push_back(person.no);
        self.loaded.insert(person.no, Slot { person: Arc::new(person), changed, used: true, waits: None });
    }

    /// Drops people from the cache until it is within its bound; what is not written stays.
    pub(super) fn evict(&mut self) {
        if self.order_of_use.len() > ORDER_TIMES_MAX * self.loaded.len() + ORDER_SLACK {
            self.order_of_use = self.loaded.sorted().into_iter().map(|(no, _)| *no).collect();
        }
        let mut looked_at = self.order_of_use.len().min(EVICT_LOOKS_MAX);
        while self.bytes > self.bytes_max && looked_at > 0 {
            looked_at -= 1;
            let Some(no) = self.order_of_use.pop_front() else { break };
            let Some(slot) = self.loaded.get_mut(&no) else { continue };
            if slot.changed > self.written || slot.used {
                slot.used = false;
                self.order_of_use.push_back(no);
                continue;
            }
            if self.known.len() > KNOWN_MAX {
                self.unload(no);
            } else if let Some(slot) = self.loaded.remove(&no) {
                self.bytes = self.bytes.saturating_sub(slot.person.bytes);
            }
        }
    }

    /// The clusters that the storage does not hold as they are.
    pub(super) fn unwritten(&self) -> BTreeMap<PersonNo, Arc<Person>> {
        let unwritten = self.loaded.iter().filter(|(_, slot)| slot.changed > self.written);
        unwritten.map(|(no, slot)| (*no, Arc::clone(&slot.person))).collect()
    }

    /// About how many changed clusters wait for the next checkpoint.
    pub(super) fn dirty_len(&self) -> usize {
        self.dirty.len()
    }

    /// The changed clusters as they are, in order of number; they count as being written from now
    /// on. Long tails are closed into chunks with ids from `next_chunk`, and what retention took is
    /// removed: not for every fact that passes, but when the oldest is overdue.
    pub(super) fn take_dirty(
        &mut self,
        next_chunk: &mut u64,
        (forgotten, overdue): (Time, Time),
        words: &Words,
    ) -> (Vec<Arc<Person>>, Rewritten) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        let (mut people, mut rewritten) = (Vec::with_capacity(dirty.len()), Rewritten::new());
        for no in dirty {
            let Some(slot) = self.loaded.get_mut(&no).filter(|slot| slot.changed == self.checkpoint) else { continue };
            if slot.person.has_passed(overdue) {
                let before = slot.person.bytes;
                rewritten.extend(Arc::make_mut(&mut slot.person).forget(forgotten, words));
                self.bytes = (self.bytes + slot.person.bytes).saturating_sub(before);
            }
            if slot.person.tail_is_long() {
                Arc::make_mut(&mut slot.person).close_tail(next_chunk);
            }
            people.push(Arc::clone(&slot.person));
        }
        self.checkpoint += 1;
        (people, rewritten)
    }

    /// The storage now holds what was taken last.
    pub(super) fn written(&mut self) {
        self.written = self.checkpoint - 1;
        self.holders.written();
        self.orders.written();
        self.messages.written();
        self.dropped.written();
        self.dropped_chunks.written();
    }
}
