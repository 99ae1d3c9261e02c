//! From JSON text to values without losing a digit.

use super::IntakeLimits;
use model::{Map, Value};
use rust_decimal::Decimal;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Why properties are not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RawError {
    /// Nested too deeply.
    TooDeep,
    /// Too many values.
    TooMany,
    /// A text or name is too long.
    TooLong,
    /// Not an object where one is expected, or broken.
    Malformed,
}

impl RawError {
    /// The reason under which it is counted.
    pub(super) fn reason(self) -> &'static str {
        match self {
            RawError::TooDeep => "too_deep",
            RawError::TooMany => "too_many_values",
            RawError::TooLong => "text_too_long",
            RawError::Malformed => "malformed_properties",
        }
    }
}

/// An object's entries in their order.
pub(super) struct Entries<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<super::wire::Text<'de>>()? {
                    entries.push((key.0, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

struct Items<'a>(Vec<&'a RawValue>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Items<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Items<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Reads values within limits.
pub(super) struct Reader<'l> {
    limits: &'l IntakeLimits,
    values: usize,
}

impl<'l> Reader<'l> {
    pub(super) fn new(limits: &'l IntakeLimits) -> Reader<'l> {
        Reader { limits, values: 0 }
    }

    /// An object's values. `null` is as if absent. Anything but an object or `null` is malformed.
    pub(super) fn map(&mut self, raw: &RawValue) -> Result<Map, RawError> {
        match self.value(raw, 0)? {
            Some(Value::Map(map)) => Ok(map),
            None => Ok(Map::new()),
            Some(_) => Err(RawError::Malformed),
        }
    }

    fn value(&mut self, raw: &RawValue, depth: usize) -> Result<Option<Value>, RawError> {
        self.values += 1;
        if self.values > self.limits.values_max {
            return Err(RawError::TooMany);
        }
        if depth > self.limits.depth_max {
            return Err(RawError::TooDeep);
        }
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'n') | None => None,
            Some(b't') => Some(Value::Bool(true)),
            Some(b'f') => Some(Value::Bool(false)),
            Some(b'"') => Some(Value::Text(self.text(text)?)),
            Some(b'{') => {
                let Entries(entries) = serde_json::from_str(text).map_err(|_| RawError::Malformed)?;
                let mut map = Map::new();
                for (name, raw) in entries {
                    if name.chars().count() > self.limits.name_chars_max {
                        return Err(RawError::TooLong);
                    }
                    if let Some(value) = self.value(raw, depth + 1)? {
                        map.insert(name.into_owned(), value);
                    }
                }
                Some(Value::Map(map))
            }
            Some(b'[') => {
                let Items(items) = serde_json::from_str(text).map_err(|_| RawError::Malformed)?;
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(self.value(item, depth + 1)?);
                }
                Some(Value::List(list))
            }
            Some(_) => Some(number(text)),
        })
    }

    fn text(&self, raw: &str) -> Result<String, RawError> {
        if raw.len() > self.limits.text_bytes_max {
            return Err(RawError::TooLong);
        }
        serde_json::from_str(raw).map_err(|_| RawError::Malformed)
    }
}

/// A number with all its digits; one that a decimal can't hold exactly stays text.
fn number(text: &str) -> Value {
    let exact = Decimal::from_str_exact(text).or_else(|_| Decimal::from_scientific(text));
    match exact {
        Ok(number) => Value::Number(number),
        Err(_) => Value::text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Map, RawError> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        Reader::new(&IntakeLimits::default()).map(raw)
    }

    #[test]
    fn numbers_keep_their_digits() {
        let map = read(r#"{"a":12345678901234567.89,"b":9007199254740993,"c":1e400,"d":12.50,"e":1.5e3}"#).unwrap();
        assert_eq!(map["a"], Value::Number("12345678901234567.89".parse().unwrap()));
        assert_eq!(map["b"], Value::Number(9_007_199_254_740_993i64.into()));
        assert_eq!(map["c"], Value::text("1e400"));
        assert_eq!(map["d"], Value::Number("12.5".parse().unwrap()));
        assert_eq!(map["e"], Value::Number(1500.into()));
    }

    #[test]
    fn null_is_absent_and_limits_hold() {
        assert!(read(r#"{"a":null}"#).unwrap().is_empty());
        assert!(read("null").unwrap().is_empty());
        assert_eq!(read("[1]"), Err(RawError::Malformed));
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(50), "]".repeat(50));
        assert_eq!(read(&deep), Err(RawError::TooDeep));
        let many = format!("{{\"a\":[{}]}}", vec!["1"; 3_000].join(","));
        assert_eq!(read(&many), Err(RawError::TooMany));
    }
}
