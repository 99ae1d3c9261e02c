//! Whom segments hold, in a form that can be compared and handed from process to process.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Sizes of the twenty segments at the end of the known world.
pub const KNOWN: [u64; 20] = [
    2_177, 308, 5_629, 2_373, 1_428, 669, 280, 9_575, 41_998, 1_424, 1_811, 1_472, 3_458, 3_998, 1_191, 881, 76, 2_917,
    2_289, 4_327,
];

/// The members of one segment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Members {
    /// How many.
    pub size: u64,
    /// SHA-256 over their numbers, sorted, each followed by a line feed.
    pub hash: String,
}

impl Members {
    /// Of these people, in any order.
    pub fn of(mut people: Vec<u32>) -> Members {
        people.sort_unstable();
        let mut hash = Sha256::new();
        people.iter().for_each(|person| hash.update(format!("{person}\n")));
        Members { size: people.len() as u64, hash: crate::world::hex(&hash.finalize()) }
    }
}

/// By number of the segment.
pub type Sets = BTreeMap<usize, Members>;

/// What is different in `found`, segment by segment; nothing if both are the same.
pub fn differences(found: &Sets, expected: &Sets) -> Vec<String> {
    let differs = |(number, members): (&usize, &Members)| match expected.get(number) {
        Some(right) if right == members => None,
        Some(right) if right.size == members.size => Some(format!("segment {number} holds others")),
        Some(right) => Some(format!("segment {number} holds {}, not {}", members.size, right.size)),
        None => Some(format!("segment {number} is not known")),
    };
    found.iter().filter_map(differs).collect()
}

#[cfg(test)]
mod tests {
    use super::{Members, Sets, differences};

    #[test]
    fn sets_are_equal_by_what_they_hold() {
        assert_eq!(Members::of(vec![3, 1, 20]), Members::of(vec![20, 3, 1]));
        assert_ne!(Members::of(vec![3, 1, 20]), Members::of(vec![3, 1, 2]));
        let sets = |people: &[u32]| Sets::from([(1, Members::of(people.to_vec()))]);
        assert!(differences(&sets(&[1, 2]), &sets(&[2, 1])).is_empty());
        assert_eq!(differences(&sets(&[1, 2]), &sets(&[1, 3])), ["segment 1 holds others"]);
        assert_eq!(differences(&sets(&[1]), &sets(&[1, 3])), ["segment 1 holds 1, not 2"]);
    }
}
