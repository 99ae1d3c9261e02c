//! What is to be sent for a list, the oldest first.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Identifiers in the order in which they came.
#[derive(Default)]
struct Queue {
    order: BTreeMap<u64, Arc<str>>,
    places: BTreeMap<Arc<str>, (u64, Instant)>,
}

impl Queue {
    fn put(&mut self, identifier: &str, ticket: u64) {
        if self.places.contains_key(identifier) {
            return;
        }
        let identifier: Arc<str> = Arc::from(identifier);
        self.order.insert(ticket, Arc::clone(&identifier));
        self.places.insert(identifier, (ticket, Instant::now()));
    }

    fn take(&mut self, identifier: &str) {
        if let Some((ticket, _)) = self.places.remove(identifier) {
            self.order.remove(&ticket);
        }
    }

    fn since(&self) -> Option<Instant> {
        let (_, first) = self.order.first_key_value()?;
        self.places.get(first).map(|(_, since)| *since)
    }
}

/// Additions and removals that are to be sent.
#[derive(Default)]
pub(super) struct Work {
    additions: Queue,
    removals: Queue,
    tickets: u64,
}

impl Work {
    /// What is to be done for an identifier from now on: add (`true`), remove, or nothing.
    pub(super) fn set(&mut self, identifier: &str, work: Option<bool>) {
        self.tickets += 1;
        if work != Some(true) {
            self.additions.take(identifier);
        }
        if work != Some(false) {
            self.removals.take(identifier);
        }
        match work {
            Some(true) => self.additions.put(identifier, self.tickets),
            Some(false) => self.removals.put(identifier, self.tickets),
            None => {}
        }
    }

    pub(super) fn clear(&mut self) {
        (self.additions, self.removals) = (Queue::default(), Queue::default());
    }

    pub(super) fn to_add(&self) -> u64 {
        self.additions.order.len() as u64
    }

    pub(super) fn to_remove(&self) -> u64 {
        self.removals.order.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.additions.order.is_empty() && self.removals.order.is_empty()
    }

    /// Age of the oldest.
    pub(super) fn oldest(&self) -> Duration {
        let since = self.additions.since().into_iter().chain(self.removals.since()).min();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// The oldest ones with what is to be done, without removals if those wait.
    pub(super) fn next(&self, removals: bool) -> impl Iterator<Item = (Arc<str>, bool)> + '_ {
        let mut adding = self.additions.order.iter().peekable();
        let mut removing = self.removals.order.iter().filter(move |_| removals).peekable();
        std::iter::from_fn(move || {
            let first_removal = removing.peek().map_or(u64::MAX, |(ticket, _)| **ticket);
            match adding.peek() {
                Some((ticket, _)) if **ticket < first_removal => {
                    adding.next().map(|(_, identifier)| (Arc::clone(identifier), true))
                }
                _ => removing.next().map(|(_, identifier)| (Arc::clone(identifier), false)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_entering_then_leaving_comes_to_nothing() {
        let mut work = Work::default();
        work.set("z", Some(true));
        work.set("a", Some(false));
        work.set("m", Some(true));
        work.set("m", None);
        work.set("z", Some(true));
        work.set("b", Some(true));
        let order = |removals| work.next(removals).map(|(id, add)| (id.to_string(), add)).collect::<Vec<_>>();
        assert_eq!(order(true), [("z".to_owned(), true), ("a".to_owned(), false), ("b".to_owned(), true)]);
        assert_eq!(order(false), [("z".to_owned(), true), ("b".to_owned(), true)]);
        assert_eq!((work.to_add(), work.to_remove()), (2, 1));
    }

    #[test]
    fn a_change_of_mind_moves_an_identifier_to_the_other_queue() {
        let mut work = Work::default();
        work.set("a", Some(true));
        work.set("a", Some(false));
        assert_eq!((work.to_add(), work.to_remove()), (0, 1));
        work.set("a", None);
        assert!(work.is_empty());
        assert_eq!(work.oldest(), Duration::ZERO);
    }
}
