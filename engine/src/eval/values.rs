//! Values: folding text, reading numbers and dates, testing.

use super::Answer;
use super::calendar::{back, forward, next_anniversary};
use crate::language::ast::Direction;
use crate::plan::Test;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Time, Value};
use rust_decimal::Decimal;
use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Text as it compares: composed and without case. Borrowed when it already is.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    let lower = if is_nfc(text) { text.to_lowercase() } else { text.nfc().collect::<String>().to_lowercase() };
    Cow::Owned(if is_nfc(&lower) { lower } else { lower.nfc().collect() })
}

/// The number that a text is: a plain decimal, spaces around it aside.
pub fn number_in(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    // Decimal reads `1_000` as a thousand; article numbers look like that.
    if !begins || text.bytes().any(|byte| byte == b'_') {
        return None;
    }
    text.parse().ok()
}

/// A number, also one that came as text.
pub fn number(value: &Value) -> Option<Decimal> {
    match value {
        Value::Number(number) => Some(*number),
        Value::Text(text) => number_in(text),
        _ => None,
    }
}

/// Whether two values are equal: text without case, numbers as numbers when one side is a number, a list when
/// one of its elements is; objects never.
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::List(items), other) | (other, Value::List(items)) => items.iter().any(|item| equal(item, other)),
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Number(left), Value::Number(right)) => left == right,
        (Value::Text(left), Value::Text(right)) => fold(left) == fold(right),
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => {
            number_in(text) == Some(*number)
        }
        _ => false,
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
        (Test::NoneOf(constants), value) => Answer::fixed(!value.is_some_and(|value| constants.contain(value))),
        (_, None) => Answer::fixed(false),
        (_, Some(Value::List(items))) => {
            let answers = items.iter().map(|item| self::test(Some(item), test, now, zone));
            answers.reduce(Answer::or).unwrap_or(Answer::fixed(false))
        }
        (_, Some(Value::Map(_))) => Answer::fixed(false),
        (_, Some(value)) => plain(value, test, now, zone),
    }
}

fn plain(value: &Value, test: &Test, now: Time, zone: &TimeZone) -> Answer {
    let text = |holds: &dyn Fn(&str) -> bool| match value {
        Value::Text(text) => Answer::fixed(holds(&fold(text))),
        _ => Answer::fixed(false),
    };
    match test {
        Test::OneOf(constants) => Answer::fixed(constants.contain(value)),
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
