//! The contract between the daemon and its connectors.
//!
//! A connector says what it can do, as data, and implements only that. It knows this crate and
//! the model; it must never know a store, the engine or the daemon.

#![warn(missing_docs)]

pub mod backoff;
pub mod connector;
pub mod failure;
pub mod guard;
pub mod http;
pub mod normalize;
pub mod pace;
pub mod standard_webhooks;
pub mod sync;
