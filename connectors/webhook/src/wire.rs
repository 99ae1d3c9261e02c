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
    first_sync: bool,
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
    snapshot_id: &'a str,
    as_of: &'a str,
    sequence: u64,
    part: usize,
    parts: usize,
    members: Vec<MemberOut<'a>>,
}

#[derive(Serialize)]
struct MemberOut<'a> {
    identifier: &'a str,
    person: &'a str,
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
    let data = Changes {
        list: &batch.list,
        segment: &batch.segment,
        first_sync: batch.first_sync,
        changes: changes.collect(),
    };
    Message { r#type: MEMBERS_CHANGED, timestamp: newest, data }
}

pub(crate) fn snapshot(part: &SnapshotPart) -> Message<Snapshot<'_>> {
    let members = part.members.iter().map(|member| MemberOut {
        identifier: &member.identifier,
        person: &member.person,
        sequence: member.sequence,
    });
    let data = Snapshot {
        list: &part.list,
        segment: &part.segment,
        snapshot_id: &part.snapshot,
        as_of: &part.as_of,
        sequence: part.sequence,
        part: part.part,
        parts: part.parts,
        members: members.collect(),
    };
    Message { r#type: MEMBERS_SNAPSHOT, timestamp: part.as_of.clone(), data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sync::{Change, SnapshotMember};

    fn change(identifier: String) -> Change {
        Change {
            identifier,
            person: format!("p_{}", "0".repeat(32)),
            member: true,
            sequence: 9_007_199_254_740_991,
            at: "2026-11-24T10:00:00.123456Z".to_owned(),
            cause: "erasure".to_owned(),
            fields: Default::default(),
        }
    }

    #[test]
    fn a_message_of_changes_reads_as_documented() {
        let mut left = change("b@example.com".to_owned());
        left.member = false;
        let batch = Batch {
            id: "msg_1".to_owned(),
            list: "news".to_owned(),
            segment: "vip".to_owned(),
            first_sync: false,
            changes: vec![change("a@example.com".to_owned()), left],
        };
        let message = serde_json::to_value(changes(&batch)).unwrap();
        assert_eq!(message["type"], MEMBERS_CHANGED);
        assert_eq!(message["timestamp"], "2026-11-24T10:00:00.123456Z");
        assert_eq!(message["data"]["list"], "news");
        assert_eq!(message["data"]["segment"], "vip");
        assert_eq!(message["data"]["changes"][0]["change"], "entered");
        assert_eq!(message["data"]["changes"][1]["change"], "left");
        assert_eq!(message["data"]["changes"][1]["identifier"], "b@example.com");
        assert_eq!(message["data"]["changes"][0]["sequence"], 9_007_199_254_740_991_u64);
    }

    #[test]
    fn the_estimate_of_a_changes_size_is_not_below_the_truth() {
        for identifier in ["a@b.mx".to_owned(), "x".repeat(300)] {
            let one = change(identifier);
            let batch = |changes: Vec<Change>| Batch {
                id: String::new(),
                list: String::new(),
                segment: String::new(),
                first_sync: true,
                changes,
            };
            let size = |batch: &Batch| serde_json::to_vec(&super::changes(batch)).unwrap().len();
            let (single, double) = (batch(vec![one.clone()]), batch(vec![one.clone(), one.clone()]));
            let bytes = size(&double) - size(&single);
            assert!(one.bytes() >= bytes, "{} < {bytes}", one.bytes());
        }
    }

    #[test]
    fn a_full_part_of_a_snapshot_stays_below_20_kb() {
        let member = |number: usize| SnapshotMember {
            identifier: format!("somebody.with.a.long.name.{number}@a-long-domain.example.com"),
            person: format!("p_{}", "0".repeat(32)),
            sequence: 9_007_199_254_740_991,
        };
        let part = SnapshotPart {
            id: "snap_1_1".to_owned(),
            snapshot: "snap_1".to_owned(),
            list: "news".to_owned(),
            segment: "vip".to_owned(),
            as_of: "2026-11-24T10:00:00.123456Z".to_owned(),
            sequence: 9_007_199_254_740_991,
            part: 1,
            parts: 1,
            members: (0..crate::sync::CAPABILITIES.snapshot_members_max).map(member).collect(),
        };
        let bytes = serde_json::to_vec(&snapshot(&part)).unwrap().len();
        assert!(bytes < 20_000, "{bytes}");
    }
}
