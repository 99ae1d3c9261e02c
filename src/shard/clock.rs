//! Where the time comes from: the machine, or a simulation.

use model::Time;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// A leap of the wall clock against the monotonic clock beyond this is told.
pub const CLOCK_LEAP_ALERT: Duration = Duration::from_secs(600);
/// How often a simulated clock is looked at, since nothing tells when it is moved.
const SIMULATED_LOOK: Duration = Duration::from_millis(20);

/// A source of wall clock time. It may step back; a shard's time does not.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Time;
    /// How long to sleep, in real time, before looking again whether `until` is reached.
    fn wait_until(&self, until: Time) -> Duration;
    /// Whether it is moved at will, so that leaps mean nothing.
    fn is_simulated(&self) -> bool {
        false
    }
}

/// Hears of leaps of the wall clock.
pub trait ClockAlert: Send + Sync + 'static {
    /// The wall clock moved by `leap_micros` (negative: back) more than time passed.
    fn leapt(&self, leap_micros: i64);
}

/// The machine's clock.
#[derive(Clone, Copy, Default, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Time {
        let micros = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => Time(micros(since)),
            Err(before) => Time(-micros(before.duration())),
        }
    }

    fn wait_until(&self, until: Time) -> Duration {
        let micros = until.0.saturating_sub(self.now().0).max(0);
        Duration::from_micros(micros.unsigned_abs())
    }
}

/// A clock that moves only when told to. For the demo and for tests.
#[derive(Debug)]
pub struct SimulatedClock(AtomicI64);

impl SimulatedClock {
    /// A clock that stands at `start`.
    pub fn new(start: Time) -> SimulatedClock {
        SimulatedClock(AtomicI64::new(start.0))
    }

    /// Moves it forward; returns the new time.
    pub fn advance(&self, by: Duration) -> Time {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        let moved = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| Some(now.saturating_add(by)));
        Time(moved.unwrap_or_else(|now| now).saturating_add(by))
    }

    /// Puts it at `time`. Shards ignore a step back.
    pub fn set(&self, time: Time) {
        self.0.store(time.0, Ordering::Release);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Time {
        Time(self.0.load(Ordering::Acquire))
    }

    fn wait_until(&self, until: Time) -> Duration {
        if until <= self.now() { Duration::ZERO } else { SIMULATED_LOOK }
    }

    fn is_simulated(&self) -> bool {
        true
    }
}

/// Notices when the wall clock leaps away from the monotonic one.
#[derive(Debug)]
pub struct LeapWatch {
    last: Mutex<Option<(Instant, Time)>>,
}

impl LeapWatch {
    /// A watch that begins with its first look.
    pub fn new() -> LeapWatch {
        LeapWatch { last: Mutex::new(None) }
    }

    /// Compares both clocks with the last look; tells of a leap beyond [`CLOCK_LEAP_ALERT`].
    pub fn look(&self, monotonic: Instant, wall: Time, alert: &dyn ClockAlert) {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((then, wall_then)) = last.replace((monotonic, wall)) {
            let passed = i64::try_from(monotonic.saturating_duration_since(then).as_micros()).unwrap_or(i64::MAX);
            let leap = wall.0.saturating_sub(wall_then.0).saturating_sub(passed);
            if leap.unsigned_abs() > CLOCK_LEAP_ALERT.as_micros() as u64 {
                alert.leapt(leap);
            }
        }
    }
}

impl Default for LeapWatch {
    fn default() -> Self {
        LeapWatch::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<i64>>);

    impl ClockAlert for Heard {
        fn leapt(&self, leap_micros: i64) {
            self.0.lock().unwrap().push(leap_micros);
        }
    }

    #[test]
    fn a_leap_beyond_ten_minutes_is_told_in_both_directions() {
        let (watch, heard, start) = (LeapWatch::new(), Heard::default(), Instant::now());
        let minute = 60_000_000;
        watch.look(start, Time(0), &heard);
        watch.look(start + Duration::from_secs(60), Time(11 * minute), &heard);
        assert!(heard.0.lock().unwrap().is_empty(), "ten minutes are not beyond ten minutes");
        watch.look(start + Duration::from_secs(60), Time(22 * minute), &heard);
        watch.look(start + Duration::from_secs(120), Time(0), &heard);
        assert_eq!(*heard.0.lock().unwrap(), [11 * minute, -23 * minute]);
    }

    #[test]
    fn a_simulated_clock_moves_only_when_told() {
        let clock = SimulatedClock::new(Time(5));
        assert_eq!(clock.now(), Time(5));
        assert_eq!(clock.advance(Duration::from_micros(7)), Time(12));
        assert_eq!(clock.wait_until(Time(12)), Duration::ZERO);
        assert!(clock.wait_until(Time(13)) > Duration::ZERO);
        clock.set(Time(100));
        assert_eq!(clock.now(), Time(100));
    }
}
