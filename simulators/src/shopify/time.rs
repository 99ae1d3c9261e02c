//! Times as the platform writes them. Inside, a time is Unix seconds.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::time::{SystemTime, UNIX_EPOCH};

/// This machine's clock, Unix seconds.
pub(super) fn machine() -> i64 {
    i64::try_from(machine_micros() / 1_000_000).unwrap_or(i64::MAX)
}

/// This machine's clock, Unix microseconds.
pub(super) fn machine_micros() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros())
}

/// A time zone by its IANA name; UTC when there is none such.
pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn stamp(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// As in bodies of webhooks: whole seconds with the shop's offset.
pub(super) fn in_zone(seconds: i64, zone: &TimeZone) -> String {
    let stamp = stamp(seconds);
    let offset = zone.to_offset(stamp).seconds();
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() % 3600 / 60);
    format!("{}{sign}{hours:02}:{minutes:02}", zone.to_datetime(stamp).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// As in answers of the GraphQL API: whole seconds, `Z`.
pub(super) fn utc(seconds: i64) -> String {
    TimeZone::UTC.to_datetime(stamp(seconds)).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As in some bodies of webhooks: milliseconds, `Z`.
pub(super) fn utc_millis(seconds: i64) -> String {
    TimeZone::UTC.to_datetime(stamp(seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// As in `Triggered-At`: microseconds, `Z`, by the machine's clock within a given second.
pub(super) fn utc_micros(seconds: i64) -> String {
    let micros = machine_micros() % 1_000_000;
    format!("{}.{micros:06}Z", TimeZone::UTC.to_datetime(stamp(seconds)).strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The day of a time in a zone, as days from some day on.
pub(super) fn day(seconds: i64, zone: &TimeZone) -> i64 {
    (seconds + i64::from(zone.to_offset(stamp(seconds)).seconds())).div_euclid(86_400)
}

/// Reads a time of a filter: with an offset or `Z`; a bare date or civil time is the shop's.
pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<i64> {
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_second());
    }
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        return zone.to_ambiguous_timestamp(civil).compatible().ok().map(|stamp| stamp.as_second());
    }
    let date = text.parse::<Date>().ok()?;
    zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok().map(|stamp| stamp.as_second())
}
