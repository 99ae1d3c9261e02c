//! Looking through a log, and mending it: for the operator, while the daemon is stopped.
//!
//! What can't be read can't be brought back. Mending puts empty records in the place of the lost
//! ones, so that everything after them is read again at its old position.

use super::frame::{self, Frames, Look};
use super::recover::{Scan, first_frame_from, scan};
use super::write::{Segment, list_segments};
use super::{DiskFiles, Files, LogError};
use model::{Command, Time, WorkspaceId};
use std::path::{Path, PathBuf};

/// A stretch of a file that can't be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where it begins, bytes.
    pub offset: u64,
    /// What is wrong there.
    pub why: String,
    /// Position of the first record that is lost.
    pub first: u64,
    /// How many are lost; `None` when nothing behind them can be read, so that nobody knows.
    pub records: Option<u64>,
    /// Time of the last good record before it.
    pub after: Time,
}

/// What a log holds.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Report {
    /// Files.
    pub files: u64,
    /// Records that can be read.
    pub records: u64,
    /// Position of the first one that should be there.
    pub first: u64,
    /// What can't be read.
    pub damage: Vec<Damage>,
}

/// Looks through the log in `dir` and changes nothing.
pub fn check(dir: &Path) -> Result<Report, LogError> {
    walk(dir, false)
}

/// Puts empty records in the place of those that can't be read. Each file that was changed stays
/// beside the new one, as `.damaged`.
pub fn mend(dir: &Path) -> Result<Report, LogError> {
    walk(dir, true)
}

fn walk(dir: &Path, mend: bool) -> Result<Report, LogError> {
    let segments = list_segments(dir)?;
    let mut report = Report { first: segments.first().map_or(0, |segment| segment.first), ..Report::default() };
    let mut time = Time::MIN;
    for (place, segment) in segments.iter().enumerate() {
        report.files += 1;
        let bytes = std::fs::read(&segment.path).map_err(|source| LogError::io(&segment.path, source))?;
        let next_first = segments.get(place + 1).map(|next| next.first);
        let before = report.damage.len();
        let mended = walk_file(segment, &bytes, next_first, &mut time, &mut report)?;
        if mend && report.damage.len() > before {
            replace(dir, &segment.path, &mended)?;
        }
    }
    Ok(report)
}

/// Walks through one file; what it would be when mended.
fn walk_file(
    segment: &Segment,
    bytes: &[u8],
    next_first: Option<u64>,
    time: &mut Time,
    report: &mut Report,
) -> Result<Vec<u8>, LogError> {
    let (mut mended, mut at, mut next) = (Vec::with_capacity(bytes.len()), 0, segment.first);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let ended = rest.iter().all(|byte| *byte == 0);
        if ended && next_first.is_none_or(|first| first == next) {
            return Ok(mended);
        }
        let why = match frame::look(rest) {
            Look::Frame(frame) if frame.position == next => {
                mended.extend_from_slice(rest.get(..frame.len()).unwrap_or_default());
                (at, next, *time) = (at + frame.len(), next + 1, frame.time);
                report.records += 1;
                continue;
            }
            Look::Frame(_) => "records are missing",
            Look::Bad(why) => why,
        };
        // The end of the newest file, torn by a crash, is no damage: opening it cuts it.
        if next_first.is_none()
            && matches!(scan(&segment.path, bytes, segment.first), Ok(Scan { end, .. }) if end == at as u64)
        {
            return Ok(mended);
        }
        let found = first_frame_from(bytes, at, next).map(|(begin, frame)| (begin, frame.position));
        let until = found.map(|(_, position)| position).or(next_first);
        report.damage.push(Damage {
            path: segment.path.clone(),
            offset: at as u64,
            why: why.to_owned(),
            first: next,
            records: until.map(|until| until.saturating_sub(next)),
            after: *time,
        });
        let Some(until) = until else { return Ok(mended) };
        fill(&mut mended, next, until, *time)?;
        let Some((begin, _)) = found else { return Ok(mended) };
        (at, next) = (begin, until);
    }
}

/// Appends records of nobody: applying them changes nothing.
fn fill(mended: &mut Vec<u8>, from: u64, until: u64, time: Time) -> Result<(), LogError> {
    let nothing = Frames::encode(&WorkspaceId::from("-"), &[Command::Tick])?;
    (from..until).for_each(|position| nothing.seal_into(mended, position, time, 0));
    Ok(())
}

fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let (new, old) = (path.with_extension("log-mended"), path.with_extension("log.damaged"));
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| LogError::Io { path, source }
    };
    std::fs::write(&new, bytes).map_err(io(&new))?;
    std::fs::File::open(&new).and_then(|file| file.sync_all()).map_err(io(&new))?;
    std::fs::rename(path, &old).map_err(io(path))?;
    std::fs::rename(&new, path).map_err(io(&new))?;
    DiskFiles.sync_dir(dir).map_err(io(dir))
}
