//! Opening a log and appending to it.

use super::LogError;
use super::file::{Files, SegmentFile};
use super::frame::{self, HEADER_BYTES, Look};
use super::reader::Reader;
use super::recover::{self, Cut};
use model::Time;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a log lays out its files.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// Size beyond which a new file begins, bytes.
    pub segment_bytes: u64,
    /// Zeros written ahead of the end, bytes.
    pub preallocate_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions { segment_bytes: 64 << 20, preallocate_bytes: 4 << 20 }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) path: PathBuf,
    /// Length of the records in it, bytes.
    bytes: u64,
}

struct Current {
    file: Box<dyn SegmentFile>,
    path: PathBuf,
    /// End of the durable records.
    end: u64,
    /// Length of the file.
    allocated: u64,
    /// A write failed: what lies behind `end` has to go before the next one.
    dirty: bool,
}

/// The log of one shard, open for appending.
pub struct Log {
    dir: PathBuf,
    files: Arc<dyn Files>,
    options: LogOptions,
    segments: Vec<Segment>,
    current: Option<Current>,
    next: u64,
    last_time: Time,
    zeros: Vec<u8>,
}

impl Log {
    /// Opens the log in `dir`, creating it when missing; a new one begins after `applied`.
    /// A torn end is cut and told. Records behind `applied` are checked when they are read.
    ///
    /// Fails when durable records can't be read, or when the log ends before `applied`.
    pub fn open(
        dir: &Path,
        files: Arc<dyn Files>,
        options: LogOptions,
        applied: u64,
    ) -> Result<(Log, Option<Cut>), LogError> {
        std::fs::create_dir_all(dir).map_err(|source| LogError::io(dir, source))?;
        let mut log = Log {
            dir: dir.to_owned(),
            files,
            options,
            segments: list_segments(dir)?,
            current: None,
            next: applied + 1,
            last_time: Time::MIN,
            zeros: vec![0; (options.preallocate_bytes as usize).max(1)],
        };
        let cut = log.recover()?;
        if log.next <= applied {
            return Err(LogError::Short { path: dir.to_owned(), end: log.next.saturating_sub(1), applied });
        }
        Ok((log, cut))
    }

    fn recover(&mut self) -> Result<Option<Cut>, LogError> {
        let Some(newest) = self.segments.last().cloned() else { return Ok(None) };
        let bytes = std::fs::read(&newest.path).map_err(|source| LogError::io(&newest.path, source))?;
        let scan = recover::scan(&newest.path, &bytes, newest.first)?;
        self.next = scan.next;
        let mut current = self.open_file(&newest.path, scan.end, bytes.len() as u64)?;
        if scan.torn.is_some() {
            current.dirty = true;
            current.repair()?;
        }
        self.current = Some(current);
        if let Some(segment) = self.segments.last_mut() {
            segment.bytes = scan.end;
        }
        match (scan.last_time, self.segments.iter().rev().nth(1)) {
            (Some(time), _) => self.last_time = time,
            (None, None) => {}
            (None, Some(older)) => self.last_time = last_time_of(older, newest.first)?,
        }
        Ok(scan.torn.map(|why| Cut { path: newest.path, offset: scan.end, why }))
    }

    fn open_file(&self, path: &Path, end: u64, allocated: u64) -> Result<Current, LogError> {
        let file = self.files.open(path).map_err(|source| LogError::io(path, source))?;
        Ok(Current { file, path: path.to_owned(), end, allocated, dirty: false })
    }

    /// The position that the next record takes.
    pub fn next_position(&self) -> u64 {
        self.next
    }

    /// The time of the newest record; [`Time::MIN`] in an empty log.
    pub fn last_time(&self) -> Time {
        self.last_time
    }

    /// The first position that is still there; the next one when the log is empty.
    pub fn first_position(&self) -> u64 {
        self.segments.first().map_or(self.next, |segment| segment.first)
    }

    /// Bytes of records.
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// Appends a group of `count` sealed frames that begins at [`Log::next_position`], and
    /// returns when it is durable. After an error nothing of it is in the log, and the next
    /// call tries to go on from the last durable record.
    pub fn append(&mut self, group: &[u8], count: u32, time: Time) -> Result<(), LogError> {
        self.make_room(group.len() as u64)?;
        let Some(current) = &mut self.current else { return Ok(()) };
        if let Err(error) = current.write(group, &self.zeros) {
            current.dirty = true;
            // Should this fail too, the next append begins with it.
            if let Err(repair) = current.repair() {
                tracing::warn!(error = %repair, "the log's end could not be cut back yet");
            }
            return Err(error);
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.bytes = current.end;
        }
        self.next += u64::from(count);
        self.last_time = time;
        Ok(())
    }

    /// Like [`Log::append`], but durable only after [`Log::sync`]. For filling a new log.
    pub fn append_lazily(&mut self, group: &[u8], count: u32, time: Time) -> Result<(), LogError> {
        self.make_room(group.len() as u64)?;
        let Some(current) = &mut self.current else { return Ok(()) };
        let written = current.file.write_all_at(group, current.end);
        written.map_err(|source| LogError::io(&current.path, source))?;
        current.end += group.len() as u64;
        current.allocated = current.allocated.max(current.end);
        if let Some(segment) = self.segments.last_mut() {
            segment.bytes = current.end;
        }
        self.next += u64::from(count);
        self.last_time = time;
        Ok(())
    }

    /// Makes everything appended durable.
    pub fn sync(&mut self) -> Result<(), LogError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        current.file.sync_all().map_err(|source| LogError::io(&current.path, source))
    }

    fn make_room(&mut self, bytes: u64) -> Result<(), LogError> {
        if let Some(current) = &mut self.current {
            current.repair()?;
            let full = current.end > 0 && current.end + bytes > self.options.segment_bytes;
            if !full {
                return Ok(());
            }
            // The zeros go, and whatever was appended lazily becomes durable.
            current.dirty = true;
            current.repair()?;
        }
        // From here on nothing more may go into the old file, also when the new one can't be made yet: it is
        // named after the next position, and what a failed try leaves is taken up by the next one.
        self.current = None;
        let path = self.dir.join(format!("{:020}.log", self.next));
        let current = self.open_file(&path, 0, 0)?;
        self.files.sync_dir(&self.dir).map_err(|source| LogError::io(&self.dir, source))?;
        self.current = Some(current);
        self.segments.push(Segment { first: self.next, path, bytes: 0 });
        Ok(())
    }

    /// The records from `position` on, as of now. Fails when they are gone already.
    pub fn read_from(&self, position: u64) -> Result<Reader, LogError> {
        if position < self.first_position() {
            let path = self.dir.clone();
            return Err(LogError::Gap { path, expected: position, found: self.first_position() });
        }
        let begin = self.segments.partition_point(|segment| segment.first <= position).saturating_sub(1);
        let files = self.segments.iter().skip(begin).map(|segment| segment.path.clone()).collect();
        Ok(Reader::new(files, position, self.next))
    }

    /// Removes files whose records are all before `position` and not newer than `older_than`.
    /// Returns how many files went.
    pub fn trim(&mut self, position: u64, older_than: Time) -> Result<usize, LogError> {
        let mut removed = 0;
        while let [oldest, second, ..] = self.segments.as_slice() {
            if second.first > position || first_time_of(second)?.is_none_or(|time| time > older_than) {
                break;
            }
            std::fs::remove_file(&oldest.path).map_err(|source| LogError::io(&oldest.path, source))?;
            self.segments.remove(0);
            removed += 1;
        }
        if removed > 0 {
            self.files.sync_dir(&self.dir).map_err(|source| LogError::io(&self.dir, source))?;
        }
        Ok(removed)
    }

    /// Bytes free on the log's file system.
    pub fn free_bytes(&self) -> Result<u64, LogError> {
        self.files.free_bytes(&self.dir).map_err(|source| LogError::io(&self.dir, source))
    }
}

impl Current {
    fn write(&mut self, group: &[u8], zeros: &[u8]) -> Result<(), LogError> {
        let end = self.end + group.len() as u64;
        let written = self
            .file
            .write_all_at(group, self.end)
            .and_then(|()| if end > self.allocated { self.file.write_all_at(zeros, end) } else { Ok(()) })
            .and_then(|()| self.file.sync_data());
        written.map_err(|source| LogError::io(&self.path, source))?;
        if end > self.allocated {
            self.allocated = end + zeros.len() as u64;
        }
        self.end = end;
        Ok(())
    }

    /// Cuts what lies behind the last durable record, if a failed write may have left something.
    fn repair(&mut self) -> Result<(), LogError> {
        if !self.dirty {
            return Ok(());
        }
        let cut = self.file.set_len(self.end).and_then(|()| self.file.sync_all());
        cut.map_err(|source| LogError::io(&self.path, source))?;
        self.allocated = self.end;
        self.dirty = false;
        Ok(())
    }
}

pub(super) fn list_segments(dir: &Path) -> Result<Vec<Segment>, LogError> {
    let io = |source| LogError::io(dir, source);
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(Ok(first)) = name.strip_suffix(".log").map(str::parse::<u64>) else { continue };
        let bytes = std::fs::metadata(&path).map_err(|source| LogError::io(&path, source))?.len();
        segments.push(Segment { first, path, bytes });
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

fn first_time_of(segment: &Segment) -> Result<Option<Time>, LogError> {
    let io = |source| LogError::io(&segment.path, source);
    let mut bytes = Vec::new();
    let mut file = File::open(&segment.path).map_err(io)?;
    (&mut file).take(HEADER_BYTES as u64).read_to_end(&mut bytes).map_err(io)?;
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let payload = frame::payload_len(header).min(frame::RECORD_BYTES_MAX);
    (&mut file).take(payload as u64).read_to_end(&mut bytes).map_err(io)?;
    match frame::look(&bytes) {
        Look::Frame(frame) => Ok(Some(frame.time)),
        Look::Bad(_) => Ok(None),
    }
}

/// The time of the last record of a file that is followed by one beginning at `next`.
fn last_time_of(segment: &Segment, next: u64) -> Result<Time, LogError> {
    let bytes = std::fs::read(&segment.path).map_err(|source| LogError::io(&segment.path, source))?;
    let scan = recover::scan(&segment.path, &bytes, segment.first)?;
    match (scan.torn, scan.last_time) {
        (Some(why), _) => Err(LogError::Damaged { path: segment.path.clone(), offset: scan.end, why: why.to_owned() }),
        (None, _) if scan.next != next => {
            Err(LogError::Gap { path: segment.path.clone(), expected: scan.next, found: next })
        }
        (None, time) => Ok(time.unwrap_or(Time::MIN)),
    }
}
