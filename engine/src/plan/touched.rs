//! What could change the answer of a plan.

use super::{Kind, Measure, Node, Plan, Test, Window};
use std::collections::BTreeSet;

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
    /// Time alone.
    pub timed: bool,
}

impl TouchedBy {
    /// Collects the inputs of a tree.
    pub(super) fn of(root: &Node) -> TouchedBy {
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
                self.timed |= name == "age" || matches!(test, Test::Within(..) | Test::Anniversary(_));
            }
            Kind::Activity(activity) => {
                match &activity.event {
                    Some(name) => {
                        self.events.insert(name.clone());
                    }
                    None => self.any_event = true,
                }
                let orders_only = activity.event.as_deref().is_some_and(|name| {
                    use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
                    [ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED, ORDER_CANCELLED].contains(&name)
                });
                let window = match &activity.measure {
                    Measure::First(window) | Measure::Last(window) => window,
                    _ => &activity.window,
                };
                // Retention takes every other event out of every window in the end.
                self.timed |= !orders_only || !matches!(window, Window::Range(..));
            }
            Kind::Spent(_, _, window) => {
                self.orders = true;
                self.timed |= !matches!(window, Window::Range(..));
            }
        }
    }
}

impl Plan {
    /// Whether time alone can change the answer.
    pub fn is_timed(&self) -> bool {
        self.touched_by().timed
    }
}
