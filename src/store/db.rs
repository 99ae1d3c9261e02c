//! The one sled database of a daemon, and the only place that makes it durable.
//!
//! sled 0.34's `flush` uses `sync_file_range`, which does not survive a power loss; so
//! [`Db::make_durable`] follows it with `fdatasync` on the database file.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
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
        Ok(Db { db, path: Arc::new(dir.to_owned()), file: Arc::new(Mutex::new(file)), broken: Arc::default() })
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
        self.db.flush().map_err(|source| self.failed(source))?;
        let file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.sync_data().map_err(|source| {
            // The system forgets what it could not write: a second try would seem to succeed.
            let _ = self.broken.set(source.to_string());
            StoreError::Io { path: self.path.join("db"), source }
        })
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
