//! Dates as the platform writes and reads them.

use jiff::Timestamp;

/// Milliseconds of an hour.
pub(super) const HOUR_MS: i64 = 3_600_000;
/// Sites write times of this offset, whatever their own is.
const OFFSET_MS: i64 = -4 * HOUR_MS;

fn formatted(ms: i64, format: &str) -> String {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).strftime(format).to_string()
}

/// `2026-11-01T09:37:20.000-04:00`
pub(super) fn offset(ms: i64) -> String {
    format!("{}-04:00", formatted(ms + OFFSET_MS, "%Y-%m-%dT%H:%M:%S.%3f"))
}

/// The same without the colon, as packs and messages write it.
pub(super) fn without_colon(ms: i64) -> String {
    format!("{}-0400", formatted(ms + OFFSET_MS, "%Y-%m-%dT%H:%M:%S.%3f"))
}

/// `2026-11-01T13:37:20.000Z`
pub(super) fn utc(ms: i64) -> String {
    formatted(ms, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// The same with nanoseconds, as some notifications have it.
pub(super) fn nanoseconds(ms: i64) -> String {
    formatted(ms, "%Y-%m-%dT%H:%M:%S.%9fZ")
}

/// A date of a filter: with milliseconds and an offset. A plus sign that was not escaped is a space.
pub(super) fn read(text: &str) -> Option<i64> {
    let whole = text.len() >= 24 && text.as_bytes().get(19) == Some(&b'.') && !text.contains(' ');
    let digits = text.get(20..23)?.bytes().all(|byte| byte.is_ascii_digit());
    let zone = text.get(23..)?;
    let colon = match zone.len() {
        5 => format!("{}:{}", zone.get(..3)?, zone.get(3..)?),
        _ => zone.to_owned(),
    };
    let stamp: Timestamp = format!("{}{colon}", text.get(..23)?).parse().ok().filter(|_| whole && digits)?;
    Some(stamp.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_every_form_and_read_with_milliseconds_alone() {
        let noon = 1_793_520_000_000;
        assert_eq!(offset(noon), "2026-11-01T04:00:00.000-04:00");
        assert_eq!(utc(noon), "2026-11-01T08:00:00.000Z");
        assert_eq!(nanoseconds(noon), "2026-11-01T08:00:00.000000000Z");
        for text in [offset(noon), without_colon(noon), utc(noon), "2026-11-01T08:00:00.000-00:00".to_owned()] {
            assert_eq!(read(&text), Some(noon), "{text}");
        }
        for text in ["2026-11-01T08:00:00Z", "2026-11-01T08:00:00.000 00:00", "2026-11-01", "", "x"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
