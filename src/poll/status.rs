//! What is shown of a connection's reading.

use super::completeness::Figures;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a stream is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// For its turn: for the past of streams before it, or for the next poll.
    #[default]
    Waiting,
    /// Its past is read.
    Backfilling,
    /// It is polled just now.
    Polling,
    /// The last call failed; it is tried again.
    Failed,
}

/// One stream.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct StreamStatus {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub state: StreamState,
    /// Whether its past has been read, or need not be.
    pub backfilled: bool,
    /// Things of its past that were read.
    pub done: u64,
    /// Of how many, as far as the platform says.
    pub total: Option<u64>,
    /// Seconds that the rest of its past takes at the pace of the last minutes.
    pub seconds_left: Option<u64>,
    /// When its last poll ended well, RFC 3339.
    pub last_poll: Option<String>,
    /// Failed calls in a row.
    pub failures: u32,
    /// What the last call failed of.
    pub last_error: Option<String>,
}

/// What is registered on the platform.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct RegistrationStatus {
    /// When it was last looked at with success, RFC 3339.
    pub checked: Option<String>,
    /// What was missing or wrong then and was made anew.
    pub repaired: Vec<String>,
    /// What was right.
    pub kept: usize,
    /// What the platform does not allow.
    pub refused: Vec<String>,
    /// When something last had to be repaired, RFC 3339.
    pub last_repair: Option<String>,
    /// What the last look failed of.
    pub last_error: Option<String>,
}

/// A connection's reading.
#[derive(Clone, PartialEq, Debug, Serialize, ToSchema)]
pub struct ConnectionStatus {
    /// Its workspace.
    pub workspace: String,
    /// Its source.
    pub source: String,
    /// The connector.
    pub connector: String,
    /// Whether a worker is at it.
    pub running: bool,
    /// Why it waits for a person.
    pub paused: Option<String>,
    /// When its backfill began, RFC 3339.
    pub begun: Option<String>,
    /// Whether lists still wait for its past.
    pub holds_lists: bool,
    /// From when on the platform lets us see orders, RFC 3339; absent when it hides none.
    pub history_since: Option<String>,
    /// Its streams, in the order in which their past is read.
    pub streams: Vec<StreamStatus>,
    /// When it is polled next, RFC 3339.
    pub next_poll: Option<String>,
    /// How complete deliveries are.
    pub completeness: Figures,
    /// Pointers that wait to be fetched.
    pub pointers_waiting: u64,
    /// Pointers that were given up since the start: the platform refuses them.
    pub pointers_given_up: u64,
    /// Requests of the law or of people that are not carried out yet.
    pub requests_waiting: u64,
    /// What the last fetch failed of.
    pub last_fetch_error: Option<String>,
    /// What is registered.
    pub registration: RegistrationStatus,
}
