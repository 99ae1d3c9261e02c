//! The role of a destination: an external list that is brought to what a segment holds.

use crate::failure::Failure;
use model::Channel;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a destination can do, as data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SyncCapabilities {
    /// Changes of one call.
    pub batch_changes_max: usize,
    /// Additions among them; the same number of removals fits beside them.
    pub batch_side_max: usize,
    /// Bytes of identifiers and people in one call, with what is written around each; 0 for no limit.
    pub batch_bytes_max: usize,
    /// Members of one part of a snapshot; 0 when it takes none.
    pub snapshot_members_max: usize,
    /// Whether members can be read back.
    pub read_back: bool,
    /// Whether a member can carry properties of its person ([`Change::fields`]).
    pub fields: bool,
    /// How long a read may lag behind our own write, seconds: what differs for less long is no drift.
    pub read_lag_s: u32,
}

/// One member to add or remove.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The destination's identifier.
    pub identifier: String,
    /// The person behind it; empty for one that was found at the destination (`drift`).
    pub person: String,
    /// Whether it is to be a member.
    pub member: bool,
    /// Grows with every change of this identifier on this list.
    pub sequence: u64,
    /// When it became true, RFC 3339.
    pub at: String,
    /// Why: `event`, `time`, `edit`, `merge`, `consent`, `erasure`, `redact` (a source was withdrawn), `drift` (it was
    /// found at the destination and is not to be there).
    pub cause: String,
    /// Properties of the person that the list asks for ([`Destination::fields`]), by their name; additions only.
    pub fields: BTreeMap<String, String>,
}

/// What is written around the identifier and the person of a change, bytes.
pub const CHANGE_FRAME_BYTES: usize = 140;

impl Change {
    /// About how many bytes it takes in a message.
    pub fn bytes(&self) -> usize {
        self.identifier.len() + self.person.len() + CHANGE_FRAME_BYTES
    }
}

/// Changes that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// Unique, the same on every retry.
    pub id: String,
    /// The list.
    pub list: String,
    /// The segment that it follows.
    pub segment: String,
    /// Whether it is part of the first sync of the list with this destination.
    pub first_sync: bool,
    /// The changes, at most one for each identifier.
    pub changes: Vec<Change>,
}

/// A part of everything that a list should hold at one instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotPart {
    /// Unique for the part, the same on every retry.
    pub id: String,
    /// The same for all parts of a snapshot.
    pub snapshot: String,
    /// The list.
    pub list: String,
    /// The segment that it follows.
    pub segment: String,
    /// The instant for which it holds, RFC 3339.
    pub as_of: String,
    /// Changes with a sequence up to this one are in it.
    pub sequence: u64,
    /// Which part, from 1.
    pub part: usize,
    /// Of how many.
    pub parts: usize,
    /// Members.
    pub members: Vec<SnapshotMember>,
}

/// A member in a snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotMember {
    /// The destination's identifier.
    pub identifier: String,
    /// The person behind it.
    pub person: String,
    /// Sequence of the change that made it a member.
    pub sequence: u64,
}

/// A member that the platform refused, with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The identifier.
    pub identifier: String,
    /// The platform's reason.
    pub reason: String,
}

/// Some of the members that a list holds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeldPage {
    /// Identifiers as we would send them.
    pub held: Vec<String>,
    /// Pass it for the next page; `None` at the end.
    pub next: Option<String>,
}

/// Brings a list to its desired state.
#[async_trait::async_trait]
pub trait Destination: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> SyncCapabilities;

    /// Which destination it is, without secrets: with another one, nothing is known of its members.
    fn identity(&self) -> String;

    /// Makes changes. Whoever is not among the refusals is as asked.
    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure>;

    /// Sends a part of a snapshot. Needs `snapshot_members_max > 0`.
    async fn snapshot(&self, part: &SnapshotPart) -> Result<(), Failure>;

    /// Names of the properties that additions carry. Needs `fields`.
    fn fields(&self) -> Vec<String> {
        Vec::new()
    }

    /// How long after a refusal its reason may have passed (a limit of the platform's, say), so that the change is
    /// worth another try. `None`: only a newer change or a person helps.
    fn passes_after(&self, refusal: &Refusal) -> Option<Duration> {
        let _ = refusal;
        None
    }

    /// The channel on which members withdraw their consent by leaving the list there themselves: of whoever is found
    /// missing, without our having removed them, it is told in the connection's name that they unsubscribed, and they
    /// are not added again until they consent anew. `None`: they are put back. Needs `read_back`.
    fn leaving_withdraws(&self) -> Option<Channel> {
        None
    }

    /// Reads members back, page by page. Pages of a list that moves may repeat or leave out some: whoever
    /// compares takes the union and asks again with [`Destination::holds`]. Needs `read_back`.
    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let _ = after;
        Err(Failure::Refused("members can't be read back".to_owned()))
    }

    /// Which of these identifiers it holds. Needs `read_back`.
    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let _ = identifiers;
        Err(Failure::Refused("members can't be read back".to_owned()))
    }
}
