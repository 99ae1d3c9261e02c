//! Rates: fixed windows of a second and of a minute, for each credential's owner and each endpoint.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Calls of a second, of a minute, of a day (0 for no limit).
pub(super) type Rates = (u32, u32, u32);

pub(super) const XS: Rates = (1, 15, 0);
pub(super) const S: Rates = (3, 60, 0);
pub(super) const M: Rates = (10, 150, 0);
pub(super) const L: Rates = (75, 750, 0);
pub(super) const CREATE_LIST: Rates = (10, 150, 150);

const WINDOWS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(60), Duration::from_secs(86_400)];

/// Calls by owner and endpoint.
pub(super) struct Limits {
    start: Instant,
    used: BTreeMap<(String, &'static str), [(u64, u32); 3]>,
}

/// What is left of the minute.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub limit: u32,
    pub remaining: u32,
    /// Seconds.
    pub reset: u64,
}

impl Limits {
    pub fn new() -> Limits {
        Limits { start: Instant::now(), used: BTreeMap::new() }
    }

    /// Counts a call, or says for how many seconds there is none left.
    pub fn take(&mut self, owner: &str, endpoint: &'static str, rates: Rates) -> Result<Left, u64> {
        let elapsed = self.start.elapsed();
        let used = self.used.entry((owner.to_owned(), endpoint)).or_default();
        let mut left = Left { limit: rates.1, remaining: 0, reset: 0 };
        for ((window, used), most) in WINDOWS.iter().zip(used.iter_mut()).zip([rates.0, rates.1, rates.2]) {
            let number = (elapsed.as_millis() / window.as_millis()) as u64;
            if used.0 != number {
                *used = (number, 0);
            }
            let over = window.as_millis() as u64 * (number + 1) - elapsed.as_millis() as u64;
            let seconds = over.div_ceil(1_000).max(1);
            if most > 0 && used.1 >= most {
                return Err(seconds);
            }
            if *window == WINDOWS[1] {
                (left.remaining, left.reset) = (most.saturating_sub(used.1 + 1), seconds);
            }
        }
        used.iter_mut().for_each(|used| used.1 += 1);
        Ok(left)
    }
}
