//! What an evaluation costs, in steps and never in time, so that a replay decides alike.
//!
//! A step is a happening or an order that a condition looks at, a property that it asks for, and an element
//! of a list among them. A condition that a line can answer takes one, and one for every 64 looks that it would
//! take to go through everything once: whether it is answered from a line that is there, from one that is made
//! for it, or, where little happened, by going through it. So what a definition takes follows from what is known
//! of the person at the instant, and not from what of it is in memory.

use super::explain::explain;
use super::line::{Lined, Wanted};
use super::reach::Reach;
use super::subject::{Happening, Spent, Subject, Visit};
use super::{Memo, Outcome, evaluate_with};
use crate::plan::{Plan, Without};
use model::{Time, Value};
use rust_decimal::Decimal;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

/// Steps that one definition may take for one person at one instant.
pub const STEPS_MAX: u64 = 2_000_000;
/// Telling reasons goes through what an answer alone need not: it may take so many times as many steps.
pub const REASONS_TIMES: u64 = 5;

/// Looks at what happened for a line that take one step: it is made seldom and asked often.
const LOOKS_A_STEP: usize = 64;

/// Why a version was stopped that took more.
pub(crate) fn overrun(person: &str, steps_max: u64) -> String {
    format!("cost over its limit for person {person}: more than {steps_max} steps; give it a definition that asks less")
}

/// A subject whose looks are counted.
struct Metered<'a> {
    subject: &'a dyn Subject,
    steps: &'a Cell<u64>,
    limit: u64,
    /// In the past of a person: the lines that were made since its first instant.
    made: Option<&'a RefCell<BTreeSet<u128>>>,
}

impl Metered<'_> {
    fn step(&self, steps: u64) -> bool {
        self.steps.set(self.steps.get().saturating_add(steps));
        self.steps.get() <= self.limit
    }
}

struct Counted<'a> {
    happening: &'a dyn Happening,
    meter: &'a Metered<'a>,
}

/// Steps of reading a value.
fn steps_of(value: Option<&Value>) -> u64 {
    match value {
        Some(Value::List(items)) => 1 + items.len() as u64,
        _ => 1,
    }
}

impl Happening for Counted<'_> {
    fn time(&self) -> Time {
        self.happening.time()
    }

    fn name(&self) -> &str {
        self.happening.name()
    }

    fn property(&self, name: &str) -> Option<Value> {
        let value = self.happening.property(name);
        self.meter.step(steps_of(value.as_ref()));
        value
    }

    fn kept_for_good(&self) -> bool {
        self.happening.kept_for_good()
    }
}

impl Subject for Metered<'_> {
    fn property(&self, name: &str) -> Option<Value> {
        let value = self.subject.property(name);
        self.step(steps_of(value.as_ref()));
        value
    }

    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool) {
        self.subject
            .happenings(name, from, until, &mut |happening| self.step(1) && visit(&Counted { happening, meter: self }));
    }

    fn spent(&self, from: Time, until: Time, without: Without, visit: &mut dyn FnMut(&Spent)) {
        self.subject.spent(from, until, without, &mut |spent| {
            self.step(1);
            visit(spent);
        });
    }

    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        self.subject.rate(from, to, at)
    }

    fn line(&self, wanted: Wanted<'_>) -> Option<Lined<'_>> {
        let lined = self.subject.line(wanted)?;
        let made = self.made.zip(wanted.key()).is_some_and(|(made, key)| !made.borrow_mut().insert(key));
        let looks = if made { 0 } else { lined.happenings.saturating_mul(wanted.looks()) };
        self.step(1 + (looks / LOOKS_A_STEP) as u64);
        Some(lined)
    }

    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time> {
        let made = RefCell::default();
        self.subject.walk(reach, &mut |then, at, steps| {
            // Nothing more is looked at once it costs too much.
            if !self.step(1 + steps) {
                return None;
            }
            visit(&Metered { subject: then, made: Some(&made), ..*self }, at, 0)
        })
    }

    fn stable_id(&self) -> &str {
        self.subject.stable_id()
    }

    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.subject.in_segment(segment)
    }

    fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn uncounted(&self) -> Option<&dyn Subject> {
        // Of each instant of a past it is counted: there may be many.
        self.made.is_none().then_some(self.subject)
    }

    fn take_steps(&self, steps: u64) {
        self.step(steps);
    }

    fn is_exhausted(&self) -> bool {
        self.steps.get() > self.limit
    }
}

/// Evaluates as [`evaluate_with`]; `None` when it takes more than `limit` steps. What the memo knows costs
/// what it cost to find out, so that a version costs the same with and without others.
pub fn evaluate_bounded(limit: u64, plan: &Plan, subject: &dyn Subject, now: Time, memo: &mut Memo) -> Option<Outcome> {
    evaluate_counted(limit, plan, subject, now, memo).0
}

/// The same, with the steps that were taken.
pub fn evaluate_counted(
    limit: u64,
    plan: &Plan,
    subject: &dyn Subject,
    now: Time,
    memo: &mut Memo,
) -> (Option<Outcome>, u64) {
    let steps = Cell::new(0);
    let metered = Metered { subject, steps: &steps, limit, made: None };
    memo.begin();
    let outcome = evaluate_with(plan, &metered, now, memo);
    ((metered.steps() <= limit).then_some(outcome), metered.steps())
}

/// The reasons as [`explain`] tells them; `None` when it takes more than `limit` steps to tell them.
pub fn explain_bounded(limit: u64, plan: &Plan, subject: &dyn Subject, now: Time) -> Option<serde_json::Value> {
    let steps = Cell::new(0);
    let metered = Metered { subject, steps: &steps, limit, made: None };
    let told = explain(plan, &metered, now);
    (metered.steps() <= limit).then_some(told)
}

#[cfg(test)]
mod tests {
    use super::super::people_by_hand::fake::{Fake, plan, time};
    use super::*;

    #[test]
    fn steps_of_a_sequence_that_may_be_tied_are_counted_and_others_are_not_looked_at() {
        let both = |what: &str, n: &str| {
            model::Map::from([("what".to_owned(), Value::text(what)), ("n".to_owned(), Value::text(n))])
        };
        let fake = (0..100).fold(Fake::default(), |fake, second| {
            let at = |hour: u8| format!("2026-01-01T{hour:02}:00:{:02}.{:03}Z", second / 2, second % 2);
            let fake = fake.did_all("A", &at(1), both("same", &format!("{second}")));
            fake.did_all("B", &at(2), both("same", &format!("b{second}")))
        });
        let now = time("2026-02-01");
        let cost = |same: &str| {
            let plan = plan(&format!(r#"{{"event":"A","then":{{"event":"B","same":[{same}]}}}}"#));
            let steps = |limit| evaluate_bounded(limit, &plan, &fake.at(now), now, &mut Memo::default()).is_some();
            (0..40).map(|power| 1 << power).find(|limit| steps(*limit)).unwrap()
        };
        assert!(cost(r#""what","n""#) > 10_000, "each may be tied to each");
        assert!(cost(r#""n","what""#) < 2_000, "none can be tied to any");
    }

    #[test]
    fn what_a_memo_knows_costs_what_it_cost() {
        let days = (1..=20).map(|day| format!("2026-01-{day:02}"));
        let fake = days.fold(Fake::default(), |fake, day| fake.did_with("Played", &day, "n", Value::text("x")));
        let now = time("2026-02-01");
        let plan = plan(r#"{"event":"Played","where":[{"property":"n","is":"x"}],"count":{"at_least":30}}"#);
        let subject = fake.at(now);
        let mut memo = Memo::default();
        for _ in 0..2 {
            assert!(evaluate_bounded(39, &plan, &subject, now, &mut Memo::default()).is_none());
            assert!(evaluate_bounded(40, &plan, &subject, now, &mut memo).is_some());
            assert!(evaluate_bounded(39, &plan, &subject, now, &mut memo).is_none(), "known or not");
        }
    }
}
