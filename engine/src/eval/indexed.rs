//! The same answers from lines that are kept in order of time: a search in place of going through all of it.
//!
//! `None` wherever a line can't tell: then all of it is gone through.

use super::activity::edge_in;
use super::frame::Frame;
use super::line::{Amount, Line, Moment, Ready, Total, Two, units};
use super::{Outcome, Tri};
use crate::language::ast::{Bounds, Figure};
use crate::person::tree::{Item, Tree};
use crate::plan::{Activity, Measure, Plan, Spending, Window};
use model::{DAY_MICROS, Time};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// By calendar months, happenings that lie further apart than this leave in their order.
const DISORDER: i64 = 4 * DAY_MICROS;
/// What may leave out of order is looked at one by one, as long as it is not more than this.
const LOOKED_AT_MAX: usize = 2_000;

/// Bounds of whole numbers, both ends included.
#[derive(Clone, Copy)]
struct Range {
    low: i128,
    high: i128,
}

impl Range {
    /// Bounds of counts.
    fn of_counts(bounds: &Bounds) -> Option<Range> {
        let low = bounds.low.map(|(low, included)| (low.ceil(), !included && low.fract().is_zero()));
        let high = bounds.high.map(|(high, included)| (high.floor(), !included && high.fract().is_zero()));
        Range::new(low, high, |number| number.to_i128())
    }

    /// Bounds of numbers in billionths.
    fn of_units(bounds: &Bounds) -> Option<Range> {
        let open = |(number, included): (Decimal, bool)| (number, !included);
        Range::new(bounds.low.map(open), bounds.high.map(open), units)
    }

    fn new(
        low: Option<(Decimal, bool)>,
        high: Option<(Decimal, bool)>,
        read: impl Fn(Decimal) -> Option<i128>,
    ) -> Option<Range> {
        // Far beyond what sums come to, yet safe to be multiplied by a count.
        const BEYOND: i128 = 1 << 100;
        let low = match low {
            Some((low, open)) => read(low)? + i128::from(open),
            None => -BEYOND,
        };
        let high = match high {
            Some((high, open)) => read(high)? - i128::from(open),
            None => BEYOND,
        };
        Some(Range { low, high })
    }

    fn holds(&self, number: i128) -> bool {
        self.low <= number && number <= self.high
    }
}

/// What has a moment.
trait Timed: Item {
    fn time(&self) -> Time;
}

impl Timed for Moment {
    fn time(&self) -> Time {
        self.time
    }
}

impl Timed for Amount {
    fn time(&self) -> Time {
        self.at.time
    }
}

/// The part of a tree that is in a window, by places.
struct Part<'a, T: Item> {
    tree: &'a Tree<T>,
    from: usize,
    to: usize,
    kept: bool,
}

impl<'a, T: Timed> Part<'a, T> {
    /// `None` when what is in the window does not stand together.
    fn new(frame: &Frame<'_>, tree: &'a Tree<T>, kept: bool, forgotten: Time) -> Option<Part<'a, T>> {
        let gone = |one: &T| one.time() < frame.from || (!kept && one.time() <= forgotten);
        // Later windows may hold what lies behind this one, too.
        if tree.last().is_some_and(|last| !gone(last)) {
            frame.found();
        }
        let to = match frame.until {
            Time::MAX => tree.len(),
            until => tree.partition_point(|one| one.time() < until),
        };
        let left = |one: &T| frame.has_left(one.time(), kept);
        let from = match frame.disorder_at_edge(DISORDER) {
            None => tree.partition_point(|one| gone(one) || left(one)),
            Some((out, within)) => {
                let first = tree.partition_point(|one| gone(one) || one.time() < out);
                let last = tree.partition_point(|one| one.time() < within).max(first);
                first + leading(tree, (first, last), &left)?
            }
        };
        Some(Part { tree, from: from.min(to), to, kept })
    }

    fn len(&self) -> usize {
        self.to - self.from
    }

    /// No later than the first of those from a place on leaves; `None` if that can't be told.
    fn leaves(&self, frame: &Frame<'_>, place: usize) -> Option<Time> {
        let time = self.tree.get(place)?.time();
        let near = time.plus_micros(DISORDER);
        if frame.keeps_order(time.plus_micros(-DISORDER), near) {
            return frame.leaves(time, self.kept);
        }
        let some = self.tree.from(place).take(self.to - place).take_while(|one| one.time() < near);
        let mut earliest = Time::MAX;
        for (number, one) in some.enumerate() {
            earliest = earliest.min(frame.leaves(one.time(), self.kept).filter(|_| number < LOOKED_AT_MAX)?);
        }
        Some(earliest)
    }
}

/// How many of a range stand first that have left, if no other has.
fn leading<T: Item>(tree: &Tree<T>, (from, to): (usize, usize), left: &dyn Fn(&T) -> bool) -> Option<usize> {
    if to - from > LOOKED_AT_MAX {
        return None;
    }
    let mut leading = 0;
    for (number, one) in tree.from(from).take(to - from).enumerate() {
        if left(one) {
            if leading < number {
                return None;
            }
            leading = number + 1;
        }
    }
    Some(leading)
}

/// What is in a window of both trees of a line.
struct Both<'a, T: Item> {
    kept: Part<'a, T>,
    passing: Part<'a, T>,
}

impl<'a, T: Timed> Both<'a, T> {
    fn new(frame: &Frame<'_>, two: &'a Two<T>, forgotten: Time) -> Option<Both<'a, T>> {
        let kept = Part::new(frame, &two.kept, true, forgotten)?;
        Some(Both { kept, passing: Part::new(frame, &two.passing, false, forgotten)? })
    }

    /// The only one that has something, if not both have.
    fn one(self) -> Option<Part<'a, T>> {
        match (self.kept.len(), self.passing.len()) {
            (_, 0) => Some(self.kept),
            (0, _) => Some(self.passing),
            _ => None,
        }
    }

    /// No later than so many have left; `None` if that can't be told.
    fn departed(&self, frame: &Frame<'_>, many: usize) -> Option<Time> {
        let (kept, passing) = (&self.kept, &self.passing);
        let one = |part: &Part<'_, T>, number: usize| match number.checked_sub(1) {
            None => Some(Time::MIN),
            Some(before) => part.leaves(frame, part.from + before),
        };
        if frame.span().is_none() {
            // What is kept leaves when the window shifts, if ever, and so does all else at the latest.
            return if many > passing.len() { Some(Time::MAX) } else { one(passing, many) };
        }
        // How many of those are kept: the least number after which the next one leaves no earlier.
        let (mut least, mut most) = (many.saturating_sub(passing.len()), many.min(kept.len()));
        while least < most {
            let middle = least + (most - least) / 2;
            if one(kept, middle + 1)? < one(passing, many - middle)? {
                least = middle + 1;
            } else {
                most = middle;
            }
        }
        Some(one(kept, least)?.max(one(passing, many - least)?))
    }

    fn count(&self, frame: &Frame<'_>, bounds: &Bounds) -> Option<Outcome> {
        let range = Range::of_counts(bounds)?;
        let many = self.kept.len() + self.passing.len();
        let count = many as i128;
        let holds = range.holds(count);
        let turns = match holds {
            true => count - range.low + 1,
            false if count > range.high && range.low <= range.high => count - range.high,
            false => i128::MAX,
        };
        let turns = usize::try_from(turns).ok().filter(|turns| *turns <= many);
        let until = turns.map_or(Some(Time::MAX), |turns| self.departed(frame, turns))?;
        Some(Outcome::fixed(holds).until(until).until(frame.window_holds_until()))
    }
}

/// Evaluates a condition on what happened.
pub(super) fn activity(plan: &Plan, asked: &Activity, ready: Ready, now: Time) -> Option<Outcome> {
    let Ready { line, forgotten } = ready;
    let frame = Frame::new(plan, asked.window, now);
    match (&asked.measure, &*line) {
        (Measure::Count(bounds), Line::Times(times)) => Both::new(&frame, times, forgotten)?.count(&frame, bounds),
        (Measure::Figure(Figure::Distinct, _, bounds), Line::Values(values)) => {
            // The last of each value tells nothing of windows that end before.
            let part = Both::new(&frame, &values.lasts, forgotten).filter(|_| frame.until > now)?;
            if part.kept.len() > 0 && part.passing.len() > 0 { None } else { part.count(&frame, bounds) }
        }
        (Measure::Figure(figure, _, bounds), Line::Numbers(numbers)) => {
            let part = Both::new(&frame, numbers, forgotten)?.one()?;
            Some(figure_holds(&frame, *figure, bounds, &part)?.until(frame.window_holds_until()))
        }
        (Measure::First(window), Line::Times(times)) => edge(plan, *window, (times, forgotten), now, true),
        (Measure::Last(window), Line::Times(times)) => edge(plan, *window, (times, forgotten), now, false),
        _ => None,
    }
}

/// Whether the first or last of all that matches lies in a window.
fn edge(
    plan: &Plan,
    window: Window,
    (times, forgotten): (&Two<Moment>, Time),
    now: Time,
    first: bool,
) -> Option<Outcome> {
    let frame = Frame::new(plan, window, now);
    let ever = Frame::new(plan, Window::EVER, now);
    let Both { kept, passing } = Both::new(&ever, times, forgotten)?;
    let place = |part: &Part<'_, Moment>| if first { part.from } else { part.to.wrapping_sub(1) };
    let found = |part: &Part<'_, Moment>| {
        let time = (part.len() > 0).then(|| part.tree.get(place(part)))??.time;
        Some((time, ever.leaves(time, part.kept)?))
    };
    let (kept, passing) = (found(&kept), found(&passing));
    // Of one instant the order comes first.
    let found = match (kept, passing) {
        (Some(kept), Some(passing)) if first => Some(if kept.0 <= passing.0 { kept } else { passing }),
        (Some(kept), Some(passing)) => Some(if kept.0 > passing.0 { kept } else { passing }),
        (kept, passing) => kept.or(passing),
    };
    match found.filter(|(time, _)| first || *time >= frame.from) {
        None => Some(Outcome::fixed(false)),
        Some((time, gone)) => Some(edge_in(&frame, time, gone)),
    }
}

/// Evaluates a condition on money spent.
pub(super) fn spent(plan: &Plan, asked: &Spending, ready: Ready, now: Time) -> Option<Outcome> {
    let Ready { line, forgotten } = ready;
    let Line::Numbers(amounts) = &*line else { return None };
    let frame = Frame::new(plan, asked.window, now);
    let part = Both::new(&frame, amounts, forgotten)?.one()?;
    let known = match part.tree.enough(part.from, part.to, &|total: &Total| total.unknown > 0) {
        Some(last) if last < part.to => Outcome { value: Tri::Unknown, until: part.leaves(&frame, last)? },
        _ => figure_holds(&frame, Figure::Sum, &asked.bounds, &part)?,
    };
    Some(known.until(frame.window_holds_until()))
}

/// Whether a figure lies within bounds, and until when if numbers only leave.
fn figure_holds(frame: &Frame<'_>, figure: Figure, bounds: &Bounds, part: &Part<'_, Amount>) -> Option<Outcome> {
    let range = Range::of_units(bounds)?;
    let all = part.tree.sum(part.from, part.to);
    if all.missing > 0 {
        return None;
    }
    let (holds, still) = match figure {
        Figure::Sum => sum(range, all),
        Figure::Avg => return average(frame, range, part, all),
        Figure::Min => least(range, all),
        Figure::Max => greatest(range, all),
        Figure::Distinct => return None,
    };
    let until = match part.tree.enough(part.from, part.to, &*still) {
        Some(place) if place < part.to => part.leaves(frame, place)?,
        _ => Time::MAX,
    };
    Some(Outcome::fixed(holds).until(until))
}

/// Whether a figure of those that have not left is surely on the same side of the bounds.
type Still = Box<dyn Fn(&Total) -> bool>;

fn sum(range: Range, all: Total) -> (bool, Still) {
    // What has left took at most all that is positive with it, and all that is negative.
    let bottom = move |rest: &Total| all.sum - (all.positive - rest.positive);
    let top = move |rest: &Total| all.sum - ((all.sum - all.positive) - (rest.sum - rest.positive));
    match all.sum {
        sum if sum < range.low => (false, Box::new(move |rest| top(rest) < range.low)),
        sum if sum > range.high => (false, Box::new(move |rest| bottom(rest) > range.high)),
        _ => (true, Box::new(move |rest| bottom(rest) >= range.low && top(rest) <= range.high)),
    }
}

/// The least only grows when numbers leave.
fn least(range: Range, all: Total) -> (bool, Still) {
    match all.least {
        _ if all.numbers == 0 => (false, Box::new(|_| true)),
        least if least < range.low => (false, Box::new(move |rest| rest.numbers > 0 && rest.least < range.low)),
        least if least > range.high => (false, Box::new(|_| true)),
        _ => (true, Box::new(move |rest| rest.numbers > 0 && rest.least <= range.high)),
    }
}

/// The greatest only falls.
fn greatest(range: Range, all: Total) -> (bool, Still) {
    match all.greatest {
        _ if all.numbers == 0 => (false, Box::new(|_| true)),
        greatest if greatest > range.high => {
            (false, Box::new(move |rest| rest.numbers > 0 && rest.greatest > range.high))
        }
        greatest if greatest < range.low => (false, Box::new(|_| true)),
        _ => (true, Box::new(move |rest| rest.numbers > 0 && rest.greatest >= range.low)),
    }
}

/// An average is on one side of the bounds for as long as the least or the greatest, leaving again and again,
/// would not bring it to the other.
fn average(frame: &Frame<'_>, range: Range, part: &Part<'_, Amount>, all: Total) -> Option<Outcome> {
    let (low, high) = (range.low, range.high);
    if all.numbers == 0 {
        return Some(Outcome::fixed(false));
    }
    let below = move |sum: i128, many: i128, bound: i128| sum < bound * many;
    let above = move |sum: i128, many: i128, bound: i128| sum > bound * many;
    let is_below = below(all.sum, all.numbers, low);
    let holds = !is_below && !above(all.sum, all.numbers, high);
    let still = |left: i128| {
        let many = all.numbers - left;
        let (bottom, top) = (all.sum - left * all.greatest, all.sum - left * all.least);
        match (holds, is_below) {
            (true, _) => many > 0 && !below(bottom, many, low) && !above(top, many, high),
            (false, true) => many == 0 || below(top, many, low),
            (false, false) => many == 0 || above(bottom, many, high),
        }
    };
    let (mut surely, mut most) = (0, part.len());
    while surely < most {
        let middle = surely + (most - surely).div_ceil(2);
        if still(middle as i128) { surely = middle } else { most = middle - 1 }
    }
    let until = if surely < part.len() { part.leaves(frame, part.from + surely)? } else { Time::MAX };
    Some(Outcome::fixed(holds).until(until))
}
