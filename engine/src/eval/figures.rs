//! Figures over what happened, and when they come to another answer as happenings leave.

use super::values::{fold, number};
use super::{Outcome, Tri};
use crate::language::ast::{Bounds, Figure};
use model::{Time, Value};
use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// Digits that sums of decimals hold exactly.
const EXACT_DIGITS: u32 = 28;

/// Figures over the values of one property.
#[derive(Default)]
pub(super) struct Measured {
    sum: Decimal,
    numbers: usize,
    overflow: bool,
    least: Option<Decimal>,
    greatest: Option<Decimal>,
    distinct: BTreeSet<Value>,
}

impl Measured {
    /// Adds a value as `measurable` made it for this figure.
    fn add(&mut self, figure: Figure, value: &Value) {
        let Value::Number(number) = value else {
            self.distinct.insert(value.clone());
            return;
        };
        match figure {
            Figure::Sum | Figure::Avg => match self.sum.checked_add(*number) {
                Some(sum) => self.sum = sum,
                None => self.overflow = true,
            },
            Figure::Min => self.least = Some(self.least.map_or(*number, |least| least.min(*number))),
            Figure::Max => self.greatest = Some(self.greatest.map_or(*number, |greatest| greatest.max(*number))),
            Figure::Distinct => {
                self.distinct.insert(value.clone());
            }
        }
        self.numbers += 1;
    }

    /// The figure; `None` for the average, least and greatest of nothing, or beyond 28 digits.
    fn figure(&self, figure: Figure) -> Option<Decimal> {
        match figure {
            Figure::Sum => Some(self.sum).filter(|_| !self.overflow),
            Figure::Avg => Some(self.sum).filter(|_| !self.overflow)?.checked_div(Decimal::from(self.numbers)),
            Figure::Min => self.least,
            Figure::Max => self.greatest,
            Figure::Distinct => Some(Decimal::from(self.distinct.len())),
        }
    }
}

/// A value as a figure takes it: folded for `distinct`, a number for all others.
pub(super) fn measurable(figure: Figure, value: Value) -> Option<Value> {
    match (figure, value) {
        (Figure::Distinct, Value::Text(text)) => Some(Value::Text(fold(&text).into_owned())),
        (Figure::Distinct, other) => Some(other),
        (_, value) => number(&value).map(Value::Number),
    }
}

/// The figure over values, each with the instant at which it leaves, in order of time.
pub(super) fn figure_of(figure: Figure, values: &[(Time, Value)]) -> Option<Decimal> {
    let mut measured = Measured::default();
    values.iter().for_each(|(_, value)| measured.add(figure, value));
    measured.figure(figure)
}

/// Whether a figure lies within bounds, and until when if values only leave.
pub(super) fn figure_holds(figure: Figure, bounds: &Bounds, mut values: Vec<(Time, Value)>) -> Outcome {
    let hold = |found: Option<Decimal>| found.is_some_and(|found| bounds.hold(found));
    if figure == Figure::Distinct {
        return distinct_holds(bounds, values);
    }
    let now = hold(figure_of(figure, &values));
    let first = values.iter().map(|(leaves, _)| *leaves).min().unwrap_or(Time::MAX);
    if first == Time::MAX {
        return Outcome::fixed(now);
    }
    if matches!(figure, Figure::Sum | Figure::Avg) && !sums_are_exact(&values) {
        return Outcome::fixed(now).until(first);
    }
    // From the last to leave to the first: the earliest departure that turns the answer comes last.
    values.sort_by_key(|(leaves, _)| *leaves);
    let mut until = Time::MAX;
    let mut measured = Measured::default();
    for (leaves, value) in values.iter().rev() {
        if hold(measured.figure(figure)) != now {
            until = *leaves;
        }
        measured.add(figure, value);
    }
    Outcome::fixed(now).until(until)
}

/// How many different values there are only falls: from the last to leave to the first it grows.
fn distinct_holds(bounds: &Bounds, mut values: Vec<(Time, Value)>) -> Outcome {
    values.sort_by_key(|(leaves, _)| *leaves);
    let mut seen: BTreeSet<&Value> = BTreeSet::new();
    let (mut holds, mut until) = (bounds.hold(Decimal::ZERO), Time::MAX);
    for (leaves, value) in values.iter().rev() {
        if seen.insert(value) && bounds.hold(Decimal::from(seen.len())) != holds {
            (holds, until) = (!holds, *leaves);
        }
    }
    Outcome::fixed(holds).until(until)
}

/// Whether no sum of these values, in whatever order, is rounded.
fn sums_are_exact(values: &[(Time, Value)]) -> bool {
    let numbers = || {
        values.iter().filter_map(|(_, value)| match value {
            Value::Number(number) => Some(*number),
            _ => None,
        })
    };
    // Amounts of everyday size need no sum to tell.
    let everyday = |number: Decimal| number.scale() <= 8 && number.mantissa().unsigned_abs() < 1_000_000_000_000_000;
    if values.len() < 10_000 && numbers().all(everyday) {
        return true;
    }
    let scale = numbers().map(|number| number.scale()).max().unwrap_or(0);
    let total = numbers().try_fold(Decimal::ZERO, |total, number| total.checked_add(number.abs()));
    let digits = EXACT_DIGITS.saturating_sub(scale);
    let limit = 10i128.checked_pow(digits).and_then(|limit| Decimal::try_from_i128_with_scale(limit, 0).ok());
    total.zip(limit).is_some_and(|(total, limit)| total < limit)
}

/// Whether a sum of money lies within bounds, and until when if amounts only leave. An amount
/// that can't be converted (`None`) makes it unknown for as long as it stays.
pub(super) fn money_holds(bounds: &Bounds, amounts: Vec<(Time, Option<Decimal>)>) -> Outcome {
    let unknown = amounts.iter().filter(|(_, amount)| amount.is_none()).map(|(leaves, _)| *leaves).max();
    if let Some(until) = unknown {
        return Outcome { value: Tri::Unknown, until };
    }
    let first = amounts.iter().map(|(leaves, _)| *leaves).min().unwrap_or(Time::MAX);
    let values: Vec<(Time, Value)> =
        amounts.into_iter().filter_map(|(leaves, amount)| Some((leaves, Value::Number(amount?)))).collect();
    match figure_of(Figure::Sum, &values) {
        None => Outcome { value: Tri::Unknown, until: first },
        Some(_) => figure_holds(Figure::Sum, bounds, values),
    }
}
