//! Finding the end of a log after a crash.

use super::LogError;
use super::frame::{self, Frame, HEADER_BYTES, Look};
use model::Time;
use std::path::{Path, PathBuf};

/// The unit in which a disk keeps old content when a write is torn, bytes.
const SECTOR_BYTES: usize = 512;

/// Zeros that are proof enough when a group begins near the end of a sector, bytes: they
/// reach over a checksum.
const ZEROS_MIN_BYTES: usize = 8;

/// What was cut off the end of a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The file.
    pub path: PathBuf,
    /// Where it was cut.
    pub offset: u64,
    /// What was wrong there.
    pub why: &'static str,
}

/// What a file holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Scan {
    /// End of the good records, bytes.
    pub end: u64,
    /// The position after the last good record.
    pub next: u64,
    /// Time of the last good record.
    pub last_time: Option<Time>,
    /// Why the rest was cut, if there was a rest.
    pub torn: Option<&'static str>,
}

/// Walks through the newest file of a log, which begins at position `first`. A torn end is
/// no error; anything unreadable that had been durable is.
pub(super) fn scan(path: &Path, bytes: &[u8], first: u64) -> Result<Scan, LogError> {
    let mut scan = Scan { end: 0, next: first, last_time: None, torn: None };
    let mut group_start = 0;
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.iter().all(|byte| *byte == 0) {
            return Ok(scan);
        }
        let why = match frame::look(rest) {
            Look::Frame(frame) if frame.position == scan.next => {
                if frame.index == 0 {
                    group_start = at;
                }
                at += frame.len();
                scan.end = at as u64;
                scan.next += 1;
                scan.last_time = Some(frame.time);
                continue;
            }
            Look::Frame(frame) => {
                return Err(LogError::Gap { path: path.to_owned(), expected: scan.next, found: frame.position });
            }
            Look::Bad(why) => why,
        };
        let later = later_frames(bytes, at, scan.next);
        if !later.is_empty() && !is_torn(bytes, at, group_start, scan.next, &later) {
            return Err(LogError::Damaged { path: path.to_owned(), offset: at as u64, why: why.to_owned() });
        }
        scan.torn = Some(why);
        return Ok(scan);
    }
}

/// The first good frame behind `at` with a position that can follow `expected`, and where it begins.
pub(super) fn first_frame_from(bytes: &[u8], at: usize, expected: u64) -> Option<(usize, Frame)> {
    // A frame may begin at `at` itself: of a later position, when records before it are missing.
    let here = match frame::look(bytes.get(at..).unwrap_or_default()) {
        Look::Frame(frame) if frame.position > expected => Some((at, frame)),
        _ => None,
    };
    here.or_else(|| later_frames(bytes, at, expected).into_iter().next())
}

/// Every good frame behind `at` with a position that can follow `expected`, and where it begins.
fn later_frames(bytes: &[u8], at: usize, expected: u64) -> Vec<(usize, Frame)> {
    let positions = expected..=expected.saturating_add((bytes.len() / HEADER_BYTES) as u64);
    let mut found = Vec::new();
    let mut start = at + 1;
    while let Some(rest) = bytes.get(start..) {
        let Some(header) = rest.first_chunk::<HEADER_BYTES>() else { break };
        start += 1;
        if positions.contains(&frame::claimed_position(header))
            && let Look::Frame(frame) = frame::look(rest)
        {
            let begin = start - 1;
            start = begin + frame.len();
            found.push((begin, frame));
        }
    }
    found
}

/// Whether the bad bytes at `at` come from a write that was never whole: every good frame
/// behind them is of the same group, and some sector before the first of those is still as
/// it was before the group was written, all zeros.
fn is_torn(bytes: &[u8], at: usize, group_start: usize, expected: u64, later: &[(usize, Frame)]) -> bool {
    let begins = |frame: &Frame| frame.position.saturating_sub(u64::from(frame.index));
    if later.iter().any(|(_, frame)| begins(frame) > expected) {
        return false;
    }
    let Some((later, frame)) = later.first() else { return true };
    let group_start = if begins(frame) == expected { at } else { group_start };
    let mut sector = at - at % SECTOR_BYTES;
    while sector < *later {
        let end = (sector + SECTOR_BYTES).min(bytes.len());
        let part = bytes.get(sector.max(group_start)..end).unwrap_or_default();
        if part.len() >= ZEROS_MIN_BYTES && part.iter().all(|byte| *byte == 0) {
            return true;
        }
        sector += SECTOR_BYTES;
    }
    false
}
