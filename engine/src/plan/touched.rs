//! What could change the answer of a plan.

use super::{Activity, Filter, Kind, Measure, Node, Plan, Test, Window};
use crate::person::derived;
use model::names::{
    CART_UPDATED, ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED, PRODUCT_ADDED, PRODUCT_REMOVED,
};
use std::collections::BTreeSet;

/// Events that are kept for good.
const ORDER_EVENTS: [&str; 4] = [ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED, ORDER_CANCELLED];

/// The inputs of a plan, for an index from what an event says to the plans it could change.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TouchedBy {
    /// Events by name.
    pub events: BTreeSet<String>,
    /// Any event.
    pub any_event: bool,
    /// Money spent on orders.
    pub orders: bool,
    /// Properties of the person.
    pub properties: BTreeSet<String>,
    /// Segments whose members are held as they are. Whoever changes these looks at those who refer to them.
    pub held: BTreeSet<String>,
    /// Time alone.
    pub timed: bool,
    /// More than what is known of the person: who they are, or what else holds them.
    pub beyond_person: bool,
}

impl TouchedBy {
    /// Collects the inputs of a tree.
    pub(crate) fn of(root: &Node) -> TouchedBy {
        let mut touched = TouchedBy::default();
        touched.add(root);
        touched
    }

    fn add(&mut self, node: &Node) {
        match &node.kind {
            Kind::All(children) | Kind::Any(children) => children.iter().for_each(|child| self.add(child)),
            Kind::Not(child) => self.add(child),
            Kind::Property(name, test) => {
                self.properties.insert(name.clone());
                self.properties.extend(derived::inputs(name).iter().map(|name| (*name).to_owned()));
                let age = name == "age";
                if age {
                    self.properties.insert("birthday".to_owned());
                }
                self.timed |= age || looks_at_the_clock(test);
            }
            Kind::Activity(activity) => self.add_activity(activity),
            Kind::Spent(spending) => {
                self.orders = true;
                self.timed |= !matches!(spending.window, Window::Range(..));
            }
            Kind::Sequence(sequence) => {
                sequence.steps().for_each(|step| self.add_event(step.event.as_deref()));
                // Most wait for something, and retention takes their steps in the end.
                self.timed = true;
            }
            Kind::Member(node) => self.add(node),
            Kind::Held(id) => {
                self.held.insert(id.clone());
                self.beyond_person = true;
            }
            Kind::Entered(node, _) => {
                self.add(node);
                // What holds of somebody of whom nothing is known came to hold when they were first seen.
                self.properties.insert("first_seen".to_owned());
                self.timed = true;
            }
            Kind::Sample(sample) => {
                self.beyond_person = true;
                self.add(&sample.of);
            }
        }
    }

    fn add_event(&mut self, name: Option<&str>) {
        match name {
            Some(name) => {
                self.events.insert(name.to_owned());
                // What was added and removed follows from carts, too.
                if [PRODUCT_ADDED, PRODUCT_REMOVED].contains(&name) {
                    self.events.insert(CART_UPDATED.to_owned());
                }
            }
            None => self.any_event = true,
        }
    }

    fn add_activity(&mut self, activity: &Activity) {
        self.add_event(activity.event.as_deref());
        let windows = match &activity.measure {
            Measure::First(window) | Measure::Last(window) => [&activity.window, window],
            _ => [&activity.window, &activity.window],
        };
        let fixed = windows.iter().all(|window| matches!(window, Window::Range(..)));
        let filters_turn = filters_turn(&activity.filters);
        // Retention takes all but the events of orders out of every window in the end.
        let kept_for_good = activity.event.as_deref().is_some_and(|name| ORDER_EVENTS.contains(&name));
        self.timed |= !fixed || !kept_for_good || filters_turn;
    }
}

/// Whether time alone can change what filters say.
pub(super) fn filters_turn(filters: &[Filter]) -> bool {
    filters.iter().any(|filter| match filter {
        Filter::Property(_, test) => looks_at_the_clock(test),
        Filter::Item(tests) => tests.iter().any(|(_, test)| looks_at_the_clock(test)),
    })
}

fn looks_at_the_clock(test: &Test) -> bool {
    matches!(test, Test::Within(..) | Test::Anniversary(_))
}

impl Plan {
    /// Whether time alone can change the answer.
    pub fn is_timed(&self) -> bool {
        self.touched_by().timed
    }
}
