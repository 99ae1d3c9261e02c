//! Figures of the intake.

use crate::histogram::Histogram;
use std::sync::atomic::AtomicU64;

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
    /// Time from request to answer.
    pub latency: Histogram,
}
