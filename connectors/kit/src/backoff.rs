//! How long to wait between tries: doubling, bounded, with jitter.

use crate::failure::Failure;
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

/// How long one call is tried before whoever made it hears that it failed: what it belongs to, a batch of many calls
/// say, need not be begun anew for it. For calls that may be made twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    /// Tries in all.
    pub tries: u32,
    /// Waits between them.
    pub backoff: Backoff,
    /// When the platform asks for a longer wait than this, the call is not made again.
    pub wait_max: Duration,
}

impl Patience {
    /// For platforms that say nothing.
    pub const USUAL: Patience = Patience {
        tries: 4,
        backoff: Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(2) },
        wait_max: Duration::from_secs(15),
    };

    /// The wait before the next try, after so many that failed; `None` when there is none.
    fn wait(&self, tried: u32, failure: &Failure) -> Option<Duration> {
        let Failure::Retry { after, .. } = failure else { return None };
        let goes_on = tried < self.tries && after.is_none_or(|asked| asked <= self.wait_max);
        goes_on.then(|| self.backoff.wait(tried, *after, random()))
    }

    /// Waits for the next try, if there is one.
    pub async fn again(&self, tried: u32, failure: &Failure) -> bool {
        let Some(wait) = self.wait(tried, failure) else { return false };
        tokio::time::sleep(wait).await;
        true
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

    #[test]
    fn a_call_is_tried_again_as_long_as_that_may_help_and_is_not_long() {
        let patience = Patience::USUAL;
        let failure = |seconds: u64| Failure::retry("busy", Some(Duration::from_secs(seconds)));
        assert_eq!(patience.wait(1, &failure(10)), Some(Duration::from_secs(10)));
        assert!(patience.wait(3, &Failure::retry("broken", None)).is_some_and(|wait| wait <= Duration::from_secs(2)));
        assert_eq!(patience.wait(patience.tries, &failure(1)), None);
        assert_eq!(patience.wait(1, &failure(60)), None);
        assert_eq!(patience.wait(1, &Failure::Refused("no".to_owned())), None);
    }
}
