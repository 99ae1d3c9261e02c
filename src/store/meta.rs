//! What is fixed when a store is made: its format, the number of shards, the tombstone key.

use super::codec;
use super::db::{Db, StoreError};

/// The layout that this version reads and writes. A change of any stored struct raises it.
pub const STORE_FORMAT: u32 = 3;

const TREE: &str = "meta";

/// What a store was made with.
#[derive(Clone, PartialEq, Eq)]
pub struct Meta {
    /// How many shards share the workspaces; a workspace's place depends on it.
    pub shards: u32,
    /// Under this key erased identities are remembered. It never rotates.
    pub tombstone_key: [u8; 32],
}

impl Meta {
    /// Reads them, or writes them into a new store with `shards` shards.
    ///
    /// Refuses a store of another format.
    pub fn open(db: &Db, shards: u32) -> Result<Meta, StoreError> {
        let tree = db.tree(TREE)?;
        let get = |key: &str| tree.get(key).map_err(|error| db.failed(error));
        let refused = |why| StoreError::Unreadable { what: "store", why };
        let Some(format) = get("format")? else { return Meta::create(db, &tree, shards) };
        let format: u32 = codec::decode("store format", &format)?;
        if format != STORE_FORMAT {
            let newer = if format > STORE_FORMAT { "newer" } else { "older" };
            return Err(refused(format!("it has the {newer} format {format}; this version reads {STORE_FORMAT}")));
        }
        let shards = get("shards")?.ok_or_else(|| refused("the number of its shards is missing".to_owned()))?;
        let key = get("tombstone_key")?.ok_or_else(|| refused("its tombstone key is missing".to_owned()))?;
        Ok(Meta {
            shards: codec::decode("number of shards", &shards)?,
            tombstone_key: codec::decode("tombstone key", &key)?,
        })
    }

    fn create(db: &Db, tree: &sled::Tree, shards: u32) -> Result<Meta, StoreError> {
        let mut tombstone_key = [0; 32];
        getrandom::fill(&mut tombstone_key).map_err(|error| StoreError::Unreadable {
            what: "random key",
            why: format!("the system gives no random bytes: {error}"),
        })?;
        let mut batch = sled::Batch::default();
        batch.insert("format", codec::encode("store format", &STORE_FORMAT)?);
        batch.insert("shards", codec::encode("number of shards", &shards)?);
        batch.insert("tombstone_key", codec::encode("tombstone key", &tombstone_key)?);
        tree.apply_batch(batch).map_err(|error| db.failed(error))?;
        db.make_durable()?;
        Ok(Meta { shards, tombstone_key })
    }
}

/// Notes that the store was just put back from a copy, at `now` (microseconds since 1970). Each
/// note is far beyond the one before, whatever the clock says.
pub fn mark_restored(db: &Db, now: u64) -> Result<u64, StoreError> {
    /// More changes of lists than happen between two restores.
    const STEP: u64 = 1_000_000_000;
    let at = now.max(restored(db)?.saturating_add(STEP));
    let tree = db.tree(TREE)?;
    tree.insert("restored", codec::encode("time of the restore", &at)?).map_err(|error| db.failed(error))?;
    Ok(at)
}

/// When the store was last put back from a copy, microseconds since 1970; 0 for never.
pub fn restored(db: &Db) -> Result<u64, StoreError> {
    let found = db.tree(TREE)?.get("restored").map_err(|error| db.failed(error))?;
    found.map_or(Ok(0), |bytes| codec::decode("time of the restore", &bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_restore_is_later_than_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(restored(&db).unwrap(), 0);
        let first = mark_restored(&db, 1_800_000_000_000_000).unwrap();
        assert_eq!((first, restored(&db).unwrap()), (1_800_000_000_000_000, first));
        assert!(mark_restored(&db, 5).unwrap() > first, "a clock that stepped back");
    }

    #[test]
    fn what_a_store_was_made_with_stays_and_other_formats_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), 1 << 20).unwrap();
        let made = Meta::open(&db, 3).unwrap();
        assert_eq!(made.shards, 3);
        assert!(Meta::open(&db, 5).unwrap() == made);
        let tree = db.tree(TREE).unwrap();
        tree.insert("format", codec::encode("store format", &(STORE_FORMAT + 1)).unwrap()).unwrap();
        let error = Meta::open(&db, 3).err().unwrap().to_string();
        assert!(error.contains("the newer format 4; this version reads 3"), "{error}");
    }
}
