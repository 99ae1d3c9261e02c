//! Everything about sled: opening, durability, key layout, codecs.

pub mod backup;
pub mod codec;
pub mod compact;
pub mod db;
pub mod erasures;
pub mod flush;
mod frames;
pub mod journal;
pub mod keys;
pub mod meta;
pub mod people;
pub mod redo;
mod seal;
pub mod seen;
pub mod state;

#[cfg(test)]
mod journal_tests;
#[cfg(test)]
mod tests;
