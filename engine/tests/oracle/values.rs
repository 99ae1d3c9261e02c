//! Comparing values: numbers as numbers, text without case, dates in the workspace's zone.

use super::View;
use model::{Map, Time, Value};
use rust_decimal::Decimal;
use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

/// A number, also one that came as text.
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => plain_decimal(text.trim()),
        _ => None,
    }
}

/// Digits with at most one point and a sign before them; nothing parts the digits.
fn plain_decimal(text: &str) -> Option<Decimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = digits.chars().all(|c| c.is_ascii_digit() || c == '.') && digits.contains(|c: char| c.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A number that a definition gives.
pub fn plain_number(json: &Json) -> Decimal {
    number(&from_json(json)).expect("a number")
}

/// A value as definitions write it.
pub fn from_json(json: &Json) -> Value {
    match json {
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Number(number.to_string().parse().expect("a decimal")),
        Json::String(text) => Value::text(text),
        other => panic!("not a plain value: {other}"),
    }
}

/// Text as it compares: without case, composed.
pub fn folded(text: &str) -> String {
    text.nfc().collect::<String>().to_lowercase().nfc().collect()
}

/// A property by name: as it stands, else by descending into the object before a dot.
pub fn descend(map: &Map, name: &str) -> Option<Value> {
    if let Some(value) = map.get(name) {
        return Some(value.clone());
    }
    let dots = name.match_indices('.').map(|(at, _)| at);
    dots.rev().find_map(|dot| match map.get(&name[..dot]) {
        Some(Value::Map(inner)) => descend(inner, &name[dot + 1..]),
        _ => None,
    })
}

/// Whether two plain values are the same.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), _) | (_, Value::Number(_)) => match (number(left), number(right)) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        },
        (Value::Text(left), Value::Text(right)) => folded(left) == folded(right),
        (Value::Bool(left), Value::Bool(right)) => left == right,
        _ => false,
    }
}

/// A comparison of numbers; `None` for other operators.
pub fn compare(operator: &str, left: Decimal, operand: &Json) -> Option<bool> {
    let right = || number(&from_json(operand)).expect("a number");
    Some(match operator {
        "is" | "exactly" => left == right(),
        "is_not" => left != right(),
        "at_least" => left >= right(),
        "more_than" => left > right(),
        "at_most" => left <= right(),
        "less_than" => left < right(),
        "between" => {
            let end = |index: usize| number(&from_json(&operand[index])).expect("a number");
            end(0) <= left && left <= end(1)
        }
        _ => return None,
    })
}

impl View {
    /// Whether a property's value (`None`: missing) satisfies one operator.
    pub fn satisfies(&self, value: Option<&Value>, operator: &str, operand: &Json) -> bool {
        let operands = || operand.as_array().expect("a list").iter();
        match (operator, value) {
            ("exists", value) => operand.as_bool().expect("true or false") == value.is_some(),
            ("is_not", value) => !value.is_some_and(|value| self.one(value, "is", operand)),
            ("not_in", value) => !value.is_some_and(|value| operands().any(|one| self.one(value, "is", one))),
            (_, None) => false,
            ("in", Some(value)) => operands().any(|one| self.one(value, "is", one)),
            (operator, Some(value)) => self.one(value, operator, operand),
        }
    }

    /// One of a list's elements, or the value itself, satisfies the operator.
    fn one(&self, value: &Value, operator: &str, operand: &Json) -> bool {
        match value {
            Value::List(elements) => elements.iter().any(|element| self.one(element, operator, operand)),
            Value::Map(_) => false,
            plain => self.plain(plain, operator, operand),
        }
    }

    fn plain(&self, value: &Value, operator: &str, operand: &Json) -> bool {
        match operator {
            "is" => same(value, &from_json(operand)),
            "contains" | "starts_with" | "ends_with" | "matches" => match value {
                Value::Text(text) => text_operator(text, operator, operand.as_str().expect("text")),
                _ => false,
            },
            "before" | "after" | "within" | "anniversary" => self.date_operator(value, operator, operand),
            _ => number(value).is_some_and(|number| compare(operator, number, operand).expect("an operator")),
        }
    }

    fn date_operator(&self, value: &Value, operator: &str, operand: &Json) -> bool {
        if operator == "anniversary" {
            return self.date(value).is_some_and(|date| self.anniversary_near(date, operand["next"].as_str()));
        }
        let Some(instant) = self.instant(value) else { return false };
        match operator {
            "before" => instant < self.instant_of(operand),
            "after" => instant > self.instant_of(operand),
            _ => self.near(instant, operand),
        }
    }

    /// The instant that a text names; a bare day is its first instant.
    pub fn instant(&self, value: &Value) -> Option<Time> {
        let Value::Text(text) = value else { return None };
        Time::parse(text).or_else(|| self.start_of_day(text.trim().parse().ok()?))
    }

    /// The instant that a definition names.
    pub fn instant_of(&self, operand: &Json) -> Time {
        self.instant(&from_json(operand)).expect("an instant")
    }

    /// The date as written.
    pub fn date(&self, value: &Value) -> Option<jiff::civil::Date> {
        let Value::Text(text) = value else { return None };
        let text = text.trim();
        match Time::parse(text) {
            Some(_) => text.get(..10)?.parse().ok(),
            None => text.parse().ok(),
        }
    }
}

fn text_operator(text: &str, operator: &str, operand: &str) -> bool {
    let (text, folded_operand) = (folded(text), folded(operand));
    match operator {
        "contains" => text.contains(&folded_operand),
        "starts_with" => text.starts_with(&folded_operand),
        "ends_with" => text.ends_with(&folded_operand),
        _ => {
            let pattern: String = operand.nfc().collect();
            let pattern = regex::RegexBuilder::new(&pattern).case_insensitive(true).build();
            pattern.expect("a pattern").is_match(&text)
        }
    }
}
