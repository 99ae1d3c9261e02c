//! How long to wait between tries: doubling, bounded, with jitter.

use std::time::Duration;

/// Bounds of the wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// Wait after the first failure.
    pub first: Duration,
    /// No wait is longer, unless the platform asks for it.
    pub longest: Duration,
}

/// No platform can make us wait longer than this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(600) }
    }
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row; `random` (0 to 1) spreads it over the upper half.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, random: f64) -> Duration {
        let doubled =
            self.first.saturating_mul(1u32.checked_shl(failures.saturating_sub(1).min(20)).unwrap_or(u32::MAX));
        let bounded = doubled.min(self.longest);
        let jittered = bounded.mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0));
        asked.map_or(jittered, |asked| asked.min(RETRY_AFTER_MAX).max(jittered))
    }
}

/// A random number from 0 to 1 for jitter.
pub fn random() -> f64 {
    let mut bytes = [0u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_honour_what_the_platform_asks() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(8) };
        assert_eq!(backoff.wait(1, None, 1.0), Duration::from_secs(1));
        assert_eq!(backoff.wait(3, None, 1.0), Duration::from_secs(4));
        assert_eq!(backoff.wait(30, None, 1.0), Duration::from_secs(8));
        assert_eq!(backoff.wait(1, Some(Duration::from_secs(60)), 0.0), Duration::from_secs(60));
        assert_eq!(backoff.wait(1, Some(Duration::from_secs(1 << 40)), 0.0), RETRY_AFTER_MAX);
    }
}
