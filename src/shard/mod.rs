//! Shards: each owns whole workspaces and runs the engine over the log and the store.

pub mod api;
pub mod clock;
