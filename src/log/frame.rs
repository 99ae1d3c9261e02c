//! How a record lies in a segment file.
//!
//! ```text
//! len u32 | crc32 u32 | position u64 | time i64 | index u32 | payload
//! ```
//!
//! All little-endian. `len` counts the payload; the checksum covers everything but itself.
//! `index` is the record's place in its group, so that recovery can tell a group that was
//! never whole from damage to one that was. The payload is a version byte and the postcard
//! form of workspace and command: whoever submits encodes it, and position and time, known
//! later, are written into the header.

use super::LogError;
use crate::encode;
use model::{Command, Record, Time, WorkspaceId};
use std::ops::Range;

/// Bytes before the payload.
pub(super) const HEADER_BYTES: usize = 28;
/// The form of the payload that this version writes.
const PAYLOAD_VERSION: u8 = 1;
/// The largest payload that the log holds, bytes.
pub const fn record_bytes_max() -> usize {
    RECORD_BYTES_MAX
}
pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;

/// Encoded records whose positions and times are still open.
#[derive(Default, Debug)]
pub struct Frames {
    bytes: Vec<u8>,
    count: u32,
}

impl Frames {
    /// Encodes commands of one workspace.
    pub fn encode(workspace: &WorkspaceId, commands: &[Command]) -> Result<Frames, LogError> {
        let mut frames = Frames { bytes: Vec::with_capacity(commands.len() * 384), count: 0 };
        for command in commands {
            frames.push(workspace, command)?;
        }
        Ok(frames)
    }

    fn push(&mut self, workspace: &WorkspaceId, command: &Command) -> Result<(), LogError> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
        self.bytes.push(PAYLOAD_VERSION);
        encode::append(&(workspace, command), &mut self.bytes)
            .map_err(|error| LogError::Encoding(error.to_string()))?;
        let payload = self.bytes.len() - start - HEADER_BYTES;
        if payload > RECORD_BYTES_MAX {
            return Err(LogError::TooLarge { bytes: payload, max: RECORD_BYTES_MAX });
        }
        if let Some(len) = self.bytes.get_mut(start..start + 4) {
            len.copy_from_slice(&(payload as u32).to_le_bytes());
        }
        self.count += 1;
        Ok(())
    }

    /// Bytes that they take in the log.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many they are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Appends them to a group whose records so far are `index`, the first of these taking
    /// `position`.
    pub fn seal_into(&self, group: &mut Vec<u8>, position: u64, time: Time, index: u32) {
        let mut start = group.len();
        group.extend_from_slice(&self.bytes);
        for number in 0..self.count {
            let Some(frame) = group.get_mut(start..) else { return };
            start += seal(frame, position + u64::from(number), time, index + number);
        }
    }
}

/// Completes the header of the frame at the beginning of `frame`; returns the frame's length.
fn seal(frame: &mut [u8], position: u64, time: Time, index: u32) -> usize {
    let Some((header, rest)) = frame.split_first_chunk_mut::<HEADER_BYTES>() else { return 0 };
    let len = u32_at(header, 0) as usize;
    header[8..16].copy_from_slice(&position.to_le_bytes());
    header[16..24].copy_from_slice(&time.0.to_le_bytes());
    header[24..28].copy_from_slice(&index.to_le_bytes());
    let payload = rest.get(..len).unwrap_or_default();
    let crc = checksum(header, payload);
    header[4..8].copy_from_slice(&crc.to_le_bytes());
    HEADER_BYTES + len
}

fn checksum(header: &[u8; HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..4]);
    hasher.update(&header[8..]);
    hasher.update(payload);
    hasher.finalize()
}

fn u32_at(header: &[u8; HEADER_BYTES], offset: usize) -> u32 {
    let mut bytes = [0; 4];
    bytes.copy_from_slice(&header[offset..offset + 4]);
    u32::from_le_bytes(bytes)
}

fn u64_at(header: &[u8; HEADER_BYTES], offset: usize) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&header[offset..offset + 8]);
    u64::from_le_bytes(bytes)
}

/// A frame whose checksum holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub position: u64,
    pub time: Time,
    pub index: u32,
    /// Where its payload lies in the bytes that were looked at.
    pub payload: Range<usize>,
}

impl Frame {
    /// Length of header and payload.
    pub fn len(&self) -> usize {
        HEADER_BYTES + self.payload.len()
    }
}

/// What is at the beginning of some bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Look {
    /// A good frame.
    Frame(Frame),
    /// Not a frame, and why.
    Bad(&'static str),
}

/// The payload length that a header claims.
pub(super) fn payload_len(header: &[u8; HEADER_BYTES]) -> usize {
    u32_at(header, 0) as usize
}

/// The position that a header claims.
pub(super) fn claimed_position(header: &[u8; HEADER_BYTES]) -> u64 {
    u64_at(header, 8)
}

/// Looks for a frame at the beginning of `bytes`.
pub(super) fn look(bytes: &[u8]) -> Look {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Look::Bad("the record's header is cut off");
    };
    let len = payload_len(header);
    if len == 0 || len > RECORD_BYTES_MAX {
        return Look::Bad("the record's length is impossible");
    }
    let Some(payload) = rest.get(..len) else { return Look::Bad("the record is cut off") };
    if checksum(header, payload) != u32_at(header, 4) {
        return Look::Bad("the record's checksum does not fit");
    }
    Look::Frame(Frame {
        position: u64_at(header, 8),
        time: Time(u64_at(header, 16) as i64),
        index: u32_at(header, 24),
        payload: HEADER_BYTES..HEADER_BYTES + len,
    })
}

/// Decodes the payload of a good frame.
pub(super) fn decode(position: u64, time: Time, payload: &[u8]) -> Result<Record, String> {
    let (version, body) = payload.split_first().ok_or("the record is empty")?;
    if *version != PAYLOAD_VERSION {
        return Err(format!("the record has format {version}, this version reads {PAYLOAD_VERSION}"));
    }
    let ((workspace, command), rest): ((WorkspaceId, Command), &[u8]) =
        postcard::take_from_bytes(body).map_err(|error| format!("the record can't be decoded: {error}"))?;
    if !rest.is_empty() {
        return Err(format!("the record has {} bytes too many", rest.len()));
    }
    Ok(Record { position, time, workspace, command })
}
