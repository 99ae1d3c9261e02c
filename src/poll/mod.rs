//! Brings in what a connection knows: its past, what deliveries missed, and single things.
//!
//! Each connection has a worker of its own. It reads the past of every stream once, then polls on a
//! schedule; beside that it fetches what deliveries only point at, and sees to what is registered on the
//! platform. A cursor is kept only after what came before it is durable in the log, so whatever is cut, and
//! wherever, is read again; the ids of messages make that harmless.

pub mod callbacks;
pub mod completeness;
mod cursor;
mod fetch;
pub mod inbox;
mod keys;
mod life;
pub mod metrics;
mod pointers;
mod records;
mod registration;
pub mod requests;
pub mod service;
pub mod settings;
mod sink;
mod slot;
pub mod status;
mod submit;
pub mod target;
mod worker;

pub use callbacks::{Accounts, Callbacks, Exports, Holds, Keeper};
pub use completeness::{Figures, Share};
pub use inbox::{Inbox, InboxError};
pub use keys::Scope;
pub use service::{PollService, Start};
pub use settings::PollSettings;
pub use status::{ConnectionStatus, RegistrationStatus, StreamState, StreamStatus};
pub use target::{Connections, Target};
