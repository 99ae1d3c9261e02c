//! A list at any HTTP endpoint: signed messages that tell who entered and who left.
//!
//! Follows Standard Webhooks 1.0. It can't be read back, so it sends signed snapshots from which
//! the receiver repairs itself.

#![warn(missing_docs)]

mod api;
pub mod config;
mod sync;
pub mod wire;

pub use config::WebhookConfig;
pub use sync::WebhookDestination;

use kit::connector::{Connector, Identifies, Limits, SyncRole};

/// What it can do.
pub const CONNECTOR: Connector = Connector {
    name: "webhook",
    limits: Limits::USUAL,
    install: None,
    receive: None,
    poll: None,
    sync: Some(SyncRole {
        identifies: Identifies::AsSet,
        consent: None,
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
