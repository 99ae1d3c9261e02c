//! How many calls an account allows: by ten seconds for an app, by the second for searches, by the day.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

const TEN_SECONDS: Duration = Duration::from_secs(10);
const ONE_SECOND: Duration = Duration::from_secs(1);

/// Limits of calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls in 10 seconds for an account, searches apart.
    pub ten_seconds: usize,
    /// Searches in a second for an account.
    pub searches: usize,
    /// Calls of a private app in a day, for an account.
    pub day: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { ten_seconds: 110, searches: 5, day: 250_000 }
    }
}

/// The calls that count yet.
#[derive(Default)]
pub(super) struct Calls {
    calls: BTreeMap<u64, VecDeque<Instant>>,
    searches: BTreeMap<u64, VecDeque<Instant>>,
    day: BTreeMap<u64, u64>,
}

/// What is left, for the headers.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub ten_seconds: usize,
    pub day: Option<u64>,
}

fn admit(calls: &mut VecDeque<Instant>, most: usize, window: Duration) -> bool {
    let now = Instant::now();
    while calls.front().is_some_and(|at| now.duration_since(*at) >= window) {
        calls.pop_front();
    }
    let fits = calls.len() < most;
    if fits {
        calls.push_back(now);
    }
    fits
}

impl Calls {
    /// A search; searches tell nothing of what is left.
    pub fn search(&mut self, portal: u64, limits: &Limits) -> Result<(), &'static str> {
        let calls = self.searches.entry(portal).or_default();
        if admit(calls, limits.searches, ONE_SECOND) { Ok(()) } else { Err("SECONDLY") }
    }

    /// Another call.
    pub fn call(&mut self, portal: u64, private: bool, limits: &Limits) -> Result<Left, &'static str> {
        let day = self.day.entry(portal).or_default();
        if private && *day >= limits.day {
            return Err("DAILY");
        }
        let calls = self.calls.entry(portal).or_default();
        if !admit(calls, limits.ten_seconds, TEN_SECONDS) {
            return Err("TEN_SECONDLY_ROLLING");
        }
        *day += u64::from(private);
        let left = private.then(|| limits.day - *day);
        Ok(Left { ten_seconds: limits.ten_seconds - calls.len(), day: left })
    }
}
