//! Klaviyo: a list there holds who is in a segment and may be mailed.
//!
//! It changes nobody's consent, ever: it imports profiles into the list, and takes them out. It must never know a
//! store, the engine or the daemon.

#![warn(missing_docs)]

mod api;
pub mod config;
mod denied;
mod endpoint;
mod install;
mod sync;
mod wire;

use kit::connector::{Connector, Identifies, Limits, SyncRole};
use model::Channel;

/// What it can do. Klaviyo counts each endpoint apart (`endpoint::Lane`); no endpoint takes more than this.
pub const CONNECTOR: Connector = Connector {
    name: "klaviyo",
    limits: Limits { calls_per_second: 70, calls_at_once: 4 },
    install: Some(&install::KlaviyoInstall),
    receive: None,
    poll: None,
    sync: Some(SyncRole {
        identifies: Identifies::Email,
        consent: Some(Channel::Email),
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
