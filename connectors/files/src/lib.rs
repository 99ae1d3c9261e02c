//! A list as a file: CSV or JSON lines, one member a line, always whole.
//!
//! Each batch of changes writes the file anew beside the old one and puts it in its place in one step, so whoever reads
//! it sees the list before or after a batch and never a part of it.

#![warn(missing_docs)]

mod config;
mod format;
mod rewrite;
mod sync;

use kit::connector::{Connector, Identifies, Limits, SyncRole};

/// What it can do.
pub const CONNECTOR: Connector = Connector {
    name: "files",
    limits: Limits::USUAL,
    install: None,
    receive: None,
    poll: None,
    sync: Some(SyncRole {
        identifies: Identifies::AsSet,
        consent: None,
        capabilities: sync::CAPABILITIES,
        connect: &sync::connect,
    }),
};
