//! One thing after another.

use super::View;
use super::condition::{Happening, Object};
use super::values::{descend, same};
use model::{Map, Value};
use serde_json::Value as Json;

impl View {
    /// Whether some first step (or the latest) in the window is followed as asked.
    pub fn sequence_holds(&self, node: &Object, person: usize) -> bool {
        let mut first = self.matching(node["event"].as_str().expect("a name"), node, person);
        first.retain(|happening| self.in_window(happening.time, node.get("window")));
        if node.get("of").and_then(Json::as_str) == Some("last") {
            let latest = first.iter().map(|happening| happening.time).max();
            first.retain(|happening| Some(happening.time) == latest);
        }
        first.iter().any(|happening| self.is_followed(happening, node, person))
    }

    fn is_followed(&self, before: &Happening, node: &Object, person: usize) -> bool {
        let (next, wanted) = match (node.get("then"), node.get("then_not")) {
            (Some(next), None) => (next, true),
            (None, Some(next)) => (next, false),
            (None, None) => return true,
            _ => panic!("both then and then_not"),
        };
        let next = next.as_object().expect("an object");
        let last = next.get("within").map(|within| self.shifted(before.time, within.as_str().expect("a length"), 1));
        let keys: Vec<&str> =
            next.get("same").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
        let follows = |after: &Happening| {
            after.time > before.time
                && last.is_none_or(|last| after.time <= last)
                && (keys.is_empty() || are_tied(&before.properties, &after.properties, &keys))
        };
        let after = self.matching(next["event"].as_str().expect("a name"), next, person);
        let mut after = after.iter().filter(|after| follows(after));
        match wanted {
            true => after.any(|after| self.is_followed(after, next, person)),
            false => after.next().is_none() && last.is_none_or(|last| self.t >= last),
        }
    }
}

/// Whether some reading of the one has the same values as some reading of the other.
fn are_tied(left: &Map, right: &Map, keys: &[&str]) -> bool {
    let tied = |left: &Vec<Value>, right: &Vec<Value>| left.iter().zip(right).all(|(left, right)| equal(left, right));
    readings(left, keys).iter().any(|left| readings(right, keys).iter().any(|right| tied(left, right)))
}

/// The values of the keys in the event itself, and in each line item with the event behind it.
fn readings(properties: &Map, keys: &[&str]) -> Vec<Vec<Value>> {
    let mut sources = vec![None];
    if let Some(Value::List(items)) = properties.get("products") {
        sources.extend(items.iter().filter_map(|item| match item {
            Value::Map(item) => Some(Some(item)),
            _ => None,
        }));
    }
    let value =
        |item: Option<&Map>, key: &str| item.and_then(|item| descend(item, key)).or_else(|| descend(properties, key));
    sources.iter().filter_map(|item| keys.iter().map(|key| value(*item, key)).collect()).collect()
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(items), other) => items.iter().any(|item| equal(item, other)),
        (other, Value::List(items)) => items.iter().any(|item| equal(other, item)),
        (left, right) => same(left, right),
    }
}
