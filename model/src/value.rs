//! Property values.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Properties of an event or a person, by name.
pub type Map = BTreeMap<String, Value>;

/// A property's value. Dates and instants are text until an operator reads them as such;
/// numbers are decimals, never floats.
///
/// The order of the variants and their contents is the "greater value" of the tie rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number; equal numbers are equal whatever their scale (`12.5` and `12.50`).
    Number(#[serde(with = "decimal_bytes")] Decimal),
    /// Text, also dates and numbers that came as text.
    Text(String),
    /// Several values.
    List(Vec<Value>),
    /// An object.
    Map(Map),
}

impl Value {
    /// A text value.
    pub fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    /// The value as JSON for people to read; numbers keep their digits as text only if they
    /// would not survive a double.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Bool(flag) => (*flag).into(),
            Value::Number(number) => number_to_json(number),
            Value::Text(text) => text.clone().into(),
            Value::List(items) => items.iter().map(Value::to_json).collect(),
            Value::Map(map) => map
                .iter()
                .map(|(name, value)| (name.clone(), value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

fn number_to_json(number: &Decimal) -> serde_json::Value {
    let text = number.normalize().to_string();
    match serde_json::from_str::<serde_json::Number>(&text) {
        Ok(json) if json.to_string() == text => json.into(),
        _ => text.into(),
    }
}

/// Decimals as their 16 bytes: the default serde of `rust_decimal` can't be read back from
/// a format that does not describe itself.
mod decimal_bytes {
    use rust_decimal::Decimal;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        value.serialize().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        <[u8; 16]>::deserialize(deserializer).map(Decimal::deserialize)
    }
}
