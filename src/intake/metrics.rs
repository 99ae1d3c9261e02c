//! Figures of the intake.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the latency buckets, seconds.
pub const LATENCY_BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Counters of the intake. All but one only grow.
#[derive(Default, Debug)]
pub struct IntakeMetrics {
    /// Requests on tracking routes.
    pub requests: AtomicU64,
    /// Events made durable.
    pub events: AtomicU64,
    /// Requests answered 429 or 503.
    pub pushed_back: AtomicU64,
    /// Clicks on short links that count.
    pub clicks: AtomicU64,
    /// Clicks by previews and bots.
    pub bot_clicks: AtomicU64,
    /// Clicks that could be recorded nowhere.
    pub clicks_lost: AtomicU64,
    /// Clicks in the store that wait for the log; the one figure that falls again.
    pub clicks_spooled: AtomicU64,
    buckets: [AtomicU64; 13],
    latency_micros: AtomicU64,
}

impl IntakeMetrics {
    /// Notes how long an answer took.
    pub fn answered(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BUCKETS_S.iter().position(|bound| seconds <= *bound).unwrap_or(LATENCY_BUCKETS_S.len());
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.latency_micros.fetch_add(took.as_micros() as u64, Ordering::Relaxed);
    }

    /// Cumulative counts of the buckets, the last one being all; and the sum in seconds.
    pub fn latency(&self) -> (Vec<u64>, f64) {
        let mut total = 0;
        let cumulative = self.buckets.iter().map(|bucket| {
            total += bucket.load(Ordering::Relaxed);
            total
        });
        (cumulative.collect(), self.latency_micros.load(Ordering::Relaxed) as f64 / 1e6)
    }
}
