//! The small terms of the language: constants, bounds, spans, windows.

use super::ast::{Bounds, Calendar, Const, Span, Unit, Window};
use super::error::DefinitionError;
use super::{LIST_MAX, TEXT_CHARS_MAX};
use model::Time;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, DefinitionError>;

pub(super) const COMPARISONS: &[&str] = &["at_least", "more_than", "at_most", "less_than", "exactly", "is", "between"];
const WINDOWS: &[&str] = &["last", "between", "since", "before", "calendar"];
const CALENDAR: &[(&str, Calendar)] = &[
    ("today", Calendar::Today),
    ("yesterday", Calendar::Yesterday),
    ("this_week", Calendar::ThisWeek),
    ("last_week", Calendar::LastWeek),
    ("this_month", Calendar::ThisMonth),
    ("last_month", Calendar::LastMonth),
    ("this_year", Calendar::ThisYear),
    ("last_year", Calendar::LastYear),
];
/// Decimals of a sample's percentage.
pub(crate) const PERCENT_DIGITS: u32 = 6;
const UNITS: &[(&str, Unit)] = &[
    ("mo", Unit::Month),
    ("m", Unit::Minute),
    ("h", Unit::Hour),
    ("d", Unit::Day),
    ("w", Unit::Week),
    ("y", Unit::Year),
];

/// A longest span of a hundred years, in each unit.
fn count_max(unit: Unit) -> u32 {
    match unit {
        Unit::Minute => 52_560_000,
        Unit::Hour => 876_000,
        Unit::Day => 36_500,
        Unit::Week => 5_200,
        Unit::Month => 1_200,
        Unit::Year => 100,
    }
}

pub(super) fn object<'a>(value: &'a Value, path: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| DefinitionError::new(path, "expected an object"))
}

pub(super) fn list<'a>(value: &'a Value, path: &str) -> Result<&'a [Value]> {
    let items = value.as_array().ok_or_else(|| DefinitionError::new(path, "expected a list"))?;
    if items.is_empty() || items.len() > LIST_MAX {
        return Err(DefinitionError::new(path, format!("expected 1 to {LIST_MAX} entries")));
    }
    Ok(items)
}

pub(super) fn text(value: &Value, path: &str) -> Result<String> {
    let text = value.as_str().ok_or_else(|| DefinitionError::new(path, "expected text"))?;
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(DefinitionError::new(path, format!("longer than {TEXT_CHARS_MAX} characters")));
    }
    Ok(text.to_owned())
}

pub(super) fn number(value: &Value, path: &str) -> Result<Decimal> {
    let digits = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(DefinitionError::new(path, "expected a number")),
    };
    let scientific = || Decimal::from_scientific(&digits).ok();
    Decimal::from_str_exact(&digits)
        .ok()
        .or_else(scientific)
        .ok_or_else(|| DefinitionError::new(path, "expected a number of at most 28 digits"))
}

pub(super) fn constant(value: &Value, path: &str) -> Result<Const> {
    match value {
        Value::Bool(flag) => Ok(Const::Bool(*flag)),
        Value::Number(_) => number(value, path).map(number_constant),
        Value::String(_) => text(value, path).map(Const::Text),
        _ => Err(DefinitionError::new(path, "expected text, a number, true or false")),
    }
}

/// A number as a constant: one that no reader of JSON would keep as it is stays text, which compares with
/// numbers too.
pub(super) fn number_constant(number: Decimal) -> Const {
    match model::Value::Number(number).to_json() {
        Value::String(digits) => Const::Text(digits),
        _ => Const::Number(number),
    }
}

/// The percentage of a sample.
pub(super) fn percent(value: &Value, path: &str) -> Result<Decimal> {
    let percent = number(value, path)?;
    if percent <= Decimal::ZERO || percent > Decimal::ONE_HUNDRED || percent.normalize().scale() > PERCENT_DIGITS {
        return Err(DefinitionError::new(path, "expected a percentage above 0, up to 100, of at most 6 decimals"));
    }
    Ok(percent)
}

/// The code of a currency.
pub(super) fn currency(value: &Value, path: &str) -> Result<String> {
    let code = text(value, path)?.trim().to_uppercase();
    match code.len() == 3 && code.chars().all(|c| c.is_ascii_uppercase()) {
        true => Ok(code),
        false => Err(DefinitionError::new(path, "expected an ISO 4217 code such as \"MXN\"")),
    }
}

/// One comparison: `{"at_least": 2}`.
pub(super) fn bounds(value: &Value, path: &str) -> Result<Bounds> {
    let object = object(value, path)?;
    let mut bounds = None;
    for (key, operand) in object {
        let here = format!("{path}.{key}");
        let found =
            comparison(key, operand, &here)?.ok_or_else(|| DefinitionError::unknown_key(path, key, COMPARISONS))?;
        if bounds.replace(found).is_some() {
            return Err(DefinitionError::new(path, "expected one comparison; use \"between\" for two ends"));
        }
    }
    bounds.ok_or_else(|| DefinitionError::new(path, "expected a comparison such as {\"at_least\": 2}"))
}

/// A numeric comparison by its word; `None` when it is another word.
pub(super) fn comparison(word: &str, operand: &Value, path: &str) -> Result<Option<Bounds>> {
    let one = |included| number(operand, path).map(|number| Some((number, included)));
    Ok(Some(match word {
        "at_least" => Bounds { low: one(true)?, high: None },
        "more_than" => Bounds { low: one(false)?, high: None },
        "at_most" => Bounds { low: None, high: one(true)? },
        "less_than" => Bounds { low: None, high: one(false)? },
        "exactly" | "is" => Bounds { low: one(true)?, high: one(true)? },
        "between" => match list(operand, path)? {
            [low, high] => {
                let (low, high) = (number(low, &format!("{path}[0]"))?, number(high, &format!("{path}[1]"))?);
                if low > high {
                    return Err(DefinitionError::new(path, "the first number is greater than the second"));
                }
                Bounds { low: Some((low, true)), high: Some((high, true)) }
            }
            _ => return Err(DefinitionError::new(path, "expected two numbers")),
        },
        _ => return Ok(None),
    }))
}

/// A length of time: `30d`.
pub(super) fn span(value: &Value, path: &str) -> Result<Span> {
    let wrong = || DefinitionError::new(path, "expected a length such as \"30d\" (units m h d w mo y)");
    let text = value.as_str().ok_or_else(wrong)?.trim();
    let (unit, digits) = UNITS
        .iter()
        .find_map(|(suffix, unit)| text.strip_suffix(suffix).map(|digits| (*unit, digits.trim())))
        .ok_or_else(wrong)?;
    let count: u32 = digits.parse().map_err(|_| wrong())?;
    if count == 0 || count > count_max(unit) {
        return Err(DefinitionError::new(path, "expected a length from 1 unit to 100 years"));
    }
    Ok(Span { count, unit })
}

/// An instant: RFC 3339 or a day.
pub(super) fn instant(value: &Value, path: &str) -> Result<String> {
    let text = text(value, path)?;
    let known = Time::parse(&text).is_some() || day(&text).is_some();
    if !known {
        return Err(DefinitionError::new(
            path,
            "expected an instant (\"2026-03-01T12:00:00Z\") or a day (\"2026-03-01\")",
        ));
    }
    Ok(text)
}

/// A window: `{"last": "30d"}`.
pub(super) fn window(value: &Value, path: &str) -> Result<Window> {
    let object = object(value, path)?;
    let (Some((key, operand)), 1) = (object.iter().next(), object.len()) else {
        return Err(DefinitionError::new(
            path,
            "expected one of \"last\", \"between\", \"since\", \"before\", \"calendar\"",
        ));
    };
    let here = format!("{path}.{key}");
    match key.as_str() {
        "last" => span(operand, &here).map(Window::Last),
        "since" => instant(operand, &here).map(Window::Since),
        "before" => instant(operand, &here).map(Window::Before),
        "between" => match list(operand, &here)? {
            [from, until] => {
                let (from, until) = (instant(from, &format!("{here}[0]"))?, instant(until, &format!("{here}[1]"))?);
                match is_turned(&from, &until) {
                    true => Err(DefinitionError::new(&here, "ends before it begins")),
                    false => Ok(Window::Between(from, until)),
                }
            }
            _ => Err(DefinitionError::new(&here, "expected two instants")),
        },
        "calendar" => calendar(operand, &here).map(Window::Calendar),
        _ => Err(DefinitionError::unknown_key(path, key, WINDOWS)),
    }
}

/// A day as `2026-03-01`; a time of day without an offset would not say when.
fn day(text: &str) -> Option<jiff::civil::Date> {
    let text = text.trim();
    text.parse().ok().filter(|day: &jiff::civil::Date| day.to_string() == text)
}

/// Whether an end is not after its beginning, as far as that can be told in every time zone.
fn is_turned(from: &str, until: &str) -> bool {
    match (Time::parse(from), Time::parse(until)) {
        (Some(from), Some(until)) => from >= until,
        (None, None) => day(from) >= day(until),
        _ => false,
    }
}

fn calendar(value: &Value, path: &str) -> Result<Calendar> {
    let word = text(value, path)?.trim().to_lowercase().replace(' ', "_");
    let words: Vec<&str> = CALENDAR.iter().map(|(word, _)| *word).collect();
    let found = CALENDAR.iter().find(|(known, _)| *known == word).map(|(_, calendar)| *calendar);
    found.ok_or_else(|| DefinitionError::unknown(path, "word", &word, &words))
}

pub(super) fn span_text(span: Span) -> String {
    let unit = UNITS.iter().find(|(_, unit)| *unit == span.unit).map_or("d", |(suffix, _)| suffix);
    format!("{}{unit}", span.count)
}

pub(super) fn calendar_text(calendar: Calendar) -> &'static str {
    CALENDAR.iter().find(|(_, known)| *known == calendar).map_or("today", |(word, _)| word)
}
