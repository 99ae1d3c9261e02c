//! The words segmentd speaks: identities, values, events, consent, commands.
//!
//! This crate knows nothing else: no storage, no network, no clock. Everything that
//! enters the log is built from these types, so every part of the daemon, every
//! connector and the segment engine agree on what they mean.

#![warn(missing_docs)]

pub mod command;
pub mod consent;
pub mod event;
pub mod identity;
pub mod ids;
pub mod names;
pub mod source;
pub mod time;
pub mod value;

pub use command::{Command, ListDefinition, ListIdentifier, ListMode, Record, SegmentDefinition};
pub use consent::{Channel, ConsentChange, ConsentState};
pub use event::{Event, EventKind};
pub use identity::{Identity, IdentityKey, IdentityKind};
pub use ids::{ListId, SegmentId, SourceId, WorkspaceId};
pub use source::{OrderPolicy, Source, SourceKind};
pub use time::{DAY_MICROS, Time};
pub use value::{Map, Value};
