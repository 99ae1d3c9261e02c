//! A file system that refuses when a test says so.

use super::file::{DiskFiles, Files, SegmentFile};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// Real files with faults that can be switched on.
#[derive(Clone, Default)]
pub struct FaultyFiles(Arc<Faults>);

struct Faults {
    /// Bytes that may still be written; writes beyond fail half done.
    space: AtomicI64,
    sync_fails: AtomicBool,
    cut_fails: AtomicBool,
    dir_fails: AtomicBool,
    free: AtomicU64,
}

impl Default for Faults {
    fn default() -> Self {
        Faults {
            space: AtomicI64::new(i64::MAX),
            sync_fails: AtomicBool::new(false),
            cut_fails: AtomicBool::new(false),
            dir_fails: AtomicBool::new(false),
            free: AtomicU64::new(u64::MAX),
        }
    }
}

impl FaultyFiles {
    pub fn space(&self, bytes: i64) {
        self.0.space.store(bytes, Ordering::SeqCst);
    }

    pub fn sync_fails(&self, fails: bool) {
        self.0.sync_fails.store(fails, Ordering::SeqCst);
    }

    pub fn cut_fails(&self, fails: bool) {
        self.0.cut_fails.store(fails, Ordering::SeqCst);
    }

    pub fn dir_fails(&self, fails: bool) {
        self.0.dir_fails.store(fails, Ordering::SeqCst);
    }

    pub fn free(&self, bytes: u64) {
        self.0.free.store(bytes, Ordering::SeqCst);
    }
}

impl Files for FaultyFiles {
    fn open(&self, path: &Path) -> io::Result<Box<dyn SegmentFile>> {
        Ok(Box::new(FaultyFile { file: DiskFiles.open(path)?, faults: self.0.clone() }))
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if self.0.dir_fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(24));
        }
        DiskFiles.sync_dir(dir)
    }

    fn free_bytes(&self, _dir: &Path) -> io::Result<u64> {
        Ok(self.0.free.load(Ordering::SeqCst))
    }
}

struct FaultyFile {
    file: Box<dyn SegmentFile>,
    faults: Arc<Faults>,
}

impl SegmentFile for FaultyFile {
    fn write_all_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let space = self.faults.space.load(Ordering::SeqCst);
        if bytes.len() as i64 > space {
            let half = &bytes[..space.max(0) as usize];
            self.file.write_all_at(half, offset)?;
            self.faults.space.store(0, Ordering::SeqCst);
            return Err(io::Error::from_raw_os_error(28));
        }
        self.faults.space.store(space - bytes.len() as i64, Ordering::SeqCst);
        self.file.write_all_at(bytes, offset)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        if self.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.sync_data()
    }

    fn sync_all(&mut self) -> io::Result<()> {
        if self.faults.sync_fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.sync_all()
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        if self.faults.cut_fails.load(Ordering::SeqCst) {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.file.set_len(bytes)
    }
}
