//! The segmentd daemon: intake, log, shards, sync, administration.
//!
//! Arrows point down only: this crate uses the engine, the connectors and the model; none of
//! them knows it.

pub mod admin;
pub mod alerts;
pub mod bench;
pub mod cli;
pub mod config;
pub mod connections;
pub mod connectors;
pub mod control;
pub mod daemon;
mod encode;
pub mod enrich;
pub mod histogram;
pub mod intake;
pub mod links;
pub mod log;
pub mod oauth;
pub mod ops;
pub mod poll;
pub mod schedule;
pub mod shard;
pub mod store;
pub mod sync;
