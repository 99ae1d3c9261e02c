//! The time of an event by the sender's clock, corrected by what is known of that clock.

use model::Time;

/// A clock that is further off than this tells nothing, microseconds.
const CORRECTION_MAX: i64 = 24 * 3_600_000_000;

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

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    fn at(hours: i64) -> Time {
        Time(hours * HOUR)
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
