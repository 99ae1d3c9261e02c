//! Carts are state: what was added and removed follows from each snapshot and the one before.
//!
//! A snapshot is a `Cart Updated` of a cart that the event names. Once it is past its retention, the
//! newest of those that are is kept as a *base*: a nameless fact with nothing but the lines, so that
//! the next one is compared with what was there.

use crate::person::Person;
use crate::person::fact::Fact;
use crate::person::facts::Facts;
use crate::person::orders::{Words, id_text, readable};
use crate::person::tree::{Item, Tree};
use crate::storage::{MessageKey, OrderKey};
use model::{Map, Time, Value};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// What a line is known by, strongest first.
const LINE_IDS: [&str; 3] = ["line_id", "variant_id", "product_id"];

/// Something that was put into a cart or taken out of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The time of the snapshot that shows it.
    pub time: Time,
    /// Tells it apart from everything else of the same time.
    pub key: MessageKey,
    /// Place of the snapshot that shows it.
    pub snapshot: u32,
    /// Place of the snapshot that has the line: the one before if the line is gone.
    shown: u32,
    /// Which of its products.
    line: u32,
    /// By how much the quantity grew or shrank.
    quantity: Decimal,
}

impl Item for Change {
    type Sum = ();

    fn sum(&self) {}
}

impl Change {
    /// The line's properties, with the quantity that was added or removed, and the cart's id.
    pub fn properties(&self, facts: &Facts, words: &Words) -> Map {
        let properties = |place: u32| facts.get(place as usize).map(|fact| &fact.properties);
        let line = properties(self.shown).and_then(|shown| shown.item(words.products, self.line as usize));
        let mut map = match line {
            Some(Value::Map(line)) => line,
            _ => Map::new(),
        };
        map.insert("quantity".to_owned(), Value::Number(self.quantity));
        if let Some(id) = properties(self.snapshot).and_then(|snapshot| snapshot.get(words.cart_id)) {
            map.insert("cart_id".to_owned(), id);
        }
        map
    }
}

/// The carts of a person.
#[derive(Clone, Debug, Default)]
pub struct Carts {
    /// Snapshots of each cart, in order of time, then message id.
    snapshots: BTreeMap<OrderKey, Vec<u32>>,
    /// What was added, in order of time.
    pub added: Tree<Change>,
    /// What was removed, in order of time.
    pub removed: Tree<Change>,
}

/// What was added, and what was removed.
pub(super) type Changes = (Vec<Change>, Vec<Change>);

impl Carts {
    /// Notes a snapshot; what follows from it is worked out later.
    pub(super) fn note(&mut self, key: OrderKey, place: u32) {
        self.snapshots.entry(key).or_default().push(place);
    }

    /// What was added or removed, by the name under which it is seen.
    pub fn changes(&self, name: u32, words: &Words) -> Option<&Tree<Change>> {
        match name {
            name if name == words.added => Some(&self.added),
            name if name == words.removed => Some(&self.removed),
            _ => None,
        }
    }

    /// Works everything out anew.
    fn count(&mut self, facts: &Facts, words: &Words) {
        let (mut added, mut removed) = Changes::default();
        for places in self.snapshots.values_mut() {
            places.sort_by(|one, other| rank(facts, *one).cmp(&rank(facts, *other)));
            let mut before = None;
            for place in places {
                compare(facts, before, *place, words, (&mut added, &mut removed));
                before = Some(*place);
            }
        }
        let sorted = |mut changes: Vec<Change>| {
            changes.sort_by_key(|change| (change.time, change.key));
            changes.into_iter().collect()
        };
        (self.added, self.removed) = (sorted(added), sorted(removed));
    }

    /// Puts the snapshot that was noted last into its place: what it shows changes, and what the one
    /// after it shows. Returns what is shown no longer, and what is shown now.
    fn count_last(&mut self, key: OrderKey, facts: &Facts, words: &Words) -> [Changes; 2] {
        let (mut gone, mut come) = (Changes::default(), Changes::default());
        let Some(places) = self.snapshots.get_mut(&key) else { return [gone, come] };
        let Some(new) = places.pop() else { return [gone, come] };
        let at = places.partition_point(|place| rank(facts, *place) < rank(facts, new));
        places.insert(at, new);
        let before = at.checked_sub(1).and_then(|before| places.get(before)).copied();
        compare(facts, before, new, words, (&mut come.0, &mut come.1));
        if let Some(next) = places.get(at + 1).copied() {
            let time = facts.get(next as usize).map_or(Time::MAX, |fact| fact.time);
            gone = (take_shown(&mut self.added, next, time), take_shown(&mut self.removed, next, time));
            compare(facts, Some(new), next, words, (&mut come.0, &mut come.1));
        }
        for (changes, come) in [(&mut self.added, &come.0), (&mut self.removed, &come.1)] {
            for change in come {
                let place = changes.partition_point(|other| (other.time, other.key) <= (change.time, change.key));
                changes.insert(place, change.clone());
            }
        }
        [gone, come]
    }
}

/// Takes out what one snapshot, of a known time, shows.
fn take_shown(changes: &mut Tree<Change>, snapshot: u32, time: Time) -> Vec<Change> {
    let mut gone = Vec::new();
    let mut place = changes.partition_point(|change| change.time < time);
    while let Some(change) = changes.get(place).filter(|change| change.time == time) {
        if change.snapshot == snapshot {
            gone.extend(changes.remove(place));
        } else {
            place += 1;
        }
    }
    gone
}

impl Person {
    /// Works out anew what was put into carts and taken out of them.
    pub(super) fn count_carts(&mut self, words: &Words) {
        if let Some(carts) = &mut self.carts {
            carts.count(&self.facts, words);
        }
    }

    /// The same for the cart of the fact that came last.
    pub(super) fn count_last_cart(&mut self, key: OrderKey, words: &Words) -> [Changes; 2] {
        match &mut self.carts {
            Some(carts) => carts.count_last(key, &self.facts, words),
            None => Default::default(),
        }
    }

    /// What was put into carts or taken out of them, by the name under which it is seen.
    pub fn cart_changes(&self, name: u32, words: &Words) -> Option<&Tree<Change>> {
        self.carts.as_deref()?.changes(name, words).filter(|changes| !changes.is_empty())
    }
}

impl Person {
    /// Of each cart the place of its newest snapshot at or before an instant.
    pub(super) fn cart_bases(&self, until: Time) -> BTreeMap<OrderKey, usize> {
        let carts = self.carts.iter().flat_map(|carts| &carts.snapshots);
        let time = |place: &u32| self.facts.get(*place as usize).map_or(Time::MAX, |fact| fact.time);
        let newest = |(key, places): (&OrderKey, &Vec<u32>)| {
            let passed = places.partition_point(|place| time(place) <= until);
            Some((*key, *places.get(passed.checked_sub(1)?)? as usize))
        };
        carts.filter_map(newest).collect()
    }
}

/// By what snapshots of one cart stand in order.
fn rank(facts: &Facts, place: u32) -> Option<(Time, &str)> {
    let fact = facts.get(place as usize)?;
    Some((fact.time, fact.order().map_or("", |order| order.1.as_str())))
}

/// What a line is known by: which kind of id, and the id.
type LineKey = (usize, String);

/// The lines of a snapshot: number and quantity. What stands there twice counts together, as the first.
fn lines(fact: &Fact, words: &Words) -> BTreeMap<LineKey, (u32, Decimal)> {
    let mut lines: BTreeMap<LineKey, (u32, Decimal)> = BTreeMap::new();
    let Some(Value::List(items)) = fact.properties.get(words.products) else { return lines };
    for (number, item) in items.iter().enumerate() {
        let Value::Map(item) = item else { continue };
        let id = |(kind, name): (usize, &&str)| {
            let id = item.get(*name).map(id_text).filter(|id| !id.is_empty())?;
            Some((kind, id))
        };
        let Some(key) = LINE_IDS.iter().enumerate().find_map(id) else { continue };
        let quantity = item.get("quantity").and_then(readable).unwrap_or(Decimal::ONE);
        let line = lines.entry(key).or_insert((number as u32, Decimal::ZERO));
        line.1 = line.1.checked_add(quantity).unwrap_or(Decimal::MAX);
    }
    lines
}

/// Collects what a snapshot shows beside the one before; a base shows nothing.
fn compare(
    facts: &Facts,
    before: Option<u32>,
    snapshot: u32,
    words: &Words,
    (added, removed): (&mut Vec<Change>, &mut Vec<Change>),
) {
    let Some(fact) = facts.get(snapshot as usize).filter(|fact| fact.name.is_some()) else { return };
    let was = before.and_then(|before| facts.get(before as usize)).map(|fact| lines(fact, words)).unwrap_or_default();
    let is = lines(fact, words);
    let change = |adds: bool, (shown, line): (u32, u32), quantity: Decimal| {
        let key = MessageKey::of_change(&fact.message, adds, (shown == snapshot, line));
        Change { time: fact.time, key, snapshot, shown, line, quantity }
    };
    for (key, (line, quantity)) in &is {
        let before = was.get(key).map_or(Decimal::ZERO, |(_, quantity)| *quantity);
        if *quantity > before {
            added.push(change(true, (snapshot, *line), quantity - before));
        } else if *quantity < before {
            removed.push(change(false, (snapshot, *line), before - quantity));
        }
    }
    let gone = was.iter().filter(|(key, (_, quantity))| !is.contains_key(*key) && *quantity > Decimal::ZERO);
    removed.extend(gone.map(|(_, (line, quantity))| change(false, (before.unwrap_or(snapshot), *line), *quantity)));
}
