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

/// What is to be done for an identifier.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// It enters the list.
    Add,
    /// It leaves the list.
    Remove,
    /// It leaves because its person was erased: neither the brake nor the mode keeps it back.
    Erase,
}

/// What is to be sent.
#[derive(Default)]
pub(super) struct Work {
    additions: Queue,
    removals: Queue,
    erasures: Queue,
    tickets: u64,
    /// When something new came last.
    came: Option<Instant>,
}

impl Work {
    /// What is to be done for an identifier from now on.
    pub(super) fn set(&mut self, identifier: &str, task: Option<Task>) {
        self.tickets += 1;
        if task.is_some() {
            self.came = Some(Instant::now());
        }
        let queues =
            [(Task::Add, &mut self.additions), (Task::Remove, &mut self.removals), (Task::Erase, &mut self.erasures)];
        for (kind, queue) in queues {
            match task {
                Some(task) if task == kind => queue.put(identifier, self.tickets),
                _ => queue.take(identifier),
            }
        }
    }

    pub(super) fn clear(&mut self) {
        (self.additions, self.removals, self.erasures) = (Queue::default(), Queue::default(), Queue::default());
    }

    pub(super) fn to_add(&self) -> u64 {
        self.additions.order.len() as u64
    }

    /// Removals that a brake may keep back.
    pub(super) fn to_remove(&self) -> u64 {
        self.removals.order.len() as u64
    }

    /// Removals of people who were erased.
    pub(super) fn to_erase(&self) -> u64 {
        self.erasures.order.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.additions.order.is_empty() && self.removals.order.is_empty() && self.erasures.order.is_empty()
    }

    /// Age of the oldest.
    pub(super) fn oldest(&self) -> Duration {
        let queues = [&self.additions, &self.removals, &self.erasures];
        let since = queues.into_iter().filter_map(Queue::since).min();
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// How long ago the newest one came.
    pub(super) fn newest(&self) -> Option<Duration> {
        self.came.map(|came| came.elapsed())
    }

    /// The oldest ones with what is to be done, without removals if those wait.
    pub(super) fn next(&self, removals: bool) -> impl Iterator<Item = (Arc<str>, Task)> + '_ {
        self.next_by_side(removals, usize::MAX)
    }

    /// The same, with at most so many additions, and at most so many that leave.
    pub(super) fn next_by_side(&self, removals: bool, side_max: usize) -> impl Iterator<Item = (Arc<str>, Task)> + '_ {
        let mut adding = self.additions.order.iter().take(side_max).peekable();
        let removing = self.removals.order.iter().filter(move |_| removals).map(|one| (one, Task::Remove));
        let erasing = self.erasures.order.iter().map(|one| (one, Task::Erase));
        let mut leaving = merged(removing, erasing).take(side_max).peekable();
        std::iter::from_fn(move || {
            let add = adding.peek().map(|(ticket, _)| **ticket);
            let leave = leaving.peek().map(|((ticket, _), _)| **ticket);
            let adds = match (add, leave) {
                (Some(add), Some(leave)) => add < leave,
                (add, _) => add.is_some(),
            };
            match adds {
                true => adding.next().map(|(_, identifier)| (Arc::clone(identifier), Task::Add)),
                false => leaving.next().map(|((_, identifier), task)| (Arc::clone(identifier), task)),
            }
        })
    }
}

/// A place in a queue, with what is to be done.
type Placed<'a> = ((&'a u64, &'a Arc<str>), Task);

/// Two queues as one, the oldest first.
fn merged<'a>(
    one: impl Iterator<Item = Placed<'a>> + 'a,
    other: impl Iterator<Item = Placed<'a>> + 'a,
) -> impl Iterator<Item = Placed<'a>> + 'a {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.0.0 < first.0.0 => other.next(),
        (None, Some(_)) => other.next(),
        _ => one.next(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first_and_entering_then_leaving_comes_to_nothing() {
        let mut work = Work::default();
        work.set("z", Some(Task::Add));
        work.set("a", Some(Task::Remove));
        work.set("m", Some(Task::Add));
        work.set("m", None);
        work.set("z", Some(Task::Add));
        work.set("b", Some(Task::Add));
        work.set("e", Some(Task::Erase));
        let order = |removals| work.next(removals).map(|(id, task)| (id.to_string(), task)).collect::<Vec<_>>();
        let (z, a, b) = (("z".to_owned(), Task::Add), ("a".to_owned(), Task::Remove), ("b".to_owned(), Task::Add));
        let e = ("e".to_owned(), Task::Erase);
        assert_eq!(order(true), [z.clone(), a, b.clone(), e.clone()]);
        assert_eq!(order(false), [z, b, e]);
        assert_eq!((work.to_add(), work.to_remove(), work.to_erase()), (2, 1, 1));
    }

    #[test]
    fn each_side_has_its_own_bound_and_its_oldest_go_first() {
        let mut work = Work::default();
        for number in 0..5 {
            work.set(&format!("a{number}"), Some(Task::Add));
        }
        work.set("e", Some(Task::Erase));
        for number in 0..5 {
            work.set(&format!("r{number}"), Some(Task::Remove));
        }
        let order =
            |removals, side| work.next_by_side(removals, side).map(|(id, _)| id.to_string()).collect::<Vec<_>>();
        assert_eq!(order(true, 2), ["a0", "a1", "e", "r0"]);
        assert_eq!(order(false, 2), ["a0", "a1", "e"]);
        assert_eq!(order(true, usize::MAX).len(), 11);
    }

    #[test]
    fn a_change_of_mind_moves_an_identifier_to_the_other_queue() {
        let mut work = Work::default();
        work.set("a", Some(Task::Add));
        work.set("a", Some(Task::Remove));
        assert_eq!((work.to_add(), work.to_remove()), (0, 1));
        work.set("a", None);
        assert!(work.is_empty());
        assert_eq!(work.oldest(), Duration::ZERO);
    }
}
