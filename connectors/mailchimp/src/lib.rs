//! Mailchimp: a tag of an audience holds who is in a segment and may be mailed; unsubscribes come back.
//!
//! It changes nobody's status, ever: it adds contacts who are new, and tags. It must never know a store,
//! the engine or the daemon.

#![warn(missing_docs)]

mod address;
mod api;
pub mod config;
mod endpoint;
mod facts;
mod hooks;
mod install;
mod poll;
mod receive;
mod sync;
mod wire;

use kit::connector::{Connector, Identifies, Limits, SyncRole};
use model::Channel;

/// What it can do. Mailchimp allows ten calls at the same time over all apps of a user; we take four.
pub const CONNECTOR: Connector = Connector {
    name: "mailchimp",
    limits: Limits { calls_per_second: 20, calls_at_once: 4 },
    install: Some(&install::MailchimpInstall),
    receive: Some(&receive::MailchimpReceive),
    poll: Some(&poll::MailchimpPoll),
    sync: Some(SyncRole {
        identifies: Identifies::Email,
        consent: Some(Channel::Email),
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
