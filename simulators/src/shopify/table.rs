//! Rows by number, and the search index over them, which lags behind.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Rows that were written; those of the formula are elsewhere.
#[derive(Debug)]
pub struct Table<T> {
    rows: BTreeMap<u64, Arc<T>>,
    gone: BTreeSet<u64>,
    indexed: BTreeMap<u64, Arc<T>>,
    waiting: VecDeque<(Instant, u64, Arc<T>)>,
}

impl<T> Default for Table<T> {
    fn default() -> Table<T> {
        Table { rows: BTreeMap::new(), gone: BTreeSet::new(), indexed: BTreeMap::new(), waiting: VecDeque::new() }
    }
}

impl<T> Table<T> {
    /// Writes a row; filters see it after the lag.
    pub fn put(&mut self, id: u64, row: T, lag: Duration) {
        let row = Arc::new(row);
        self.rows.insert(id, row.clone());
        if lag.is_zero() && self.waiting.is_empty() {
            self.indexed.insert(id, row);
        } else {
            self.waiting.push_back((Instant::now() + lag, id, row));
        }
    }

    /// Takes a row away.
    pub fn remove(&mut self, id: u64) {
        self.rows.remove(&id);
        self.gone.insert(id);
    }

    /// A written row.
    pub fn get(&self, id: u64) -> Option<&Arc<T>> {
        self.rows.get(&id)
    }

    /// Whether a row was taken away.
    pub fn is_gone(&self, id: u64) -> bool {
        self.gone.contains(&id)
    }

    /// All written rows by number.
    pub fn rows(&self) -> impl Iterator<Item = (&u64, &Arc<T>)> {
        self.rows.iter()
    }

    /// Rows as filters see them now.
    pub fn indexed(&mut self) -> &BTreeMap<u64, Arc<T>> {
        let now = Instant::now();
        while self.waiting.front().is_some_and(|(at, _, _)| *at <= now) {
            if let Some((_, id, row)) = self.waiting.pop_front() {
                self.indexed.insert(id, row);
            }
        }
        &self.indexed
    }
}

impl<T> Table<T> {
    /// Whether filters see a written row of a number.
    pub fn is_indexed(&self, id: u64) -> bool {
        self.indexed.contains_key(&id)
    }
}
