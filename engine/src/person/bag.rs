//! Properties as bytes.
//!
//! A person's history stays encoded in memory; a filter decodes only the value it asks for.
//! Layout: for each property `name number, length, payload` (LEB128 numbers). Payload: a tag
//! byte and its content. Unreadable bytes read as absent: they can only come from a damaged
//! store, whose checksums tell before.

use crate::person::names::Names;
use model::{Map, Value};
use rust_decimal::Decimal;
use smallvec::{Array, SmallVec};

const FALSE: u8 = 0;
const TRUE: u8 = 1;
const NUMBER: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;

/// Encoded properties.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Bag(SmallVec<[u8; 16]>);

impl Bag {
    /// Nothing.
    pub const NONE: Bag = Bag(SmallVec::new_const());

    /// Encodes properties. Names that the dictionary has no room for are left out; their number is returned.
    pub fn encode(map: &Map, names: &mut Names) -> (Bag, u64) {
        let mut out = SmallVec::new();
        let mut payload = SmallVec::<[u8; 64]>::new();
        let mut dropped = 0;
        for (name, value) in map {
            let Some(number) = names.intern(name) else {
                dropped += 1;
                continue;
            };
            payload.clear();
            encode_value(value, &mut payload);
            put_number(u64::from(number), &mut out);
            put_number(payload.len() as u64, &mut out);
            out.extend_from_slice(&payload);
        }
        out.shrink_to_fit();
        (Bag(out), dropped)
    }

    /// From stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Bag {
        Bag(SmallVec::from_slice(bytes))
    }

    /// From stored bytes, what stands under some names.
    pub(crate) fn of_names(bytes: &[u8], wanted: impl Fn(u32) -> bool) -> Bag {
        let mut out = SmallVec::new();
        for (number, payload) in entries(bytes).filter(|(number, _)| wanted(*number)) {
            put_number(u64::from(number), &mut out);
            put_number(payload.len() as u64, &mut out);
            out.extend_from_slice(payload);
        }
        Bag(out)
    }

    /// The bytes to store.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One property by the number of its name.
    pub fn get(&self, name: u32) -> Option<Value> {
        self.entries().find(|(number, _)| *number == name).and_then(|(_, payload)| decode_value(payload))
    }

    /// The numbers of the names it holds.
    pub fn names(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries().map(|(number, _)| number)
    }

    /// A property by its name; dots descend into objects when the whole name is not there.
    pub fn lookup(&self, name: &str, names: &Names) -> Option<Value> {
        if let Some(found) = names.number(name).and_then(|number| self.get(number)) {
            return Some(found);
        }
        for (dot, _) in name.rmatch_indices('.') {
            let (head, rest) = name.split_at(dot);
            let value = names.number(head).and_then(|number| self.get(number));
            if let Some(found) = value.and_then(|value| descend(&value, rest.get(1..).unwrap_or_default())) {
                return Some(found);
            }
        }
        None
    }

    /// Every property, decoded.
    pub fn decode(&self, names: &Names) -> Map {
        self.entries()
            .filter_map(|(number, payload)| Some((names.name(number)?.to_owned(), decode_value(payload)?)))
            .collect()
    }

    /// The numbers of the names of its properties.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.entries().map(|(number, _)| number)
    }

    /// What is left when only properties with these names stay.
    pub fn only(&self, names: &[u32]) -> Bag {
        let mut out = SmallVec::new();
        for (number, payload) in self.entries().filter(|(number, _)| names.contains(number)) {
            put_number(u64::from(number), &mut out);
            put_number(payload.len() as u64, &mut out);
            out.extend_from_slice(payload);
        }
        out.shrink_to_fit();
        Bag(out)
    }

    /// One item of a property that is a list, without a look at the others.
    pub fn item(&self, name: u32, index: usize) -> Option<Value> {
        let (_, payload) = self.entries().find(|(number, _)| *number == name)?;
        let (_, mut rest) = payload.split_first().filter(|(tag, _)| **tag == LIST)?;
        for _ in 0..index {
            take_slice(&mut rest)?;
        }
        decode_value(take_slice(&mut rest)?)
    }

    fn entries(&self) -> impl Iterator<Item = (u32, &[u8])> {
        entries(&self.0)
    }
}

fn entries(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let number = take_number(&mut rest)?;
        let payload = take_slice(&mut rest)?;
        Some((number as u32, payload))
    })
}

/// The numbers of the names of properties that are still in stored bytes.
pub(crate) fn numbers_in(bytes: &[u8]) -> impl Iterator<Item = u32> {
    entries(bytes).map(|(number, _)| number)
}

/// A value inside an object by a dotted path.
pub fn descend(value: &Value, path: &str) -> Option<Value> {
    let Value::Map(map) = value else { return None };
    if let Some(found) = map.get(path) {
        return Some(found.clone());
    }
    path.rmatch_indices('.').find_map(|(dot, _)| {
        let (head, rest) = path.split_at(dot);
        descend(map.get(head)?, rest.get(1..)?)
    })
}

fn put_number<A: Array<Item = u8>>(mut number: u64, out: &mut SmallVec<A>) {
    while number >= 0x80 {
        out.push((number as u8) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn take_slice<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_number(rest)?).ok()?;
    let (head, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(head)
}

fn encode_value<A: Array<Item = u8>>(value: &Value, out: &mut SmallVec<A>) {
    match value {
        Value::Bool(flag) => out.push(if *flag { TRUE } else { FALSE }),
        Value::Number(number) => {
            out.push(NUMBER);
            out.extend_from_slice(&number.serialize());
        }
        Value::Text(text) => {
            out.push(TEXT);
            out.extend_from_slice(text.as_bytes());
        }
        Value::List(items) => {
            out.push(LIST);
            for item in items {
                put_nested(item, out);
            }
        }
        Value::Map(map) => {
            out.push(MAP);
            for (name, item) in map {
                put_number(name.len() as u64, out);
                out.extend_from_slice(name.as_bytes());
                put_nested(item, out);
            }
        }
    }
}

fn put_nested<A: Array<Item = u8>>(value: &Value, out: &mut SmallVec<A>) {
    let mut nested = SmallVec::<[u8; 64]>::new();
    encode_value(value, &mut nested);
    put_number(nested.len() as u64, out);
    out.extend_from_slice(&nested);
}

fn decode_value(payload: &[u8]) -> Option<Value> {
    let (&tag, mut rest) = payload.split_first()?;
    Some(match tag {
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NUMBER => Value::Number(Decimal::deserialize(rest.try_into().ok()?)),
        TEXT => Value::Text(std::str::from_utf8(rest).ok()?.to_owned()),
        LIST => {
            let mut items = Vec::new();
            while !rest.is_empty() {
                items.push(decode_value(take_slice(&mut rest)?)?);
            }
            Value::List(items)
        }
        MAP => {
            let mut map = Map::new();
            while !rest.is_empty() {
                let name = std::str::from_utf8(take_slice(&mut rest)?).ok()?.to_owned();
                map.insert(name, decode_value(take_slice(&mut rest)?)?);
            }
            Value::Map(map)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            (any::<i64>(), 0u32..20).prop_map(|(n, scale)| Value::Number(Decimal::new(n, scale))),
            ".{0,12}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("[a-z]{1,5}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(map in prop::collection::btree_map("[a-z]{1,6}", value(), 0..6)) {
            let mut names = Names::default();
            let (bag, dropped) = Bag::encode(&map, &mut names);
            prop_assert_eq!(dropped, 0);
            prop_assert_eq!(&bag.decode(&names), &map);
            for (name, value) in &map {
                let found = bag.lookup(name, &names);
                prop_assert_eq!(found.as_ref(), Some(value));
            }
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let names = Names::default();
            prop_assert!(Bag::from_bytes(&bytes).decode(&names).is_empty());
        }
    }

    #[test]
    fn one_item_and_some_properties_can_be_had_alone() {
        let mut names = Names::default();
        let list = Value::List(vec![Value::text("a"), Value::List(vec![Value::Bool(true)]), Value::text("c")]);
        let map = Map::from([("list".to_owned(), list), ("text".to_owned(), Value::text("abc"))]);
        let (bag, _) = Bag::encode(&map, &mut names);
        let (list, text) = (names.number("list").unwrap(), names.number("text").unwrap());
        assert_eq!(bag.item(list, 2), Some(Value::text("c")));
        assert_eq!(bag.item(list, 1), Some(Value::List(vec![Value::Bool(true)])));
        assert_eq!((bag.item(list, 3), bag.item(text, 0), bag.item(9, 0)), (None, None, None));
        let only = bag.only(&[text, 9]);
        assert_eq!(only.decode(&names), Map::from([("text".to_owned(), Value::text("abc"))]));
        assert_eq!(only.numbers().collect::<Vec<_>>(), [text]);
    }

    #[test]
    fn dots_descend_into_objects() {
        let mut names = Names::default();
        let inner = Map::from([("name".to_owned(), Value::text("ACME"))]);
        let map = Map::from([("company".to_owned(), Value::Map(inner))]);
        let (bag, _) = Bag::encode(&map, &mut names);
        assert_eq!(bag.lookup("company.name", &names), Some(Value::text("ACME")));
        assert_eq!(bag.lookup("company.size", &names), None);
    }
}
