//! The one sled database of a daemon, and the only place that makes it durable.
//!
//! sled 0.34's `flush` uses `sync_file_range`, which does not survive a power loss; so
//! [`Db::make_durable`] follows it with `fdatasync` on the database file. What is larger than a quarter
//! of a segment (128 KiB) sled writes into a file of its own, a *blob*, and never syncs it: that too is
//! done here.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// Whoever had the store open before may need this long to let go of it.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(5);
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// sled refused.
    #[error("the store at {path} failed: {source}")]
    Sled {
        /// Where it is.
        path: PathBuf,
        /// What sled said.
        source: sled::Error,
    },
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The store is older than it was.
    #[error(
        "the store ends with a checkpoint up to position {position}, but {seal} says that one up to {sealed} \
         was durable: a part of the store is damaged; see \"Damage\" in the README"
    )]
    Lost {
        /// The file that says more.
        seal: PathBuf,
        /// What the store holds.
        position: u64,
        /// What it held.
        sealed: u64,
    },
    /// A value can't be read: damaged, or written by another version.
    #[error("there is a {what} that can't be read: {why}; see \"Damage\" in the README")]
    Unreadable {
        /// Which kind of record.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(why) if why.to_string().contains("could not acquire lock"))
}

/// A handle on the database; clones share it.
#[derive(Clone)]
pub struct Db {
    db: sled::Db,
    path: Arc<PathBuf>,
    file: Arc<Mutex<File>>,
    broken: Arc<OnceLock<String>>,
    /// Names of blobs that are durable.
    blobs: Arc<Mutex<BTreeSet<OsString>>>,
}

impl Db {
    /// Opens or creates the database in `dir`.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Db, StoreError> {
        super::compact::settle(dir)?;
        let sled_error = |source| StoreError::Sled { path: dir.to_owned(), source };
        let config = sled::Config::new().path(dir).cache_capacity(cache_bytes).flush_every_ms(None);
        let began = Instant::now();
        let db = loop {
            match config.open() {
                Err(error) if is_locked(&error) && began.elapsed() < LOCK_WAIT_MAX => std::thread::sleep(LOCK_LOOK),
                opened => break opened.map_err(sled_error)?,
            }
        };
        let file_path = dir.join("db");
        let file = File::open(&file_path).map_err(|source| StoreError::Io { path: file_path, source })?;
        let (path, file) = (Arc::new(dir.to_owned()), Arc::new(Mutex::new(file)));
        Ok(Db { db, path, file, broken: Arc::default(), blobs: Arc::default() })
    }

    /// A tree by name, created when missing.
    pub fn tree(&self, name: &str) -> Result<sled::Tree, StoreError> {
        self.db.open_tree(name).map_err(|source| self.failed(source))
    }

    /// The names of all trees.
    pub fn tree_names(&self) -> Vec<String> {
        self.db.tree_names().iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// Returns when everything written before the call would survive a power loss.
    pub fn make_durable(&self) -> Result<(), StoreError> {
        // First what the log names: a blob is there as soon as its value is written.
        let blobs = self.path.join("blobs");
        self.sync_blobs(&blobs).map_err(|source| self.not_durable(blobs, source))?;
        self.db.flush().map_err(|source| self.failed(source))?;
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.sync_data().map_err(|source| self.not_durable(self.path.join("db"), source))
    }

    fn sync_blobs(&self, dir: &Path) -> std::io::Result<()> {
        let mut durable = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut there, mut new) = (BTreeSet::new(), false);
        for entry in std::fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if !durable.contains(&name) {
                match File::open(entry.path()).and_then(|blob| blob.sync_all()) {
                    Ok(()) => new = true,
                    // sled has removed it meanwhile.
                    Err(why) if why.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(why) => return Err(why),
                }
            }
            there.insert(name);
        }
        if new {
            File::open(dir)?.sync_all()?;
        }
        *durable = there;
        Ok(())
    }

    fn not_durable(&self, path: PathBuf, source: std::io::Error) -> StoreError {
        // The system forgets what it could not write: a second try would seem to succeed.
        let _ = self.broken.set(source.to_string());
        StoreError::Io { path, source }
    }

    /// Bytes of the database on disk.
    pub fn size_bytes(&self) -> u64 {
        self.db.size_on_disk().unwrap_or(0)
    }

    /// What the store could not write, if there was such a thing. It has to be opened anew then:
    /// sled keeps its first I/O error and answers everything after it with that.
    pub fn broken(&self) -> Option<String> {
        self.broken.get().cloned()
    }

    /// Wraps what sled said with where it happened.
    pub fn failed(&self, source: sled::Error) -> StoreError {
        if matches!(source, sled::Error::Io(_) | sled::Error::Corruption { .. }) {
            // Only the first is of interest.
            let _ = self.broken.set(source.to_string());
        }
        StoreError::Sled { path: self.path.as_ref().clone(), source }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_sled_keeps_in_files_of_their_own_are_made_durable_too() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path(), 1 << 20).unwrap();
        let tree = db.tree("large").unwrap();
        for round in 0..3_u8 {
            tree.insert([round], vec![round; 300_000]).unwrap();
            db.make_durable().unwrap();
            let files = std::fs::read_dir(dir.path().join("blobs")).unwrap();
            let files: BTreeSet<OsString> = files.map(|file| file.unwrap().file_name()).collect();
            assert!(!files.is_empty());
            assert_eq!(*db.blobs.lock().unwrap(), files);
        }
    }
}
