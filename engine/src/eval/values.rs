//! Values: folding text, reading numbers and dates, testing.

use super::Answer;
use super::calendar::{back, forward, next_anniversary};
use crate::language::ast::Direction;
use crate::plan::{Const, Test};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Time, Value};
use rust_decimal::Decimal;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Text as it compares: composed and without case.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = if is_nfc(text) { text.to_lowercase() } else { text.nfc().collect::<String>().to_lowercase() };
    if is_nfc(&lower) { lower } else { lower.nfc().collect() }
}

/// A number, also one that came as text.
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The first instant of a day in a zone.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Option<Time> {
    let start = day.to_zoned_datetime(zone.clone()).ok()?.start_of_day().ok()?;
    Some(Time(start.timestamp().as_microsecond()))
}

/// The instant that a text names; a bare day is its first instant.
pub fn instant(value: &Value, zone: &TimeZone) -> Option<Time> {
    let Value::Text(text) = value else { return None };
    Time::parse(text).or_else(|| start_of_day(text.trim().parse().ok()?, zone))
}

/// The date as written, whatever time of day follows.
pub fn date(value: &Value) -> Option<Date> {
    let Value::Text(text) = value else { return None };
    let text = text.trim();
    match Time::parse(text) {
        Some(_) => text.get(..10)?.parse().ok(),
        None => text.parse().ok(),
    }
}

/// Whether a shown value (`None`: missing) passes a test now, and until when that holds.
pub fn test(value: Option<&Value>, test: &Test, now: Time, zone: &TimeZone) -> Answer {
    match (test, value) {
        (Test::Exists(wanted), value) => Answer::fixed(*wanted == value.is_some()),
        (Test::NoneOf(constants), value) => Answer::fixed(!value.is_some_and(|value| equals_one(value, constants))),
        (_, None) => Answer::fixed(false),
        (_, Some(Value::List(items))) => {
            let answers = items.iter().map(|item| self::test(Some(item), test, now, zone));
            answers.reduce(Answer::or).unwrap_or(Answer::fixed(false))
        }
        (_, Some(Value::Map(_))) => Answer::fixed(false),
        (_, Some(value)) => plain(value, test, now, zone),
    }
}

fn equals_one(value: &Value, constants: &[Const]) -> bool {
    match value {
        Value::List(items) => items.iter().any(|item| equals_one(item, constants)),
        Value::Map(_) => false,
        plain => constants.iter().any(|constant| same(plain, constant)),
    }
}

fn same(value: &Value, constant: &Const) -> bool {
    match (value, constant) {
        (Value::Bool(left), Const::Bool(right)) => left == right,
        (Value::Number(left), Const::Number(right)) => left == right,
        (Value::Number(left), Const::Text(_, right)) => Some(*left) == *right,
        (Value::Text(_), Const::Number(right)) => number(value) == Some(*right),
        (Value::Text(left), Const::Text(right, _)) => fold(left) == *right,
        _ => false,
    }
}

fn plain(value: &Value, test: &Test, now: Time, zone: &TimeZone) -> Answer {
    let text = |holds: &dyn Fn(&str) -> bool| match value {
        Value::Text(text) => Answer::fixed(holds(&fold(text))),
        _ => Answer::fixed(false),
    };
    match test {
        Test::OneOf(constants) => Answer::fixed(constants.iter().any(|constant| same(value, constant))),
        Test::Contains(part) => text(&|folded| folded.contains(part.as_str())),
        Test::StartsWith(part) => text(&|folded| folded.starts_with(part.as_str())),
        Test::EndsWith(part) => text(&|folded| folded.ends_with(part.as_str())),
        Test::Matches(pattern) => text(&|folded| pattern.is_match(folded)),
        Test::Number(bounds) => Answer::fixed(number(value).is_some_and(|number| bounds.hold(number))),
        Test::Before(limit) => Answer::fixed(instant(value, zone).is_some_and(|instant| instant < *limit)),
        Test::After(limit) => Answer::fixed(instant(value, zone).is_some_and(|instant| instant > *limit)),
        Test::Within(direction, span) => match instant(value, zone) {
            None => Answer::fixed(false),
            Some(at) => match direction {
                Direction::Last => Answer::during(at, forward(at, *span, zone), now),
                Direction::Next => Answer::during(back(at, *span, zone), at, now),
            },
        },
        Test::Anniversary(span) => match date(value) {
            None => Answer::fixed(false),
            Some(date) => next_anniversary(date, *span, now, zone),
        },
        Test::NoneOf(_) | Test::Exists(_) => Answer::fixed(false),
    }
}
