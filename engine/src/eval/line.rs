//! What matches a condition, kept in order of time, so that a long history need not be gone through.

use super::row::Moments;
use crate::language::ast::Figure;
use crate::person::tree::{Item, Sum, Tree};
use crate::plan::{Activity, Filter, Measure, Spending};
use model::{Time, Value};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Numbers are kept in billionths: sums of a person's are exact in them.
const UNIT_SCALE: u32 = 9;
/// Numbers from here on are not kept, whole ones.
const WHOLE_MAX: i64 = 1_000_000_000_000;

/// What is asked for.
#[derive(Clone, Copy)]
pub enum Wanted<'a> {
    /// What matches an activity, under the key of its line.
    Activity(&'a Activity, u128),
    /// What was spent, in one currency.
    Spent(&'a Spending),
}

/// A line, and up to when what passes has passed its retention.
pub struct Ready {
    /// The line.
    pub line: Arc<Line>,
    /// Nothing at or before it is shown, but for what is kept for good.
    pub forgotten: Time,
}

/// How a condition that a line can answer is to be answered.
pub struct Lined<'a> {
    /// The line; `None` where so little happened that it is gone through.
    pub ready: Option<Ready>,
    /// When it happened, where nothing else is asked for: then that is all that is needed.
    pub moments: Option<Moments<'a>>,
    /// How much is known of what is asked for, whatever the window.
    pub happenings: usize,
}

impl Wanted<'_> {
    /// The key of the line; `None` when none is kept.
    pub fn key(&self) -> Option<u128> {
        match self {
            // Of everything that happened a value may come from what is kept for good and from what passes.
            Wanted::Activity(Activity { event: None, measure: Measure::Figure(Figure::Distinct, ..), .. }, _) => None,
            Wanted::Activity(_, key) => Some(*key),
            // Short enough not to be taken for a digest.
            Wanted::Spent(asked) if asked.currency.len() <= 8 => {
                let without = 4 | u128::from(asked.without.tax) << 1 | u128::from(asked.without.shipping);
                Some(asked.currency.bytes().fold(without, |key, byte| (key << 8) | u128::from(byte)))
            }
            Wanted::Spent(_) => None,
        }
    }

    /// What is looked at of each happening: itself, and what its filters ask for.
    pub fn looks(&self) -> usize {
        let Wanted::Activity(asked, _) = self else { return 1 };
        let filters = asked.filters.iter().map(|filter| match filter {
            Filter::Property(..) => 1,
            Filter::Item(tests) => tests.len(),
        });
        1 + filters.sum::<usize>()
    }
}

/// When something happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    /// The instant.
    pub time: Time,
    /// Tells what happened at one instant apart.
    pub id: u64,
}

impl Item for Moment {
    type Sum = ();

    fn sum(&self) {}
}

/// A number at an instant, in billionths; `None` if it is not known or not kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Amount {
    /// When.
    pub at: Moment,
    /// The number.
    pub units: Option<i128>,
    /// Whether it can't be known: an amount that can't be converted.
    pub unknown: bool,
}

/// Figures over numbers, in billionths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Total {
    /// How many there are.
    pub numbers: i128,
    /// Their sum.
    pub sum: i128,
    /// The sum of those above zero.
    pub positive: i128,
    /// The least and the greatest; meaningless when there are none.
    pub least: i128,
    /// See `least`.
    pub greatest: i128,
    /// How many can't be known.
    pub unknown: usize,
    /// How many are not kept, because their sums would be rounded.
    pub missing: usize,
}

impl Default for Total {
    fn default() -> Total {
        Total { numbers: 0, sum: 0, positive: 0, least: i128::MAX, greatest: i128::MIN, unknown: 0, missing: 0 }
    }
}

impl Sum for Total {
    fn add(&mut self, other: &Total) {
        self.numbers += other.numbers;
        self.sum += other.sum;
        self.positive += other.positive;
        self.least = self.least.min(other.least);
        self.greatest = self.greatest.max(other.greatest);
        self.unknown += other.unknown;
        self.missing += other.missing;
    }
}

impl Item for Amount {
    type Sum = Total;

    fn sum(&self) -> Total {
        match self.units {
            _ if self.unknown => Total { unknown: 1, ..Total::default() },
            None => Total { missing: 1, ..Total::default() },
            Some(units) => Total {
                numbers: 1,
                sum: units,
                positive: units.max(0),
                least: units,
                greatest: units,
                ..Total::default()
            },
        }
    }
}

/// A number in billionths, if it is one exactly and not out of the ordinary.
pub fn units(number: Decimal) -> Option<i128> {
    let number = if number.scale() > UNIT_SCALE { number.normalize() } else { number };
    let more = UNIT_SCALE.checked_sub(number.scale())?;
    let units = number.mantissa().checked_mul(10i128.checked_pow(more)?)?;
    (units.abs() < i128::from(WHOLE_MAX) * 10i128.pow(UNIT_SCALE)).then_some(units)
}

/// What is kept for good, and what retention takes: each in order of time.
#[derive(Clone, Debug)]
pub struct Two<T: Item> {
    /// Orders.
    pub kept: Tree<T>,
    /// All else.
    pub passing: Tree<T>,
}

impl<T: Item> Default for Two<T> {
    fn default() -> Self {
        Two { kept: Tree::default(), passing: Tree::default() }
    }
}

impl<T: Item> Two<T> {
    /// Both, in order of time.
    pub(super) fn rows(&self) -> (&Tree<T>, &Tree<T>) {
        (&self.kept, &self.passing)
    }

    fn of(&mut self, kept: bool) -> &mut Tree<T> {
        if kept { &mut self.kept } else { &mut self.passing }
    }
}

/// Values, each with all its moments, and the last moments of all of them.
#[derive(Clone, Debug, Default)]
pub struct Values {
    moments: BTreeMap<Value, (u64, Tree<Moment>)>,
    /// The last moment of each value; the id is that of the value.
    pub lasts: Two<Moment>,
    next: u64,
}

/// What matches, in order of time.
#[derive(Clone, Debug)]
pub enum Line {
    /// The moments alone.
    Times(Two<Moment>),
    /// Numbers.
    Numbers(Two<Amount>),
    /// Distinct values.
    Values(Values),
}

/// What is put into a line.
pub enum Entry {
    /// Nothing but the moment.
    Bare,
    /// A number; `None` when it can't be known.
    Number(Option<Decimal>),
    /// A value.
    Value(Value),
}

fn put<T: Item>(tree: &mut Tree<T>, item: T, moment: impl Fn(&T) -> Moment) {
    let new = moment(&item);
    tree.insert(tree.partition_point(|other| moment(other) < new), item);
}

fn take<T: Item>(tree: &mut Tree<T>, gone: Moment, moment: impl Fn(&T) -> Moment) {
    let place = tree.partition_point(|other| moment(other) < gone);
    if tree.get(place).is_some_and(|other| moment(other) == gone) {
        tree.remove(place);
    }
}

impl Line {
    /// Puts something in that matches.
    pub fn put(&mut self, at: Moment, kept: bool, entry: Entry) {
        match (self, entry) {
            (Line::Times(times), _) => put(times.of(kept), at, |moment| *moment),
            (Line::Numbers(numbers), Entry::Number(number)) => {
                let amount = Amount { at, units: number.and_then(units), unknown: number.is_none() };
                put(numbers.of(kept), amount, |amount| amount.at);
            }
            (Line::Values(values), Entry::Value(value)) => values.put(at, kept, value),
            _ => {}
        }
    }

    /// Takes out what no longer matches, if it is there.
    pub fn take(&mut self, at: Moment, kept: bool, entry: Entry) {
        match (self, entry) {
            (Line::Times(times), _) => take(times.of(kept), at, |moment| *moment),
            (Line::Numbers(numbers), _) => take(numbers.of(kept), at, |amount| amount.at),
            (Line::Values(values), Entry::Value(value)) => values.take(at, kept, &value),
            _ => {}
        }
    }
}

impl Values {
    fn put(&mut self, at: Moment, kept: bool, value: Value) {
        let next = self.next;
        let (id, moments) = self.moments.entry(value).or_insert_with(|| (next, Tree::default()));
        self.next = next.max(*id + 1);
        let before = moments.last().copied();
        put(moments, at, |moment| *moment);
        let (id, now) = (*id, moments.last().copied());
        self.last_moved(id, kept, before, now);
    }

    fn take(&mut self, at: Moment, kept: bool, value: &Value) {
        let Some((id, moments)) = self.moments.get_mut(value) else { return };
        let before = moments.last().copied();
        take(moments, at, |moment| *moment);
        let (id, now) = (*id, moments.last().copied());
        if now.is_none() {
            self.moments.remove(value);
        }
        self.last_moved(id, kept, before, now);
    }

    fn last_moved(&mut self, id: u64, kept: bool, before: Option<Moment>, now: Option<Moment>) {
        if before == now {
            return;
        }
        let lasts = self.lasts.of(kept);
        if let Some(before) = before {
            take(lasts, Moment { id, ..before }, |moment| *moment);
        }
        if let Some(now) = now {
            put(lasts, Moment { id, ..now }, |moment| *moment);
        }
    }
}
