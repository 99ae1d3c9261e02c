//! An account's contacts in the order of their last change: a search among a million of them is answered by halving.

use std::cmp::Reverse;

/// Contacts by the time of their last change; of one time the highest number first. Deleted ones are not in it.
#[derive(Default)]
pub(super) struct Order(Vec<(i64, Reverse<u64>)>);

impl Order {
    pub fn put(&mut self, modified: i64, id: u64) {
        let one = (modified, Reverse(id));
        if let Err(at) = self.0.binary_search(&one) {
            self.0.insert(at, one);
        }
    }

    pub fn take(&mut self, modified: i64, id: u64) {
        if let Ok(at) = self.0.binary_search(&(modified, Reverse(id))) {
            self.0.remove(at);
        }
    }

    /// Many at once, in any order.
    pub fn put_all(&mut self, all: impl Iterator<Item = (i64, u64)>) {
        self.0.extend(all.map(|(modified, id)| (modified, Reverse(id))));
        self.0.sort_unstable();
    }

    /// Those that were changed then or later.
    pub fn since(&self, modified: i64) -> impl ExactSizeIterator<Item = u64> {
        let begin = self.0.partition_point(|one| one.0 < modified);
        self.0.get(begin..).unwrap_or_default().iter().map(|(_, id)| id.0)
    }

    /// Those of one time with a greater number, the lowest first.
    pub fn of_beyond(&self, modified: i64, id: u64) -> impl ExactSizeIterator<Item = u64> {
        let begin = self.0.partition_point(|one| one.0 < modified);
        let end = self.0.partition_point(|one| *one < (modified, Reverse(id)));
        self.0.get(begin..end.max(begin)).unwrap_or_default().iter().rev().map(|(_, id)| id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_stand_by_time_and_those_of_one_time_by_number() {
        let mut order = Order::default();
        for (modified, id) in [(5, 1), (7, 2), (7, 4), (7, 3), (9, 5)] {
            order.put(modified, id);
        }
        order.put_all([(7, 9), (8, 8)].into_iter());
        assert_eq!(order.since(7).collect::<Vec<_>>(), [9, 4, 3, 2, 8, 5]);
        assert_eq!((order.since(10).len(), order.since(0).len()), (0, 7));
        assert_eq!(order.of_beyond(7, 2).collect::<Vec<_>>(), [3, 4, 9]);
        assert_eq!(order.of_beyond(6, 0).len(), 0);
        order.take(7, 3);
        order.take(7, 77);
        assert_eq!(order.of_beyond(7, 0).collect::<Vec<_>>(), [2, 4, 9]);
    }
}
