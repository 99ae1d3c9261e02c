//! Vendure: the orders, carts, refunds and customers of a store on the merchant's own server.
//!
//! Follows the admin API of Vendure 3. Like every connector it must never know a store, the engine or the daemon.

#![warn(missing_docs)]

mod api;
mod context;
mod customer;
mod fields;
mod hook;
mod install;
mod order;
mod place;
mod poll;
mod queries;
mod receive;
mod wire;

use kit::connector::{Connector, Limits};

/// What it can do. The platform sets no limits, but its servers are small: two calls at the same time at most.
pub const CONNECTOR: Connector = Connector {
    name: "vendure",
    limits: Limits { calls_per_second: 10, calls_at_once: 2 },
    install: Some(&install::VendureInstall),
    receive: Some(&receive::VendureReceive),
    poll: Some(&poll::VendurePoll),
    sync: None,
};
