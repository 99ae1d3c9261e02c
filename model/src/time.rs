//! Instants. A [`Time`] is microseconds since the Unix epoch, UTC.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Microseconds of a day of 24 hours.
pub const DAY_MICROS: i64 = 86_400_000_000;

/// An instant in microseconds since 1970-01-01T00:00:00Z.
///
/// Event time and receive time are both of this type; which one a field holds is in its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Time(pub i64);

impl Time {
    /// Later than every instant that can be reached.
    pub const MAX: Time = Time(i64::MAX);
    /// Earlier than every instant that can be reached.
    pub const MIN: Time = Time(i64::MIN);

    /// From milliseconds since the epoch; saturates.
    pub fn from_millis(millis: i64) -> Time {
        Time(millis.saturating_mul(1_000))
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// This instant plus a number of microseconds; saturates.
    pub fn plus_micros(self, micros: i64) -> Time {
        Time(self.0.saturating_add(micros))
    }

    /// Parses RFC 3339 (`2026-03-01T12:00:00.000Z`, any offset, up to nine fraction digits).
    /// `None` when the text is not an instant.
    pub fn parse(text: &str) -> Option<Time> {
        let text = text.trim();
        if let Some(time) = plain(text.as_bytes()) {
            return Some(time);
        }
        let stamp: jiff::Timestamp = text.parse().ok()?;
        Some(Time(stamp.as_microsecond()))
    }

    /// The same instant for jiff; `None` outside the years it knows.
    pub fn to_timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.0).ok()
    }
}

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// An instant in the form in which nearly all come, `2026-03-01T12:00:00Z` with up to six fraction digits. Anything
/// else, and whatever is not clearly right, is for jiff.
fn plain(text: &[u8]) -> Option<Time> {
    let (head, rest) = text.split_first_chunk::<19>()?;
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if separators.iter().any(|(at, byte)| head.get(*at) != Some(byte)) {
        return None;
    }
    let number = |from: usize, to: usize| digits(head.get(from..to)?);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // Every month has 28 days; a second 60 is a leap second's.
    let usual = year >= 1 && (1..=12).contains(&month) && (1..=28).contains(&day);
    if !usual || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let fraction = match rest {
        [b'Z'] => 0,
        [b'.', fraction @ .., b'Z'] if (1..=6).contains(&fraction.len()) => {
            digits(fraction)? * 10_i64.pow(6 - fraction.len() as u32)
        }
        _ => return None,
    };
    // Years that begin in March, so that the day that some lack is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let seconds = (days - EPOCH_DAYS) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(Time(seconds * 1_000_000 + fraction))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_timestamp() {
            Some(stamp) => write!(f, "{stamp:.6}"),
            None => write!(f, "{}us", self.0),
        }
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{DAY_MICROS, Time};

    fn by_jiff(text: &str) -> Option<Time> {
        text.trim().parse::<jiff::Timestamp>().ok().map(|stamp| Time(stamp.as_microsecond()))
    }

    #[test]
    fn instants_are_those_of_jiff() {
        for day in (-719_000..2_900_000).step_by(11) {
            let time = Time(day * DAY_MICROS + (day * 7_919_123).rem_euclid(DAY_MICROS));
            let text = time.to_string();
            assert_eq!((Time::parse(&text), by_jiff(&text)), (Some(time), Some(time)), "{text}");
        }
    }

    #[test]
    fn what_is_not_plain_is_read_as_jiff_reads_it() {
        for text in [
            "2026-03-01T12:00:00Z",
            " 2026-03-01T12:00:00.5Z ",
            "2026-03-01T12:00:00.123456789Z",
            "2026-03-01t12:00:00z",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00+02:00",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00.12x4Z",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00Z",
            "2026-02-29T00:00:00Z",
            "2024-02-29T23:59:60Z",
            "2026-02-31T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:60:00Z",
            "0000-03-01T00:00:00Z",
            "+2026-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999999Z",
            "2026-01-01T00:00:00\u{ff3a}",
            "",
        ] {
            assert_eq!(Time::parse(text), by_jiff(text), "{text}");
        }
    }
}
