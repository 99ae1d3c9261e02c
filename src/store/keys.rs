//! Where things lie in a shard's tree: workspace number, kind, key; all big-endian.
//!
//! Number 0 is the shard itself.

use engine::storage::{BitmapKey, BitmapKind};

/// The shard's own records.
pub const SHARD: u32 = 0;

/// Kinds of records.
pub mod kind {
    /// Position and time of the checkpoint (of the shard).
    pub const CHECKPOINT: u8 = b'A';
    /// The number of a workspace by its id (of the shard).
    pub const WORKSPACE: u8 = b'W';
    /// Counters.
    pub const COUNTERS: u8 = b'C';
    /// Settings and definitions.
    pub const DEFINITIONS: u8 = b'D';
    /// Names, by the number of the first.
    pub const NAMES: u8 = b'N';
    /// Clusters.
    pub const PERSON: u8 = b'P';
    /// Closed chunks of history.
    pub const CHUNK: u8 = b'H';
    /// Holders of identities.
    pub const HOLDER: u8 = b'I';
    /// Orders.
    pub const ORDER: u8 = b'O';
    /// Parts of bitmaps.
    pub const BITMAP: u8 = b'B';
    /// Blocks of timers.
    pub const TIMERS: u8 = b'T';
    /// Up to when what happened is forgotten under earlier settings.
    pub const FORGOTTEN: u8 = b'F';
    /// Parts of runs of message keys.
    pub const SEEN_PART: u8 = b'M';
    /// The list of those runs.
    pub const SEEN_RUNS: u8 = b'R';
    /// From when to when the messages of those runs came.
    pub const SEEN_TIMES: u8 = b'S';
    /// Histories of segments' versions, by the id of the segment.
    pub const HISTORY: u8 = b'V';
    /// The journal of transitions.
    pub const JOURNAL: u8 = b'J';
}

/// The key of a record.
pub fn key(workspace: u32, kind: u8, rest: &[&[u8]]) -> Vec<u8> {
    let mut key = Vec::with_capacity(5 + rest.iter().map(|part| part.len()).sum::<usize>());
    key.extend_from_slice(&workspace.to_be_bytes());
    key.push(kind);
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// What follows workspace and kind in a key.
pub fn rest(key: &[u8]) -> &[u8] {
    key.get(5..).unwrap_or_default()
}

/// A number at the end of a key.
pub fn u32_of(rest: &[u8]) -> Option<u32> {
    rest.try_into().ok().map(u32::from_be_bytes)
}

/// The key of a part of a bitmap.
pub fn bitmap(workspace: u32, bitmap: &BitmapKey) -> Vec<u8> {
    let kind = match bitmap.kind {
        BitmapKind::People => 0,
        BitmapKind::Members => 1,
        BitmapKind::Unknown => 2,
    };
    key(workspace, kind::BITMAP, &[&[kind], &bitmap.bitmap.to_be_bytes(), &bitmap.upper.to_be_bytes()])
}

/// Reads back what [`bitmap`] wrote.
pub fn bitmap_of(rest: &[u8]) -> Option<BitmapKey> {
    let [kind, b0, b1, b2, b3, u0, u1] = rest else { return None };
    let kind = match kind {
        0 => BitmapKind::People,
        1 => BitmapKind::Members,
        2 => BitmapKind::Unknown,
        _ => return None,
    };
    let bitmap = u32::from_be_bytes([*b0, *b1, *b2, *b3]);
    Some(BitmapKey { kind, bitmap, upper: u16::from_be_bytes([*u0, *u1]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_bitmaps_come_back() {
        for kind in [BitmapKind::People, BitmapKind::Members, BitmapKind::Unknown] {
            let expected = BitmapKey { kind, bitmap: 0x0102_0304, upper: 0x0506 };
            assert_eq!(bitmap_of(rest(&bitmap(7, &expected))), Some(expected));
        }
        assert_eq!(bitmap_of(&[3, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn keys_of_one_kind_lie_together_in_order_of_their_numbers() {
        let low = key(1, kind::PERSON, &[&255_u32.to_be_bytes()]);
        let high = key(1, kind::PERSON, &[&256_u32.to_be_bytes()]);
        assert!(low < high && high < key(2, kind::BITMAP, &[]));
        assert_eq!(u32_of(rest(&high)), Some(256));
    }
}
