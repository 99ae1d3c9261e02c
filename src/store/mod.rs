//! Everything about sled: opening, durability, key layout, codecs.

pub mod codec;
pub mod db;
pub mod journal;
pub mod keys;
pub mod meta;
pub mod seen;
pub mod state;

#[cfg(test)]
mod tests;
