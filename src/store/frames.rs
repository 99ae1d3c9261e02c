//! Files made of checksummed frames: `len u32 | crc32 u32 | kind u8 | content`.

use super::db::StoreError;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// The largest content of a frame, bytes.
const CONTENT_BYTES_MAX: usize = 1 << 30;

/// Writes frames.
pub(super) struct FrameWriter {
    path: PathBuf,
    output: BufWriter<File>,
}

impl FrameWriter {
    /// Creates a file that only its owner may read, beginning with `magic`.
    pub fn create(path: &Path, magic: &[u8]) -> Result<FrameWriter, StoreError> {
        use std::os::unix::fs::OpenOptionsExt;
        let io = |source| StoreError::Io { path: path.to_owned(), source };
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path).map_err(io)?;
        let mut output = BufWriter::with_capacity(1 << 20, file);
        output.write_all(magic).map_err(io)?;
        Ok(FrameWriter { path: path.to_owned(), output })
    }

    /// Adds a frame.
    pub fn write(&mut self, kind: u8, parts: &[&[u8]]) -> Result<(), StoreError> {
        let len = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[kind]);
        parts.iter().for_each(|part| hasher.update(part));
        let mut head = [0; 9];
        let (len_bytes, crc_bytes) = ((len as u32).to_le_bytes(), hasher.finalize().to_le_bytes());
        let bytes = len_bytes.iter().chain(&crc_bytes).chain(std::iter::once(&kind));
        head.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        let mut written = self.output.write_all(&head);
        for part in parts {
            written = written.and_then(|()| self.output.write_all(part));
        }
        written.map_err(|source| StoreError::Io { path: self.path.clone(), source })
    }

    /// Makes the file durable.
    pub fn finish(self) -> Result<(), StoreError> {
        let path = self.path;
        let io = |source| StoreError::Io { path: path.clone(), source };
        let file = self.output.into_inner().map_err(|error| io(error.into_error()))?;
        file.sync_all().map_err(io)
    }
}

/// Reads frames, checking each.
pub(super) struct FrameReader {
    path: PathBuf,
    what: &'static str,
    input: BufReader<File>,
    offset: u64,
}

impl FrameReader {
    /// Opens a file that must begin with `magic`; `what` it is, for errors.
    pub fn open(path: &Path, magic: &[u8], what: &'static str) -> Result<FrameReader, StoreError> {
        let io = |source| StoreError::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let mut reader =
            FrameReader { path: path.to_owned(), what, input: BufReader::with_capacity(1 << 20, file), offset: 0 };
        if reader.bytes(magic.len())? != magic {
            return Err(reader.damaged("it begins as no such file does, or is of another version"));
        }
        reader.offset = magic.len() as u64;
        Ok(reader)
    }

    fn bytes(&mut self, len: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = Vec::new();
        let read = (&mut self.input).take(len as u64).read_to_end(&mut bytes);
        read.map_err(|source| StoreError::Io { path: self.path.clone(), source })?;
        Ok(bytes)
    }

    /// An error at the present place.
    pub fn damaged(&self, why: &str) -> StoreError {
        let why = format!("{} at byte {}: {why}", self.path.display(), self.offset);
        StoreError::Unreadable { what: self.what, why }
    }

    /// The next frame. The end of the file is an error: a whole file ends with a frame that says so.
    pub fn read(&mut self) -> Result<(u8, Vec<u8>), StoreError> {
        let head = self.bytes(9)?;
        let [l0, l1, l2, l3, c0, c1, c2, c3, kind] = *head.as_slice() else {
            return Err(self.damaged("it ends too early"));
        };
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        if len > CONTENT_BYTES_MAX {
            return Err(self.damaged("a length is impossible"));
        }
        let content = self.bytes(len)?;
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&[kind]);
        hasher.update(&content);
        if content.len() != len || hasher.finalize() != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(self.damaged("a checksum does not fit"));
        }
        self.offset += 9 + len as u64;
        Ok((kind, content))
    }
}
