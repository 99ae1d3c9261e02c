//! A definition's truth of one person: true, false, or `None` when it can't be decided.

use super::View;
use super::carts::cart_of;
use super::orders::{ORDER_EVENTS, activity};
use super::values::{compare, descend, folded, number};
use model::{Map, Time, Value, names};
use rust_decimal::Decimal;
use serde_json::{Map as JsonMap, Value as Json};
use std::collections::BTreeSet;

pub type Object = JsonMap<String, Json>;

/// Something that happened, as definitions see it.
pub struct Happening {
    pub time: Time,
    pub properties: Map,
}

impl View {
    /// Whether a definition holds for a person; unknown stays unknown under `not`.
    pub fn holds(&self, definition: &Json, person: usize) -> Option<bool> {
        let node = definition.as_object().expect("an object");
        let each = |key: &str| {
            let parts = node[key].as_array().expect("a list");
            parts.iter().map(|part| self.holds(part, person)).collect::<Vec<_>>()
        };
        if node.contains_key("all") {
            all(each("all"))
        } else if node.contains_key("any") {
            all(each("any").into_iter().map(not).collect()).map(|none| !none)
        } else if let Some(part) = node.get("not") {
            not(self.holds(part, person))
        } else if let Some(name) = node.get("property") {
            let value = self.property(person, name.as_str().expect("a name"));
            Some(self.operators(node, value.as_ref()))
        } else if node.contains_key("then") || node.contains_key("then_not") {
            Some(self.sequence_holds(node, person))
        } else if let Some(entered) = node.get("entered") {
            Some(self.has_entered(entered.as_str().expect("a name"), node.get("window"), person))
        } else if let Some(percent) = node.get("sample") {
            let salt = node.get("salt").and_then(Json::as_str).unwrap_or_default();
            match self.is_sampled(percent, salt, person) {
                true => self.holds(&node["of"], person),
                false => Some(false),
            }
        } else if let Some(event) = node.get("event") {
            Some(self.activity_holds(event.as_str().expect("a name"), node, person))
        } else if let Some(spent) = node.get("spent") {
            self.spent_holds(spent.as_object().expect("an object"), node, person)
        } else if let Some(segment) = node.get("segment") {
            Some(self.in_segment(segment.as_str().expect("a name"), person) == Some(true))
        } else {
            panic!("not a condition: {definition}")
        }
    }

    /// Every operator beside a `property` holds.
    fn operators(&self, node: &Object, value: Option<&Value>) -> bool {
        let mut operators = node.iter().filter(|(key, _)| *key != "property");
        operators.all(|(operator, operand)| self.satisfies(value, operator, operand))
    }

    fn activity_holds(&self, event: &str, node: &Object, person: usize) -> bool {
        let mut happenings = self.matching(event, node, person);
        happenings.retain(|happening| self.in_window(happening.time, node.get("window")));
        let times = || happenings.iter().map(|happening| happening.time);
        for (key, value) in node {
            let found = match key.as_str() {
                "first" => times().min().is_some_and(|first| self.in_window(first, Some(value))),
                "last" => times().max().is_some_and(|last| self.in_window(last, Some(value))),
                "count" | "sum" | "avg" | "min" | "max" | "distinct" => {
                    let of = node.get("of").and_then(Json::as_str);
                    measure(key, &happenings, of).is_some_and(|figure| figure_holds(figure, value))
                }
                _ => continue,
            };
            return found;
        }
        !happenings.is_empty()
    }

    /// What happened under a name and passes the filters.
    pub fn matching(&self, event: &str, node: &Object, person: usize) -> Vec<Happening> {
        let mut happenings = self.happenings(event, person);
        let filters = node.get("where").and_then(Json::as_array).into_iter().flatten().collect::<Vec<_>>();
        happenings.retain(|happening| filters.iter().all(|filter| self.filter(filter, &happening.properties)));
        happenings
    }

    /// What happened to a person under a name, or under any; orders as they count.
    fn happenings(&self, event: &str, person: usize) -> Vec<Happening> {
        let event = match event {
            "*" => None,
            name => Some(names::canonical_event_name(name)),
        };
        let wanted = |name: &str| event.as_deref().is_none_or(|event| event == name);
        let mut happenings = Vec::new();
        for fact in self.facts(person) {
            let Some(name) = activity(fact) else { continue };
            let kept = ORDER_EVENTS.contains(&name) || self.retained(fact.time);
            // Of a cart it is what was added and removed that happened.
            let instead = event.is_none() && cart_of(fact).is_some();
            if wanted(name) && !instead && name != names::ORDER_COMPLETED && kept {
                happenings.push(Happening { time: fact.time, properties: fact.properties.clone() });
            }
        }
        for (time, name, properties) in self.cart_changes(person) {
            if wanted(name) {
                happenings.push(Happening { time, properties });
            }
        }
        if wanted(names::ORDER_COMPLETED) {
            let orders = self.orders(person).into_iter();
            happenings.extend(orders.map(|order| Happening { time: order.time, properties: order.properties }));
        }
        happenings
    }

    /// One filter of `where`: on a property, or on properties of one and the same line item.
    fn filter(&self, filter: &Json, properties: &Map) -> bool {
        let node = filter.as_object().expect("an object");
        if let Some(conditions) = node.get("item") {
            let Some(Value::List(items)) = properties.get("products") else { return false };
            let conditions = conditions.as_array().expect("a list");
            return items.iter().any(|item| match item {
                Value::Map(item) => conditions.iter().all(|condition| self.filter(condition, item)),
                _ => false,
            });
        }
        let value = descend(properties, node["property"].as_str().expect("a name"));
        self.operators(node, value.as_ref())
    }

    /// Sums what was spent; `None` when a part of it can't be converted.
    fn spent_holds(&self, spent: &Object, node: &Object, person: usize) -> Option<bool> {
        let window = node.get("window");
        let without = node.get("without").and_then(Json::as_array).into_iter().flatten();
        let without: Vec<&str> = without.filter_map(Json::as_str).collect();
        let currency = match spent.get("currency").and_then(Json::as_str) {
            Some(code) => code.to_uppercase(),
            None => self.known.currency.to_uppercase(),
        };
        let mut sum = Decimal::ZERO;
        for order in self.orders_without(person, &without) {
            if order.spent.is_zero() || !self.in_window(order.time, window) {
                continue;
            }
            let from = match order.currency.as_str() {
                "" => self.known.currency.to_uppercase(),
                code => code.to_owned(),
            };
            sum += order.spent * self.rate(&from, &currency, order.time)?;
        }
        let mut operators = spent.iter().filter(|(key, _)| *key != "currency");
        Some(operators.all(|(operator, operand)| compare(operator, sum, operand).expect("an operator")))
    }
}

fn not(value: Option<bool>) -> Option<bool> {
    value.map(|value| !value)
}

/// False if one is false, else unknown if one is unknown.
fn all(values: Vec<Option<bool>>) -> Option<bool> {
    if values.contains(&Some(false)) {
        Some(false)
    } else if values.contains(&None) {
        None
    } else {
        Some(true)
    }
}

fn figure_holds(figure: Decimal, operators: &Json) -> bool {
    let mut operators = operators.as_object().expect("operators").iter();
    operators.all(|(operator, operand)| compare(operator, figure, operand).expect("an operator"))
}

/// The measured figure; `None` for the average, least and greatest of nothing.
fn measure(name: &str, happenings: &[Happening], of: Option<&str>) -> Option<Decimal> {
    let values = || happenings.iter().filter_map(|happening| descend(&happening.properties, of.expect("a property")));
    let numbers = || values().filter_map(|value| number(&value));
    match name {
        "count" => Some(happenings.len().into()),
        "sum" => Some(numbers().sum()),
        "avg" => match numbers().count() {
            0 => None,
            count => Some(numbers().sum::<Decimal>() / Decimal::from(count)),
        },
        "min" => numbers().min(),
        "max" => numbers().max(),
        _ => Some(values().map(distinguished).collect::<BTreeSet<_>>().len().into()),
    }
}

/// A value as `distinct` tells it from others.
fn distinguished(value: Value) -> Value {
    match value {
        Value::Text(text) => Value::Text(folded(&text)),
        other => other,
    }
}
