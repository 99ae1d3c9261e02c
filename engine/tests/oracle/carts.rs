//! Carts: what was added and removed, from one state to the next.

use super::View;
use super::orders::{activity, amount, id_text};
use model::{Event, Identity, IdentityKind, Map, Time, Value, names};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Something that a cart shows: when, under which name, with which properties.
pub type CartChange = (Time, &'static str, Map);

/// The identity and the id of the cart of which an event is a snapshot.
pub fn cart_of(event: &Event) -> Option<(Identity, String)> {
    if activity(event) != Some(names::CART_UPDATED) {
        return None;
    }
    let of_source = |one: &&Identity| one.kind == IdentityKind::Cart && one.scope == event.source.as_str();
    let identity = event.identities.iter().filter(of_source).min()?;
    Some((identity.clone(), id_text(event.properties.get("cart_id"))?))
}

/// What a line is known by.
fn line_id(line: &Map) -> Option<(&'static str, String)> {
    ["line_id", "variant_id", "product_id"].into_iter().find_map(|name| Some((name, id_text(line.get(name))?)))
}

/// Line by line how much there is, with the first line of that id.
fn content(cart: &Event) -> BTreeMap<(&'static str, String), (Map, Decimal)> {
    let mut content = BTreeMap::new();
    if let Some(Value::List(lines)) = cart.properties.get("products") {
        for line in lines {
            let Value::Map(line) = line else { continue };
            let Some(id) = line_id(line) else { continue };
            let entry = content.entry(id).or_insert_with(|| (line.clone(), Decimal::ZERO));
            entry.1 += amount(line.get("quantity")).unwrap_or(Decimal::ONE);
        }
    }
    content
}

fn changes(before: Option<&Event>, after: &Event) -> Vec<CartChange> {
    let (was, is) = (before.map(content).unwrap_or_default(), content(after));
    let mut ids: Vec<_> = was.keys().chain(is.keys()).collect();
    ids.sort();
    ids.dedup();
    let mut changes = Vec::new();
    for id in ids {
        let quantity = |of: &BTreeMap<_, (Map, Decimal)>| of.get(id).map_or(Decimal::ZERO, |(_, quantity)| *quantity);
        let growth = quantity(&is) - quantity(&was);
        let name = match growth {
            growth if growth > Decimal::ZERO => names::PRODUCT_ADDED,
            growth if growth < Decimal::ZERO => names::PRODUCT_REMOVED,
            _ => continue,
        };
        let mut properties = is.get(id).unwrap_or_else(|| &was[id]).0.clone();
        properties.insert("quantity".to_owned(), Value::Number(growth.abs()));
        properties.insert("cart_id".to_owned(), after.properties["cart_id"].clone());
        changes.push((after.time, name, properties));
    }
    changes
}

impl View {
    /// What a person's carts show and is not past its retention. A cart's id may be known by several
    /// identities: these are several carts.
    pub fn cart_changes(&self, person: usize) -> Vec<CartChange> {
        let mut carts: BTreeMap<(String, Identity, String), Vec<&Event>> = BTreeMap::new();
        for fact in self.facts(person) {
            if let Some((identity, id)) = cart_of(fact) {
                carts.entry((fact.source.0.clone(), identity, id)).or_default().push(fact);
            }
        }
        let mut found = Vec::new();
        for snapshots in carts.values_mut() {
            snapshots.sort_by_key(|fact| (fact.time, fact.message_id.clone()));
            for (number, after) in snapshots.iter().enumerate() {
                let before = number.checked_sub(1).map(|before| snapshots[before]);
                found.extend(changes(before, after));
            }
        }
        found.retain(|(time, _, _)| self.retained(*time));
        found
    }

    /// Everything that a person's history shows: name, time, properties, in order.
    pub fn history(&self, person: usize) -> Vec<(String, String, serde_json::Value)> {
        let shown = |time: Time, name: &str, properties: &Map| {
            (time.to_string(), name.to_owned(), Value::Map(properties.clone()).to_json())
        };
        let mut history = Vec::new();
        for fact in self.facts(person) {
            let Some(name) = activity(fact) else { continue };
            if super::orders::ORDER_EVENTS.contains(&name) || self.retained(fact.time) {
                history.push(shown(fact.time, name, &fact.properties));
            }
        }
        history.extend(self.cart_changes(person).iter().map(|(time, name, properties)| shown(*time, name, properties)));
        history.sort_by_cached_key(|one| (one.0.clone(), one.1.clone(), one.2.to_string()));
        history
    }
}
