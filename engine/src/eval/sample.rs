//! Samples: a stable part of everybody, by a hash of the person's id.

use crate::plan::Sample;
use sha2::{Digest, Sha256};

/// Whether a person is in a sample.
pub(super) fn holds(asked: &Sample, stable_id: &str) -> bool {
    u128::from(hash(&asked.salt, stable_id)) < asked.below
}

/// The first 8 bytes, big endian, of the SHA-256 of the salt, a line feed, and the person's id.
fn hash(salt: &str, stable_id: &str) -> u64 {
    let digest = Sha256::new_with_prefix(salt).chain_update(b"\n").chain_update(stable_id).finalize();
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}
