//! Brings every external list to exactly the set that its segment holds.
//!
//! A list is a state, not a queue of calls: for each identifier it is kept what is desired and
//! what the destination is known to hold; the difference is the work. Entering and leaving
//! before anything was sent comes to nothing, and a retry can't put an old intent over a new one.

mod batch;
mod brake;
pub mod commands;
mod compare;
#[cfg(test)]
mod connection_tests;
pub mod destination;
mod drift;
mod intake;
mod leaving;
#[cfg(test)]
mod leaving_tests;
mod lifecycle;
mod list;
mod passing;
mod people;
mod recent;
mod record;
mod removals;
pub mod resync;
pub mod service;
pub mod settings;
mod snapshot;
mod waits;
mod work;
mod worker;

pub use commands::{CommandError, ListCommand};
pub use destination::DestinationConfig;
pub use people::{CorePeople, Departure, People};
pub use service::SyncService;
pub use settings::{ListState, ListStatus, SyncDefaults, SyncSettings};
pub use waits::Whose;
