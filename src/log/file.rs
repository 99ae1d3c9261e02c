//! The few file operations that the log needs, so that tests can make them fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A segment file open for writing.
pub trait SegmentFile: Send {
    /// Writes all of `bytes` at `offset`.
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when the file's content would survive a power loss (`fdatasync`).
    fn sync_data(&mut self) -> io::Result<()>;
    /// Returns when content and length would survive a power loss (`fsync`).
    fn sync_all(&mut self) -> io::Result<()>;
    /// Cuts or extends the file.
    fn set_len(&mut self, bytes: u64) -> io::Result<()>;
}

/// Where segment files come from.
pub trait Files: Send + Sync + 'static {
    /// Opens a file for writing, creating it when missing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>>;
    /// Makes creations and removals in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that an unprivileged process may still write below `dir`.
    fn free_bytes(&self, dir: &Path) -> io::Result<u64>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Default, Debug)]
pub struct DiskFiles;

struct DiskFile(File);

impl SegmentFile for DiskFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }
}

impl Files for DiskFiles {
    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        Ok(Box::new(DiskFile(file)))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn free_bytes(&self, dir: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(dir)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}
