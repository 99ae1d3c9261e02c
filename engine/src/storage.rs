//! What the engine keeps between records, and how it asks for it.
//!
//! These are plain structs without serde attributes: the store writes them with a codec that
//! does not describe itself. A change to any of them is a new format version.

use crate::given::Rule;
use crate::person::Person;
use crate::table::Table;
use model::{
    ConsentChange, Identity, IdentityKey, IdentityKind, ListDefinition, SegmentDefinition, SegmentId, Source, Time,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Dense number of a cluster of identities within its workspace. Never used twice.
pub type PersonNo = u32;

/// The key of deduplication: 96 bits of the SHA-256 of source and message id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct MessageKey(pub [u8; 12]);

impl MessageKey {
    /// Of a message of a source.
    pub fn new(source: &str, message_id: &str) -> MessageKey {
        MessageKey(digest(&[source.as_bytes(), message_id.as_bytes()]))
    }

    /// Of something that a snapshot of a cart shows: of which line, and whether it stands there.
    pub fn of_change(snapshot: &MessageKey, adds: bool, (stands, line): (bool, u32)) -> MessageKey {
        let [adds, stands] = [adds, stands].map(u8::from);
        MessageKey(digest(&[b"change", &snapshot.0, &[adds, stands], &line.to_be_bytes()]))
    }
}

/// The key of an order or a cart: 128 bits of the SHA-256 of source and id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct OrderKey(pub [u8; 16]);

impl OrderKey {
    /// Of an order of a source.
    pub fn new(source: &str, order_id: &str) -> OrderKey {
        OrderKey(digest(&[b"order", source.as_bytes(), order_id.as_bytes()]))
    }

    /// Of an order that has no id of its own.
    pub fn of_message(source: &str, message_id: &str) -> OrderKey {
        OrderKey(digest(&[b"order-message", source.as_bytes(), message_id.as_bytes()]))
    }

    /// Of a cart of a source, by the identity that it is kept at.
    pub fn of_cart(source: &str, identity: &IdentityKey, cart_id: &str) -> OrderKey {
        OrderKey(digest(&[b"cart", source.as_bytes(), &identity.0, cart_id.as_bytes()]))
    }
}

fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let full = hash.finalize();
    let mut out = [0u8; N];
    for (to, from) in out.iter_mut().zip(full.iter()) {
        *to = *from;
    }
    out
}

/// The store could not answer. The engine can't go on: the shard stops and says so.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store failed: {0}")]
pub struct StorageError(pub String);

/// Reads what earlier checkpoints wrote. Never sees what is not yet checkpointed.
pub trait Storage {
    /// The cluster that holds an identity.
    fn holder(&self, key: &IdentityKey) -> Result<Option<PersonNo>, StorageError>;
    /// A cluster.
    fn person(&self, no: PersonNo) -> Result<Option<PersonRecord>, StorageError>;
    /// A closed chunk of history.
    fn chunk(&self, id: u64) -> Result<Option<ChunkRecord>, StorageError>;
    /// To whom an order belongs.
    fn order(&self, key: &OrderKey) -> Result<Option<OrderRecord>, StorageError>;
    /// Whether a message was accepted before.
    fn seen(&self, key: &MessageKey) -> Result<bool, StorageError>;
}

/// A cluster of identities with the newest part of its history.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct PersonRecord {
    /// Its identities.
    pub nodes: Vec<NodeRecord>,
    /// Closed chunks, oldest first, with the number of facts in each.
    pub chunks: Vec<(u64, u32)>,
    /// Facts that are not in a chunk yet.
    pub tail: ChunkRecord,
}

/// An identity and what it was seen with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NodeRecord {
    /// The identity.
    pub identity: Identity,
    /// Its links.
    pub links: Vec<LinkRecord>,
}

/// One link of an identity to a strong one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The other side.
    pub key: IdentityKey,
    /// Its kind.
    pub kind: IdentityKind,
    /// Earliest event time at which both were seen together.
    pub time: Time,
    /// The other side's canonical text (decides ties of weak identities).
    pub canonical: String,
}

/// A run of facts in order of arrival.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct ChunkRecord {
    /// The anchors that its facts name by index.
    pub anchors: Vec<IdentityKey>,
    /// The facts.
    pub facts: Vec<FactRecord>,
}

/// One event as it is kept.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FactRecord {
    /// Index of the anchor at which it is kept.
    pub anchor: u32,
    /// Index of the anchor of its own identities (differs for facts of someone else's order).
    pub own_anchor: u32,
    /// Its deduplication key.
    pub message: MessageKey,
    /// Number of its source.
    pub source: u32,
    /// Number of its name; `None` for changes of profile.
    pub name: Option<u32>,
    /// Event time, microseconds.
    pub time: i64,
    /// Receive time minus event time, microseconds.
    pub delay: i64,
    /// Properties, encoded by `person::bag`.
    pub properties: Vec<u8>,
    /// Traits, encoded likewise.
    pub traits: Vec<u8>,
    /// Statements of consent.
    pub consent: Vec<ConsentChange>,
    /// For facts of an order or a cart: its key and the message id.
    pub order: Option<(OrderKey, String)>,
}

/// To whom an order belongs: the anchor of its earliest completion, else of its earliest fact.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct OrderRecord {
    /// Whether it rests on something else than a completion (sorts completions first).
    pub incomplete: bool,
    /// Event time of the fact it rests on.
    pub time: Time,
    /// Message id of that fact.
    pub message_id: String,
    /// The anchor.
    pub anchor: IdentityKey,
    /// Every anchor that facts of this order are kept at besides.
    pub others: Vec<IdentityKey>,
}

/// Settings and definitions of a workspace, written when they change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct DefinitionsRecord {
    /// Shown name.
    pub name: String,
    /// IANA zone.
    pub time_zone: String,
    /// ISO 4217 code.
    pub currency: String,
    /// Days for which events other than orders are kept.
    pub retention_days: u32,
    /// Links beyond which an address is crowded.
    pub crowded_links_max: u32,
    /// Sources; their place is their number.
    pub sources: Vec<Source>,
    /// Exchange rates: from, to, civil date, rate.
    pub rates: Vec<(String, String, String, String)>,
    /// Segments.
    pub segments: Vec<SegmentRecord>,
    /// Lists.
    pub lists: Vec<ListDefinition>,
    /// Keyed hashes of erased identities, with the instant up to which facts are refused.
    pub tombstones: Vec<([u8; 16], Time)>,
    /// Pairs of identities that an operator unlinked.
    pub unlinked: Vec<(IdentityKey, IdentityKey)>,
    /// Which versions hold of everybody, and which did: of those that do, the members are stored as those who are not.
    pub given: Vec<Rule>,
    /// Versions that can't be decided for anybody: those who are decided are stored. In order.
    pub undecided: Vec<u32>,
}

/// A segment: what is in force and what is being built.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SegmentRecord {
    /// The version in force: number of its bitmaps, version, definition.
    pub active: Option<(u32, u32, SegmentDefinition)>,
    /// The version being built.
    pub building: Option<(u32, u32, SegmentDefinition)>,
}

/// What is kept of a segment besides its versions in force and in building.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HistoryRecord {
    /// The newest version number that was given.
    pub last_version: u32,
    /// Since when the version in force is, microseconds.
    pub since: Option<i64>,
    /// Whether the version in building waits for the operator once it is built.
    pub held: bool,
    /// Why the version in force was stopped.
    pub stopped: Option<String>,
    /// Versions that were in force, oldest first.
    pub past: Vec<PastVersionRecord>,
}

/// A version of a segment that was in force.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PastVersionRecord {
    /// Its number.
    pub version: u32,
    /// Shown name.
    pub name: String,
    /// Canonical JSON text of its definition.
    pub definition: String,
    /// Since when it was in force, microseconds, if that was noted.
    pub since: Option<i64>,
    /// Until when it was in force, microseconds.
    pub until: i64,
}

/// Counters of a workspace, written with every checkpoint.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CountersRecord {
    /// Position of the newest applied record.
    pub position: u64,
    /// The workspace's time, microseconds.
    pub now: i64,
    /// Next free numbers: cluster, chunk, bitmap.
    pub next_person: u32,
    /// Next free chunk.
    pub next_chunk: u64,
    /// Next free bitmap number.
    pub next_bitmap: u32,
    /// Sequence of the newest `Desired`.
    pub sequence: u64,
    /// Events applied.
    pub events: u64,
    /// Duplicates dropped.
    pub duplicates: u64,
    /// Events refused, by reason.
    pub refused: Vec<(String, u64)>,
}

/// Which set of people a bitmap holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum BitmapKind {
    /// Clusters that are people (bitmap number 0).
    People,
    /// Members of a segment version.
    Members,
    /// People for whom a segment version can't be decided.
    Unknown,
}

/// Key of 65,536 consecutive people of a bitmap.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct BitmapKey {
    /// Which set.
    pub kind: BitmapKind,
    /// Number of the bitmap.
    pub bitmap: u32,
    /// The upper 16 bits of the cluster numbers.
    pub upper: u16,
}

/// How many clusters share one record of timers.
pub const TIMER_BLOCK_LEN: u32 = 512;

/// Everything that changed since the last checkpoint: to be written in one atomic batch.
/// `None` means that the record goes.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Always there.
    pub counters: CountersRecord,
    /// There when settings or definitions changed.
    pub definitions: Option<DefinitionsRecord>,
    /// Histories of segments that changed; `None` where the segment is gone.
    pub histories: Vec<(SegmentId, Option<HistoryRecord>)>,
    /// There when the settings of retention changed: what happened at or before stays forgotten.
    pub forgotten: Option<Time>,
    /// New event and property names: number of the first, and the names.
    pub names: Option<(u32, Vec<String>)>,
    /// Clusters that changed, shared with the workspace: whoever writes them makes their records.
    pub people: Vec<Arc<Person>>,
    /// Chunks with this id and above are new.
    pub new_chunks: u64,
    /// Clusters as records; `None` where the cluster is gone.
    pub persons: Vec<(PersonNo, Option<PersonRecord>)>,
    /// Chunks.
    pub chunks: Vec<(u64, Option<ChunkRecord>)>,
    /// Holders of identities.
    pub holders: Arc<Table<IdentityKey, Option<PersonNo>>>,
    /// Orders.
    pub orders: Arc<Table<OrderKey, Option<OrderRecord>>>,
    /// Keys of messages accepted since.
    pub messages: Arc<Table<MessageKey, ()>>,
    /// How long such keys are kept, microseconds; `None`: for good.
    pub messages_kept: Option<i64>,
    /// Parts of bitmaps, as roaring's portable serialization; empty ones go.
    pub bitmaps: Vec<(BitmapKey, Option<Vec<u8>>)>,
    /// Blocks of timers: for each cluster of the block the instant of its next change, microseconds
    /// (`i64::MAX`: none).
    pub timers: Vec<(u32, Vec<i64>)>,
}

impl Changes {
    /// The records of the changed clusters, each with its new chunks.
    pub fn records(&self) -> impl Iterator<Item = (PersonNo, PersonRecord, Vec<(u64, ChunkRecord)>)> {
        self.people.iter().map(|person| {
            let (record, chunks) = person.save(self.new_chunks);
            (person.no, record, chunks)
        })
    }
}

/// What a workspace is opened from: everything that stays in memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Saved {
    /// The newest counters.
    pub counters: CountersRecord,
    /// The newest definitions.
    pub definitions: DefinitionsRecord,
    /// What happened at or before is forgotten, whatever the settings say now.
    pub forgotten: Option<Time>,
    /// The histories of segments.
    pub histories: Vec<(SegmentId, HistoryRecord)>,
    /// All names, in order of their numbers.
    pub names: Vec<String>,
    /// All parts of bitmaps.
    pub bitmaps: Vec<(BitmapKey, Vec<u8>)>,
    /// All blocks of timers.
    pub timers: Vec<(u32, Vec<i64>)>,
}
