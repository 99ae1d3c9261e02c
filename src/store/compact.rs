//! Rewriting a store: sled's files do not shrink by themselves.

use super::db::{Db, StoreError};
use std::path::{Path, PathBuf};

/// Entries written at a time, bytes.
const BATCH_BYTES: usize = 4 << 20;
/// Cache of the stores while they are copied, bytes.
const CACHE_BYTES: u64 = 64 << 20;

fn beside(store_dir: &Path, suffix: &str) -> PathBuf {
    let mut name = store_dir.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn io(path: &Path) -> impl Fn(std::io::Error) -> StoreError + '_ {
    |source| StoreError::Io { path: path.to_owned(), source }
}

/// Renames and makes the new name durable.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    std::fs::rename(from, to).map_err(io(from))?;
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = std::fs::File::open(parent).and_then(|dir| dir.sync_all());
    synced.map_err(io(parent))
}

fn remove(dir: &Path) -> Result<(), StoreError> {
    if dir.exists() { std::fs::remove_dir_all(dir).map_err(io(dir)) } else { Ok(()) }
}

/// Rewrites the store in `store_dir`, which nobody may have open, and puts the new one in its
/// place. Returns its size before and after, bytes.
pub fn compact(store_dir: &Path) -> Result<(u64, u64), StoreError> {
    settle(store_dir)?;
    let (new_dir, old_dir) = (beside(store_dir, ".compact-new"), beside(store_dir, ".compact-old"));
    let (before, after) = {
        let (old, new) = (Db::open(store_dir, CACHE_BYTES)?, Db::open(&new_dir, CACHE_BYTES)?);
        let mut importer = Importer::new(&new);
        for name in old.tree_names() {
            importer.tree(&name)?;
            for entry in old.tree(&name)?.iter() {
                let (key, value) = entry.map_err(|error| old.failed(error))?;
                importer.insert(&key, &value)?;
            }
        }
        importer.finish()?;
        new.make_durable()?;
        (old.size_bytes(), new.size_bytes())
    };
    rename(store_dir, &old_dir)?;
    rename(&new_dir, store_dir)?;
    remove(&old_dir)?;
    Ok((before, after))
}

/// Brings an interrupted [`compact`] to its end, or back to its beginning.
pub fn settle(store_dir: &Path) -> Result<(), StoreError> {
    let (new_dir, old_dir) = (beside(store_dir, ".compact-new"), beside(store_dir, ".compact-old"));
    if !store_dir.exists() && old_dir.exists() {
        // The old one was put aside only after the new one was whole.
        let whole = if new_dir.exists() { &new_dir } else { &old_dir };
        rename(whole, store_dir)?;
    }
    if store_dir.exists() {
        remove(&new_dir)?;
        remove(&old_dir)?;
    }
    Ok(())
}

/// Fills trees in large batches.
pub(super) struct Importer<'a> {
    db: &'a Db,
    tree: Option<sled::Tree>,
    batch: sled::Batch,
    bytes: usize,
}

impl<'a> Importer<'a> {
    pub fn new(db: &'a Db) -> Importer<'a> {
        Importer { db, tree: None, batch: sled::Batch::default(), bytes: 0 }
    }

    /// What follows goes into this tree.
    pub fn tree(&mut self, name: &str) -> Result<(), StoreError> {
        self.finish()?;
        self.tree = Some(self.db.tree(name)?);
        Ok(())
    }

    pub fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.batch.insert(key, value);
        self.bytes += key.len() + value.len();
        if self.bytes >= BATCH_BYTES { self.finish() } else { Ok(()) }
    }

    /// Writes what is left.
    pub fn finish(&mut self) -> Result<(), StoreError> {
        let batch = std::mem::take(&mut self.batch);
        self.bytes = 0;
        match &self.tree {
            Some(tree) => tree.apply_batch(batch).map_err(|error| self.db.failed(error)),
            None => Ok(()),
        }
    }
}
