//! Corner, a platform that does not exist: the connector that docs/adding-a-connector.md writes.
//!
//! It has one of everything that most platforms have: an API key, signed webhooks of paid orders, and lists of e-mail
//! addresses that can be changed and read back.

#![warn(missing_docs)]

mod api;
mod install;
mod receive;
mod sync;

use kit::connector::{Connector, Identifies, Limits, SyncRole};
use model::Channel;

/// What it can do.
pub const CONNECTOR: Connector = Connector {
    name: "example",
    limits: Limits { calls_per_second: 10, calls_at_once: 2 },
    install: Some(&install::ExampleInstall),
    receive: Some(&receive::ExampleReceive),
    poll: None,
    sync: Some(SyncRole {
        identifies: Identifies::Email,
        consent: Some(Channel::Email),
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
