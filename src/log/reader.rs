//! Reading the log in order.

use super::LogError;
use super::frame::{self, Frame, HEADER_BYTES, Look};
use super::write::list_segments;
use model::Record;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Bytes read from a file at a time.
const READ_BYTES: usize = 1 << 20;

/// The records from a position on, up to the end as it was when reading began.
///
/// Every checksum and every position is checked; after an error nothing more comes.
pub struct Reader {
    files: std::vec::IntoIter<PathBuf>,
    open: Option<OpenFile>,
    /// The file read last.
    last: (PathBuf, u64),
    /// Records before this one are skipped.
    from: u64,
    /// The position that has to come next; none before the first file.
    expected: Option<u64>,
    /// Exclusive.
    until: u64,
    /// There is no known end: it is where the files end.
    to_the_end: bool,
    done: bool,
}

struct OpenFile {
    path: PathBuf,
    input: BufReader<File>,
    offset: u64,
    bytes: Vec<u8>,
}

impl Reader {
    /// Reads `files` (in order of their first positions), handing out `from..until`.
    pub(super) fn new(files: Vec<PathBuf>, from: u64, until: u64) -> Reader {
        Reader {
            to_the_end: false,
            files: files.into_iter(),
            open: None,
            last: Default::default(),
            from,
            expected: None,
            until,
            done: from >= until,
        }
    }

    /// Reads the log in a folder from a position on, to its end or to what can't be read; for a log that
    /// nobody has open, and that may be damaged anywhere.
    pub fn of_dir(dir: &Path, from: u64) -> Result<Reader, LogError> {
        let segments = list_segments(dir)?;
        let first = segments.first().map_or(from, |segment| segment.first);
        if first > from {
            return Err(LogError::Gap { path: dir.to_owned(), expected: from, found: first });
        }
        let begin = segments.partition_point(|segment| segment.first <= from).saturating_sub(1);
        let files = segments.into_iter().skip(begin).map(|segment| segment.path).collect();
        Ok(Reader { to_the_end: true, ..Reader::new(files, from, u64::MAX) })
    }

    fn next_record(&mut self) -> Result<Option<Record>, LogError> {
        loop {
            if self.expected.is_some_and(|expected| expected >= self.until) {
                return Ok(None);
            }
            let Some(open) = &mut self.open else {
                if !self.open_next()? {
                    return self.ended();
                }
                continue;
            };
            let Some(frame) = open.next_frame()? else {
                self.last = (open.path.clone(), open.offset);
                self.open = None;
                continue;
            };
            let expected = *self.expected.get_or_insert(frame.position);
            if frame.position != expected {
                return Err(LogError::Gap { path: open.path.clone(), expected, found: frame.position });
            }
            let offset = open.offset;
            open.offset += frame.len() as u64;
            self.expected = Some(expected + 1);
            if frame.position < self.from {
                continue;
            }
            let payload = open.bytes.get(frame.payload.clone()).unwrap_or_default();
            return frame::decode(frame.position, frame.time, payload).map(Some).map_err(|why| LogError::Damaged {
                path: open.path.clone(),
                offset,
                why,
            });
        }
    }

    fn open_next(&mut self) -> Result<bool, LogError> {
        let Some(path) = self.files.next() else { return Ok(false) };
        let file = File::open(&path).map_err(|source| LogError::io(&path, source))?;
        let input = BufReader::with_capacity(READ_BYTES, file);
        self.open = Some(OpenFile { path, input, offset: 0, bytes: Vec::new() });
        Ok(true)
    }

    fn ended(&self) -> Result<Option<Record>, LogError> {
        let expected = self.expected.unwrap_or(self.from);
        if expected < self.until && !self.to_the_end {
            let why = format!("the log ends before position {expected}, which was durable");
            let (path, offset) = self.last.clone();
            return Err(LogError::Damaged { path, offset, why });
        }
        Ok(None)
    }
}

impl OpenFile {
    /// The next frame, left in `self.bytes`; `None` at the end of the file's records.
    fn next_frame(&mut self) -> Result<Option<Frame>, LogError> {
        self.bytes.clear();
        let got = self.read(HEADER_BYTES)?;
        let len = match self.bytes.first_chunk::<HEADER_BYTES>() {
            None if got == 0 => return Ok(None),
            None => 0,
            Some(header) => frame::payload_len(header),
        };
        if self.bytes.iter().all(|byte| *byte == 0) {
            return self.zeros_to_the_end();
        }
        if len <= frame::RECORD_BYTES_MAX {
            self.read(len)?;
        }
        match frame::look(&self.bytes) {
            Look::Frame(frame) => Ok(Some(frame)),
            Look::Bad(why) => Err(self.damaged(why)),
        }
    }

    fn zeros_to_the_end(&mut self) -> Result<Option<Frame>, LogError> {
        loop {
            self.bytes.clear();
            if self.read(READ_BYTES)? == 0 {
                return Ok(None);
            }
            if self.bytes.iter().any(|byte| *byte != 0) {
                return Err(self.damaged("zeros where records were"));
            }
        }
    }

    fn read(&mut self, bytes: usize) -> Result<usize, LogError> {
        (&mut self.input)
            .take(bytes as u64)
            .read_to_end(&mut self.bytes)
            .map_err(|source| LogError::io(&self.path, source))
    }

    fn damaged(&self, why: &str) -> LogError {
        LogError::Damaged { path: self.path.clone(), offset: self.offset, why: why.to_owned() }
    }
}

impl Iterator for Reader {
    type Item = Result<Record, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}
