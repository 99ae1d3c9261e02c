//! The rows of a file, one at a time: each with its line and where it ends.

use super::error::ImportError;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;
/// Delimiters that are looked for in the header.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A place between two rows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// Bytes of the file before it.
    pub byte: u64,
    /// The line that begins there, counted from 1.
    pub line: u64,
}

/// The start of a file.
pub const START: Place = Place { byte: 0, line: 1 };

/// What a row holds.
#[derive(Debug)]
pub enum Content {
    /// The fields of CSV.
    Fields(csv::ByteRecord),
    /// A line.
    Line(Vec<u8>),
    /// A line that is longer than allowed.
    TooLong,
}

/// A row.
#[derive(Debug)]
pub struct Row {
    /// The line on which it begins.
    pub line: u64,
    /// Where the next one begins.
    pub end: Place,
    /// What it holds.
    pub content: Content,
}

/// A file as rows.
pub enum Rows {
    /// Of fields.
    Csv(CsvRows),
    /// Of lines.
    Lines(LineRows),
}

impl Rows {
    /// The next row; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, ImportError> {
        match self {
            Rows::Csv(rows) => rows.next(),
            Rows::Lines(rows) => rows.next(),
        }
    }
}

/// Reads no further than it may: a quote that is never closed makes a row of all that follows.
struct Bounded {
    file: File,
    left: Rc<Cell<u64>>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left.get() == 0 {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "row"));
        }
        let count = self.file.read(buffer)?;
        self.left.set(self.left.get().saturating_sub(count as u64));
        Ok(count)
    }
}

impl Seek for Bounded {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Rows of CSV.
pub struct CsvRows {
    path: PathBuf,
    reader: csv::Reader<Bounded>,
    left: Rc<Cell<u64>>,
    row_bytes_max: u64,
}

impl CsvRows {
    /// Opens a file; without a delimiter the one that the header has most is taken. The header is the first row.
    pub fn open(path: &Path, delimiter: Option<u8>, row_bytes_max: u64) -> Result<CsvRows, ImportError> {
        let mut file = File::open(path).map_err(ImportError::file(path))?;
        let delimiter = match delimiter {
            Some(delimiter) => delimiter,
            None => detect(&mut file).map_err(ImportError::file(path))?,
        };
        let left = Rc::new(Cell::new(0));
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .buffer_capacity(BUFFER_BYTES)
            // So that lines are counted right; the carriage return before it is taken off below.
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(Bounded { file, left: Rc::clone(&left) });
        Ok(CsvRows { path: path.to_owned(), reader, left, row_bytes_max })
    }

    /// Goes on behind what was read earlier.
    pub fn go_to(&mut self, place: Place) -> Result<(), ImportError> {
        // A header that was not read yet is read by this.
        self.left.set(self.row_bytes_max.saturating_add(BUFFER_BYTES as u64));
        let mut position = csv::Position::new();
        position.set_byte(place.byte).set_line(place.line);
        self.reader.seek_raw(SeekFrom::Start(place.byte), position).map_err(|why| self.failure(why, place.line))
    }

    fn failure(&self, why: csv::Error, line: u64) -> ImportError {
        let why = match why.into_kind() {
            csv::ErrorKind::Io(why) => why,
            _ => io::Error::from(io::ErrorKind::InvalidData),
        };
        match why.kind() {
            io::ErrorKind::FileTooLarge => ImportError::Endless { line, bytes_max: self.row_bytes_max },
            _ => ImportError::File { path: self.path.clone(), why },
        }
    }

    /// The next row; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, ImportError> {
        loop {
            self.left.set(self.row_bytes_max.saturating_add(BUFFER_BYTES as u64));
            let before = self.reader.position().line();
            let mut record = csv::ByteRecord::new();
            if !self.reader.read_byte_record(&mut record).map_err(|why| self.failure(why, before))? {
                return Ok(None);
            }
            let (byte, line) = (self.reader.position().byte(), self.reader.position().line());
            // Empty lines before the row were passed over: the row begins as many lines before its end as it has.
            let inside = record.as_slice().iter().filter(|byte| **byte == b'\n').count() as u64;
            let begins = line.saturating_sub(inside + 1).max(before);
            let fields = without_return(record);
            if fields.iter().all(|field| field.trim_ascii().is_empty()) && fields.len() <= 1 {
                continue;
            }
            return Ok(Some(Row { line: begins, end: Place { byte, line }, content: Content::Fields(fields) }));
        }
    }
}

fn without_return(record: csv::ByteRecord) -> csv::ByteRecord {
    let Some(last) = record.iter().next_back().and_then(|last| last.strip_suffix(b"\r")) else { return record };
    let mut fields: csv::ByteRecord = record.iter().take(record.len() - 1).collect();
    fields.push_field(last);
    fields
}

fn detect(file: &mut File) -> io::Result<u8> {
    let mut head = Vec::new();
    Read::by_ref(file).take(BUFFER_BYTES as u64).read_to_end(&mut head)?;
    file.rewind()?;
    let (mut quoted, mut counts) = (false, [0usize; DELIMITERS.len()]);
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            _ => counts.iter_mut().zip(DELIMITERS).filter(|(_, one)| *one == byte).for_each(|(count, _)| *count += 1),
        }
    }
    // Of two that are there as often the first.
    let most = counts.iter().zip(DELIMITERS).rev().max_by_key(|(count, _)| **count);
    Ok(most.map_or(b',', |(_, delimiter)| delimiter))
}

/// Lines.
pub struct LineRows {
    path: PathBuf,
    reader: BufReader<File>,
    at: Place,
    row_bytes_max: u64,
}

impl LineRows {
    /// Opens a file at a place between two rows.
    pub fn open(path: &Path, place: Place, row_bytes_max: u64) -> Result<LineRows, ImportError> {
        let failed = ImportError::file(path);
        let mut file = File::open(path).map_err(&failed)?;
        file.seek(SeekFrom::Start(place.byte)).map_err(&failed)?;
        let reader = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(LineRows { path: path.to_owned(), reader, at: place, row_bytes_max })
    }

    /// The next line that says something; `None` at the end.
    pub fn next(&mut self) -> Result<Option<Row>, ImportError> {
        loop {
            let begins = self.at;
            let mut line = Vec::new();
            let whole = self.read(&mut line).map_err(ImportError::file(&self.path))?;
            if self.at == begins {
                return Ok(None);
            }
            if begins == START && line.starts_with(BOM) {
                line.drain(..BOM.len());
            }
            if whole && line.trim_ascii().is_empty() {
                continue;
            }
            let content = if whole { Content::Line(line) } else { Content::TooLong };
            return Ok(Some(Row { line: begins.line, end: self.at, content }));
        }
    }

    /// Reads up to the end of the line; whether all of it is in `line`.
    fn read(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        let mut whole = true;
        loop {
            let found = self.reader.fill_buf()?;
            let end = found.iter().position(|byte| *byte == b'\n');
            let part = found.get(..end.unwrap_or(found.len())).unwrap_or_default();
            whole = whole && (line.len() + part.len()) as u64 <= self.row_bytes_max;
            if whole {
                line.extend_from_slice(part);
            }
            let taken = part.len() + usize::from(end.is_some());
            let done = end.is_some() || found.is_empty();
            self.reader.consume(taken);
            self.at.byte += taken as u64;
            if done {
                self.at.line += u64::from(taken > 0);
                return Ok(whole);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    fn fields(row: &Row) -> Vec<String> {
        let Content::Fields(fields) = &row.content else { panic!("fields") };
        fields.iter().map(|field| String::from_utf8(field.to_vec()).unwrap()).collect()
    }

    #[test]
    fn lines_are_counted_through_breaks_in_quotes_empty_lines_and_both_line_ends() {
        for end in ["\n", "\r\n"] {
            let text = format!("\u{feff}a;\"b,c\"{end}1;\"x{end}y\"{end}{end}2;\"q\"\"z\"{end}3;\"last\"{end}");
            let file = file(text.as_bytes());
            let mut rows = CsvRows::open(file.path(), None, 1_000).unwrap();
            let header = rows.next().unwrap().unwrap();
            assert_eq!((header.line, fields(&header)), (1, vec!["a".to_owned(), "b,c".to_owned()]));
            let first = rows.next().unwrap().unwrap();
            assert_eq!((first.line, fields(&first)), (2, vec!["1".to_owned(), format!("x{end}y")]));
            let second = rows.next().unwrap().unwrap();
            assert_eq!((second.line, fields(&second)), (5, vec!["2".to_owned(), "q\"z".to_owned()]), "{end:?}");
            // From any place on it goes on as it would have.
            let mut again = CsvRows::open(file.path(), Some(b';'), 1_000).unwrap();
            again.go_to(second.end).unwrap();
            let third = again.next().unwrap().unwrap();
            assert_eq!((third.line, fields(&third)), (6, vec!["3".to_owned(), "last".to_owned()]));
            assert_eq!(third.end.byte, text.len() as u64);
            assert!(again.next().unwrap().is_none());
        }
    }

    #[test]
    fn a_quote_that_is_not_closed_is_noticed_without_reading_everything() {
        let text = format!("a,b\n1,\"{}", "x\n".repeat(1 << 20));
        let file = file(text.as_bytes());
        let mut rows = CsvRows::open(file.path(), None, 10_000).unwrap();
        rows.next().unwrap();
        assert!(matches!(rows.next(), Err(ImportError::Endless { line: 2, bytes_max: 10_000 })));
    }

    #[test]
    fn delimiters_are_told_by_the_header() {
        for (text, delimiter) in [("a,b;c,d", b','), ("a;b;c,d", b';'), ("a\tb", b'\t'), ("a|b", b'|'), ("a", b',')] {
            let file = file(text.as_bytes());
            assert_eq!(detect(&mut File::open(file.path()).unwrap()).unwrap(), delimiter, "{text}");
        }
    }

    #[test]
    fn long_lines_are_passed_over_and_told() {
        let text = format!("\u{feff}one\n\n{}\r\nlast", "x".repeat(200_000));
        let file = file(text.as_bytes());
        let mut rows = LineRows::open(file.path(), START, 1_000).unwrap();
        let one = rows.next().unwrap().unwrap();
        assert!(matches!(&one.content, Content::Line(line) if line == b"one") && one.line == 1);
        let long = rows.next().unwrap().unwrap();
        assert!(matches!(long.content, Content::TooLong) && long.line == 3);
        let last = rows.next().unwrap().unwrap();
        assert!(matches!(&last.content, Content::Line(line) if line == b"last") && last.line == 4);
        assert_eq!(last.end.byte, text.len() as u64);
        assert!(rows.next().unwrap().is_none());
    }
}
