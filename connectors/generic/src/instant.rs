//! Instants as platforms want to be asked for them.

use model::Time;

/// An instant in a form (`strftime`), RFC 3339 to the second without one.
pub(crate) fn written(time: Time, format: Option<&str>) -> Option<String> {
    let zoned = time.to_timestamp()?.to_zoned_datetime(jiff::tz::TimeZone::UTC);
    let format = format.unwrap_or("%Y-%m-%dT%H:%M:%SZ");
    jiff::fmt::strtime::format(format, &zoned).ok()
}
