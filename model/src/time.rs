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
        let stamp: jiff::Timestamp = text.trim().parse().ok()?;
        Some(Time(stamp.as_microsecond()))
    }

    /// The same instant for jiff; `None` outside the years it knows.
    pub fn to_timestamp(self) -> Option<jiff::Timestamp> {
        jiff::Timestamp::from_microsecond(self.0).ok()
    }
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
