//! What happened, how often, how much; and when that changes by time alone.

use super::figures::{figure_holds, measurable, money_holds};
use super::frame::Frame;
use super::indexed;
use super::line::Wanted;
use super::subject::{Happening, Spent, Subject};
use super::values::test;
use super::{Outcome, Tri};
use crate::language::ast::{Bounds, Figure};
use crate::person::bag::descend;
use crate::plan::{Activity, Filter, Measure, Plan, Spending, Test, Window};
use jiff::tz::TimeZone;
use model::{Time, Value};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Evaluates a condition on what happened.
pub(super) fn activity(plan: &Plan, asked: &Activity, subject: &dyn Subject, now: Time) -> Outcome {
    let Some(lined) = asked.line.and_then(|line| subject.line(Wanted::Activity(asked, line))) else {
        return gone_through(plan, asked, subject, now);
    };
    let known = match (lined.moments, lined.ready) {
        (Some(moments), _) => indexed::moments(plan, asked, moments, now),
        (None, Some(ready)) => match indexed::activity(plan, asked, ready, now) {
            Some(known) => Some(known),
            None => return gone_through(plan, asked, subject, now),
        },
        (None, None) => None,
    };
    known.unwrap_or_else(|| gone_through(plan, asked, subject.uncounted().unwrap_or(subject), now))
}

fn gone_through(plan: &Plan, asked: &Activity, subject: &dyn Subject, now: Time) -> Outcome {
    let frame = Frame::new(plan, asked.window, now);
    match &asked.measure {
        Measure::Count(bounds) => count(&frame, asked, bounds, subject),
        Measure::Figure(figure, of, bounds) => {
            let values = measured(&frame, asked, *figure, of, subject);
            figure_holds(*figure, bounds, values).until(frame.holds_until())
        }
        Measure::First(window) => edge(plan, asked, *window, subject, now, true),
        Measure::Last(window) => edge(plan, asked, *window, subject, now, false),
    }
}

/// The values of a property of what matches, each with the instant at which it leaves.
pub(super) fn measured(
    frame: &Frame<'_>,
    asked: &Activity,
    figure: Figure,
    of: &str,
    subject: &dyn Subject,
) -> Vec<(Time, Value)> {
    let mut values = Vec::new();
    matching(frame, asked, subject, &mut |happening, leaves| {
        values.extend(measured_value(figure, happening, of).map(|value| (leaves, value)));
        true
    });
    values
}

/// The value of a property of a happening, as a figure takes it.
pub(crate) fn measured_value(figure: Figure, happening: &dyn Happening, of: &str) -> Option<Value> {
    happening.property(of).and_then(|value| measurable(figure, value))
}

/// Visits what matches in the window, in order of time, each with the instant at which it leaves,
/// until `visit` returns false.
pub(super) fn matching(
    frame: &Frame<'_>,
    asked: &Activity,
    subject: &dyn Subject,
    visit: &mut dyn FnMut(&dyn Happening, Time) -> bool,
) {
    matching_step(frame, asked.event.as_deref(), &asked.filters, subject, visit);
}

/// The same for an event and its filters alone.
pub(super) fn matching_step(
    frame: &Frame<'_>,
    event: Option<&str>,
    filters: &[Filter],
    subject: &dyn Subject,
    visit: &mut dyn FnMut(&dyn Happening, Time) -> bool,
) {
    subject.happenings(event, frame.from, frame.looks_until(), &mut |happening| {
        frame.found();
        match frame.leaves(happening.time(), happening.kept_for_good()) {
            Some(leaves) if passes(frame, filters, happening) => visit(happening, leaves),
            _ => true,
        }
    });
}

fn passes(frame: &Frame<'_>, filters: &[Filter], happening: &dyn Happening) -> bool {
    all_pass(filters, happening, &|value, asked| {
        let outcome = test(value, asked, frame.now, &frame.plan.zone);
        frame.filter_holds_until(outcome.until);
        outcome.value == Tri::True
    })
}

/// Whether filters hold that do not look at the clock.
pub(crate) fn matches_ever(filters: &[Filter], happening: &dyn Happening, zone: &TimeZone) -> bool {
    all_pass(filters, happening, &|value, asked| test(value, asked, Time::MIN, zone).value == Tri::True)
}

fn all_pass(filters: &[Filter], happening: &dyn Happening, holds: &dyn Fn(Option<&Value>, &Test) -> bool) -> bool {
    filters.iter().all(|filter| match filter {
        Filter::Property(name, asked) => holds(happening.property(name).as_ref(), asked),
        Filter::Item(tests) => match happening.property("products") {
            Some(Value::List(items)) => items.iter().any(|item| {
                matches!(item, Value::Map(_))
                    && tests.iter().all(|(name, asked)| holds(descend(item, name).as_ref(), asked))
            }),
            _ => false,
        },
    })
}

/// A count only falls by time alone: what leaves, leaves in order of its expiry.
fn count(frame: &Frame<'_>, asked: &Activity, bounds: &Bounds, subject: &dyn Subject) -> Outcome {
    let enough = enough_for_good(bounds);
    let mut for_good = 0;
    let mut leaving: Vec<Time> = Vec::new();
    matching(frame, asked, subject, &mut |_, leaves| {
        if leaves == Time::MAX {
            for_good += 1;
        } else {
            leaving.push(leaves);
        }
        enough.is_none_or(|enough| for_good < enough)
    });
    leaving.sort_unstable();
    let holds = |count: usize| bounds.hold(Decimal::from(count));
    let now = holds(for_good + leaving.len());
    let changes = leaving.iter().zip((for_good..for_good + leaving.len()).rev());
    let until = changes.into_iter().find(|(_, left)| holds(*left) != now).map(|(leaves, _)| *leaves);
    Outcome::fixed(now).until(until.unwrap_or(Time::MAX)).until(frame.holds_until())
}

/// How many that never leave settle a count which has no upper end.
fn enough_for_good(bounds: &Bounds) -> Option<usize> {
    match (bounds.low, bounds.high) {
        (Some((low, true)), None) => low.max(Decimal::ZERO).ceil().to_usize(),
        (Some((low, false)), None) => low.max(Decimal::NEGATIVE_ONE).floor().to_i64()?.checked_add(1)?.try_into().ok(),
        _ => None,
    }
}

/// Whether the first or last of all that matches lies in a window.
fn edge(plan: &Plan, asked: &Activity, window: Window, subject: &dyn Subject, now: Time, first: bool) -> Outcome {
    let frame = Frame::new(plan, window, now);
    let mut ever = Frame::new(plan, Window::EVER, now);
    if !first {
        // Windows only move forward: a last one that lies before it now will never lie in it.
        ever.from = frame.from;
    }
    let mut found: Option<(Time, Time)> = None;
    matching(&ever, asked, subject, &mut |happening, leaves| {
        found = Some((happening.time(), leaves));
        !first
    });
    let Some((time, gone)) = found else { return Outcome::fixed(false).until(ever.holds_until()) };
    edge_in(&frame, time, gone.min(ever.holds_until()), first)
}

/// Whether a first or last time, known until it is `gone`, lies in a window.
pub(super) fn edge_in(frame: &Frame<'_>, time: Time, gone: Time, first: bool) -> Outcome {
    match frame.leaves(time, true) {
        Some(leaves) => Outcome::fixed(true).until(leaves).until(gone),
        // A last one that left a window which moves all the time comes into it no more.
        None if !first && frame.span().is_some() => Outcome::fixed(false),
        None if time < frame.from => Outcome::fixed(false).until(gone),
        None => Outcome::fixed(false).until(frame.shifts).until(gone),
    }
}

/// Evaluates a condition on money spent.
pub(super) fn spent(plan: &Plan, asked: &Spending, subject: &dyn Subject, now: Time) -> Outcome {
    let subject = match subject.line(Wanted::Spent(asked)).map(|lined| lined.ready) {
        Some(Some(ready)) => match indexed::spent(plan, asked, ready, now) {
            Some(known) => return known,
            None => subject,
        },
        Some(None) => subject.uncounted().unwrap_or(subject),
        None => subject,
    };
    let frame = Frame::new(plan, asked.window, now);
    let amounts = amounts(&frame, asked, subject, &mut |_| ());
    money_holds(&asked.bounds, amounts).until(frame.window_holds_until())
}

/// What was spent in a window order by order, in one currency, each with the instant at which it
/// leaves; the amount is `None` when it can't be converted. `seen` is told each order's time.
pub(super) fn amounts(
    frame: &Frame<'_>,
    asked: &Spending,
    subject: &dyn Subject,
    seen: &mut dyn FnMut(Time),
) -> Vec<(Time, Option<Decimal>)> {
    let mut amounts = Vec::new();
    subject.spent(frame.from, frame.looks_until(), asked.without, &mut |order| {
        frame.found();
        let Some(leaves) = frame.leaves(order.time, true) else { return };
        seen(order.time);
        // Nothing is nothing in any currency.
        if order.amount.is_zero() {
            return;
        }
        amounts.push((leaves, converted(order, &asked.currency, &frame.plan.currency, subject)));
    });
    amounts
}

/// What was spent on an order in a currency, given that of the workspace; `None` when it can't be converted.
pub(crate) fn converted(order: &Spent, currency: &str, home: &str, subject: &dyn Subject) -> Option<Decimal> {
    let from = if order.currency.is_empty() { home } else { order.currency.as_str() };
    let rate = match from.eq_ignore_ascii_case(currency) {
        true => Some(Decimal::ONE),
        false => subject.rate(from, currency, order.time),
    };
    order.amount.checked_mul(rate?)
}

/// A figure as people read it: whole numbers as numbers, others as decimal text.
pub(super) fn readable(number: Decimal) -> serde_json::Value {
    match number.normalize().to_i64() {
        Some(whole) if number.fract().is_zero() => whole.into(),
        _ => number.normalize().to_string().into(),
    }
}
