//! The segment engine: pure and deterministic.
//!
//! It must never know of a clock, a file, a socket or a thread: time comes in with each
//! record, people come in through [`storage::Storage`], and everything for the outside
//! world goes out as [`effect::Effect`]s. A replay of the same records gives the same state.

#![warn(missing_docs)]

pub mod effect;
pub mod eval;
pub mod given;
pub mod identity;
pub mod language;
pub mod person;
pub mod plan;
pub mod storage;
pub mod stored;
pub mod table;
pub mod workspace;
