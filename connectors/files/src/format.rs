//! Rows of a list as lines of a file.

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use serde_json::{Map, Value};
use std::io::{self, BufRead, BufReader, Lines, Read, Write};

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

impl Format {
    /// By the end of the file's name.
    pub(crate) fn of(name: &str) -> Option<Format> {
        match name.rsplit_once('.')?.1 {
            "csv" => Some(Format::Csv),
            "jsonl" => Some(Format::Jsonl),
            _ => None,
        }
    }
}

/// Format and columns of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) format: Format,
    /// The column of the identifier: the first one.
    pub(crate) identifier: String,
    /// The other columns in their order, with the property that each holds.
    pub(crate) columns: Vec<(String, String)>,
}

impl Layout {
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.identifier.as_str()).chain(self.columns.iter().map(|(name, _)| name.as_str()))
    }
}

/// A member, with the values of the columns; empty for what is not known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) identifier: String,
    pub(crate) values: Vec<String>,
}

/// Why a file is not a list of this layout.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("row {row}: {why}")]
    Row { row: u64, why: String },
}

fn bad(row: u64, why: impl Into<String>) -> ReadError {
    ReadError::Row { row, why: why.into() }
}

/// Where reading is: the row from 1, a header among them, and its identifier.
#[derive(Default)]
pub(crate) struct Place {
    row: u64,
    last: Option<String>,
}

/// Reads rows in their order; told are rows that are not in it.
pub(crate) enum Rows<R: Read> {
    Csv { reader: Box<csv::Reader<R>>, columns: usize, place: Place },
    Jsonl { lines: Lines<BufReader<R>>, layout: Layout, place: Place },
}

impl<R: Read> Rows<R> {
    /// Checks the header, where there is one.
    pub(crate) fn open(layout: &Layout, from: R) -> Result<Rows<R>, ReadError> {
        match layout.format {
            Format::Jsonl => {
                let (lines, place) = (BufReader::new(from).lines(), Place::default());
                Ok(Rows::Jsonl { lines, layout: layout.clone(), place })
            }
            Format::Csv => {
                let mut reader = Box::new(ReaderBuilder::new().from_reader(from));
                let header = reader.headers().map_err(|why| bad(1, why.to_string()))?;
                if !header.iter().eq(layout.names()) {
                    let expected: Vec<&str> = layout.names().collect();
                    return Err(bad(1, format!("the columns are not {}", expected.join(", "))));
                }
                let place = Place { row: 1, last: None };
                Ok(Rows::Csv { reader, columns: layout.columns.len(), place })
            }
        }
    }

    /// The next row, which comes after the one before by its identifier.
    pub(crate) fn next(&mut self) -> Result<Option<Row>, ReadError> {
        let (row, place) = match self {
            Rows::Csv { reader, columns, place } => {
                place.row += 1;
                let mut record = StringRecord::new();
                if !reader.read_record(&mut record).map_err(|why| bad(place.row, why.to_string()))? {
                    return Ok(None);
                }
                let mut fields = record.iter().map(str::to_owned);
                let (identifier, values) = (fields.next().unwrap_or_default(), fields.collect::<Vec<String>>());
                if values.len() != *columns {
                    return Err(bad(place.row, "not as many columns as the header"));
                }
                (Row { identifier, values }, place)
            }
            Rows::Jsonl { lines, layout, place } => {
                place.row += 1;
                let Some(text) = lines.next().transpose()? else { return Ok(None) };
                let fields: Map<String, Value> =
                    serde_json::from_str(&text).map_err(|_| bad(place.row, "no JSON object"))?;
                let value = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let values = layout.columns.iter().map(|(name, _)| value(name)).collect();
                (Row { identifier: value(&layout.identifier), values }, place)
            }
        };
        if row.identifier.is_empty() {
            return Err(bad(place.row, "no identifier"));
        }
        if place.last.as_ref().is_some_and(|last| *last >= row.identifier) {
            return Err(bad(place.row, "not in order of identifiers"));
        }
        place.last = Some(row.identifier.clone());
        Ok(Some(row))
    }
}

/// Writes rows.
pub(crate) enum Out<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Jsonl(W, Layout),
}

impl<W: Write> Out<W> {
    /// Writes the header, where there is one.
    pub(crate) fn open(layout: &Layout, to: W) -> io::Result<Out<W>> {
        match layout.format {
            Format::Jsonl => Ok(Out::Jsonl(to, layout.clone())),
            Format::Csv => {
                let mut writer = Box::new(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(to));
                writer.write_record(layout.names()).map_err(io::Error::from)?;
                Ok(Out::Csv(writer))
            }
        }
    }

    pub(crate) fn write(&mut self, row: &Row) -> io::Result<()> {
        match self {
            Out::Csv(writer) => {
                let fields = std::iter::once(&row.identifier).chain(&row.values);
                writer.write_record(fields).map_err(io::Error::from)
            }
            Out::Jsonl(to, layout) => {
                let values = std::iter::once(&row.identifier).chain(&row.values);
                let known = layout.names().zip(values).filter(|(_, value)| !value.is_empty());
                let fields: Map<String, Value> =
                    known.map(|(name, value)| (name.to_owned(), value.as_str().into())).collect();
                serde_json::to_writer(&mut *to, &fields).map_err(io::Error::from)?;
                to.write_all(b"\n")
            }
        }
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Out::Csv(writer) => writer.into_inner().map_err(|why| io::Error::new(why.error().kind(), why.to_string())),
            Out::Jsonl(mut to, _) => to.flush().map(|()| to),
        }
    }
}
