//! From what an event says, and from what is known of a person, to the versions that it could change.

use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::eval::{Outcome, Tri, evaluate};
use crate::person::Person;
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::plan::{Node, Plan, TouchedBy, Without};
use crate::table::Table;
use model::{Time, Value, names};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a version was indexed by.
struct Known {
    root: Arc<Node>,
    touched: TouchedBy,
}

/// Shapes that are remembered; people are alike in what is known of them.
const SHAPES_MAX: usize = 1_024;

/// What kinds of things are known of somebody.
#[derive(PartialEq, Eq, Hash)]
struct Shape {
    events: Vec<u32>,
    traits: Vec<u32>,
    orders: bool,
    carts: bool,
    addresses: bool,
}

impl Shape {
    fn of(person: &Person) -> Shape {
        Shape {
            events: person.by_name.keys().copied().collect(),
            traits: person.by_trait.keys().copied().collect(),
            orders: !person.orders.is_empty(),
            carts: person.carts.is_some(),
            addresses: person.nodes.values().any(|node| node.identity.kind.is_address()),
        }
    }
}

/// The versions that can concern people of one shape, each list in order.
pub(super) struct Concerned {
    /// All of them.
    pub(super) all: Vec<u32>,
    /// Those that time alone can change.
    pub(super) timed: Vec<u32>,
}

/// Versions by what could change them, each list in order.
#[derive(Default)]
pub(super) struct Index {
    known: BTreeMap<u32, Known>,
    by_event: Table<String, Vec<u32>>,
    by_any_event: Vec<u32>,
    by_order: Vec<u32>,
    by_property: Table<String, Vec<u32>>,
    /// Versions whose answer can change by time alone.
    timed: BTreeSet<u32>,
    /// What is not false of somebody of whom nothing is known: that it stays until something is.
    of_nobody: BTreeMap<u32, Tri>,
    /// Versions that look at more than what is known of a person.
    always: BTreeSet<u32>,
    asks_consent: BTreeSet<u32>,
    asks_entries: BTreeSet<u32>,
    asks_money: BTreeSet<u32>,
    shapes: Table<Shape, Arc<Concerned>>,
    /// Changes with the versions.
    generation: u64,
}

fn add(list: &mut Vec<u32>, version: u32) {
    if let Err(place) = list.binary_search(&version) {
        list.insert(place, version);
    }
}

fn add_to(lists: &mut Table<String, Vec<u32>>, key: &str, version: u32) {
    match lists.get_mut(key) {
        Some(list) => add(list, version),
        None => {
            lists.insert(key.to_owned(), vec![version]);
        }
    }
}

fn remove(lists: &mut Table<String, Vec<u32>>, key: &str, version: u32) {
    if let Some(list) = lists.get_mut(key) {
        list.retain(|other| *other != version);
        if list.is_empty() {
            lists.remove(key);
        }
    }
}

/// The first part of a dotted name.
pub(super) fn top_level(property: &str) -> &str {
    property.split_once('.').map_or(property, |(head, _)| head)
}

impl Index {
    /// Brings the index up to date with the versions that are evaluated, which come in order.
    pub(super) fn update<'a>(&mut self, plans: impl Iterator<Item = (u32, &'a Plan)>) {
        let mut known = self.known.iter().peekable();
        let (mut gone, mut new) = (Vec::new(), Vec::new());
        for (version, plan) in plans {
            while let Some((other, _)) = known.next_if(|(other, _)| **other < version) {
                gone.push(*other);
            }
            match known.next_if(|(other, _)| **other == version) {
                Some((_, known)) if Arc::ptr_eq(&known.root, &plan.root) => continue,
                Some(_) => gone.push(version),
                None => {}
            }
            new.push((version, plan));
        }
        gone.extend(known.map(|(version, _)| *version));
        if !gone.is_empty() || !new.is_empty() {
            self.shapes = Table::default();
            self.generation += 1;
        }
        gone.into_iter().for_each(|version| self.remove(version));
        new.into_iter().for_each(|(version, plan)| self.add(version, plan));
    }

    fn add(&mut self, version: u32, plan: &Plan) {
        let touched = plan.touched_by().clone();
        for name in &touched.events {
            add_to(&mut self.by_event, name, version);
        }
        if touched.any_event {
            add(&mut self.by_any_event, version);
        }
        if touched.orders {
            self.asks_money.insert(version);
        }
        if touched.orders || touched.any_event || touched.events.contains(names::ORDER_COMPLETED) {
            add(&mut self.by_order, version);
        }
        for property in &touched.properties {
            if property.starts_with("consent_") {
                self.asks_consent.insert(version);
            }
            add_to(&mut self.by_property, top_level(property), version);
        }
        if plan.root.extent.entries {
            self.asks_entries.insert(version);
        }
        if touched.timed {
            self.timed.insert(version);
        }
        if touched.beyond_person {
            self.always.insert(version);
        }
        let of_nobody = evaluate(plan, &Nobody, Time(0)).value;
        if of_nobody != Tri::False && !touched.beyond_person {
            self.of_nobody.insert(version, of_nobody);
        }
        self.known.insert(version, Known { root: Arc::clone(&plan.root), touched });
    }

    fn remove(&mut self, version: u32) {
        let Some(Known { touched, .. }) = self.known.remove(&version) else { return };
        for name in &touched.events {
            remove(&mut self.by_event, name, version);
        }
        for property in &touched.properties {
            remove(&mut self.by_property, top_level(property), version);
        }
        self.by_any_event.retain(|other| *other != version);
        self.by_order.retain(|other| *other != version);
        let Index { timed, always, asks_consent, asks_entries, asks_money, .. } = self;
        for set in [timed, always, asks_consent, asks_entries, asks_money] {
            set.remove(&version);
        }
        self.of_nobody.remove(&version);
    }

    /// Another number after every change of the versions.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a version asks for consent.
    pub(super) fn asks_consent(&self) -> bool {
        !self.asks_consent.is_empty()
    }

    /// Whether a version asks for entries.
    pub(super) fn asks_entries(&self) -> bool {
        !self.asks_entries.is_empty()
    }

    /// Whether a version asks for money spent.
    pub(super) fn asks_money(&self) -> bool {
        !self.asks_money.is_empty()
    }

    /// Those that an activity could change.
    pub(super) fn extend_by_event(&self, name: &str, is_order: bool, into: &mut Vec<u32>) {
        into.extend(&self.by_any_event);
        into.extend(self.by_event.get(name).into_iter().flatten());
        if is_order {
            into.extend(&self.by_order);
        }
    }

    /// Those that a property could change.
    pub(super) fn extend_by_property(&self, property: &str, into: &mut Vec<u32>) {
        into.extend(self.by_property.get(property).into_iter().flatten());
    }

    /// Those that a trait could change.
    pub(super) fn extend_by_trait(&self, name: &str, into: &mut Vec<u32>) {
        self.extend_by_property(top_level(name), into);
        match name {
            "email" => self.extend_by_property("email_domain", into),
            "birthday" => self.extend_by_property("age", into),
            _ => {}
        }
    }

    /// Those that what an address said could change.
    pub(super) fn extend_by_consent(&self, into: &mut Vec<u32>) {
        self.extend_by_property("consent_email", into);
        self.extend_by_property("consent_sms", into);
    }

    /// Which versions may say of a person something else than of nobody. They hold of the person what they hold of
    /// nobody, all others, for as long as nothing else becomes known.
    pub(super) fn concern(&mut self, person: &Person, names: &Names, words: &Words) -> Arc<Concerned> {
        let shape = Shape::of(person);
        if let Some(known) = self.shapes.get(&shape) {
            return Arc::clone(known);
        }
        let all = self.concerned(&shape, names, words);
        let timed = all.iter().copied().filter(|version| self.timed.contains(version)).collect();
        let concerned = Arc::new(Concerned { all, timed });
        if self.shapes.len() >= SHAPES_MAX {
            self.shapes = Table::default();
        }
        self.shapes.insert(shape, Arc::clone(&concerned));
        concerned
    }

    fn concerned(&self, shape: &Shape, names: &Names, words: &Words) -> Vec<u32> {
        let mut concern: Vec<u32> = self.always.iter().copied().collect();
        let mut by_event = |number: u32| {
            let name = names.name(number).unwrap_or_default();
            self.extend_by_event(name, words.is_order(number), &mut concern);
        };
        shape.events.iter().for_each(|number| by_event(*number));
        if shape.orders {
            by_event(words.completed);
        }
        if shape.carts {
            [words.added, words.removed, words.cart_updated].into_iter().for_each(by_event);
        }
        shape.traits.iter().filter_map(|number| names.name(*number)).for_each(|name| {
            self.extend_by_trait(name, &mut concern);
        });
        let addressed = |name: &str| names.number(name).is_some_and(|number| shape.traits.contains(&number));
        if addressed("email") || addressed("phone") || shape.addresses {
            ["email", "phone", "email_domain"].iter().for_each(|name| self.extend_by_property(name, &mut concern));
            self.extend_by_consent(&mut concern);
        }
        self.extend_by_property("first_seen", &mut concern);
        concern.sort_unstable();
        concern.dedup();
        concern
    }

    /// What a version says of somebody of whom nothing is known, if it looks at nothing else.
    pub(super) fn of_nobody(&self, version: u32) -> Tri {
        self.of_nobody.get(&version).copied().unwrap_or(Tri::False)
    }
}

/// What holds of nobody holds until something becomes known.
pub(super) fn for_good(value: Tri) -> Outcome {
    Outcome { value, until: Time::MAX }
}

/// Somebody of whom nothing is known.
struct Nobody;

impl Subject for Nobody {
    fn property(&self, _: &str) -> Option<Value> {
        None
    }

    fn happenings(&self, _: Option<&str>, _: Time, _: Time, _: &mut dyn FnMut(&dyn Happening) -> bool) {}

    fn spent(&self, _: Time, _: Time, _: Without, _: &mut dyn FnMut(&Spent)) {}

    fn rate(&self, _: &str, _: &str, _: Time) -> Option<Decimal> {
        None
    }

    fn stable_id(&self) -> &str {
        ""
    }

    fn in_segment(&self, _: &str) -> Option<bool> {
        None
    }

    fn walk(&self, _: &Reach<'_>, _: &mut Visit<'_>) -> Option<Time> {
        None
    }
}
