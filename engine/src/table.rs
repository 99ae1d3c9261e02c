//! A table of hashed keys: who holds an identity is looked up several times for every event, and nothing asks for
//! the next one in order.
//!
//! It grows part by part: a table of a million entries that is moved at once would keep everybody waiting. The hash
//! takes a seed, so that nobody can choose identities which fall into one place.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

/// Parts of a table, a power of two.
const PARTS: usize = 64;

/// Entries by key. What order they come in follows from the seed and means nothing.
#[derive(Clone, Debug)]
pub struct Table<K, V> {
    /// None as long as there is no entry.
    parts: Vec<HashTable<(K, V)>>,
    state: FixedState,
    len: usize,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Table::seeded(0)
    }
}

impl<K, V> Table<K, V> {
    /// An empty table.
    pub fn seeded(seed: u64) -> Table<K, V> {
        Table { parts: Vec::new(), state: FixedState::with_seed(seed), len: 0 }
    }

    /// An empty table of the same seed.
    pub fn another(&self) -> Table<K, V> {
        Table { parts: Vec::new(), state: self.state.clone(), len: 0 }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.parts.iter().flatten().map(|(key, value)| (key, value))
    }

    /// All entries in order of their keys.
    pub fn sorted(&self) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut all: Vec<(&K, &V)> = self.iter().collect();
        all.sort_unstable_by(|left, right| left.0.cmp(right.0));
        all
    }
}

/// The part of a hash: of bits that the parts themselves make the least of.
fn part_of(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl<K: Hash + Eq, V> Table<K, V> {
    /// The value of a key.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if self.len == 0 {
            return None;
        }
        let hash = self.state.hash_one(key);
        let found = self.parts.get(part_of(hash))?.find(hash, |(known, _)| known.borrow() == key);
        found.map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let hash = self.state.hash_one(key);
        let found = self.parts.get_mut(part_of(hash))?.find_mut(hash, |(known, _)| known.borrow() == key);
        found.map(|(_, value)| value)
    }

    /// Sets the value of a key; returns the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, HashTable::new);
        }
        let state = &self.state;
        let hash = state.hash_one(&key);
        let part = self.parts.get_mut(part_of(hash))?;
        match part.find_mut(hash, |(known, _)| *known == key) {
            Some((_, known)) => Some(std::mem::replace(known, value)),
            None => {
                part.insert_unique(hash, (key, value), |(key, _)| state.hash_one(key));
                self.len += 1;
                None
            }
        }
    }

    /// Takes a key out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let hash = self.state.hash_one(key);
        let part = self.parts.get_mut(part_of(hash))?;
        let found = part.find_entry(hash, |(known, _)| known.borrow() == key).ok()?;
        let ((_, value), _) = found.remove();
        self.len -= 1;
        Some(value)
    }
}

impl<K: Hash + Eq, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut table = Table::default();
        for (key, value) in entries {
            table.insert(key, value);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in proptest::collection::vec((0u8..3, 0u16..200, any::<u16>()), 0..600)) {
            let (mut table, mut tree) = (Table::seeded(7), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(table.insert(key, value), tree.insert(key, value)),
                    1 => prop_assert_eq!(table.remove(&key), tree.remove(&key)),
                    _ => {
                        let (known, of_tree) = (table.get_mut(&key), tree.get_mut(&key));
                        prop_assert_eq!(&known, &of_tree);
                        known.into_iter().chain(of_tree).for_each(|known| *known = value);
                    }
                }
                prop_assert_eq!(table.get(&key), tree.get(&key));
                prop_assert_eq!((table.len(), table.is_empty()), (tree.len(), tree.is_empty()));
            }
            prop_assert!(table.sorted().into_iter().eq(tree.iter()));
        }
    }
}
