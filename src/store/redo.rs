//! Writing a checkpoint so that it is whole or not there, without one large batch.
//!
//! sled applies a batch under a lock that every read waits for: tens of thousands of writes
//! would stop the shard for a good part of a second. So the writes go into a file first, then
//! one by one into the tree, and the file goes when the tree is durable. A crash in between
//! leaves the file, and opening carries it out again: doing it twice changes nothing.

use super::compact;
use super::db::{Db, StoreError};
use super::frames::{FrameReader, FrameWriter};
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"segmentd checkpoint 1\n";
const INSERT: u8 = b'I';
const REMOVE: u8 = b'D';
const END: u8 = b'E';

/// What is to be written, in order.
#[derive(Default)]
pub struct Writes(Vec<(Vec<u8>, Option<Vec<u8>>)>);

impl Writes {
    /// Sets a value.
    pub fn insert(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.0.push((key, Some(value)));
    }

    /// Removes a value.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.0.push((key, None));
    }

    fn apply(&self, db: &Db, tree: &sled::Tree) -> Result<(), StoreError> {
        for (key, value) in &self.0 {
            let done = match value {
                Some(value) => tree.insert(key, value.as_slice()),
                None => tree.remove(key),
            };
            done.map_err(|error| db.failed(error))?;
        }
        Ok(())
    }
}

/// The file of the checkpoint that is being written into a tree.
pub struct RedoFile {
    path: PathBuf,
}

impl RedoFile {
    /// The file in a folder, which has to exist.
    pub fn in_dir(dir: &Path) -> RedoFile {
        RedoFile { path: dir.join("checkpoint.redo") }
    }

    /// Carries out what a crash interrupted.
    pub fn recover(&self, db: &Db, tree: &sled::Tree) -> Result<(), StoreError> {
        if !self.path.exists() {
            return Ok(());
        }
        self.read()?.apply(db, tree)?;
        self.finish(db)
    }

    fn read(&self) -> Result<Writes, StoreError> {
        let mut input = FrameReader::open(&self.path, MAGIC, "checkpoint in writing")?;
        let mut writes = Writes::default();
        loop {
            let (kind, content) = input.read()?;
            let broken = || input.damaged("an entry is broken");
            match kind {
                INSERT => {
                    let (len, rest) = content.split_first_chunk::<4>().ok_or_else(broken)?;
                    let (key, value) = rest.split_at_checked(u32::from_le_bytes(*len) as usize).ok_or_else(broken)?;
                    writes.insert(key.to_vec(), value.to_vec());
                }
                REMOVE => writes.remove(content),
                END => return Ok(writes),
                _ => return Err(broken()),
            }
        }
    }

    /// Applies writes to a tree; [`RedoFile::finish`] makes them durable.
    pub fn write(&self, db: &Db, tree: &sled::Tree, writes: &Writes) -> Result<(), StoreError> {
        let partial = self.path.with_extension("partial");
        let mut output = FrameWriter::create(&partial, MAGIC)?;
        for (key, value) in &writes.0 {
            match value {
                Some(value) => output.write(INSERT, &[&(key.len() as u32).to_le_bytes(), key, value])?,
                None => output.write(REMOVE, &[key])?,
            }
        }
        output.write(END, &[])?;
        output.finish()?;
        compact::rename(&partial, &self.path)?;
        writes.apply(db, tree)
    }

    /// Makes the tree durable; the file is no longer needed then.
    pub fn finish(&self, db: &Db) -> Result<(), StoreError> {
        db.make_durable()?;
        match std::fs::remove_file(&self.path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(StoreError::Io { path: self.path.clone(), source })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_checkpoint_is_carried_out_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("store"), 1 << 20).unwrap();
        let tree = db.tree("shard-0").unwrap();
        tree.insert("gone", "1").unwrap();
        let mut writes = Writes::default();
        writes.insert(b"new".to_vec(), b"2".to_vec());
        writes.remove(b"gone".to_vec());
        let redo = RedoFile::in_dir(dir.path());
        redo.write(&db, &tree, &writes).unwrap();
        // As if only a part had reached the tree.
        tree.remove("new").unwrap();
        tree.insert("gone", "1").unwrap();
        RedoFile::in_dir(dir.path()).recover(&db, &tree).unwrap();
        assert_eq!(tree.get("new").unwrap().unwrap(), "2");
        assert_eq!(tree.get("gone").unwrap(), None);
        assert!(!dir.path().join("checkpoint.redo").exists());
        RedoFile::in_dir(dir.path()).recover(&db, &tree).unwrap();
    }

    #[test]
    fn a_damaged_file_is_refused_and_a_partial_one_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("store"), 1 << 20).unwrap();
        let tree = db.tree("shard-0").unwrap();
        let redo = RedoFile::in_dir(dir.path());
        std::fs::write(dir.path().join("checkpoint.partial"), "half").unwrap();
        redo.recover(&db, &tree).unwrap();
        let mut writes = Writes::default();
        writes.insert(b"key".to_vec(), b"value".to_vec());
        redo.write(&db, &tree, &writes).unwrap();
        let mut bytes = std::fs::read(&redo.path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&redo.path, bytes).unwrap();
        assert!(redo.recover(&db, &tree).is_err());
    }
}
