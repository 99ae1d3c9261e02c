//! A map of few entries: a list in order of its keys.
//!
//! A person has a handful of identities, links, names and traits. A B-tree takes room for eleven of
//! each at once, which is most of what a person would weigh in memory.

/// Makes room for one more without much to spare: there are many people, and most have little.
pub(super) fn make_room<T>(list: &mut Vec<T>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 2 + 1);
    }
}

/// A map that is kept as a sorted list. Insertion moves what lies behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmallMap<K, V>(Vec<(K, V)>);

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        SmallMap(Vec::new())
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is an entry for a key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.place(key).ok()?;
        self.0.get_mut(place).map(|(_, value)| value)
    }

    /// Sets the value of a key.
    pub fn insert(&mut self, key: K, value: V) {
        match self.place(&key) {
            Ok(place) => {
                if let Some(entry) = self.0.get_mut(place) {
                    entry.1 = value;
                }
            }
            Err(place) => {
                make_room(&mut self.0);
                self.0.insert(place, (key, value));
            }
        }
    }

    /// The value of a key, which is made when it is missing, changed by `change`.
    pub fn change<T>(&mut self, key: K, change: impl FnOnce(&mut V) -> T) -> Option<T>
    where
        V: Default,
    {
        let place = match self.place(&key) {
            Ok(place) => place,
            Err(place) => {
                make_room(&mut self.0);
                self.0.insert(place, (key, V::default()));
                place
            }
        };
        self.0.get_mut(place).map(|(_, value)| change(value))
    }

    /// Keeps the entries for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.0.retain_mut(|(key, value)| keep(key, value));
    }

    /// Removes everything.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    /// The entries, in order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for SmallMap<K, V> {
    /// Of several entries with one key the last holds.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut list: Vec<(K, V)> = entries.into_iter().collect();
        list.sort_by(|left, right| left.0.cmp(&right.0));
        // The later of two equal ones stands behind: keep that one.
        list.reverse();
        list.dedup_by(|later, kept| later.0 == kept.0);
        list.reverse();
        list.shrink_to_fit();
        SmallMap(list)
    }
}

impl<K, V> IntoIterator for SmallMap<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_does_what_a_tree_does(steps in proptest::collection::vec((0u8..4, 0u8..12, any::<u16>()), 0..60)) {
            let (mut small, mut tree) = (SmallMap::default(), BTreeMap::new());
            for (step, key, value) in steps {
                match step {
                    0 => {
                        small.insert(key, value);
                        tree.insert(key, value);
                    }
                    1 => {
                        small.retain(|known, _| *known != key);
                        tree.remove(&key);
                    }
                    2 => {
                        small.change(key, |known| *known = known.wrapping_add(value));
                        let known = tree.entry(key).or_insert(0);
                        *known = known.wrapping_add(value);
                    }
                    _ => prop_assert_eq!(small.get(&key), tree.get(&key)),
                }
                prop_assert!(small.iter().eq(tree.iter()));
            }
            let again: SmallMap<u8, u16> = small.clone().into_iter().chain(small.clone()).collect();
            prop_assert_eq!(again, small);
        }

        #[test]
        fn of_equal_keys_the_last_holds(entries in proptest::collection::vec((0u8..5, any::<u16>()), 0..20)) {
            let small: SmallMap<u8, u16> = entries.iter().copied().collect();
            let tree: BTreeMap<u8, u16> = entries.into_iter().collect();
            prop_assert!(small.iter().eq(tree.iter()));
        }
    }
}
