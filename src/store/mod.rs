//! Everything about sled: opening, durability, key layout, codecs.

pub mod db;
