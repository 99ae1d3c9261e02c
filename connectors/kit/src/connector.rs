//! A connector, as data: its name, its limits and the roles that it has.
//!
//! A role that a platform lacks is `None`; there are no empty implementations.

use crate::failure::Failure;
use crate::install::Install;
use crate::platform::Connection;
use crate::poll::Poll;
use crate::receive::Receive;
use crate::sync::{Destination, SyncCapabilities};
use model::Channel;
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;

/// What is registered of a connector: one line in the daemon.
#[derive(Clone, Copy)]
pub struct Connector {
    /// Stable name, as in connections, in definitions of lists and in the API.
    pub name: &'static str,
    /// How hard an account may be used.
    pub limits: Limits,
    /// Sets connections up and takes them down.
    pub install: Option<&'static dyn Install>,
    /// Takes deliveries in.
    pub receive: Option<&'static dyn Receive>,
    /// Reads what deliveries can't bring.
    pub poll: Option<&'static dyn Poll>,
    /// Keeps external lists.
    pub sync: Option<SyncRole>,
}

/// How hard one account may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Calls a second at most, whatever an operator sets, of all connections to the account together.
    pub calls_per_second: u32,
    /// Calls of one connection at the same time at most.
    pub calls_at_once: usize,
}

impl Limits {
    /// For platforms that say nothing.
    pub const USUAL: Limits = Limits { calls_per_second: 20, calls_at_once: 4 };
}

/// By what a connector's lists know their members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identifies {
    /// As the operator says.
    AsSet,
    /// By e-mail address.
    Email,
    /// By phone number.
    Phone,
    /// By the platform's own customer id, of the connection through which the list is reached.
    Customer,
}

/// Makes a destination of what an operator gave; says what is wrong with it. Sends nothing.
pub type Connect = dyn Fn(&DestinationSetup) -> Result<Arc<dyn Destination>, Failure> + Send + Sync;

/// The role of keeping external lists.
#[derive(Clone, Copy)]
pub struct SyncRole {
    /// By what its lists know their members.
    pub identifies: Identifies,
    /// The consent that its members need, when nothing else is said: that of what the list is for.
    pub consent: Option<Channel>,
    /// What its destinations can do.
    pub capabilities: SyncCapabilities,
    /// Makes one: a function, or what knows more than a function can (a description that was loaded).
    pub connect: &'static Connect,
}

impl fmt::Debug for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SyncRole { identifies, consent, capabilities, connect: _ } = self;
        f.debug_struct("SyncRole")
            .field("identifies", identifies)
            .field("consent", consent)
            .field("capabilities", capabilities)
            .finish_non_exhaustive()
    }
}

/// What an operator gives to reach a destination. Its `Debug` shows no secret.
#[derive(Clone, Debug, Default)]
pub struct DestinationSetup {
    /// The workspace of the list: connectors whose destinations lie in one place keep workspaces apart by it.
    pub workspace: String,
    /// What the operator of the daemon set for the connector (`config.toml`), in its own words.
    pub operator: serde_json::Map<String, serde_json::Value>,
    /// Where it is, for a connector whose destinations have an address of their own; else empty.
    pub address: String,
    /// Secrets of such a destination, the newest first: during a rotation the old one stays for a while.
    pub secrets: Vec<SecretString>,
    /// Whether it may lie on loopback or in a private network.
    pub allow_private: bool,
    /// The connection through which it is reached, for a connector that has an install role.
    pub connection: Option<Arc<Connection>>,
    /// Which list it is there, in the connector's own words (`audience`, `tag`, ...).
    pub settings: serde_json::Map<String, serde_json::Value>,
}
