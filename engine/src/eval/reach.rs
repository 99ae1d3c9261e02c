//! What a condition can look at from an instant on: windows only move forward.

use super::frame::Frame;
use crate::plan::{Kind, Measure, Node, Plan, TouchedBy, Window};
use model::Time;
use std::collections::BTreeMap;

/// What a condition looks at when it is evaluated at an instant or at later ones.
pub struct Reach<'a> {
    /// The condition.
    pub asked: &'a Node,
    /// The first of these instants.
    pub from: Time,
    /// What could change its answer.
    pub touched: TouchedBy,
    /// Of what happened under a name, but for orders, nothing earlier is looked at.
    events: BTreeMap<&'a str, Time>,
    /// The same of everything that happened.
    any: Time,
}

impl<'a> Reach<'a> {
    /// Of a condition, from an instant on.
    pub(super) fn new(plan: &Plan, asked: &'a Node, from: Time) -> Reach<'a> {
        let mut reach = Reach { asked, from, touched: TouchedBy::of(asked), events: BTreeMap::new(), any: Time::MAX };
        reach.add(plan, asked);
        reach
    }

    /// What happened under a name before this is not looked at.
    pub fn since(&self, event: &str) -> Time {
        self.events.get(event).map_or(self.any, |since| self.any.min(*since))
    }

    fn add(&mut self, plan: &Plan, node: &'a Node) {
        match &node.kind {
            Kind::All(children) | Kind::Any(children) => children.iter().for_each(|child| self.add(plan, child)),
            Kind::Not(child) => self.add(plan, child),
            Kind::Property(..) | Kind::Spent(_) | Kind::Held(_) => {}
            Kind::Activity(asked) => {
                let window = match asked.measure {
                    Measure::First(_) => Window::EVER,
                    Measure::Last(window) => window,
                    Measure::Count(_) | Measure::Figure(..) => asked.window,
                };
                self.look(plan, asked.event.as_deref(), window);
            }
            Kind::Sequence(asked) => {
                asked.steps().for_each(|step| self.look(plan, step.event.as_deref(), asked.window))
            }
            Kind::Member(other) => self.add(plan, other),
            Kind::Sample(asked) => self.add(plan, &asked.of),
            // They look back themselves.
            Kind::Entered(..) => self.any = Time::MIN,
        }
    }

    fn look(&mut self, plan: &Plan, event: Option<&'a str>, window: Window) {
        // Beyond the years that the calendar knows a window says nothing of later ones.
        let since = Some(Frame::new(plan, window, self.from).from).filter(|since| *since <= self.from);
        let since = match (since, window) {
            (Some(since), _) | (None, Window::Range(since, _)) => since,
            (None, _) => Time::MIN,
        };
        let known = match event {
            Some(event) => self.events.entry(event).or_insert(Time::MAX),
            None => &mut self.any,
        };
        *known = since.min(*known);
    }
}
