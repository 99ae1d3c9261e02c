//! Windows of time, in the workspace's zone.

use super::View;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan, ZonedDateTime};
use model::Time;
use serde_json::Value as Json;

const DAY_MICROS: i64 = 86_400_000_000;

/// The anniversary of a date in a year: 29 February falls on the 28th in common years.
pub fn anniversary(date: Date, year: i16) -> Option<Date> {
    Date::new(year, date.month(), date.day()).or_else(|_| Date::new(year, date.month(), 28)).ok()
}

/// An instant some days of 24 hours earlier.
pub fn days_before(at: Time, days: u32) -> Time {
    at.plus_micros(i64::from(days).saturating_mul(DAY_MICROS).saturating_neg())
}

fn time(zoned: &ZonedDateTime) -> Time {
    Time(zoned.timestamp().as_microsecond())
}

impl View {
    fn zone(&self) -> TimeZone {
        self.known.zone.clone()
    }

    /// The wall clock at an instant.
    pub fn local(&self, at: Time) -> DateTime {
        at.to_timestamp().expect("an instant").to_zoned_datetime(self.zone()).datetime()
    }

    /// The first instant of a day.
    pub fn start_of_day(&self, day: Date) -> Option<Time> {
        Some(time(&day.to_zoned_datetime(self.zone()).ok()?.start_of_day().ok()?))
    }

    /// An instant moved by a length such as `30d` or `2mo`, forwards or backwards.
    pub fn shifted(&self, from: Time, length: &str, sign: i64) -> Time {
        let digits = length.trim_end_matches(|c: char| !c.is_ascii_digit());
        let n = sign * digits.parse::<i64>().expect("a number");
        let calendar = |span: Span| {
            let wall = self.local(from).checked_add(span).expect("within the calendar");
            time(&wall.to_zoned_datetime(self.zone()).expect("a wall time"))
        };
        match &length[digits.len()..] {
            "m" => from.plus_micros(n * 60_000_000),
            "h" => from.plus_micros(n * 3_600_000_000),
            "d" => from.plus_micros(n * DAY_MICROS),
            "w" => from.plus_micros(n * 7 * DAY_MICROS),
            "mo" => calendar(n.months()),
            "y" => calendar(n.years()),
            other => panic!("no unit of time: {other}"),
        }
    }

    /// Whether an instant lies in a window; no window is ever.
    pub fn in_window(&self, at: Time, window: Option<&Json>) -> bool {
        let Some(window) = window else { return true };
        let (kind, operand) = window.as_object().and_then(|window| window.iter().next()).expect("a window");
        match kind.as_str() {
            "last" => self.near(at, window),
            "between" => self.instant_of(&operand[0]) <= at && at < self.instant_of(&operand[1]),
            "since" => self.instant_of(operand) <= at,
            "before" => at < self.instant_of(operand),
            "calendar" => {
                let (from, until) = self.calendar(operand.as_str().expect("a word"));
                let day = self.local(at).date();
                from <= day && day < until
            }
            other => panic!("no window: {other}"),
        }
    }

    /// `{"last": N}` or `{"next": N}` around an instant.
    pub fn near(&self, at: Time, window: &Json) -> bool {
        match (window["last"].as_str(), window["next"].as_str()) {
            (Some(length), None) => at <= self.t && self.t < self.shifted(at, length, 1),
            (None, Some(length)) => self.shifted(at, length, -1) <= self.t && self.t < at,
            _ => panic!("neither last nor next: {window}"),
        }
    }

    /// Whether other events than orders of this time are still kept.
    pub fn retained(&self, at: Time) -> bool {
        at > self.known.forgotten && at > days_before(self.t, self.known.retention_days)
    }

    /// The days of a calendar word: from the first to the one after the last.
    fn calendar(&self, word: &str) -> (Date, Date) {
        let today = self.local(self.t).date();
        let from_monday = i64::from(today.weekday().to_monday_zero_offset());
        let monday = today.checked_sub(from_monday.days()).expect("a day");
        let (first, year) = (today.first_of_month(), today.first_of_year());
        let plus = |day: Date, span: Span| (day, day.checked_add(span).expect("a day"));
        let minus = |day: Date, span: Span| (day.checked_sub(span).expect("a day"), day);
        match word.replace('_', " ").as_str() {
            "today" => plus(today, 1.days()),
            "yesterday" => minus(today, 1.days()),
            "this week" => plus(monday, 7.days()),
            "last week" => minus(monday, 7.days()),
            "this month" => plus(first, 1.months()),
            "last month" => minus(first, 1.months()),
            "this year" => plus(year, 1.years()),
            "last year" => minus(year, 1.years()),
            other => panic!("no calendar word: {other}"),
        }
    }

    /// From N before the day of an anniversary until the end of that day.
    pub fn anniversary_near(&self, date: Date, next: Option<&str>) -> bool {
        let next = next.expect("a length");
        let today = self.local(self.t).date();
        let mut years = date.year()..=today.year() + 2;
        let holds = |year: i16| {
            let day = anniversary(date, year)?;
            let (start, end) = (self.start_of_day(day)?, self.start_of_day(day.tomorrow().ok()?)?);
            Some(self.shifted(start, next, -1) <= self.t && self.t < end)
        };
        // With lengths beyond a year some later anniversary always holds as well.
        years.any(|year| holds(year) == Some(true))
    }
}
