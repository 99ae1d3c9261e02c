//! The messages as they go over the wire.

use kit::sync::{Batch, SnapshotPart};
use serde::Serialize;

/// Type of the message that carries changes.
pub const MEMBERS_CHANGED: &str = "segment.members.changed";
/// Type of the message that carries a part of a snapshot.
pub const MEMBERS_SNAPSHOT: &str = "segment.members.snapshot";

/// The envelope that Standard Webhooks recommends.
#[derive(Serialize)]
pub(crate) struct Message<T> {
    pub(crate) r#type: &'static str,
    /// When it happened (of the newest change, or of the snapshot), not when it is sent.
    pub(crate) timestamp: String,
    pub(crate) data: T,
}

#[derive(Serialize)]
pub(crate) struct Changes<'a> {
    list: &'a str,
    segment: &'a str,
    changes: Vec<ChangeOut<'a>>,
}

#[derive(Serialize)]
struct ChangeOut<'a> {
    identifier: &'a str,
    person: &'a str,
    change: &'static str,
    sequence: u64,
    at: &'a str,
    cause: &'a str,
}

#[derive(Serialize)]
pub(crate) struct Snapshot<'a> {
    list: &'a str,
    segment: &'a str,
    snapshot: &'a str,
    as_of: &'a str,
    sequence: u64,
    part: usize,
    parts: usize,
    members: Vec<MemberOut<'a>>,
}

#[derive(Serialize)]
struct MemberOut<'a> {
    identifier: &'a str,
    sequence: u64,
}

pub(crate) fn changes(batch: &Batch) -> Message<Changes<'_>> {
    let newest = batch.changes.iter().map(|change| change.at.as_str()).max().unwrap_or_default().to_owned();
    let changes = batch.changes.iter().map(|change| ChangeOut {
        identifier: &change.identifier,
        person: &change.person,
        change: if change.member { "entered" } else { "left" },
        sequence: change.sequence,
        at: &change.at,
        cause: &change.cause,
    });
    let data = Changes { list: &batch.list, segment: &batch.segment, changes: changes.collect() };
    Message { r#type: MEMBERS_CHANGED, timestamp: newest, data }
}

pub(crate) fn snapshot(part: &SnapshotPart) -> Message<Snapshot<'_>> {
    let members = part.members.iter().map(|(identifier, sequence)| MemberOut { identifier, sequence: *sequence });
    let data = Snapshot {
        list: &part.list,
        segment: &part.segment,
        snapshot: &part.snapshot,
        as_of: &part.as_of,
        sequence: part.sequence,
        part: part.part,
        parts: part.parts,
        members: members.collect(),
    };
    Message { r#type: MEMBERS_SNAPSHOT, timestamp: part.as_of.clone(), data }
}
