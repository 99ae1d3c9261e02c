//! HubSpot: contacts and what becomes of them come in, and lists of the CRM hold who is in a segment.
//!
//! It subscribes nobody and changes no contact that exists. It must never know a store, the engine or the daemon.

#![warn(missing_docs)]

mod api;
mod config;
mod contact;
mod fetch;
mod install;
mod poll;
mod receive;
mod sync;
mod wire;

use kit::connector::{Connector, Identifies, Limits, SyncRole};

/// What it can do. An app may make 110 calls in 10 seconds for one account, 100 by older pages; the answers say what is
/// left, for others may use up the same.
pub const CONNECTOR: Connector = Connector {
    name: "hubspot",
    limits: Limits { calls_per_second: 10, calls_at_once: 4 },
    install: Some(&install::HubspotInstall),
    receive: Some(&receive::HubspotReceive),
    poll: Some(&poll::HubspotPoll),
    sync: Some(SyncRole {
        identifies: Identifies::Email,
        // A list of a CRM is for anything, and HubSpot itself mails nobody who opted out.
        consent: None,
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
