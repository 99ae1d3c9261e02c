//! The same answers from lines that are kept in order of time: a search in place of going through all of it.
//!
//! `None` wherever a line can't tell: then all of it is gone through.

use super::activity::edge_in;
use super::frame::Frame;
use super::line::{Amount, Line, Ready, Total, units};
use super::row::{Moments, Row};
use super::{Outcome, Tri};
use crate::language::ast::{Bounds, Figure};
use crate::person::tree::Tree;
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

/// The part of a row that is in a window, by places.
struct Part<'a, R: ?Sized> {
    row: &'a R,
    from: usize,
    to: usize,
    kept: bool,
}

impl<'a, R: Row + ?Sized> Part<'a, R> {
    /// `None` when what is in the window does not stand together.
    fn new(frame: &Frame<'_>, row: &'a R, kept: bool, forgotten: Time) -> Option<Part<'a, R>> {
        let gone = |time: Time| time < frame.from || (!kept && time <= forgotten);
        // Later windows may hold what lies behind this one, too.
        if row.last().is_some_and(|last| !gone(last)) {
            frame.found();
        }
        let to = match frame.until {
            Time::MAX => row.count(),
            until => row.first_not(&|time| time < until),
        };
        let left = |time: Time| frame.has_left(time, kept);
        let from = match frame.disorder_at_edge(DISORDER) {
            None => row.first_not(&|time| gone(time) || left(time)),
            Some((out, within)) => {
                let first = row.first_not(&|time| gone(time) || time < out);
                let last = row.first_not(&|time| time < within).max(first);
                first + leading(row, (first, last), &left)?
            }
        };
        Some(Part { row, from: from.min(to), to, kept })
    }

    fn len(&self) -> usize {
        self.to - self.from
    }

    /// No later than the first of those from a place on leaves; `None` if that can't be told.
    fn leaves(&self, frame: &Frame<'_>, place: usize) -> Option<Time> {
        let time = self.row.time(place)?;
        let near = time.plus_micros(DISORDER);
        if frame.keeps_order(time.plus_micros(-DISORDER), near) {
            return frame.leaves(time, self.kept);
        }
        let some = (place..self.to).map_while(|place| self.row.time(place)).take_while(|time| *time < near);
        let mut earliest = Time::MAX;
        for (number, time) in some.enumerate() {
            earliest = earliest.min(frame.leaves(time, self.kept).filter(|_| number < LOOKED_AT_MAX)?);
        }
        Some(earliest)
    }
}

/// How many of a range stand first that have left, if no other has.
fn leading<R: Row + ?Sized>(row: &R, (from, to): (usize, usize), left: &dyn Fn(Time) -> bool) -> Option<usize> {
    if to - from > LOOKED_AT_MAX {
        return None;
    }
    let mut leading = 0;
    for (number, time) in (from..to).map_while(|place| row.time(place)).enumerate() {
        if left(time) {
            if leading < number {
                return None;
            }
            leading = number + 1;
        }
    }
    Some(leading)
}

/// What is in a window of what is kept for good, and of what passes.
struct Both<'a, R: ?Sized> {
    kept: Part<'a, R>,
    passing: Part<'a, R>,
}

impl<'a, R: Row + ?Sized> Both<'a, R> {
    fn new(frame: &Frame<'_>, (kept, passing): (&'a R, &'a R), forgotten: Time) -> Option<Both<'a, R>> {
        let kept = Part::new(frame, kept, true, forgotten)?;
        Some(Both { kept, passing: Part::new(frame, passing, false, forgotten)? })
    }

    /// The only one that has something, if not both have.
    fn one(self) -> Option<Part<'a, R>> {
        match (self.kept.len(), self.passing.len()) {
            (_, 0) => Some(self.kept),
            (0, _) => Some(self.passing),
            _ => None,
        }
    }

    /// No later than so many have left; `None` if that can't be told.
    fn departed(&self, frame: &Frame<'_>, many: usize) -> Option<Time> {
        let (kept, passing) = (&self.kept, &self.passing);
        let one = |part: &Part<'_, R>, number: usize| match number.checked_sub(1) {
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
        (Measure::Count(bounds), Line::Times(two)) => Both::new(&frame, two.rows(), forgotten)?.count(&frame, bounds),
        (Measure::Figure(Figure::Distinct, _, bounds), Line::Values(values)) => {
            // The last of each value tells nothing of windows that end before.
            let part = Both::new(&frame, values.lasts.rows(), forgotten).filter(|_| frame.until > now)?;
            if part.kept.len() > 0 && part.passing.len() > 0 { None } else { part.count(&frame, bounds) }
        }
        (Measure::Figure(figure, _, bounds), Line::Numbers(numbers)) => {
            let part = Both::new(&frame, numbers.rows(), forgotten)?.one()?;
            Some(figure_holds(&frame, *figure, bounds, &part)?.until(frame.window_holds_until()))
        }
        (Measure::First(window), Line::Times(two)) => edge(plan, *window, (two.rows(), forgotten), now, true),
        (Measure::Last(window), Line::Times(two)) => edge(plan, *window, (two.rows(), forgotten), now, false),
        _ => None,
    }
}

/// Evaluates a condition on when something happened, whatever it was like, by what is kept of its name anyway.
pub(super) fn moments(plan: &Plan, asked: &Activity, moments: Moments<'_>, now: Time) -> Option<Outcome> {
    let forgotten = moments.forgotten;
    let frame = Frame::new(plan, asked.window, now);
    let rows: &[(&dyn Row, bool)] = &moments.rows;
    match (&asked.measure, rows) {
        (Measure::Count(bounds), []) => Some(Outcome::fixed(bounds.hold(Decimal::ZERO))),
        (Measure::First(_) | Measure::Last(_), []) => Some(Outcome::fixed(false)),
        (measure, [(row, kept)]) => {
            let none: &dyn Row = &();
            let two = if *kept { (*row, none) } else { (none, *row) };
            match measure {
                Measure::Count(bounds) => Both::new(&frame, two, forgotten)?.count(&frame, bounds),
                Measure::First(window) => edge(plan, *window, (two, forgotten), now, true),
                Measure::Last(window) => edge(plan, *window, (two, forgotten), now, false),
                Measure::Figure(..) => None,
            }
        }
        (Measure::Count(bounds), rows) => any(&frame, bounds, rows, forgotten),
        _ => None,
    }
}

/// Whether there is anything at all in several rows, for bounds that ask no more.
fn any(frame: &Frame<'_>, bounds: &Bounds, rows: &[(&dyn Row, bool)], forgotten: Time) -> Option<Outcome> {
    let range = Range::of_counts(bounds)?;
    // From one on all numbers are alike.
    let some_or_any = range.low <= 1 && range.high >= i128::from(u32::MAX);
    let none = range.low <= 0 && range.high == 0;
    if !some_or_any && !none {
        return None;
    }
    let (mut many, mut until) = (0, Time::MIN);
    for (row, kept) in rows {
        let part = Part::new(frame, *row, *kept, forgotten)?;
        if part.len() > 0 {
            many += part.len() as i128;
            until = until.max(part.leaves(frame, part.to - 1)?);
        }
    }
    let turns = range.holds(0) != range.holds(1) && many > 0;
    let until = if turns { until } else { Time::MAX };
    Some(Outcome::fixed(range.holds(many)).until(until).until(frame.window_holds_until()))
}

/// Whether the first or last of all that matches lies in a window.
fn edge<R: Row + ?Sized>(
    plan: &Plan,
    window: Window,
    (rows, forgotten): ((&R, &R), Time),
    now: Time,
    first: bool,
) -> Option<Outcome> {
    let frame = Frame::new(plan, window, now);
    let ever = Frame::new(plan, Window::EVER, now);
    let Both { kept, passing } = Both::new(&ever, rows, forgotten)?;
    let place = |part: &Part<'_, R>| if first { part.from } else { part.to.wrapping_sub(1) };
    let found = |part: &Part<'_, R>| {
        let time = (part.len() > 0).then(|| part.row.time(place(part)))??;
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
        Some((time, gone)) => Some(edge_in(&frame, time, gone, first)),
    }
}

/// Evaluates a condition on money spent.
pub(super) fn spent(plan: &Plan, asked: &Spending, ready: Ready, now: Time) -> Option<Outcome> {
    let Ready { line, forgotten } = ready;
    let Line::Numbers(amounts) = &*line else { return None };
    let frame = Frame::new(plan, asked.window, now);
    let part = Both::new(&frame, amounts.rows(), forgotten)?.one()?;
    let known = match part.row.enough(part.from, part.to, &|total: &Total| total.unknown > 0) {
        Some(last) if last < part.to => Outcome { value: Tri::Unknown, until: part.leaves(&frame, last)? },
        _ => figure_holds(&frame, Figure::Sum, &asked.bounds, &part)?,
    };
    Some(known.until(frame.window_holds_until()))
}

/// Whether a figure lies within bounds, and until when if numbers only leave.
fn figure_holds(frame: &Frame<'_>, figure: Figure, bounds: &Bounds, part: &Part<'_, Tree<Amount>>) -> Option<Outcome> {
    let range = Range::of_units(bounds)?;
    let all = part.row.sum(part.from, part.to);
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
    let until = match part.row.enough(part.from, part.to, &*still) {
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
fn average(frame: &Frame<'_>, range: Range, part: &Part<'_, Tree<Amount>>, all: Total) -> Option<Outcome> {
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
