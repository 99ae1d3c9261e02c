//! WooCommerce: the orders, refunds and customers of a store on the merchant's own server.
//!
//! Follows the REST API v3 and the webhooks of WooCommerce 5.8 to 11. Like every connector it must never know a store,
//! the engine or the daemon.

#![warn(missing_docs)]

mod api;
mod config;
mod context;
mod customer;
mod denied;
mod erased;
mod fields;
mod hooks;
mod install;
mod order;
mod poll;
mod receive;
mod refund;
mod sign;
mod store;
mod wire;

use kit::connector::{Connector, Limits};

/// What it can do. The platform sets no limits, but its servers are small: two calls at the same time at most.
pub const CONNECTOR: Connector = Connector {
    name: "woocommerce",
    limits: Limits { calls_per_second: 10, calls_at_once: 2 },
    install: Some(&install::WooInstall),
    receive: Some(&receive::WooReceive),
    poll: Some(&poll::WooPoll),
    sync: None,
};
