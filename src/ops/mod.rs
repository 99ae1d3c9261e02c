//! Running: listener, logs, metrics, health, signals to the service manager.

pub mod front;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod notify;

use axum::http::HeaderName;

/// The address of whoever sent a request, set by the listener; what a client sends under this
/// name is removed there.
pub const PEER_ADDRESS: HeaderName = HeaderName::from_static("x-segmentd-peer");
