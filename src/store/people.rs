//! Reading the people of a workspace one after the other, beside everything else.
//!
//! It is no snapshot: a checkpoint that is written meanwhile shows.

use super::db::{Db, StoreError};
use super::keys::{self, kind};
use super::state::ShardStore;
use engine::storage::PersonNo;
use std::ops::Range;

/// The people of a workspace in the store.
#[derive(Clone)]
pub struct StoredPeople {
    db: Db,
    tree: sled::Tree,
    number: u32,
}

impl ShardStore {
    /// The people of a workspace.
    pub fn people(&self, number: u32) -> StoredPeople {
        let (db, tree) = self.handles();
        StoredPeople { db: db.clone(), tree: tree.clone(), number }
    }
}

impl StoredPeople {
    /// Shows the record of everybody with a number in a range, in order.
    pub fn each(
        &self,
        range: Range<PersonNo>,
        mut show: impl FnMut(PersonNo, &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let key = |no: PersonNo| keys::key(self.number, kind::PERSON, &[&no.to_be_bytes()]);
        for entry in self.tree.range(key(range.start)..key(range.end)) {
            let (key, value) = entry.map_err(|error| self.db.failed(error))?;
            if let Some(no) = keys::u32_of(keys::rest(&key)) {
                show(no, &value)?;
            }
        }
        Ok(())
    }

    /// A closed chunk of history.
    pub fn chunk(&self, id: u64) -> Result<Option<sled::IVec>, StoreError> {
        self.get(kind::CHUNK, &id.to_be_bytes())
    }

    fn get(&self, kind: u8, rest: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.tree.get(keys::key(self.number, kind, &[rest])).map_err(|error| self.db.failed(error))
    }
}
