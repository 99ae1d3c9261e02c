//! Why: the tree of conditions, each with its value and what it rests on.

use super::activity::{amounts, matching, readable};
use super::entered::entries;
use super::figures::{figure_of, measurable};
use super::frame::Frame;
use super::sequence::first_steps;
use super::subject::Subject;
use super::{Memo, Tri, missing, node, property, sample};
use crate::language::ast::Figure;
use crate::plan::{Activity, Kind, Measure, Node, Plan, Sequence, Spending, Window};
use model::Time;
use model::names::ORDER_COMPLETED;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Happenings shown behind one condition.
pub const HAPPENINGS_MAX: usize = 10;

/// The tree of a plan for a person now: each condition in JSON and text form with its value
/// (`true`, `false`, `unknown`), what was found, the newest happenings behind it, and the instant
/// at which it is looked at again if nothing happens.
pub fn explain(plan: &Plan, subject: &dyn Subject, now: Time) -> Value {
    explain_node(plan, &plan.root, subject, now, &mut Memo::of_reasons())
}

fn explain_node(plan: &Plan, at: &Node, subject: &dyn Subject, now: Time, memo: &mut Memo) -> Value {
    let outcome = node(plan, at, subject, now, memo);
    let mut out = Map::new();
    let value = match outcome.value {
        Tri::True => "true",
        Tri::False => "false",
        Tri::Unknown => "unknown",
    };
    out.insert("value".to_owned(), json!(value));
    if outcome.until != Time::MAX {
        out.insert("until".to_owned(), json!(outcome.until.to_string()));
    }
    let mut explained = |child: &Node| explain_node(plan, child, subject, now, memo);
    match &at.kind {
        Kind::All(nodes) => {
            out.insert("all".to_owned(), nodes.iter().map(explained).collect());
        }
        Kind::Any(nodes) => {
            out.insert("any".to_owned(), nodes.iter().map(explained).collect());
        }
        Kind::Not(child) => {
            out.insert("not".to_owned(), explained(child));
        }
        Kind::Property(name, _) => {
            out.insert("condition".to_owned(), at.source.to_json());
            let (value, _) = property(plan, name, subject, now);
            out.insert("found".to_owned(), value.map_or(Value::Null, |value| value.to_json()));
        }
        Kind::Activity(activity) => {
            out.insert("condition".to_owned(), at.source.to_json());
            happened(plan, activity, subject, now, &mut out);
        }
        Kind::Spent(asked) => {
            out.insert("condition".to_owned(), at.source.to_json());
            was_spent(&Frame::new(plan, asked.window, now), asked, subject, &mut out);
        }
        Kind::Sequence(asked) => {
            out.insert("condition".to_owned(), at.source.to_json());
            followed(plan, asked, subject, now, &mut out);
        }
        Kind::Member(other) => {
            out.insert("condition".to_owned(), at.source.to_json());
            out.insert("because".to_owned(), explained(other));
        }
        Kind::Held(_) => {
            out.insert("condition".to_owned(), at.source.to_json());
        }
        Kind::Entered(other, window) => {
            out.insert("condition".to_owned(), at.source.to_json());
            let (entries, _) = entries(plan, other, *window, subject, now);
            let last = entries.last().map_or(Value::Null, |at| json!(at.to_string()));
            out.insert("found".to_owned(), last);
        }
        Kind::Sample(asked) => {
            out.insert("condition".to_owned(), at.source.to_json());
            out.insert("sampled".to_owned(), json!(sample::holds(asked, subject.stable_id())));
            out.insert("of".to_owned(), explained(&asked.of));
        }
    }
    if out.contains_key("condition") {
        out.insert("text".to_owned(), json!(at.source.to_line()));
    }
    Value::Object(out)
}

fn happened(plan: &Plan, activity: &Activity, subject: &dyn Subject, now: Time, out: &mut Map<String, Value>) {
    let window = match activity.measure {
        Measure::First(_) | Measure::Last(_) => Window::EVER,
        _ => activity.window,
    };
    let (mut times, mut values, mut shown) = (Vec::new(), Vec::new(), VecDeque::new());
    matching(&Frame::new(plan, window, now), activity, subject, &mut |happening, leaves| {
        times.push(happening.time());
        let mut one = json!({"event": happening.name(), "time": happening.time().to_string()});
        if let Measure::Figure(figure, of, _) = &activity.measure {
            let value = happening.property(of);
            if let (Some(value), Some(one)) = (&value, one.as_object_mut()) {
                one.insert(of.clone(), value.to_json());
            }
            let value = value.and_then(|value| measurable(*figure, value));
            values.extend(value.map(|value| (leaves, value)));
        }
        shown.push_front(one);
        shown.truncate(HAPPENINGS_MAX);
        true
    });
    match &activity.measure {
        Measure::Count(bounds) => {
            let unit = activity.event.as_deref().unwrap_or("*");
            missing::tell(bounds, Decimal::from(times.len()), true, unit, out);
        }
        Measure::Figure(figure @ (Figure::Sum | Figure::Distinct), of, bounds) => {
            if let Some(found) = figure_of(*figure, &values) {
                missing::tell(bounds, found, *figure == Figure::Distinct, of, out);
            }
        }
        _ => {}
    }
    let time = |time: Option<&Time>| time.map_or(Value::Null, |time| json!(time.to_string()));
    let found = match &activity.measure {
        Measure::Figure(figure, _, _) => figure_of(*figure, &values).map_or(Value::Null, readable),
        Measure::First(_) => time(times.first()),
        Measure::Last(_) => time(times.last()),
        Measure::Count(_) => json!(times.len()),
    };
    out.insert("found".to_owned(), found);
    out.insert("happenings".to_owned(), shown.into_iter().collect());
}

/// The first steps of a sequence, the newest first, each with whether the rest followed.
fn followed(plan: &Plan, asked: &Sequence, subject: &dyn Subject, now: Time, out: &mut Map<String, Value>) {
    let (first, _) = first_steps(plan, asked, subject, now);
    let followed = first.iter().filter(|step| step.answer.value == Tri::True).count();
    out.insert("found".to_owned(), json!(followed));
    let shown = first.iter().rev().take(HAPPENINGS_MAX).map(|step| {
        let mut one = json!({"time": step.time.to_string(), "follows": step.answer.value == Tri::True});
        if step.answer.until != Time::MAX {
            one["until"] = json!(step.answer.until.to_string());
        }
        one
    });
    out.insert("happenings".to_owned(), shown.collect());
}

fn was_spent(frame: &Frame<'_>, asked: &Spending, subject: &dyn Subject, out: &mut Map<String, Value>) {
    let mut times = Vec::new();
    let amounts = amounts(frame, asked, subject, &mut |time| times.push(time));
    let known: Option<Vec<_>> =
        amounts.into_iter().map(|(leaves, amount)| Some((leaves, model::Value::Number(amount?)))).collect();
    let sum = known.and_then(|known| figure_of(Figure::Sum, &known));
    if let Some(sum) = sum {
        missing::tell(&asked.bounds, sum, false, &asked.currency, out);
    }
    let sum = sum.map_or(json!("unknown"), |sum| json!(sum.normalize().to_string()));
    out.insert("found".to_owned(), sum);
    out.insert("currency".to_owned(), json!(asked.currency));
    let order = |time: &Time| json!({"event": ORDER_COMPLETED, "time": time.to_string()});
    out.insert("happenings".to_owned(), times.iter().rev().take(HAPPENINGS_MAX).map(order).collect());
}
