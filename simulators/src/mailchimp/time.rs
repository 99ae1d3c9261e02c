//! Times as the API writes and reads them: whole seconds, UTC.

use jiff::Timestamp;

/// Unix seconds.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// `2015-10-21T15:41:36+00:00`.
pub(super) fn show(seconds: i64) -> String {
    form(seconds, "%Y-%m-%dT%H:%M:%S+00:00")
}

/// `2009-03-26 21:40:57`, without a zone, as webhooks write it.
pub(super) fn show_bare(seconds: i64) -> String {
    form(seconds, "%Y-%m-%d %H:%M:%S")
}

fn form(seconds: i64, format: &str) -> String {
    Timestamp::from_second(seconds).map(|time| time.strftime(format).to_string()).unwrap_or_default()
}

/// Unix seconds of an ISO 8601 time.
pub(super) fn parse(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|time| time.as_second())
}
