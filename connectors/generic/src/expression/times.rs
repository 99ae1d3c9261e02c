//! Times in the forms in which platforms write them, as RFC 3339 in UTC.

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use model::Time;

/// Seconds and milliseconds since the epoch are told apart by their size: 11 digits of seconds are the year 5138.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Reads a time: RFC 3339, with an offset without its colon or none at all (then it is UTC), a space for the `T`;
/// seconds or milliseconds since the epoch.
pub(crate) fn time(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            0 => None,
            seconds if seconds.abs() < SECONDS_BELOW => Some(Time(seconds.checked_mul(1_000_000)?)),
            millis => Some(Time(millis.checked_mul(1_000)?)),
        };
    }
    if let Some(time) = Time::parse(text) {
        return Some(time);
    }
    if let Some((head, minutes)) = text.split_at_checked(text.len().checked_sub(2)?)
        && let Some((_, sign)) = head.split_at_checked(head.len().checked_sub(3)?)
        && sign.starts_with(['+', '-'])
        && let Some(time) = Time::parse(&format!("{head}:{minutes}").replacen(' ', "T", 1))
    {
        return Some(time);
    }
    let civil: DateTime = text.parse().ok()?;
    of_civil(civil, None)
}

/// Reads a time in a form of the platform's own (`strptime`), in a time zone if it names none itself.
pub(super) fn time_as(text: &str, format: &str, zone: Option<&str>) -> Option<Time> {
    let read = strtime::parse(format, text.trim()).ok()?;
    if let Ok(stamp) = read.to_timestamp() {
        return Some(Time(stamp.as_microsecond()));
    }
    let date = read.to_date().ok()?;
    let time = read.to_time().ok().unwrap_or_default();
    of_civil(date.to_datetime(time), zone)
}

fn of_civil(civil: DateTime, zone: Option<&str>) -> Option<Time> {
    let zone = match zone {
        Some(name) => TimeZone::get(name).ok()?,
        None => TimeZone::UTC,
    };
    let stamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Time(stamp.as_microsecond()))
}
