//! Cells of CSV as JSON: every digit of a number stays.

use super::when::Zone;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Digits of a number that are kept exactly; longer ones are text.
const DIGITS_MAX: usize = 28;

/// An object that is written as JSON.
#[derive(Clone, Default, Debug, Serialize)]
#[serde(transparent)]
pub struct Object(BTreeMap<String, Box<RawValue>>);

impl Object {
    /// Reads one, each value as it is written.
    pub fn read(text: &str) -> Result<Object, serde_json::Error> {
        serde_json::from_str(text).map(Object)
    }

    /// Puts something that can be written; what can't is left out.
    pub fn put(&mut self, name: &str, value: &impl Serialize) {
        if let Ok(raw) = serde_json::value::to_raw_value(value) {
            self.0.insert(name.to_owned(), raw);
        }
    }

    /// Takes one out.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// The JSON of a value that is there and not null.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|raw| raw.get()).filter(|raw| *raw != "null")
    }

    /// A value that is text, or a number as its digits.
    pub fn text(&self, name: &str) -> Option<String> {
        let raw = self.get(name)?;
        let number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
        if number { Some(raw.to_owned()) } else { serde_json::from_str(raw).ok() }
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its JSON.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Puts what a cell says: a number, `true` or `false`, else text.
    pub fn put_cell(&mut self, name: &str, cell: &str, text: bool) {
        let raw = if text { None } else { plain(cell).and_then(|json| RawValue::from_string(json).ok()) };
        match raw {
            Some(raw) => drop(self.0.insert(name.to_owned(), raw)),
            None => self.put(name, &cell),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Object, D::Error> {
        BTreeMap::deserialize(from).map(Object)
    }
}

/// The JSON of a cell that is a plain number or a truth; leading zeros and a plus sign make it text.
fn plain(cell: &str) -> Option<String> {
    if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
        return Some(cell.to_ascii_lowercase());
    }
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let all = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let number = all(whole)
        && fraction.is_none_or(all)
        && (whole == "0" || !whole.starts_with('0'))
        && whole.len() + fraction.map_or(0, str::len) <= DIGITS_MAX;
    number.then(|| cell.to_owned())
}

/// The line items of a cell: a list of objects, as it is written.
pub fn products(cell: &str) -> Option<Box<RawValue>> {
    serde_json::from_str::<Vec<Object>>(cell).ok()?;
    RawValue::from_string(cell.to_owned()).ok()
}

/// Where times without an offset are read, and the time of rows without one.
#[derive(Clone, Default, Debug)]
pub struct Times {
    /// The zone.
    pub zone: Zone,
    /// RFC 3339.
    pub as_of: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(cell: &str, text: bool) -> String {
        let mut object = Object::default();
        object.put_cell("x", cell, text);
        object.get("x").unwrap().to_owned()
    }

    #[test]
    fn numbers_keep_their_digits_and_codes_stay_text() {
        for same in ["0", "-3", "12.50", "0.10", "1234567890123456789.01", "true"] {
            assert_eq!(json(same, false), same);
        }
        assert_eq!(json("TRUE", false), "true");
        for text in ["007", "+5", "1e5", "1,5", ".5", "5.", "-", "12345678901234567890123456789", "NaN", "0x1", "a\"b"]
        {
            assert_eq!(json(text, false), serde_json::to_string(text).unwrap(), "{text}");
        }
        assert_eq!(json("12", true), "\"12\"");
    }

    #[test]
    fn products_are_a_list_of_objects_with_every_digit() {
        let cell = r#"[{"product_id":"a","price":12.500000000000000001}]"#;
        assert_eq!(products(cell).unwrap().get(), cell);
        for bad in ["", "a", "{}", "[1]", "[{]"] {
            assert!(products(bad).is_none(), "{bad}");
        }
    }
}
