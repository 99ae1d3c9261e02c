//! Worlds: logs of records, made up and played through engine and oracle.

#![allow(dead_code)]

mod asking;
mod content;
mod definitions;
mod dice;
mod edits;
pub mod generate;
mod look_back;
pub mod memory;
mod ordered;
pub mod play;
mod refusals;
pub mod script;
pub mod shorten;
pub mod steps;
