//! Why an import does not begin or does not go on.

use crate::cli::target::ClientError;
use std::path::PathBuf;

/// Why an import ended before the end of its file. What was acknowledged until then is kept in the progress file.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The daemon could not be asked, or refuses.
    #[error("{0}")]
    Client(#[from] ClientError),
    /// A file could not be read or written.
    #[error("{path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's reason.
        why: std::io::Error,
    },
    /// Options that don't fit together or the file.
    #[error("{0}")]
    Options(String),
    /// A row of CSV that does not end.
    #[error("line {line}: the row that begins here is longer than {bytes_max} bytes: is a closing quote missing?")]
    Endless {
        /// Where it begins.
        line: u64,
        /// Bytes of a row.
        bytes_max: u64,
    },
    /// The part that was read before is another now.
    #[error(
        "{file} was changed in the part that is imported already (before line {line}): put the old file back to go on, \
         or begin anew with --restart; rows that were sent before are known by their content and count once"
    )]
    Changed {
        /// The file.
        file: PathBuf,
        /// The line at which it would have gone on.
        line: u64,
    },
    /// The progress is of another command.
    #[error(
        "{progress} was written by an import with other options ({field}): repeat those to go on, or begin anew with \
         --restart"
    )]
    OtherOptions {
        /// The progress file.
        progress: PathBuf,
        /// What differs.
        field: &'static str,
    },
    /// Somebody else is at it.
    #[error("another import of {0} is running")]
    Busy(PathBuf),
    /// The daemon refuses every request.
    #[error("the daemon answers {status}: {what_to_do}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What to do.
        what_to_do: &'static str,
    },
    /// The daemon took nothing for too long.
    #[error("the daemon took nothing for {seconds} s ({last}): run the same command again to go on where it was")]
    GaveUp {
        /// How long.
        seconds: u64,
        /// The last answer or failure.
        last: String,
    },
}

impl ImportError {
    /// Of a file, for `map_err`.
    pub fn file(path: &std::path::Path) -> impl Fn(std::io::Error) -> ImportError + '_ {
        move |why| ImportError::File { path: path.to_owned(), why }
    }
}
