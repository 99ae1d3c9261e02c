//! Pointers that wait to be fetched: one of each kind and id, however often it comes.

use super::cursor::Cursors;
use super::keys::{self, Scope, kind};
use super::records::{PointerRecord, decode, encode};
use crate::store::db::StoreError;
use kit::receive::Pointer;
use model::Time;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

const WHAT: &str = "pointer";
/// Bytes of a pointer's kind and id. No platform has longer ones.
pub(super) const POINTER_BYTES_MAX: usize = 1024;

struct Known {
    waiting: BTreeMap<Scope, u64>,
    generation: u64,
}

/// The queue of all connections.
pub(super) struct Pointers {
    cursors: Cursors,
    max: u64,
    known: Mutex<Known>,
}

/// A pointer on its way.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) key: Vec<u8>,
    bytes: sled::IVec,
    pub(super) record: PointerRecord,
}

impl Pointers {
    pub(super) fn new(cursors: Cursors, max: usize) -> Pointers {
        // Beyond any generation of an earlier run; a clock that stepped back is made up for by the other fields.
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let generation = u64::try_from(now.as_micros()).unwrap_or_default();
        Pointers { cursors, max: max as u64, known: Mutex::new(Known { waiting: BTreeMap::new(), generation }) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a pointer; false when too many wait. It is durable after a flush.
    pub(super) fn add(&self, scope: &Scope, pointer: &Pointer, delivered: bool, now: Time) -> Result<bool, StoreError> {
        let failed = |why| self.cursors.db.failed(why);
        let mut known = self.lock();
        let waiting = self.counted(&mut known, scope)?;
        let kind_len = (pointer.kind.len() as u32).to_be_bytes();
        let rest = [&kind_len, pointer.kind.as_bytes(), pointer.id.as_bytes()].concat();
        let key = keys::key(kind::POINTER, scope, &rest);
        let before = self.cursors.tree.get(&key).map_err(failed)?;
        if before.is_none() && waiting >= self.max {
            return Ok(false);
        }
        let before = before.map(|bytes| decode::<PointerRecord>(WHAT, &bytes)).transpose()?;
        known.generation += 1;
        let record = PointerRecord {
            kind: pointer.kind.clone(),
            id: pointer.id.clone(),
            since: before.as_ref().map_or(now, |before| before.since),
            generation: known.generation,
            delivered: delivered || before.as_ref().is_some_and(|before| before.delivered),
        };
        self.cursors.tree.insert(key, encode(WHAT, &record)?).map_err(failed)?;
        if before.is_none() {
            known.waiting.insert(scope.clone(), waiting + 1);
        }
        Ok(true)
    }

    /// How many wait.
    pub(super) fn waiting(&self, scope: &Scope) -> Result<u64, StoreError> {
        self.counted(&mut self.lock(), scope)
    }

    fn counted(&self, known: &mut Known, scope: &Scope) -> Result<u64, StoreError> {
        if let Some(waiting) = known.waiting.get(scope) {
            return Ok(*waiting);
        }
        let mut waiting = 0;
        for entry in self.cursors.tree.scan_prefix(keys::prefix(kind::POINTER, scope)) {
            entry.map_err(|why| self.cursors.db.failed(why))?;
            waiting += 1;
        }
        known.waiting.insert(scope.clone(), waiting);
        Ok(waiting)
    }

    /// Whether some wait that no delivery, but a backfill or poll brought.
    pub(super) fn any_of_polls(&self, scope: &Scope) -> Result<bool, StoreError> {
        for entry in self.cursors.tree.scan_prefix(keys::prefix(kind::POINTER, scope)) {
            let (_, bytes) = entry.map_err(|why| self.cursors.db.failed(why))?;
            if !decode::<PointerRecord>(WHAT, &bytes)?.delivered {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next ones after a key in a fixed order, at most `limit`: whoever goes round misses none.
    pub(super) fn after(
        &self,
        scope: &Scope,
        after: Option<&[u8]>,
        limit: usize,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<Taken>, StoreError> {
        let prefix = keys::prefix(kind::POINTER, scope);
        let from = after.unwrap_or(&prefix).to_vec();
        let mut taken = Vec::new();
        for entry in self.cursors.tree.range(from..) {
            let (key, bytes) = entry.map_err(|why| self.cursors.db.failed(why))?;
            if !key.starts_with(&prefix) || taken.len() >= limit {
                break;
            }
            if after.is_some_and(|after| key == after) || !wanted(&key) {
                continue;
            }
            taken.push(Taken { key: key.to_vec(), record: decode(WHAT, &bytes)?, bytes });
        }
        Ok(taken)
    }

    /// It was fetched, unless it came again meanwhile.
    pub(super) fn done(&self, scope: &Scope, taken: &Taken) -> Result<(), StoreError> {
        let mut known = self.lock();
        let waiting = self.counted(&mut known, scope)?;
        let swapped = self.cursors.tree.compare_and_swap(&taken.key, Some(&taken.bytes), None::<&[u8]>);
        if swapped.map_err(|why| self.cursors.db.failed(why))?.is_ok() {
            known.waiting.insert(scope.clone(), waiting.saturating_sub(1));
        }
        Ok(())
    }

    /// The store forgot the connection.
    pub(super) fn forgotten(&self, scope: &Scope) {
        self.lock().waiting.remove(scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::Db;

    fn pointer(id: &str) -> Pointer {
        Pointer { kind: "order".to_owned(), id: id.to_owned() }
    }

    #[test]
    fn one_of_a_kind_waits_and_one_that_comes_while_it_is_fetched_stays() {
        let dir = tempfile::tempdir().unwrap();
        let cursors = Cursors::open(Db::open(dir.path(), 1 << 20).unwrap()).unwrap();
        let (queue, scope) = (Pointers::new(cursors.clone(), 2), Scope::new(&"w".into(), &"s".into()));
        let add = |id: &str| queue.add(&scope, &pointer(id), true, Time(1)).unwrap();
        assert!(add("1") && add("1") && add("2") && !add("3"), "two may wait, one of each");
        assert_eq!(queue.waiting(&scope).unwrap(), 2);
        let taken = queue.after(&scope, None, 10, |_| true).unwrap();
        assert_eq!(taken.iter().map(|one| one.record.id.as_str()).collect::<Vec<_>>(), ["1", "2"]);
        assert!(add("1"), "it comes again");
        taken.iter().for_each(|one| queue.done(&scope, one).unwrap());
        assert_eq!(queue.waiting(&scope).unwrap(), 1);
        let again = queue.after(&scope, None, 10, |_| true).unwrap();
        assert_eq!(again[0].record.id, "1");
        assert!(queue.after(&scope, Some(&again[0].key), 10, |_| true).unwrap().is_empty());
        assert!(queue.after(&scope, None, 10, |_| false).unwrap().is_empty());
        assert_eq!(Pointers::new(cursors, 2).waiting(&scope).unwrap(), 1, "counted anew by another run");
    }
}
