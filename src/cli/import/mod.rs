//! Subscribers and past events from files: checked row by row, sent to the intake of a daemon, and resumed where it was
//! after whatever ended it.
//!
//! Nothing here knows the store: rows take the way of every other event.

mod calls;
mod cells;
mod columns;
mod error;
mod judge;
mod options;
mod progress;
mod refusal;
mod report;
mod rows;
mod run;
mod send;
mod survey;
mod when;

pub use error::ImportError;
pub use options::ImportArgs;
pub use run::{Ended, run};
