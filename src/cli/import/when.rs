//! Times as files have them.

use crate::intake::check::readable_instant;
use jiff::tz::TimeZone;

/// The zone of times that have no offset.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Zone {
        Zone(TimeZone::UTC)
    }
}

impl Zone {
    /// By its IANA name.
    pub fn named(name: &str) -> Option<Zone> {
        TimeZone::get(name).ok().map(Zone)
    }

    /// A time as RFC 3339. Times without an offset, and dates alone (midnight), are of this zone; seconds and
    /// milliseconds since the epoch are read too.
    pub fn instant(&self, text: &str) -> Option<String> {
        let text = text.trim();
        let offset = text.parse::<jiff::Timestamp>().ok();
        let civil = || self.0.to_timestamp(text.parse::<jiff::civil::DateTime>().ok()?).ok();
        let stamp = match offset.or_else(civil) {
            Some(stamp) => stamp,
            None => readable_instant(text)?.to_timestamp()?,
        };
        Some(stamp.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_without_an_offset_are_of_the_zone() {
        let mexico = Zone::named("America/Mexico_City").unwrap();
        for (text, expect) in [
            ("2026-03-01T12:00:00Z", Some("2026-03-01T12:00:00Z")),
            ("2026-03-01T12:00:00+02:00", Some("2026-03-01T10:00:00Z")),
            ("2026-03-01 12:00:00", Some("2026-03-01T18:00:00Z")),
            ("2026-03-01 12:00", Some("2026-03-01T18:00:00Z")),
            ("2026-03-01", Some("2026-03-01T06:00:00Z")),
            ("1772366400", Some("2026-03-01T12:00:00Z")),
            ("1772366400000", Some("2026-03-01T12:00:00Z")),
            ("01/03/2026", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(mexico.instant(text).as_deref(), expect, "{text}");
        }
        assert_eq!(Zone::default().instant("2026-03-01").as_deref(), Some("2026-03-01T00:00:00Z"));
        assert!(Zone::named("Mars").is_none());
    }
}
