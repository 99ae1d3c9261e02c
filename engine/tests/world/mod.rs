//! Worlds: logs of records, written or made up.

#![allow(dead_code)]

pub mod script;
