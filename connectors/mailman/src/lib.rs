//! GNU Mailman 3: the members of a list are who is in a segment and may be mailed.
//!
//! Follows the REST API 3.1 of Mailman core 3.3. Like every connector it must never know a store, the engine or the
//! daemon.

#![warn(missing_docs)]

mod api;
pub mod config;
mod install;
mod place;
mod sync;

use kit::connector::{Connector, Identifies, Limits, SyncRole};
use model::Channel;

/// What it can do. Mailman sets no limits; a core on a small machine adds some 30 to 50 members a second.
pub const CONNECTOR: Connector = Connector {
    name: "mailman",
    limits: Limits { calls_per_second: 40, calls_at_once: 4 },
    install: Some(&install::MailmanInstall),
    receive: None,
    poll: None,
    sync: Some(SyncRole {
        identifies: Identifies::Email,
        consent: Some(Channel::Email),
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
