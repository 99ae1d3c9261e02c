//! How far each connection is: in the store, and durable before anything relies on it.

use super::keys::{self, Scope, kind};
use super::records::{ConnectionRecord, StreamRecord, decode, encode};
use crate::store::db::{Db, StoreError};

const TREE: &str = "poll";
const CONNECTION: &str = "connection";
const STREAM: &str = "stream of a connection";

/// The tree of connections. Its writes are durable after a flush.
#[derive(Clone)]
pub(super) struct Cursors {
    pub(super) db: Db,
    pub(super) tree: sled::Tree,
}

impl Cursors {
    pub(super) fn open(db: Db) -> Result<Cursors, StoreError> {
        let tree = db.tree(TREE)?;
        Ok(Cursors { db, tree })
    }

    pub(super) fn connection(&self, scope: &Scope) -> Result<Option<ConnectionRecord>, StoreError> {
        let found = self.tree.get(keys::prefix(kind::CONNECTION, scope)).map_err(|why| self.db.failed(why))?;
        found.map(|bytes| decode(CONNECTION, &bytes)).transpose()
    }

    pub(super) fn put_connection(&self, record: &ConnectionRecord) -> Result<(), StoreError> {
        let key = keys::prefix(kind::CONNECTION, &record.scope());
        self.tree.insert(key, encode(CONNECTION, record)?).map_err(|why| self.db.failed(why))?;
        Ok(())
    }

    /// Every connection that was ever begun and not forgotten.
    pub(super) fn connections(&self) -> Result<Vec<ConnectionRecord>, StoreError> {
        let entries = self.tree.scan_prefix([kind::CONNECTION]);
        entries.map(|entry| decode(CONNECTION, &entry.map_err(|why| self.db.failed(why))?.1)).collect()
    }

    pub(super) fn stream(&self, scope: &Scope, name: &str) -> Result<StreamRecord, StoreError> {
        let key = keys::key(kind::STREAM, scope, name.as_bytes());
        let found = self.tree.get(key).map_err(|why| self.db.failed(why))?;
        found.map_or(Ok(StreamRecord::default()), |bytes| decode(STREAM, &bytes))
    }

    pub(super) fn put_stream(&self, scope: &Scope, name: &str, record: &StreamRecord) -> Result<(), StoreError> {
        let key = keys::key(kind::STREAM, scope, name.as_bytes());
        self.tree.insert(key, encode(STREAM, record)?).map_err(|why| self.db.failed(why))?;
        Ok(())
    }

    /// Forgets a connection with its cursors and pointers. What is asked of us stays: the law does not end with
    /// the connection.
    pub(super) fn forget(&self, scope: &Scope) -> Result<(), StoreError> {
        for of in [kind::POINTER, kind::STREAM, kind::CONNECTION] {
            for entry in self.tree.scan_prefix(keys::prefix(of, scope)) {
                let (key, _) = entry.map_err(|why| self.db.failed(why))?;
                self.tree.remove(key).map_err(|why| self.db.failed(why))?;
            }
        }
        Ok(())
    }
}
