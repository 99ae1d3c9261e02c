//! Which deliveries were taken in lately: platforms send some twice.
//!
//! This spares work. What comes again after it was forgotten, or after a restart, is dropped by the ids of its
//! messages.

use crate::poll::Scope;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

/// Deliveries of one generation; two are remembered.
const GENERATION_MAX: usize = 100_000;

/// One delivery to one connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key([u8; 16]);

impl Key {
    pub(super) fn new(scope: &Scope, delivery: &str) -> Key {
        let mut hash = Sha256::new();
        for part in [scope.workspace.as_str(), scope.source.as_str(), delivery] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into();
        Key(digest.first_chunk::<16>().copied().unwrap_or_default())
    }
}

#[derive(Default)]
struct Generations {
    newer: HashSet<Key>,
    older: HashSet<Key>,
}

/// What was taken in.
#[derive(Default)]
pub(super) struct Seen(Mutex<Generations>);

impl Seen {
    pub(super) fn has(&self, key: &Key) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.newer.contains(key) || seen.older.contains(key)
    }

    pub(super) fn mark(&self, key: Key) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.newer.len() >= GENERATION_MAX {
            seen.older = std::mem::take(&mut seen.newer);
        }
        seen.newer.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_and_no_more_than_two_generations() {
        let (seen, scope) = (Seen::default(), Scope::new(&"w".into(), &"s".into()));
        let key = |number: usize| Key::new(&scope, &number.to_string());
        (0..GENERATION_MAX * 2 + 1).for_each(|number| seen.mark(key(number)));
        assert!(seen.has(&key(GENERATION_MAX * 2)) && seen.has(&key(GENERATION_MAX)));
        assert!(!seen.has(&key(GENERATION_MAX - 1)));
        assert!(!seen.has(&Key::new(&Scope::new(&"v".into(), &"s".into()), &GENERATION_MAX.to_string())));
    }
}
