//! Entries: when something came to hold, over what is known today.

use super::frame::{Frame, kept_until};
use super::reach::Reach;
use super::subject::Subject;
use super::{Memo, Outcome, Tri, node};
use crate::plan::{Node, Plan, Window};
use model::Time;

/// Whether a condition came to hold within a window, and until when that holds.
pub(super) fn entered(plan: &Plan, asked: &Node, window: Window, subject: &dyn Subject, now: Time) -> Outcome {
    let frame = Frame::new(plan, window, now);
    let (entries, looked_until) = entries(plan, asked, window, subject, now);
    let mut answer = Outcome::fixed(false);
    for at in entries {
        frame.found();
        if let Some(leaves) = frame.leaves(at, true) {
            answer = answer.or(Outcome::during(Time::MIN, leaves, now));
        }
    }
    answer.until(frame.window_holds_until()).until(looked_until)
}

/// The instants from a window's first on at which a condition came to hold, and when the next may come if nothing
/// happens. What lies before the window, and before what the condition looks at from then on, makes no difference.
pub(super) fn entries(
    plan: &Plan,
    asked: &Node,
    window: Window,
    subject: &dyn Subject,
    now: Time,
) -> (Vec<Time>, Time) {
    let mut entries = Vec::new();
    let (mut held, mut until) = (false, Time::MAX);
    // The instant before tells whether it held already.
    let before = Time(Frame::new(plan, window, now).from.0.saturating_sub(1));
    // A window that stays where it is holds nothing that comes after its end.
    let end = if let Window::Range(_, end) = window { end } else { Time::MAX };
    let oldest = subject.walk(&Reach::new(plan, asked, before), &mut |then, at, _| {
        if at >= end {
            until = Time::MAX;
            return None;
        }
        let outcome = node(plan, asked, then, at, &mut Memo::default());
        let holds = outcome.value == Tri::True;
        // Of whom nothing is known at all this is as it always was.
        if holds && !held && at > before {
            entries.push(at);
        }
        held = holds;
        until = outcome.until;
        Some(until)
    });
    // What passes its retention is not known of the past either.
    let passes = oldest.map_or(Time::MAX, |oldest| kept_until(plan, oldest));
    (entries, until.min(passes))
}
