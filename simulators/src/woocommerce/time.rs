//! Times as WordPress writes them: seconds, without a zone, once of the site and once of UTC.

use jiff::Timestamp;
use serde_json::Value;

/// Seconds since the epoch as the API writes them, moved by hours.
pub(super) fn written(seconds: i64, hours: i64) -> String {
    let moved = Timestamp::from_second(seconds + hours * 3_600).unwrap_or(Timestamp::UNIX_EPOCH);
    moved.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// A field that may be empty.
pub(super) fn written_or_null(seconds: Option<i64>, hours: i64) -> Value {
    seconds.map_or(Value::Null, |seconds| written(seconds, hours).into())
}

/// The instant of a parameter. What stands behind the seconds is no zone to WordPress.
pub(super) fn read(text: &str, hours: i64) -> Option<i64> {
    let civil: jiff::civil::DateTime = text.get(..19.min(text.len()))?.parse().ok()?;
    let seconds = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_second();
    Some(seconds - hours * 3_600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sites_time_and_utc_differ_by_its_offset() {
        assert_eq!(written(0, -6), "1969-12-31T18:00:00");
        assert_eq!(read("1969-12-31T18:00:00", -6), Some(0));
        assert_eq!(read("1970-01-01T00:00:00Z", 0), Some(0));
        assert_eq!((read("yesterday", 0), written_or_null(None, 0)), (None, Value::Null));
    }
}
