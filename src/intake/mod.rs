//! Events from SDKs: the Segment HTTP Tracking API and RudderStack's dialect of it.
//!
//! A request is verified, normalized, and answered once its events are durable in the log.
//! Nothing slower than that append stands between a sender and its answer.

mod answer;
pub mod auth;
mod body;
pub mod check;
mod commerce;
mod consent;
mod correct;
mod cors;
pub mod hooks;
mod json;
#[cfg(test)]
mod json_tests;
pub mod metrics;
mod normalize;
mod number;
mod query;
mod receive;
mod refusals;
mod room;
pub mod routes;
mod sdk_config;
mod traits;
mod values;
mod wire;

pub use auth::{Customers, SourceEntry, WriteKeys};
pub use metrics::IntakeMetrics;
pub use refusals::{Refusals, RefusedEvent};
pub use room::BodyRoom;
pub use routes::{IntakeState, router};

/// What a request may carry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntakeLimits {
    /// Bytes of a body as it comes.
    pub body_bytes_max: usize,
    /// Bytes of a body after unpacking.
    pub unpacked_bytes_max: usize,
    /// Events of one batch; what is beyond is refused and counted.
    pub batch_events_max: usize,
    /// Bytes of one event, as it is written.
    pub event_bytes_max: usize,
    /// Characters of a message id.
    pub message_id_chars_max: usize,
    /// Levels of nesting in properties.
    pub depth_max: usize,
    /// Values in the properties of one event.
    pub values_max: usize,
    /// Bytes of one text.
    pub text_bytes_max: usize,
    /// Characters of a name.
    pub name_chars_max: usize,
    /// Seconds for which a body may take to arrive.
    pub body_wait_s: u64,
    /// MiB of bodies being received at the same time.
    pub bodies_mib_max: usize,
    /// Whether a call whose `integrations` switch all destinations off, and don't name segmentd, is refused.
    pub honour_integrations: bool,
}

impl Default for IntakeLimits {
    fn default() -> IntakeLimits {
        IntakeLimits {
            body_bytes_max: 5 << 20,
            unpacked_bytes_max: 5 << 20,
            batch_events_max: 2_500,
            // RudderStack's server SDKs allow themselves 4 MiB.
            event_bytes_max: (4 << 20) + (64 << 10),
            message_id_chars_max: 100,
            depth_max: 16,
            values_max: 2_000,
            text_bytes_max: 64 << 10,
            name_chars_max: 200,
            body_wait_s: 60,
            bodies_mib_max: 256,
            honour_integrations: true,
        }
    }
}
