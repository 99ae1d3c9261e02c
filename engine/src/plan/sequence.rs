//! A compiled sequence.

use super::{Filter, Window};
use crate::language::ast::Span;

/// A first step in a window, and what follows it.
#[derive(Debug)]
pub struct Sequence {
    /// What comes first.
    pub first: Step,
    /// When.
    pub window: Window,
    /// Whether the latest first step alone counts.
    pub last: bool,
    /// What follows, one after the other; at least one.
    pub then: Vec<Next>,
    /// Whether the last of them must not happen.
    pub not: bool,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    /// The event's name; `None` for any.
    pub event: Option<String>,
    /// What must hold of the event.
    pub filters: Vec<Filter>,
}

/// A step after another.
#[derive(Debug)]
pub struct Next {
    /// What happens.
    pub step: Step,
    /// Properties whose values tie it to the step before.
    pub same: Vec<String>,
    /// At most so long after it.
    pub within: Option<Span>,
}

impl Sequence {
    /// All steps in their order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        std::iter::once(&self.first).chain(self.then.iter().map(|next| &next.step))
    }
}
