//! Mercado Libre: the orders, packs, payments, claims and questions of a seller on any of its sites.
//!
//! Nothing that comes from there is signed: a notification only points at what is to be read. Like every connector it
//! must never know a store, the engine or the daemon.

#![warn(missing_docs)]

mod api;
mod claim;
mod context;
mod denied;
mod fields;
mod install;
mod notification;
mod poll;
mod purchase;
mod question;
mod receive;
mod site;
mod wire;

use kit::connector::{Connector, Limits};

/// What it can do. The platform counts the calls of an app by endpoint and does not tell how many it takes.
pub const CONNECTOR: Connector = Connector {
    name: "mercadolibre",
    limits: Limits { calls_per_second: 10, calls_at_once: 4 },
    install: Some(&install::MeliInstall),
    receive: Some(&receive::MeliReceive),
    poll: Some(&poll::MeliPoll),
    sync: None,
};
