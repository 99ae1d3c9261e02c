//! Evaluation of a compiled definition for one person at one instant.
//!
//! Every answer says until when it holds if nothing happens: the timer. It may name an earlier
//! instant than that of the true change (the answer is then looked at again and stays), never
//! a later one.

mod activity;
pub(crate) mod calendar;
mod entered;
mod explain;
mod figures;
mod frame;
mod indexed;
pub mod line;
mod memo;
pub mod meter;
mod missing;
#[cfg(test)]
#[path = "tests/mod.rs"]
mod people_by_hand;
pub mod reach;
pub mod row;
mod sample;
mod sequence;
pub mod subject;
mod ties;
pub mod values;

pub(crate) use activity::{converted, matches_ever, measured_value};
pub use memo::Memo;
pub use meter::{evaluate_bounded, evaluate_counted, explain_bounded};

use crate::plan::{Kind, Node, Plan, Test};
use model::{Time, Value};
use rust_decimal::Decimal;
use subject::Subject;

/// True, false, or not to be decided from what is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tri {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It can't be decided (an amount that can't be converted). Stays so under `not`.
    Unknown,
}

/// A value, and the instant until which it holds if nothing happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The value.
    pub value: Tri,
    /// After now; `Time::MAX` if time alone never changes it.
    pub until: Time,
}

/// Another name for the outcome of a part.
pub type Answer = Outcome;

impl Outcome {
    /// Stands for none: evaluation took too many steps. No true outcome holds until an instant that passed.
    pub const OVERRUN: Outcome = Outcome { value: Tri::Unknown, until: Time::MIN };

    /// Whether evaluation took too many steps.
    pub fn is_overrun(&self) -> bool {
        *self == Outcome::OVERRUN
    }

    /// A value that time does not change.
    pub fn fixed(value: bool) -> Outcome {
        Outcome { value: if value { Tri::True } else { Tri::False }, until: Time::MAX }
    }

    /// True from one instant on, before another.
    pub fn during(from: Time, until: Time, now: Time) -> Outcome {
        let next = if now < from && from < until {
            from
        } else if from <= now && now < until {
            until
        } else {
            Time::MAX
        };
        Outcome { value: if from <= now && now < until { Tri::True } else { Tri::False }, until: next }
    }

    fn until(self, until: Time) -> Outcome {
        Outcome { until: self.until.min(until), ..self }
    }

    fn not(self) -> Outcome {
        let value = match self.value {
            Tri::True => Tri::False,
            Tri::False => Tri::True,
            Tri::Unknown => Tri::Unknown,
        };
        Outcome { value, ..self }
    }

    /// Both: false as long as one of the false parts is.
    pub fn and(self, other: Outcome) -> Outcome {
        self.not().or(other.not()).not()
    }

    /// Either: true as long as one of the true parts is.
    pub fn or(self, other: Outcome) -> Outcome {
        match (self.value, other.value) {
            (Tri::True, Tri::True) => Outcome { value: Tri::True, until: self.until.max(other.until) },
            (Tri::True, _) => self,
            (_, Tri::True) => other,
            (left, right) => {
                let value = if left == Tri::Unknown || right == Tri::Unknown { Tri::Unknown } else { Tri::False };
                Outcome { value, until: self.until.min(other.until) }
            }
        }
    }
}

/// Evaluates a plan for a person now.
pub fn evaluate(plan: &Plan, subject: &dyn Subject, now: Time) -> Outcome {
    node(plan, &plan.root, subject, now, &mut Memo::default())
}

/// Evaluates a plan for a person now, together with other plans of the same workspace: what one
/// of them found out about a condition on history is not asked again.
pub fn evaluate_with(plan: &Plan, subject: &dyn Subject, now: Time, memo: &mut Memo) -> Outcome {
    node(plan, &plan.root, subject, now, memo.shared())
}

fn node(plan: &Plan, at: &Node, subject: &dyn Subject, now: Time, memo: &mut Memo) -> Outcome {
    match &at.kind {
        Kind::All(children) => group(plan, children, subject, now, memo, Tri::False),
        Kind::Any(children) => group(plan, children, subject, now, memo, Tri::True),
        Kind::Not(child) => node(plan, child, subject, now, memo).not(),
        Kind::Property(name, test) => {
            let (value, until) = property(plan, name, subject, now);
            let answer = values::test(value.as_ref(), test, now, &plan.zone).until(until);
            // Of several values, and of anniversaries in more than a year, no more is told than what surely holds.
            let loose = matches!(value, Some(Value::List(_))) || matches!(test, Test::Anniversary(_));
            memo.saw(if loose && answer.until != Time::MAX { Time::MIN } else { answer.until });
            answer
        }
        Kind::Activity(asked) => {
            let answer = memo.remember(at.fingerprint, subject, || activity::activity(plan, asked, subject, now));
            memo.saw(if asked.is_steady() { answer.until } else { Time::MIN });
            answer
        }
        Kind::Spent(asked) => {
            let answer = memo.remember(at.fingerprint, subject, || activity::spent(plan, asked, subject, now));
            memo.saw(if asked.window.is_steady() { answer.until } else { Time::MIN });
            answer
        }
        Kind::Sequence(asked) => {
            memo.saw(Time::MIN);
            memo.remember(at.fingerprint, subject, || sequence::sequence(plan, asked, subject, now))
        }
        Kind::Member(other) => {
            let answer = node(plan, other, subject, now, memo);
            // What can't be decided there is no member.
            if answer.value == Tri::Unknown { Outcome { value: Tri::False, ..answer } } else { answer }
        }
        Kind::Held(segment) => Outcome::fixed(subject.in_segment(segment) == Some(true)),
        Kind::Entered(other, window) => {
            memo.saw(Time::MIN);
            memo.remember(at.fingerprint, subject, || entered::entered(plan, other, *window, subject, now))
        }
        Kind::Sample(asked) => match sample::holds(asked, subject.stable_id()) {
            true => node(plan, &asked.of, subject, now, memo),
            false => Outcome::fixed(false),
        },
    }
}

/// A group, which one child decides whose value is `deciding`: what is cheap to know is asked
/// first, and nothing more once a child has decided for good.
fn group(plan: &Plan, children: &[Node], subject: &dyn Subject, now: Time, memo: &mut Memo, deciding: Tri) -> Outcome {
    let mut so_far = Outcome::fixed(deciding == Tri::False);
    for asks_history in [false, true] {
        for child in children.iter().filter(|child| child.asks_history == asks_history) {
            let answer = node(plan, child, subject, now, memo);
            so_far = if deciding == Tri::False { so_far.and(answer) } else { so_far.or(answer) };
            if (so_far.value == deciding && so_far.until == Time::MAX) || subject.is_exhausted() {
                return so_far;
            }
        }
    }
    so_far
}

/// A property's value, and until when it is so: `age` follows from `birthday`, which beats a bare `age`.
fn property(plan: &Plan, name: &str, subject: &dyn Subject, now: Time) -> (Option<Value>, Time) {
    if name == "age"
        && let Some(birthday) = subject.property("birthday").as_ref().and_then(values::date)
    {
        let (years, until) = calendar::age(birthday, now, &plan.zone);
        return (years.map(|years| Value::Number(Decimal::from(years))), until);
    }
    (subject.property(name), Time::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(value: Tri, until: i64) -> Outcome {
        Outcome { value, until: Time(until) }
    }

    #[test]
    fn a_false_all_holds_as_long_as_one_false_part() {
        let both = part(Tri::False, 10).and(part(Tri::False, 20));
        assert_eq!(both, part(Tri::False, 20));
        assert_eq!(part(Tri::False, 10).and(part(Tri::True, 5)), part(Tri::False, 10));
        assert_eq!(part(Tri::True, 10).and(part(Tri::True, 5)), part(Tri::True, 5));
    }

    #[test]
    fn unknown_stays_unknown_under_not() {
        assert_eq!(part(Tri::Unknown, 7).not(), part(Tri::Unknown, 7));
        assert_eq!(part(Tri::Unknown, 7).or(part(Tri::False, 9)).value, Tri::Unknown);
        assert_eq!(part(Tri::Unknown, 7).or(part(Tri::True, 9)), part(Tri::True, 9));
        assert_eq!(part(Tri::Unknown, 7).and(part(Tri::False, 9)), part(Tri::False, 9));
    }

    #[test]
    fn an_interval_says_when_it_begins_and_ends() {
        assert_eq!(Outcome::during(Time(5), Time(9), Time(4)), part(Tri::False, 5));
        assert_eq!(Outcome::during(Time(5), Time(9), Time(5)), part(Tri::True, 9));
        assert_eq!(Outcome::during(Time(5), Time(9), Time(9)), Outcome::fixed(false));
    }
}
