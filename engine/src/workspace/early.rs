//! Answers that a person's characteristics give alone: most people of a large store are told from the country or the
//! consent that a definition asks for, and what happened to them need not be put in order.
//!
//! Evaluation asks for characteristics first, and for nothing more once they have decided for good. So what it answers
//! without a look at the history is what it would answer with it.

use crate::eval::line::{Lined, Wanted};
use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::person::view::View;
use crate::plan::{Kind, Node, Without};
use model::{Time, Value};
use rust_decimal::Decimal;
use std::cell::Cell;

/// Whether characteristics may answer a plan for somebody.
pub(super) fn may_be_decided(node: &Node) -> bool {
    match &node.kind {
        _ if !node.asks_history => true,
        Kind::All(children) | Kind::Any(children) => children.iter().any(may_be_decided),
        Kind::Not(child) => may_be_decided(child),
        Kind::Member(other) => may_be_decided(other),
        Kind::Sample(_) => true,
        _ => false,
    }
}

/// A person of whom nothing but characteristics is at hand.
pub(super) struct Characteristics<'a> {
    view: &'a View<'a>,
    was_asked_more: Cell<bool>,
}

impl<'a> Characteristics<'a> {
    pub(super) fn of(view: &'a View<'a>) -> Characteristics<'a> {
        Characteristics { view, was_asked_more: Cell::new(false) }
    }

    /// Whether something was asked that is not at hand: then no answer counts.
    pub(super) fn was_asked_more(&self) -> bool {
        self.was_asked_more.get()
    }
}

impl Subject for Characteristics<'_> {
    fn property(&self, name: &str) -> Option<Value> {
        self.view.property(name)
    }

    fn happenings(&self, _: Option<&str>, _: Time, _: Time, _: &mut dyn FnMut(&dyn Happening) -> bool) {
        self.was_asked_more.set(true);
    }

    fn spent(&self, _: Time, _: Time, _: Without, _: &mut dyn FnMut(&Spent)) {
        self.was_asked_more.set(true);
    }

    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        self.view.rate(from, to, at)
    }

    fn line(&self, _: Wanted<'_>) -> Option<Lined<'_>> {
        self.was_asked_more.set(true);
        None
    }

    fn stable_id(&self) -> &str {
        self.view.stable_id()
    }

    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.view.in_segment(segment)
    }

    fn walk(&self, _: &Reach<'_>, _: &mut Visit<'_>) -> Option<Time> {
        self.was_asked_more.set(true);
        None
    }
}
