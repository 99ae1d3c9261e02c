//! One thing after another, or not; and when that changes by time alone.

use super::activity::matching_step;
use super::calendar::forward;
use super::frame::Frame;
use super::subject::Subject;
use super::ties::{Places, Tie, tied, ties_of};
use super::{Outcome, Tri};
use crate::plan::{Next, Plan, Sequence, Step, Window};
use model::Time;

/// A happening that may be a step.
pub(super) struct Found {
    /// When.
    pub(super) time: Time,
    /// When it leaves its window or is no longer kept.
    leaves: Time,
    /// Neither it nor one before it in the list holds longer than until then.
    longest: Time,
    /// What ties it to the step before, and to the one after.
    before: Vec<Tie>,
    after: Vec<Tie>,
    /// Whether what follows it is as asked.
    pub(super) answer: Outcome,
}

/// Evaluates a sequence: for each step, from the last to the first, whether the rest follows.
pub(super) fn sequence(plan: &Plan, asked: &Sequence, subject: &dyn Subject, now: Time) -> Outcome {
    let (first, holds_until) = first_steps(plan, asked, subject, now);
    let answers = first.iter().map(|found| found.answer.and(Outcome::during(Time::MIN, found.leaves, now)));
    answers.fold(Outcome::fixed(false), Outcome::or).until(holds_until)
}

/// The first steps that count, in order of time, each with its answer; and until when they are these.
pub(super) fn first_steps(plan: &Plan, asked: &Sequence, subject: &dyn Subject, now: Time) -> (Vec<Found>, Time) {
    let frame = Frame::new(plan, asked.window, now);
    let mut first = found(&frame, &asked.first, (&[], ties(&asked.then, 0)), subject);
    let mut holds_until = frame.holds_until();
    if asked.last {
        let latest = first.last().map(|found| found.time);
        first.retain(|found| Some(found.time) == latest);
        // By months a later one may leave before an earlier one, which is the latest then.
        let leaves = first.iter().map(|found| found.leaves).min();
        holds_until = holds_until.min(leaves.unwrap_or(Time::MAX));
    }
    let Some(begins) = first.first().map(|found| found.time) else { return (first, holds_until) };
    let mut steps = vec![first];
    for (place, next) in asked.then.iter().enumerate() {
        let mut ever = Frame::new(plan, Window::EVER, now);
        ever.from = begins;
        steps.push(found(&ever, &next.step, (&next.same, ties(&asked.then, place + 1)), subject));
        holds_until = holds_until.min(ever.holds_until());
    }
    let mut later = steps.pop().unwrap_or_default();
    for (place, next) in asked.then.iter().enumerate().rev() {
        let not = asked.not && place + 1 == asked.then.len();
        let mut these = steps.pop().unwrap_or_default();
        let follows = Later::new(next, &later);
        these.iter_mut().for_each(|one| one.answer = follows.follow((plan, next, not), one, subject, now));
        later = these;
    }
    (later, holds_until)
}

fn ties(then: &[Next], place: usize) -> &[String] {
    then.get(place).map_or(&[], |next| &next.same)
}

/// What comes after a step, ready to be asked for many of them.
struct Later<'a> {
    steps: &'a [Found],
    /// By what ties them; `None` when nothing does.
    places: Option<Places>,
    /// How many of the first can't follow anything for good.
    hopeless: usize,
}

impl<'a> Later<'a> {
    fn new(next: &Next, steps: &'a [Found]) -> Later<'a> {
        let ties = || steps.iter().map(|step| step.before.as_slice());
        let places = (!next.same.is_empty()).then(|| Places::of(ties()));
        let hopeless = steps.iter().take_while(|step| step.answer == Outcome::fixed(false)).count();
        Later { steps, places, hopeless }
    }

    /// Those at some places that may be tied to a step, from the last to the first.
    fn near(&self, step: &Found, until: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        match &self.places {
            Some(places) => Box::new(places.near(&step.after, until)),
            None => Box::new((0..until).rev()),
        }
    }

    /// Whether what comes after a step is as asked.
    fn follow(&self, asked: (&Plan, &Next, bool), step: &Found, subject: &dyn Subject, now: Time) -> Outcome {
        let (plan, next, not) = asked;
        let last = next.within.map_or(Time::MAX, |within| forward(step.time, within, &plan.zone));
        let from = self.steps.partition_point(|other| other.time <= step.time).max(self.hopeless);
        let until = self.steps.partition_point(|other| other.time <= last);
        let mut answer = Outcome::fixed(false);
        // From the last to the first: what comes later mostly holds longer, and one that holds longest is enough.
        for place in self.near(step, until).take_while(|place| *place >= from) {
            let Some(other) = self.steps.get(place) else { break };
            subject.take_steps(1);
            if subject.is_exhausted() || (answer.value == Tri::True && answer.until >= other.longest) {
                break;
            }
            if next.same.is_empty() || tied(&step.after, &other.before) {
                answer = answer.or(other.answer.and(Outcome::during(Time::MIN, other.leaves, now)));
            }
        }
        match (not, next.within) {
            (false, _) => answer,
            (true, None) => answer.not(),
            // Until the time is over it may still happen.
            (true, Some(_)) => answer.not().and(Outcome::during(last, Time::MAX, now)),
        }
    }
}

fn found(frame: &Frame<'_>, step: &Step, (before, after): (&[String], &[String]), subject: &dyn Subject) -> Vec<Found> {
    let mut all = Vec::new();
    matching_step(frame, step.event.as_deref(), &step.filters, subject, &mut |happening, leaves| {
        let (before, after) = (ties_of(happening, before), ties_of(happening, after));
        let longest = all.last().map_or(leaves, |before: &Found| before.longest.max(leaves));
        all.push(Found { time: happening.time(), leaves, longest, before, after, answer: Outcome::fixed(true) });
        true
    });
    all
}
