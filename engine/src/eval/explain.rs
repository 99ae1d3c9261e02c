//! Why: the tree of conditions, each with its value and what it rests on.

use super::activity::{Frame, Measured, matching, readable, spent_sum};
use super::subject::Subject;
use super::{Tri, node, property};
use crate::plan::{Kind, Measure, Node, Plan, Window};
use model::Time;
use serde_json::{Map, Value, json};

/// Happenings shown behind one condition.
const HAPPENINGS_MAX: usize = 10;

/// The tree of a plan for a person now: each condition in JSON form with its value
/// (`true`, `false`, `unknown`), what was found, the newest happenings behind it, and the instant
/// at which it changes if nothing happens.
pub fn explain(plan: &Plan, subject: &dyn Subject, now: Time) -> Value {
    explain_node(plan, &plan.root, subject, now)
}

fn explain_node(plan: &Plan, at: &Node, subject: &dyn Subject, now: Time) -> Value {
    let outcome = node(plan, at, subject, now);
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
    let children = |nodes: &[Node]| nodes.iter().map(|child| explain_node(plan, child, subject, now)).collect();
    match &at.kind {
        Kind::All(nodes) => {
            out.insert("all".to_owned(), children(nodes));
        }
        Kind::Any(nodes) => {
            out.insert("any".to_owned(), children(nodes));
        }
        Kind::Not(child) => {
            out.insert("not".to_owned(), explain_node(plan, child, subject, now));
        }
        _ => {
            out.insert("condition".to_owned(), at.source.to_json());
            found(plan, &at.kind, subject, now, &mut out);
        }
    }
    Value::Object(out)
}

fn found(plan: &Plan, kind: &Kind, subject: &dyn Subject, now: Time, out: &mut Map<String, Value>) {
    match kind {
        Kind::Property(name, _) => {
            let (value, _) = property(plan, name, subject, now);
            out.insert("found".to_owned(), value.map_or(Value::Null, |value| value.to_json()));
        }
        Kind::Spent(_, currency, window) => {
            let (sum, _) = spent_sum(&Frame::new(plan, *window, now), currency, subject);
            let sum = sum.map_or(json!("unknown"), |sum| json!(sum.normalize().to_string()));
            out.insert("found".to_owned(), sum);
            out.insert("currency".to_owned(), json!(currency));
        }
        Kind::Activity(activity) => {
            let window = match activity.measure {
                Measure::First(_) | Measure::Last(_) => Window::EVER,
                _ => activity.window,
            };
            let (mut times, mut measured, mut count) = (Vec::new(), Measured::default(), 0u64);
            matching(&Frame::new(plan, window, now), activity, subject, &mut |happening, _| {
                times.push(happening.time());
                count += 1;
                if let Measure::Figure(_, of, _) = &activity.measure {
                    measured.add(happening.property(of));
                }
                true
            });
            let figure = match &activity.measure {
                Measure::Figure(figure, _, _) => measured.figure(*figure).map_or(Value::Null, readable),
                Measure::First(_) => times.first().map_or(Value::Null, |time| json!(time.to_string())),
                Measure::Last(_) => times.last().map_or(Value::Null, |time| json!(time.to_string())),
                Measure::Count(_) => json!(count),
            };
            out.insert("found".to_owned(), figure);
            let newest = times.iter().rev().take(HAPPENINGS_MAX).map(|time| json!(time.to_string()));
            out.insert("happenings".to_owned(), newest.collect());
        }
        _ => {}
    }
}
