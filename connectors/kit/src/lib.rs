//! The contract between the daemon and its connectors.
//!
//! A connector says what it can do, as data, and implements only that. It knows this crate and
//! the model; it must never know a store, the engine or the daemon.

#![warn(missing_docs)]

pub mod api;
pub mod backoff;
pub mod connector;
pub mod failure;
pub mod guard;
pub mod http;
pub mod install;
pub mod lines;
pub mod normalize;
pub mod oauth;
pub mod pace;
pub mod platform;
pub mod poll;
pub mod quota;
pub mod receive;
pub mod signature;
pub mod standard_webhooks;
pub mod sync;
pub mod token;
