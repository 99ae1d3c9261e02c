//! Shards: each owns whole workspaces and runs the engine over the log and the store.
//!
//! Three threads serve a shard: the appender makes records durable, the runner applies them,
//! the checkpoint writer brings the state into the store. Everybody else speaks to
//! [`shards::Shards`], which implements [`api::Core`].

mod answers;
pub mod api;
mod backfill;
mod checkpoint;
pub mod clock;
mod counting;
mod editing;
mod effects;
pub mod export;
mod figures;
mod inbox;
mod journal;
mod live;
mod lookers;
pub mod options;
mod past;
mod preview;
mod pulse;
mod runner;
pub mod shards;
mod start;
mod state;

#[cfg(test)]
mod backfill_tests;
#[cfg(test)]
mod backup_tests;
#[cfg(test)]
mod connection_tests;
#[cfg(test)]
mod fairness_tests;
#[cfg(test)]
mod tests;
