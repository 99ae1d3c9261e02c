//! What can go wrong with a log.

use std::path::PathBuf;

/// Why the log can't be used, or why a group is not in it.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused. Nothing of the group is in the log.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Bytes that were durable can't be read any more. Nothing after them is applied.
    #[error("the log is damaged: {path} at byte {offset}: {why}; see \"Damage\" in the README")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// Positions are missing.
    #[error("the log is not whole: {path} begins or goes on at position {found}, {expected} was expected")]
    Gap {
        /// The file after the gap.
        path: PathBuf,
        /// The position that had to come.
        expected: u64,
        /// The position that is there.
        found: u64,
    },
    /// The log ends before what the store has already applied.
    #[error(
        "the log in {path} ends at position {end}, but the store has applied {applied}; \
             a part of the log is missing: see \"Damage\" in the README"
    )]
    Short {
        /// The folder.
        path: PathBuf,
        /// The last position in the log.
        end: u64,
        /// The last applied position.
        applied: u64,
    },
    /// A record that the log can't hold.
    #[error("a record of {bytes} bytes is over record_bytes_max ({max})")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A record could not be encoded.
    #[error("a record can't be encoded: {0}")]
    Encoding(String),
}

impl LogError {
    /// Wraps what the system said about a file.
    pub fn io(path: &std::path::Path, source: std::io::Error) -> LogError {
        LogError::Io { path: path.to_owned(), source }
    }
}
