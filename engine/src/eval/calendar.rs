//! Moving along the calendar of a zone.

use super::Answer;
use super::values::start_of_day;
use crate::language::ast::{Calendar, Span, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Length, ToSpan};
use model::Time;

/// Microseconds of a fixed span; `None` for months and years.
pub fn fixed_micros(span: Span) -> Option<i64> {
    let count = i64::from(span.count);
    match span.unit {
        Unit::Minute => Some(count * 60_000_000),
        Unit::Hour => Some(count * 3_600_000_000),
        Unit::Day => Some(count * 86_400_000_000),
        Unit::Week => Some(count * 604_800_000_000),
        Unit::Month | Unit::Year => None,
    }
}

/// An instant plus a span: a missing day of the month becomes the month's last.
pub fn forward(from: Time, span: Span, zone: &TimeZone) -> Time {
    match fixed_micros(span) {
        Some(micros) => from.plus_micros(micros),
        None => shifted(from, length(span, 1), zone).unwrap_or(Time::MAX),
    }
}

/// An instant minus a span.
pub fn back(from: Time, span: Span, zone: &TimeZone) -> Time {
    match fixed_micros(span) {
        Some(micros) => from.plus_micros(-micros),
        None => shifted(from, length(span, -1), zone).unwrap_or(Time::MIN),
    }
}

fn length(span: Span, sign: i64) -> Length {
    let count = sign * i64::from(span.count);
    if span.unit == Unit::Year { count.years() } else { count.months() }
}

fn shifted(from: Time, length: Length, zone: &TimeZone) -> Option<Time> {
    let wall = zone.to_datetime(from.to_timestamp()?).checked_add(length).ok()?;
    Some(Time(wall.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_microsecond()))
}

/// An instant not after the earliest that could lie within `span` before `now`.
pub fn earliest(now: Time, span: Span) -> Time {
    match fixed_micros(span) {
        Some(micros) => now.plus_micros(-micros),
        // No month is longer than 31 days; two days more than cover every clock change.
        None => {
            let days = i64::from(span.count) * if span.unit == Unit::Year { 366 } else { 31 } + 2;
            now.plus_micros(-days * 86_400_000_000)
        }
    }
}

/// The civil date of an instant.
pub fn day_of(at: Time, zone: &TimeZone) -> Option<Date> {
    Some(zone.to_datetime(at.to_timestamp()?).date())
}

/// The days of a calendar word, from the first to the one after the last, and the day on which
/// it comes to mean others.
fn days(word: Calendar, today: Date) -> Option<(Date, Date, Date)> {
    let from_monday = i64::from(today.weekday().to_monday_zero_offset());
    let (first, length) = match word {
        Calendar::Today | Calendar::Yesterday => (today, 1.days()),
        Calendar::ThisWeek | Calendar::LastWeek => (today.checked_sub(from_monday.days()).ok()?, 7.days()),
        Calendar::ThisMonth | Calendar::LastMonth => (today.first_of_month(), 1.months()),
        Calendar::ThisYear | Calendar::LastYear => (today.first_of_year(), 1.years()),
    };
    let next = first.checked_add(length).ok()?;
    match word {
        Calendar::Today | Calendar::ThisWeek | Calendar::ThisMonth | Calendar::ThisYear => Some((first, next, next)),
        _ => Some((first.checked_sub(length).ok()?, first, next)),
    }
}

/// The instants of a calendar word now: its first, the one after its last, and the instant at
/// which it comes to mean others.
pub fn word_range(word: Calendar, now: Time, zone: &TimeZone) -> Option<(Time, Time, Time)> {
    let (first, end, next) = days(word, day_of(now, zone)?)?;
    Some((start_of_day(first, zone)?, start_of_day(end, zone)?, start_of_day(next, zone)?))
}

/// The anniversary of a date in a year: 29 February falls on the 28th in common years.
pub fn anniversary(date: Date, year: i16) -> Option<Date> {
    Date::new(year, date.month(), date.day()).or_else(|_| Date::new(year, date.month(), 28)).ok()
}

/// Whether an anniversary lies at most `span` ahead (its whole day counts), and until when that holds.
pub fn next_anniversary(date: Date, span: Span, now: Time, zone: &TimeZone) -> Answer {
    let Some(today) = day_of(now, zone) else { return Answer::fixed(false) };
    let ahead = match span.unit {
        Unit::Year => span.count,
        Unit::Month => span.count / 12,
        _ => (fixed_micros(span).unwrap_or_default() / (365 * 86_400_000_000)) as u32,
    };
    let last = today.year().saturating_add(i16::try_from(ahead).unwrap_or(200)).saturating_add(2);
    let first = date.year().max(today.year().saturating_sub(1));
    // A date that lies years ahead still says when its first day draws near.
    let last = last.max(date.year());
    let mut answer = Answer::fixed(false);
    for year in first..=last {
        let Some(day) = anniversary(date, year) else { continue };
        let Some(start) = start_of_day(day, zone) else { continue };
        let Some(end) = day.tomorrow().ok().and_then(|day| start_of_day(day, zone)) else { continue };
        answer = answer.or(Answer::during(back(start, span, zone), end, now));
    }
    answer
}

/// Full years since a date of birth, and the instant of the next birthday; `None` when it lies ahead.
pub fn age(birthday: Date, now: Time, zone: &TimeZone) -> (Option<i64>, Time) {
    let Some(today) = day_of(now, zone) else { return (None, Time::MAX) };
    let next = |year: i16| anniversary(birthday, year).and_then(|day| start_of_day(day, zone)).unwrap_or(Time::MAX);
    if birthday > today {
        return (None, next(birthday.year()));
    }
    let celebrated = anniversary(birthday, today.year());
    let years = i64::from(today.year()) - i64::from(birthday.year());
    match celebrated {
        Some(day) if day > today => (Some(years - 1), next(today.year())),
        _ => (Some(years), next(today.year().saturating_add(1))),
    }
}
