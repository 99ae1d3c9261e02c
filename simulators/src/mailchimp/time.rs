//! Times as the API writes and reads them: whole seconds, UTC.

use jiff::Timestamp;
use std::cell::RefCell;

/// Unix seconds.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// `2015-10-21T15:41:36+00:00`.
pub(super) fn show(seconds: i64) -> String {
    thread_local! {
        // Pages of contacts show the same times over and over.
        static LAST: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    }
    LAST.with_borrow_mut(|last| {
        if last.0 != seconds {
            *last = (seconds, form(seconds, "%Y-%m-%dT%H:%M:%S+00:00"));
        }
        last.1.clone()
    })
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
