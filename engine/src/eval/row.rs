//! What happened in order of time, wherever it is kept.

use super::line::{Amount, Moment};
use crate::person::Named;
use crate::person::orders::Counted;
use crate::person::tree::{Item, Tree};
use model::Time;
use smallvec::SmallVec;

/// Times in order.
pub trait Row {
    /// How many there are.
    fn count(&self) -> usize;
    /// The time at a place.
    fn time(&self, place: usize) -> Option<Time>;
    /// How many stand first of which `before` is true: it must be true of none behind them.
    fn first_not(&self, before: &dyn Fn(Time) -> bool) -> usize;

    /// The last one.
    fn last(&self) -> Option<Time> {
        self.time(self.count().checked_sub(1)?)
    }
}

/// What stands in a tree in order of time.
trait Timed: Item {
    fn at(&self) -> Time;
}

impl Timed for Moment {
    fn at(&self) -> Time {
        self.time
    }
}

impl Timed for Amount {
    fn at(&self) -> Time {
        self.at.time
    }
}

impl Timed for Named {
    fn at(&self) -> Time {
        self.time
    }
}

impl Timed for Counted {
    fn at(&self) -> Time {
        self.time
    }
}

#[allow(private_bounds)]
impl<T: Timed> Row for Tree<T> {
    fn count(&self) -> usize {
        Tree::len(self)
    }

    fn time(&self, place: usize) -> Option<Time> {
        self.get(place).map(Timed::at)
    }

    fn first_not(&self, before: &dyn Fn(Time) -> bool) -> usize {
        self.partition_point(|one| before(one.at()))
    }
}

/// Nothing at all.
impl Row for () {
    fn count(&self) -> usize {
        0
    }

    fn time(&self, _: usize) -> Option<Time> {
        None
    }

    fn first_not(&self, _: &dyn Fn(Time) -> bool) -> usize {
        0
    }
}

/// When something happened: rows, each with whether it is kept for good.
pub struct Moments<'a> {
    /// The rows.
    pub rows: SmallVec<[(&'a dyn Row, bool); 2]>,
    /// Nothing at or before it is shown, but for what is kept for good.
    pub forgotten: Time,
}
