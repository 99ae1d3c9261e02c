//! Moving along the calendar of a zone.

use super::Answer;
use super::values::start_of_day;
use crate::language::ast::{Calendar, Span, Unit};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span as Length, ToSpan};
use model::{DAY_MICROS, Time};

/// Microseconds of a fixed span; `None` for months and years.
pub fn fixed_micros(span: Span) -> Option<i64> {
    let count = i64::from(span.count);
    match span.unit {
        Unit::Minute => Some(count * 60_000_000),
        Unit::Hour => Some(count * 3_600_000_000),
        Unit::Day => Some(count * DAY_MICROS),
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
            now.plus_micros(-days * DAY_MICROS)
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
    let mut answer = Answer::fixed(false);
    for year in date.year().max(today.year())..=Date::MAX.year() {
        // A day that is over has no say.
        let Some(day) = anniversary(date, year).filter(|day| *day >= today) else { continue };
        let Some(start) = start_of_day(day, zone) else { continue };
        let Some(end) = day.tomorrow().ok().and_then(|day| start_of_day(day, zone)) else { continue };
        let from = back(start, span, zone);
        answer = answer.or(Answer::during(from, end, now));
        // Those of later years begin later still.
        if from > now {
            break;
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::{Outcome, Tri};

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Time {
        Time::parse(text).unwrap()
    }

    fn span(count: u32, unit: Unit) -> Span {
        Span { count, unit }
    }

    #[test]
    fn months_move_the_wall_clock_and_stop_at_the_last_day() {
        let new_york = zone("America/New_York");
        let month = span(1, Unit::Month);
        let check = |from: &str, until: &str| assert_eq!(forward(at(from), month, &new_york), at(until), "{from}");
        check("2026-01-31T09:00:00-05:00", "2026-02-28T09:00:00-05:00");
        check("2026-02-28T09:00:00-05:00", "2026-03-28T09:00:00-04:00");
        // 02:30 does not exist on 8 March; the clock shows 03:30 then.
        check("2026-02-08T02:30:00-05:00", "2026-03-08T03:30:00-04:00");
        // 01:30 comes twice on 1 November; the first is meant.
        check("2026-10-01T01:30:00-04:00", "2026-11-01T01:30:00-04:00");
        assert_eq!(back(at("2026-03-31T09:00:00-04:00"), month, &new_york), at("2026-02-28T09:00:00-05:00"));
        assert_eq!(forward(at("2024-02-29T00:00:00Z"), span(1, Unit::Year), &zone("UTC")), at("2025-02-28T00:00:00Z"));
    }

    #[test]
    fn weeks_and_days_are_fixed_lengths() {
        let sao_paulo = zone("America/Sao_Paulo");
        let from = at("2018-11-03T12:00:00-03:00");
        assert_eq!(forward(from, span(1, Unit::Day), &sao_paulo), at("2018-11-04T13:00:00-02:00"));
        assert_eq!(forward(from, span(1, Unit::Week), &sao_paulo), from.plus_micros(7 * 86_400_000_000));
    }

    #[test]
    fn nothing_in_a_span_lies_before_its_earliest() {
        for zone in [zone("UTC"), zone("America/New_York"), zone("Pacific/Apia")] {
            for unit in [Unit::Hour, Unit::Week, Unit::Month, Unit::Year] {
                for hours in 0..400 {
                    let from = at("2011-11-20T07:00:00Z").plus_micros(hours * 5 * 3_600_000_000);
                    let last = forward(from, span(3, unit), &zone).plus_micros(-1);
                    assert!(earliest(last, span(3, unit)) <= from, "{from} {unit:?}");
                }
            }
        }
    }

    #[test]
    fn beyond_the_years_that_the_calendar_knows_nothing_panics() {
        let utc = zone("UTC");
        for far in [Time::MIN, Time::MAX, at("9999-12-30T00:00:00Z"), at("-009999-01-03T00:00:00Z")] {
            let century = span(100, Unit::Year);
            let _ = (forward(far, century, &utc), back(far, century, &utc), earliest(far, century));
            let date = Date::constant(9999, 12, 31);
            let _ = (next_anniversary(date, century, far, &utc), age(date, far, &utc));
            let _ = word_range(Calendar::LastYear, far, &utc);
        }
    }

    #[test]
    fn lengths_beyond_a_year_always_hold_some_anniversary() {
        let found = next_anniversary(
            Date::constant(1990, 3, 10),
            span(13, Unit::Month),
            at("2026-05-01T00:00:00Z"),
            &zone("UTC"),
        );
        assert_eq!(found.value, Tri::True);
    }

    #[test]
    fn a_day_that_never_was_counts_as_the_next() {
        // Samoa skipped 2011-12-30.
        let apia = zone("Pacific/Apia");
        let found =
            next_anniversary(Date::constant(1990, 12, 30), span(1, Unit::Day), at("2011-12-01T00:00:00Z"), &apia);
        assert_eq!(
            found,
            Outcome { value: Tri::False, until: at("2011-12-30T10:00:00Z").plus_micros(-86_400_000_000) }
        );
    }
}
