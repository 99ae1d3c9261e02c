//! What the command says.

use super::cells::Times;
use super::columns::Mapping;
use super::error::ImportError;
use super::when::Zone;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};

/// What the rows of a file are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shape {
    /// CSV: a person a row.
    Subscribers,
    /// CSV: an event a row.
    Events,
    /// JSONL: a call of the tracking API a line.
    Calls,
}

/// A file of subscribers or past events, and how it is read and sent.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The file. Its progress is kept beside it: after a crash the same command goes on where it was.
    pub file: PathBuf,
    /// The source that the rows are of; it has to be there, and of the kind server.
    #[arg(long, default_value = "import")]
    pub source: String,
    /// What the rows are; without it, calls if the file's name ends in .jsonl or .ndjson.
    #[arg(long = "as", value_enum)]
    pub shape: Option<Shape>,
    /// CSV: what a column is, as "Customer Email=email"; "Notes=" leaves one out. Can be repeated.
    #[arg(long = "map", value_name = "HEADER=NAME")]
    pub map: Vec<String>,
    /// CSV: a column that is text, though it looks like numbers. Can be repeated.
    #[arg(long = "text", value_name = "NAME")]
    pub text: Vec<String>,
    /// CSV: what stands between fields: one character, or "tab"; without it, what the header has most of.
    #[arg(long)]
    pub delimiter: Option<String>,
    /// CSV of events: the name of them all, when no column has it.
    #[arg(long)]
    pub event: Option<String>,
    /// CSV: the zone of times without an offset, by its IANA name.
    #[arg(long, default_value = "UTC")]
    pub time_zone: String,
    /// CSV of subscribers: the time at which rows without a timestamp were true.
    #[arg(long)]
    pub as_of: Option<String>,
    /// Check every row, say what would be sent, and send nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the report goes, row by row; without it FILE.import-report.csv (and nowhere in a dry run).
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Rows sent in a second at most, so that live events are not held up.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rows_per_second: Option<u32>,
    /// Begin anew, whatever was sent before. What was is known by its content and counts once.
    #[arg(long)]
    pub restart: bool,
    /// Seconds for which the daemon may take nothing, as when it restarts, before the import ends.
    #[arg(long, default_value_t = 600)]
    pub give_up_after: u64,
}

fn wrong<T>(what: impl Into<String>) -> Result<T, ImportError> {
    Err(ImportError::Options(what.into()))
}

/// A file's name with something behind it.
fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

impl ImportArgs {
    /// What the rows are; options that don't fit are refused.
    pub fn shape(&self) -> Result<Shape, ImportError> {
        let extension = self.file.extension().map(|extension| extension.to_ascii_lowercase());
        let lines = extension.is_some_and(|extension| extension == "jsonl" || extension == "ndjson");
        let shape = match self.shape {
            Some(shape) => shape,
            None if lines => Shape::Calls,
            None => return wrong("say what the rows are: --as subscribers, --as events (CSV) or --as calls (JSONL)"),
        };
        let csv_options = !self.map.is_empty()
            || !self.text.is_empty()
            || self.delimiter.is_some()
            || self.event.is_some()
            || self.as_of.is_some()
            || self.time_zone != "UTC";
        if shape == Shape::Calls && csv_options {
            return wrong("--map, --text, --delimiter, --event, --time-zone and --as-of are for CSV: calls say it all");
        }
        if self.event.is_some() && shape != Shape::Events {
            return wrong("--event is for --as events");
        }
        if self.as_of.is_some() && shape != Shape::Subscribers {
            return wrong("--as-of is for --as subscribers: events say when they happened");
        }
        Ok(shape)
    }

    /// The delimiter, if one is said.
    pub fn delimiter(&self) -> Result<Option<u8>, ImportError> {
        match self.delimiter.as_deref() {
            None => Ok(None),
            Some("tab" | "\\t" | "\t") => Ok(Some(b'\t')),
            Some(text) => match text.as_bytes() {
                [byte] if byte.is_ascii_punctuation() && *byte != b'"' => Ok(Some(*byte)),
                _ => wrong(format!("--delimiter {text}: expected one sign such as ; or \"tab\"")),
            },
        }
    }

    /// How columns are read.
    pub fn mapping(&self) -> Result<Mapping, ImportError> {
        let mut mapping = Mapping { text: self.text.iter().cloned().collect(), ..Mapping::default() };
        for pair in &self.map {
            let Some((header, name)) = pair.rsplit_once('=') else {
                return wrong(format!("--map {pair}: expected HEADER=NAME, such as \"Customer Email=email\""));
            };
            if mapping.map.insert(header.trim().to_owned(), name.trim().to_owned()).is_some() {
                return wrong(format!("--map {}: the column is mapped twice", header.trim()));
            }
        }
        Ok(mapping)
    }

    /// How times are read.
    pub fn times(&self) -> Result<Times, ImportError> {
        let Some(zone) = Zone::named(&self.time_zone) else {
            return wrong(format!("--time-zone {}: expected an IANA name such as America/Mexico_City", self.time_zone));
        };
        let as_of = match self.as_of.as_deref().map(|text| (text, zone.instant(text))) {
            Some((text, None)) => {
                return wrong(format!("--as-of {text}: expected a time such as 2026-03-01T12:00:00Z"));
            }
            Some((_, instant)) => instant,
            None => None,
        };
        Ok(Times { zone, as_of })
    }

    /// Where the progress is kept.
    pub fn progress_path(&self) -> PathBuf {
        beside(&self.file, ".import-progress")
    }

    /// Where the report goes; nowhere in a dry run that names none.
    pub fn report_path(&self) -> Option<PathBuf> {
        let usual = || (!self.dry_run).then(|| beside(&self.file, ".import-report.csv"));
        self.report.clone().or_else(usual)
    }
}
