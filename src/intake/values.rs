//! Properties and traits from JSON, within limits.

use super::IntakeLimits;
use super::json::{Json, Kind, Malformed};
use super::number::number;
use model::{Map, Value};
use std::borrow::Cow;

/// Levels of nesting that no setting can exceed: a level takes stack.
const DEPTH_HARD_MAX: usize = 64;

/// Why reading an event ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// The text is not JSON: the whole request is bad.
    Malformed(Malformed),
    /// This event is refused, for this reason.
    Refused(&'static str),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Stop {
        Stop::Malformed(malformed)
    }
}

/// Text of a text or of a number by its digits; anything else is passed and absent.
pub(super) fn scalar<'a>(json: &mut Json<'a>) -> Result<Option<Cow<'a, str>>, Malformed> {
    match json.kind()? {
        Kind::Text => json.string().map(Some),
        Kind::Number => json.number().map(|text| Some(Cow::Borrowed(text))),
        _ => json.skip().map(|()| None),
    }
}

/// Reads the values of one event.
pub(super) struct Values<'l> {
    limits: &'l IntakeLimits,
    left: usize,
}

impl<'l> Values<'l> {
    pub(super) fn new(limits: &'l IntakeLimits) -> Values<'l> {
        Values { limits, left: limits.values_max }
    }

    /// An object's values. `null` is as if absent; so is an empty list, as which PHP writes an empty object.
    pub(super) fn map(&mut self, json: &mut Json<'_>) -> Result<Map, Stop> {
        match json.kind()? {
            Kind::Object => self.object(json, 0),
            Kind::Null => json.skip().map(|()| Map::new()).map_err(Stop::from),
            Kind::List if !json.first_item()? => Ok(Map::new()),
            _ => Err(Stop::Refused("malformed_properties")),
        }
    }

    /// One value; `None` for `null`.
    fn value(&mut self, json: &mut Json<'_>, depth: usize) -> Result<Option<Value>, Stop> {
        self.left = self.left.checked_sub(1).ok_or(Stop::Refused("too_many_values"))?;
        if depth > self.limits.depth_max.min(DEPTH_HARD_MAX) {
            return Err(Stop::Refused("too_deep"));
        }
        match json.kind()? {
            Kind::Text => Ok(Some(Value::Text(self.text(json)?))),
            Kind::Number => Ok(Some(number(json.number()?))),
            Kind::Object => self.object(json, depth).map(|map| Some(Value::Map(map))),
            Kind::List => self.list(json, depth).map(|list| Some(Value::List(list))),
            constant => {
                json.constant(constant)?;
                Ok(match constant {
                    Kind::True => Some(Value::Bool(true)),
                    Kind::False => Some(Value::Bool(false)),
                    _ => None,
                })
            }
        }
    }

    fn text(&self, json: &mut Json<'_>) -> Result<String, Stop> {
        let text = json.string()?;
        if text.len() > self.limits.text_bytes_max {
            return Err(Stop::Refused("text_too_long"));
        }
        Ok(text.into_owned())
    }

    fn object(&mut self, json: &mut Json<'_>, depth: usize) -> Result<Map, Stop> {
        let mut map = Map::new();
        let mut next = json.first_name()?;
        while let Some(name) = next {
            let chars_max = self.limits.name_chars_max;
            if name.len() > chars_max && name.chars().count() > chars_max {
                return Err(Stop::Refused("name_too_long"));
            }
            // Of a name given twice the last holds, as in JavaScript.
            match self.value(json, depth + 1)? {
                Some(value) => drop(map.insert(name.into_owned(), value)),
                None => drop(map.remove(name.as_ref())),
            }
            next = json.next_name()?;
        }
        Ok(map)
    }

    fn list(&mut self, json: &mut Json<'_>, depth: usize) -> Result<Vec<Value>, Stop> {
        let mut list = Vec::new();
        let mut more = json.first_item()?;
        while more {
            list.extend(self.value(json, depth + 1)?);
            more = json.next_item()?;
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_with(text: &str, limits: IntakeLimits) -> Result<Map, Stop> {
        let mut json = Json::new(text);
        let map = Values::new(&limits).map(&mut json)?;
        json.end()?;
        Ok(map)
    }

    fn read(text: &str) -> Result<Map, Stop> {
        read_with(text, IntakeLimits::default())
    }

    #[test]
    fn null_is_absent_and_an_empty_list_is_an_empty_object() {
        for text in ["null", "{}", "[]", r#"{"a":null}"#, r#"{"a":1,"a":null}"#] {
            assert_eq!(read(text), Ok(Map::new()), "{text}");
        }
        for text in ["[1]", "1", "\"x\"", "true"] {
            assert_eq!(read(text), Err(Stop::Refused("malformed_properties")), "{text}");
        }
    }

    #[test]
    fn values_keep_their_types() {
        let map = read(r#"{"a":[1,null,"x",{"b":true}],"n":1.50,"a\u00f1o":"\ud83c\udf89\ud83c"}"#).unwrap();
        let inner = Value::Map(Map::from([("b".to_owned(), Value::Bool(true))]));
        assert_eq!(map["a"], Value::List(vec![Value::Number(1.into()), Value::text("x"), inner]));
        assert_eq!(map["año"], Value::text("🎉\u{fffd}"));
        assert_eq!(read(r#"{"a":1,"a":2}"#).unwrap()["a"], Value::Number(2.into()));
    }

    #[test]
    fn limits_hold_on_both_sides() {
        let limits = IntakeLimits {
            depth_max: 2,
            values_max: 3,
            text_bytes_max: 4,
            name_chars_max: 3,
            ..IntakeLimits::default()
        };
        for (good, bad, reason) in [
            (r#"{"a":[[]]}"#, r#"{"a":[[[]]]}"#, "too_deep"),
            (r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2,"c":[3]}"#, "too_many_values"),
            (r#"{"a":"abcd"}"#, r#"{"a":"abcde"}"#, "text_too_long"),
            (r#"{"ñññ":1}"#, r#"{"ññññ":1}"#, "name_too_long"),
        ] {
            assert!(read_with(good, limits).is_ok(), "{good}");
            assert_eq!(read_with(bad, limits), Err(Stop::Refused(reason)), "{bad}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(1_000_000));
        let deepest = IntakeLimits { depth_max: usize::MAX, ..IntakeLimits::default() };
        assert_eq!(read_with(&deep, deepest), Err(Stop::Refused("too_deep")));
    }
}
