//! A connection that is being read: what its worker shows, and how it is told something.

use super::keys::Scope;
use super::status::{RegistrationStatus, StreamState};
use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use kit::connector::Connector;
use kit::failure::Failure;
use kit::platform::Connection;
use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The pace of a backfill is that of so much time.
const PACE_SPAN: Duration = Duration::from_secs(300);
/// Samples of it.
const PACE_SAMPLES: usize = 60;

/// A stream, as it is shown.
#[derive(Default)]
pub(super) struct ShownStream {
    pub(super) state: StreamState,
    pub(super) failures: u32,
    pub(super) last_error: Option<String>,
    samples: VecDeque<(Instant, u64)>,
}

impl ShownStream {
    /// So many things were read by now.
    pub(super) fn progress(&mut self, done: u64, now: Instant) {
        let spacing = PACE_SPAN / PACE_SAMPLES as u32;
        // The newest sample moves until it is far enough from the one before.
        let mut newest = self.samples.iter().rev().map(|(at, _)| *at);
        let gap = newest.next().zip(newest.next()).map(|(last, before)| last.saturating_duration_since(before));
        let crowded = gap.is_some_and(|gap| gap < spacing);
        if crowded {
            self.samples.pop_back();
        }
        self.samples.push_back((now, done));
        while self.samples.len() > 2
            && self.samples.front().is_some_and(|(at, _)| now.saturating_duration_since(*at) > PACE_SPAN)
        {
            self.samples.pop_front();
        }
    }

    /// How long the rest takes at the pace of the last minutes.
    pub(super) fn seconds_left(&self, done: u64, total: Option<u64>, now: Instant) -> Option<u64> {
        let (begun, first) = *self.samples.front()?;
        let passed_ms = u64::try_from(now.saturating_duration_since(begun).as_millis()).ok()?;
        let read = done.checked_sub(first).filter(|read| *read > 0)?;
        let left = total?.saturating_sub(done);
        Some(left.saturating_mul(passed_ms) / read / 1_000)
    }

    /// A new call begins: the pace of an earlier one says nothing.
    pub(super) fn begin(&mut self, state: StreamState) {
        self.state = state;
        self.samples.clear();
    }
}

/// What is shown of a connection beside what is in the store.
#[derive(Default)]
pub(super) struct Shown {
    pub(super) paused: Option<String>,
    pub(super) streams: BTreeMap<&'static str, ShownStream>,
    pub(super) next_poll: Option<DateTime<Utc>>,
    pub(super) last_fetch_error: Option<String>,
    pub(super) given_up: u64,
    pub(super) registration: RegistrationStatus,
}

/// A connection with its worker.
pub(super) struct Slot {
    pub(super) scope: Scope,
    pub(super) connector: &'static Connector,
    pub(super) connection: Arc<Connection>,
    /// Poll now, whatever was waited for.
    pub(super) word: Notify,
    /// The same for pointers.
    pub(super) fetch_word: Notify,
    /// The same for what is registered.
    pub(super) register_word: Notify,
    pub(super) cancel: CancellationToken,
    /// Position of the newest record that the backfill appended in this run. What earlier runs appended was
    /// applied before this one began.
    pub(super) appended: AtomicU64,
    shown: Mutex<Shown>,
}

impl Slot {
    pub(super) fn new(scope: Scope, connector: &'static Connector, connection: Arc<Connection>) -> Arc<Slot> {
        Arc::new(Slot {
            scope,
            connector,
            connection,
            word: Notify::new(),
            fetch_word: Notify::new(),
            register_word: Notify::new(),
            cancel: CancellationToken::new(),
            appended: AtomicU64::new(0),
            shown: Mutex::default(),
        })
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When something last came of a call.
pub(super) struct Pulse(Mutex<Instant>);

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse(Mutex::new(Instant::now()))
    }

    pub(super) fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connector's call that ends: one that is silent for too long is cut, and one that panics has failed.
pub(super) async fn watched<T>(
    call: impl Future<Output = Result<T, Failure>>,
    pulse: &Pulse,
    silence_max: Duration,
) -> Result<T, Failure> {
    let mut call = pin!(AssertUnwindSafe(call).catch_unwind());
    loop {
        let until = pulse.last() + silence_max;
        tokio::select! {
            done = &mut call => {
                let panicked = |_| Err(Failure::PlatformChanged("a bug: the connector panicked, see the log".to_owned()));
                return done.unwrap_or_else(panicked);
            }
            () = sleep_until(until) => {
                if pulse.last() + silence_max <= Instant::now() {
                    return Err(Failure::retry(format!("nothing came for {} s", silence_max.as_secs()), None));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_follows_the_pace_of_the_last_minutes() {
        let (mut stream, start) = (ShownStream::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(stream.seconds_left(0, Some(10), at(0)), None);
        for second in 0..=600 {
            // Ten a second at first, then one.
            let done = if second <= 200 { second * 10 } else { 2_000 + second - 200 };
            stream.progress(done, at(second));
        }
        assert!(stream.samples.len() <= PACE_SAMPLES + 2);
        let left = stream.seconds_left(2_400, Some(2_500), at(600)).unwrap();
        assert!((95..=105).contains(&left), "{left}");
        assert_eq!(stream.seconds_left(2_400, None, at(600)), None);
    }
}
