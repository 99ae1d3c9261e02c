//! A connector, as data: its name and the roles that it has.
//!
//! A role that a platform lacks is `None`; there are no empty implementations. Roles that bring
//! events in (receive, poll) and that set a connection up (install) get their field here with
//! the first connector that has them.

use crate::failure::Failure;
use crate::sync::{Destination, SyncCapabilities};
use secrecy::SecretString;
use std::sync::Arc;

/// What is registered of a connector: one line in the daemon.
#[derive(Clone, Copy, Debug)]
pub struct Connector {
    /// Stable name, as in definitions of lists and in the API.
    pub name: &'static str,
    /// Keeps external lists, if it can.
    pub sync: Option<SyncRole>,
}

/// The role of keeping external lists.
#[derive(Clone, Copy, Debug)]
pub struct SyncRole {
    /// What its destinations can do.
    pub capabilities: SyncCapabilities,
    /// Makes a destination; says what is wrong with the setup. Sends nothing.
    pub connect: fn(&DestinationSetup) -> Result<Arc<dyn Destination>, Failure>,
}

/// What an operator gives to reach a destination. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct DestinationSetup {
    /// Where it is.
    pub address: String,
    /// Secrets or tokens, the newest first: during a rotation the old one stays for a while.
    pub secrets: Vec<SecretString>,
    /// Whether it may lie on loopback or in a private network.
    pub allow_private: bool,
}
