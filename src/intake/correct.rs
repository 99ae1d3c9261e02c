//! The time of an event by the sender's clock, corrected by what is known of that clock.

use model::Time;

/// A clock that is further off than this tells nothing, microseconds.
const CORRECTION_MAX: i64 = 24 * 3_600_000_000;

/// An event this far ahead of its arrival is no matter of clocks that differ a little, microseconds.
const FUTURE_MAX: i64 = 60_000_000;

/// An instant as senders write it: RFC 3339; without an offset, UTC; or seconds or milliseconds since the
/// epoch, told apart by their size (10 digits of seconds reach into the year 2286).
pub(super) fn instant(text: &str) -> Option<Time> {
    const SECONDS_BELOW: i64 = 100_000_000_000;
    if let Some(time) = Time::parse(text) {
        return Some(time);
    }
    let text = text.trim();
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    if let Ok(number) = whole.parse::<i64>() {
        let seconds = number.saturating_abs() < SECONDS_BELOW;
        return Some(if seconds { Time(number.saturating_mul(1_000_000)) } else { Time::from_millis(number) });
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let stamp = jiff::tz::Offset::UTC.to_timestamp(civil).ok()?;
    Some(Time(stamp.as_microsecond()))
}

/// The event's time: given + (received - sent). A correction beyond 24 hours, and a result after
/// the receive time, give the receive time; without `sent` the given time stands.
///
/// A request that is sent again with its old `sentAt` moves its events later by the wait; nothing in
/// it tells a slow clock from a late resend, and the bound on the result keeps it out of the future.
pub(super) fn event_time(given: Option<Time>, sent: Option<Time>, received: Time) -> Time {
    let Some(given) = given else { return received };
    let Some(sent) = sent else { return given.min(received) };
    let correction = received.0.saturating_sub(sent.0);
    if correction.saturating_abs() > CORRECTION_MAX {
        return received;
    }
    given.plus_micros(correction).min(received)
}

/// Why the time of an event is not the one that was given, beyond small differences of clocks.
pub(super) fn doubt(given: Time, sent: Option<Time>, received: Time) -> Option<&'static str> {
    let correction = sent.map_or(0, |sent| received.0.saturating_sub(sent.0));
    if correction.saturating_abs() > CORRECTION_MAX {
        return Some("clock_skewed");
    }
    (given.plus_micros(correction) > received.plus_micros(FUTURE_MAX)).then_some("time_in_future")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn at(hours: i64) -> Time {
        Time(hours * HOUR)
    }

    #[test]
    fn instants_are_read_in_every_form_that_senders_use() {
        let noon = Time::parse("2026-03-01T12:00:00Z");
        for text in [
            "2026-03-01T12:00:00.000Z",
            "2026-03-01T06:00:00-06:00",
            "2026-03-01T12:00:00.000000+00:00",
            " 2026-03-01T12:00:00 ",
            "2026-03-01 12:00:00",
            "1772366400000",
            "1772366400",
            "1772366400.25",
        ] {
            assert_eq!(instant(text), noon, "{text}");
        }
        assert_eq!(instant("2026-03-01"), Time::parse("2026-03-01T00:00:00Z"));
        for text in ["", "yesterday", "2026-13-01T00:00:00Z", "99999999999999999999"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn a_slow_clock_is_corrected_and_a_broken_one_ignored() {
        assert_eq!(event_time(Some(at(100)), Some(at(101)), at(103)), at(102));
        assert_eq!(event_time(Some(at(100)), Some(at(101)), at(125)), at(124));
        assert_eq!(event_time(Some(at(100)), Some(at(101)), at(126)), at(126));
        assert_eq!(event_time(Some(at(100)), Some(at(130)), at(103)), at(103));
    }

    #[test]
    fn imports_with_a_right_clock_keep_their_times_and_nothing_lies_in_the_future() {
        assert_eq!(event_time(Some(at(1)), Some(at(100)), at(100)), at(1));
        assert_eq!(event_time(Some(at(105)), Some(at(100)), at(100)), at(100));
        assert_eq!(event_time(Some(at(105)), None, at(100)), at(100));
        assert_eq!(event_time(None, Some(at(3)), at(100)), at(100));
    }
}
