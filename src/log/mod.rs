//! The durable, ordered log of a shard: append-only segment files with checksums.
//!
//! A folder holds segment files named by the position of their first record. A group of
//! records is one write and one `fdatasync`; whoever waits for the group is answered after
//! that and not before. Files are filled with zeros ahead of the end, so that a sync has no
//! metadata to write.
//!
//! What a crash may leave is a group that is partly on disk. Nobody was told that it is
//! there, so [`Log::open`] cuts it and reports the cut. Anything else that can't be read is
//! damage: it is named with file and offset, and the shard stops.

mod appender;
mod error;
mod file;
mod frame;
pub mod mend;
mod reader;
mod recover;
mod shares;
mod write;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;

pub use appender::{Answer, Appender, AppenderLimits, DurableGroup, Handover, Submission};
pub use error::LogError;
pub use file::{DiskFiles, Files, SegmentFile};
pub use frame::{Frames, record_bytes_max};
pub use reader::Reader;
pub use recover::Cut;
pub use shares::Share;
pub use write::{Log, LogOptions};
