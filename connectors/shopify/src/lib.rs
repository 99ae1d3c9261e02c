//! Shopify: a store's orders, customers, carts and consent in, membership out as customer tags.
//!
//! Follows the Admin GraphQL API 2026-10 and the webhooks of the same version. Like every connector it must
//! never know a store, the engine or the daemon.

#![warn(missing_docs)]

mod api;
mod config;
mod context;
mod customer;
pub mod documents;
mod fields;
mod graph;
mod install;
mod money;
mod order;
mod poll;
mod receive;
mod scopes;
mod shop;
mod sync;

use kit::connector::{Connector, Identifies, Limits, SyncRole};

/// What it can do.
pub const CONNECTOR: Connector = Connector {
    name: "shopify",
    // The platform paces by points, which its answers tell; this only keeps bursts small.
    limits: Limits { calls_per_second: 20, calls_at_once: 4 },
    install: Some(&install::ShopifyInstall),
    receive: Some(&receive::ShopifyReceive),
    poll: Some(&poll::ShopifyPoll),
    sync: Some(SyncRole {
        identifies: Identifies::Customer,
        // A tag mails nobody; whoever mails by it asks for consent there.
        consent: None,
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};

#[cfg(test)]
mod histories_tests;
