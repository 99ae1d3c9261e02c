//! The report: what became of each row.

use super::error::ImportError;
use super::refusal::Refusal;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A report in CSV, written as the import goes.
pub struct Report {
    path: PathBuf,
    writer: csv::Writer<File>,
}

impl Report {
    /// Opens it behind the bytes that stand; what is behind them is of rows that are sent again, and goes. A report
    /// that was taken away begins anew.
    pub fn open(path: &Path, bytes: u64) -> Result<Report, ImportError> {
        let failed = ImportError::file(path);
        let mut file =
            File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(&failed)?;
        let there = file.metadata().map_err(&failed)?.len();
        let stands = if there >= bytes { bytes } else { 0 };
        file.set_len(stands).map_err(&failed)?;
        file.seek(SeekFrom::End(0)).map_err(&failed)?;
        let writer = csv::WriterBuilder::new().has_headers(false).from_writer(file);
        let mut report = Report { path: path.to_owned(), writer };
        if stands == 0 {
            report.line(&["line", "status", "column", "reason"])?;
        }
        Ok(report)
    }

    fn line(&mut self, fields: &[&str]) -> Result<(), ImportError> {
        let path = &self.path;
        self.writer.write_record(fields).map_err(|why| ImportError::file(path)(std::io::Error::other(why)))
    }

    /// Notes a row.
    pub fn row(&mut self, line: u64, status: &str, why: Option<&Refusal>) -> Result<(), ImportError> {
        let (column, reason) = why.map_or(("", ""), |why| (why.column.as_str(), why.reason.as_str()));
        self.line(&[&line.to_string(), status, column, reason])
    }

    /// Puts it on disk; its bytes.
    pub fn keep(&mut self) -> Result<u64, ImportError> {
        let failed = ImportError::file(&self.path);
        self.writer.flush().map_err(&failed)?;
        let mut file = self.writer.get_ref();
        file.sync_data().map_err(&failed)?;
        file.stream_position().map_err(&failed)
    }
}
