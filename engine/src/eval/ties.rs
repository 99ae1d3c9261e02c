//! What ties a step of a sequence to the one before: equal values of the event, or of one of its line items.

use super::subject::Happening;
use super::values::{equal, fold, number_in};
use crate::person::bag::descend;
use model::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

/// The values of the properties that tie a step to another: of the event, or of one of its line items.
pub(super) type Tie = Vec<Value>;

/// The values under some names: of the event, and of each line item with what it lacks from the event. A
/// missing one ties nothing.
pub(super) fn ties_of(happening: &dyn Happening, names: &[String]) -> Vec<Tie> {
    if names.is_empty() {
        return Vec::new();
    }
    let own: Vec<Option<Value>> = names.iter().map(|name| happening.property(name)).collect();
    let mut ties: Vec<Tie> = own.iter().cloned().collect::<Option<Tie>>().into_iter().collect();
    if let Some(Value::List(items)) = happening.property("products") {
        for item in items.iter().filter(|item| matches!(item, Value::Map(_))) {
            let values = names.iter().zip(&own).map(|(name, own)| descend(item, name).or_else(|| own.clone()));
            ties.extend(values.collect::<Option<Tie>>());
        }
    }
    ties
}

/// Whether some reading of the one equals some reading of the other.
pub(super) fn tied(left: &[Tie], right: &[Tie]) -> bool {
    let same = |left: &Tie, right: &Tie| left.iter().zip(right).all(|(left, right)| equal(left, right));
    left.iter().any(|left| right.iter().any(|right| same(left, right)))
}

/// What equal values have in common: two that share none of these are not equal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Bool(bool),
    Number(Decimal),
    Text(String),
}

fn marks_of(value: &Value, into: &mut BTreeSet<Mark>) {
    match value {
        Value::Bool(flag) => drop(into.insert(Mark::Bool(*flag))),
        Value::Number(number) => drop(into.insert(Mark::Number(*number))),
        Value::Text(text) => {
            into.extend(number_in(text).map(Mark::Number));
            into.insert(Mark::Text(fold(text).into_owned()));
        }
        Value::List(items) => items.iter().for_each(|item| marks_of(item, into)),
        Value::Map(_) => {}
    }
}

fn marks(ties: &[Tie]) -> BTreeSet<Mark> {
    let mut marks = BTreeSet::new();
    ties.iter().filter_map(|tie| tie.first()).for_each(|value| marks_of(value, &mut marks));
    marks
}

/// Places in a list of steps by what their first values have in common.
pub(super) struct Places(BTreeMap<Mark, Vec<usize>>);

impl Places {
    /// Of steps in their order.
    pub(super) fn of<'a>(steps: impl Iterator<Item = &'a [Tie]>) -> Places {
        let mut places: BTreeMap<Mark, Vec<usize>> = BTreeMap::new();
        for (place, ties) in steps.enumerate() {
            for mark in marks(ties) {
                places.entry(mark).or_default().push(place);
            }
        }
        Places(places)
    }

    /// Those before `until` that may be tied to a step, from the last to the first.
    pub(super) fn near<'a>(&'a self, ties: &[Tie], until: usize) -> impl Iterator<Item = usize> + use<'a> {
        let all = marks(ties).into_iter().filter_map(|mark| self.0.get(&mark));
        let mut lists: Vec<&[usize]> =
            all.filter_map(|places| places.get(..places.partition_point(|place| *place < until))).collect();
        std::iter::from_fn(move || {
            let last = lists.iter().filter_map(|list| list.last()).max().copied()?;
            for list in &mut lists {
                if let Some((_, before)) = list.split_last().filter(|(place, _)| **place == last) {
                    *list = before;
                }
            }
            Some(last)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let texts = prop::sample::select(vec!["a", "A", "7", "7.0", "Le\u{f3}n", "Leo\u{301}n", ""]);
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (0..8i64).prop_map(|number| Value::Number(number.into())),
            texts.prop_map(Value::text),
        ];
        prop_oneof![leaf.clone(), prop::collection::vec(leaf, 0..3).prop_map(Value::List)]
    }

    proptest! {
        #[test]
        fn whatever_is_tied_is_near_and_comes_once_in_order(
            step in prop::collection::vec(prop::collection::vec(value(), 1..3), 0..3),
            others in prop::collection::vec(prop::collection::vec(prop::collection::vec(value(), 1..3), 0..3), 0..9),
            until in 0..10usize,
        ) {
            let places = Places::of(others.iter().map(Vec::as_slice));
            let near: Vec<usize> = places.near(&step, until).collect();
            prop_assert!(near.windows(2).all(|pair| pair[0] > pair[1]), "{:?}", near);
            for (place, other) in others.iter().enumerate() {
                let is_near = near.contains(&place);
                prop_assert!(!is_near || place < until);
                prop_assert!(!tied(&step, other) || place >= until || is_near, "{:?} {:?}", step, other);
            }
        }
    }
}
