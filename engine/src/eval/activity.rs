//! What happened, how often, how much; and when that changes by time alone.

use super::calendar::{earliest, fixed_micros, forward, word_range};
use super::subject::{Happening, Subject};
use super::values::{fold, number, test};
use super::{Outcome, Tri};
use crate::language::ast::{Bounds, Figure, Span};
use crate::plan::{Activity, Filter, Measure, Plan, Window};
use model::{Time, Value};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::BTreeSet;

const DAY_MICROS: i64 = 86_400_000_000;

/// A window as it lies now.
pub(super) struct Frame<'a> {
    plan: &'a Plan,
    from: Time,
    until: Time,
    span: Option<Span>,
    /// When the window comes to mean other instants.
    shifts: Time,
    now: Time,
    /// When a filter that looks at the clock comes to another answer.
    filters_hold: std::cell::Cell<Time>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(plan: &'a Plan, window: Window, now: Time) -> Frame<'a> {
        let filters_hold = std::cell::Cell::new(Time::MAX);
        let frame = |from, until, span, shifts| Frame { plan, from, until, span, shifts, now, filters_hold };
        match window {
            Window::Range(from, until) => frame(from, until, None, Time::MAX),
            Window::Last(span) => frame(earliest(now, span), Time::MAX, Some(span), Time::MAX),
            Window::Calendar(word) => match word_range(word, now, &plan.zone) {
                Some((from, until, shifts)) => frame(from, until, None, shifts),
                None => frame(Time::MAX, Time::MAX, None, Time::MAX),
            },
        }
    }

    /// When a happening leaves the window, or is no longer kept; `None` if it is not in it.
    fn leaves(&self, time: Time, kept_for_good: bool) -> Option<Time> {
        if time < self.from || time >= self.until {
            return None;
        }
        let expires = match self.span {
            None => self.shifts,
            Some(span) => match fixed_micros(span) {
                Some(micros) => time.plus_micros(micros),
                None => forward(time, span, &self.plan.zone),
            },
        };
        let gone = if kept_for_good { Time::MAX } else { self.forgotten(time) };
        Some(expires.min(gone)).filter(|leaves| self.now < *leaves)
    }

    /// When the answer changes whatever leaves: the window shifts or a filter does.
    fn holds_until(&self) -> Time {
        self.shifts.min(self.filters_hold.get())
    }

    /// When retention takes a happening.
    fn forgotten(&self, time: Time) -> Time {
        time.plus_micros(i64::from(self.plan.retention_days).saturating_mul(DAY_MICROS))
    }
}

/// Evaluates a condition on what happened.
pub(super) fn activity(plan: &Plan, asked: &Activity, subject: &dyn Subject, now: Time) -> Outcome {
    match &asked.measure {
        Measure::Count(bounds) => count(&Frame::new(plan, asked.window, now), asked, *bounds, subject),
        Measure::Figure(figure, of, bounds) => {
            let frame = Frame::new(plan, asked.window, now);
            let mut until = Time::MAX;
            let mut measured = Measured::default();
            matching(&frame, asked, subject, &mut |happening, leaves| {
                until = until.min(leaves);
                measured.add(happening.property(of));
                true
            });
            let holds = measured.figure(*figure).is_some_and(|figure| bounds.hold(figure));
            Outcome::fixed(holds).until(until).until(frame.holds_until())
        }
        Measure::First(window) => edge(plan, asked, *window, subject, now, true),
        Measure::Last(window) => edge(plan, asked, *window, subject, now, false),
    }
}

/// Visits what matches in the window, in order of time, each with the instant at which it leaves.
pub(super) fn matching(
    frame: &Frame<'_>,
    asked: &Activity,
    subject: &dyn Subject,
    visit: &mut dyn FnMut(&dyn Happening, Time) -> bool,
) {
    subject.happenings(asked.event.as_deref(), frame.from, frame.until, &mut |happening| match frame
        .leaves(happening.time(), happening.kept_for_good())
    {
        Some(leaves) if passes(frame, &asked.filters, happening) => visit(happening, leaves),
        _ => true,
    });
}

fn passes(frame: &Frame<'_>, filters: &[Filter], happening: &dyn Happening) -> bool {
    let holds = |value: Option<&Value>, asked| {
        let outcome = test(value, asked, frame.now, &frame.plan.zone);
        frame.filters_hold.set(frame.filters_hold.get().min(outcome.until));
        outcome.value == Tri::True
    };
    filters.iter().all(|filter| match filter {
        Filter::Property(name, asked) => holds(happening.property(name).as_ref(), asked),
        Filter::Item(tests) => match happening.property("products") {
            Some(Value::List(items)) => items.iter().any(|item| {
                matches!(item, Value::Map(_))
                    && tests.iter().all(|(name, asked)| holds(crate::person::bag::descend(item, name).as_ref(), asked))
            }),
            _ => false,
        },
    })
}

/// A count only falls by time alone: what leaves, leaves in order of its expiry.
fn count(frame: &Frame<'_>, asked: &Activity, bounds: Bounds, subject: &dyn Subject) -> Outcome {
    let mut leaving: Vec<Time> = Vec::new();
    matching(frame, asked, subject, &mut |_, leaves| {
        leaving.push(leaves);
        true
    });
    leaving.sort_unstable();
    let total = leaving.len();
    let holds = |count: usize| bounds.hold(Decimal::from(count));
    let now = holds(total);
    let changes = (0..total).find(|gone| holds(total - gone - 1) != now).and_then(|gone| leaving.get(gone));
    Outcome::fixed(now).until(changes.copied().unwrap_or(Time::MAX)).until(frame.holds_until())
}

/// Whether the first or last of all that matches lies in a window.
fn edge(plan: &Plan, asked: &Activity, window: Window, subject: &dyn Subject, now: Time, first: bool) -> Outcome {
    let ever = Frame::new(plan, Window::EVER, now);
    let mut found: Option<(Time, Time)> = None;
    matching(&ever, asked, subject, &mut |happening, leaves| {
        found = Some((happening.time(), leaves));
        !first
    });
    let frame = Frame::new(plan, window, now);
    let Some((time, gone)) = found else { return Outcome::fixed(false).until(ever.holds_until()) };
    let gone = gone.min(ever.holds_until());
    match frame.leaves(time, true) {
        Some(leaves) => Outcome::fixed(true).until(leaves).until(gone),
        None => Outcome::fixed(false).until(frame.shifts).until(gone),
    }
}

/// Figures over one property.
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
    pub(super) fn add(&mut self, value: Option<Value>) {
        let Some(value) = value else { return };
        if let Some(number) = number(&value) {
            match self.sum.checked_add(number) {
                Some(sum) => self.sum = sum,
                None => self.overflow = true,
            }
            self.numbers += 1;
            self.least = Some(self.least.map_or(number, |least| least.min(number)));
            self.greatest = Some(self.greatest.map_or(number, |greatest| greatest.max(number)));
        }
        self.distinct.insert(match value {
            Value::Text(text) => Value::Text(fold(&text)),
            other => other,
        });
    }

    /// The figure; `None` for the average, least and greatest of nothing, or beyond 28 digits.
    pub(super) fn figure(&self, figure: Figure) -> Option<Decimal> {
        match figure {
            Figure::Sum => Some(self.sum).filter(|_| !self.overflow),
            Figure::Avg => Some(self.sum).filter(|_| !self.overflow)?.checked_div(Decimal::from(self.numbers)),
            Figure::Min => self.least,
            Figure::Max => self.greatest,
            Figure::Distinct => Some(Decimal::from(self.distinct.len())),
        }
    }
}

/// Evaluates a condition on money spent.
pub(super) fn spent(
    plan: &Plan,
    (bounds, currency, window): (&Bounds, &str, Window),
    subject: &dyn Subject,
    now: Time,
) -> Outcome {
    let frame = Frame::new(plan, window, now);
    let (sum, until) = spent_sum(&frame, currency, subject);
    match sum {
        None => Outcome { value: Tri::Unknown, until },
        Some(sum) => {
            // What was spent only falls by time alone.
            let settled = bounds.low.is_some() && bounds.high.is_none() && !bounds.hold(sum);
            Outcome::fixed(bounds.hold(sum)).until(if settled { frame.shifts } else { until })
        }
    }
}

/// What was spent in a window, in one currency; `None` when a part can't be converted.
pub(super) fn spent_sum(frame: &Frame<'_>, currency: &str, subject: &dyn Subject) -> (Option<Decimal>, Time) {
    let mut until = frame.shifts;
    let mut sum = Some(Decimal::ZERO);
    subject.spent(frame.from, frame.until, &mut |order| {
        let Some(leaves) = frame.leaves(order.time, true) else { return };
        if order.amount.is_zero() {
            return;
        }
        until = until.min(leaves);
        let from = if order.currency.is_empty() { frame.plan.currency.as_str() } else { order.currency.as_str() };
        let rate = if from == currency { Some(Decimal::ONE) } else { subject.rate(from, currency, order.time) };
        let amount = rate.and_then(|rate| order.amount.checked_mul(rate));
        sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
    });
    (sum, until)
}

/// A count as people read it.
pub(super) fn readable(number: Decimal) -> serde_json::Value {
    match number.normalize().to_i64() {
        Some(whole) if number.fract().is_zero() => whole.into(),
        _ => number.normalize().to_string().into(),
    }
}
