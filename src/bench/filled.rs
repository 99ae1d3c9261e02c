//! A store with many people and their histories, made by the engine itself without a daemon in front of it.

use super::world::{self, mixed};
use crate::store::db::Db;
use crate::store::meta::Meta;
use crate::store::state::{CheckpointMark, ShardStore, WorkspaceCheckpoint, WorkspaceStorage};
use engine::workspace::Workspace;
use model::{
    Command, Event, EventKind, Identity, Map, OrderPolicy, Record, Source, SourceKind, Time, Value, WorkspaceId,
};
use std::path::Path;
use std::sync::Arc;

/// The workspace.
const WORKSPACE: &str = "main";
/// A person's history comes in so many parts, with checkpoints in between: each is written so often.
const ROUNDS: u64 = 4;
/// Events between two checkpoints.
const CHECKPOINT_EVENTS: u64 = 200_000;
/// Events lie within so many days before now, microseconds.
const SPREAD: u64 = 90 * 86_400_000_000;
const CACHE_BYTES: u64 = 1 << 30;

/// What is made.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) people: u64,
    pub(super) events: u64,
}

struct Filling {
    store: ShardStore,
    workspace: Workspace<WorkspaceStorage>,
    number: u64,
    now: Time,
    since_checkpoint: u64,
}

/// Fills the data folder of a daemon that does not run. The events lie in the last months.
pub(super) fn fill(data: &Path, size: Size) -> Result<(), String> {
    let now = Time(jiff::Timestamp::now().as_microsecond());
    let why = |error: &dyn std::fmt::Display| error.to_string();
    let db = Db::open(&data.join("store"), CACHE_BYTES).map_err(|error| why(&error))?;
    let meta = Meta::open(&db, 1).map_err(|error| why(&error))?;
    let log = data.join("log").join(ShardStore::tree_name(0));
    let store = ShardStore::open(&db, 0, &log).map_err(|error| why(&error))?;
    let saved = store.load(1).map_err(|error| why(&error))?;
    let storage = store.storage(1).map_err(|error| why(&error))?;
    let workspace = Workspace::open(WORKSPACE.into(), storage, saved, meta.tombstone_key, 64 << 20);
    let mut filling = Filling { store, workspace, number: 0, now, since_checkpoint: 0 };
    filling.apply(Command::WorkspacePut {
        name: "Bench".to_owned(),
        time_zone: "America/Mexico_City".to_owned(),
        currency: "MXN".to_owned(),
        retention_days: 1_095,
        crowded_links_max: 10,
    })?;
    filling.apply(Command::SourcePut(Source {
        id: "web".into(),
        kind: SourceKind::Server,
        orders: OrderPolicy::Auto,
    }))?;
    for person in 0..size.people {
        filling.event(identify(person, now))?;
    }
    let each = size.events.div_ceil(ROUNDS);
    for round in 0..ROUNDS {
        // One person's events of a round come together; how many they are follows from the number.
        for place in 0..each {
            let number = round * each + place;
            let person = (place * size.people) / each;
            filling.event(event(number, person, now))?;
        }
    }
    filling.checkpoint()
}

impl Filling {
    fn apply(&mut self, command: Command) -> Result<(), String> {
        self.number += 1;
        let record = Record { position: self.number, time: self.now, workspace: WORKSPACE.into(), command };
        let mut effects = Vec::new();
        self.workspace.apply(&record, &mut effects).map(drop).map_err(|error| error.to_string())
    }

    fn event(&mut self, event: Event) -> Result<(), String> {
        self.apply(Command::Event(Box::new(event)))?;
        self.since_checkpoint += 1;
        if self.since_checkpoint >= CHECKPOINT_EVENTS { self.checkpoint() } else { Ok(()) }
    }

    /// The daemon's log begins empty: the state counts as that of its beginning.
    fn checkpoint(&mut self) -> Result<(), String> {
        self.since_checkpoint = 0;
        let mut changes = self.workspace.take_changes();
        changes.counters.position = 0;
        let part = WorkspaceCheckpoint {
            number: 1,
            id: WorkspaceId::from(WORKSPACE),
            changes,
            entries: Arc::default(),
            floor: self.workspace.settled_before(),
            erased: Default::default(),
        };
        let mark = CheckpointMark { position: 0, time: self.now };
        let parts = [part];
        self.store.commit(mark, &parts).map_err(|error| error.to_string())?;
        self.workspace.changes_written();
        self.store.tidy(&parts).map_err(|error| error.to_string())
    }
}

fn text(text: &str) -> Value {
    Value::text(text)
}

fn identify(person: u64, now: Time) -> Event {
    let (user, email) = (format!("u{person}"), format!("u{person}@example.com"));
    let (country, gender) = world::profile(person);
    let traits = [("email", text(&email)), ("country", text(country)), ("gender", text(gender))];
    let time = now.plus_micros(-(SPREAD as i64));
    Event {
        source: "web".into(),
        message_id: format!("i{person}"),
        kind: EventKind::Profile,
        time,
        received: time,
        identities: vec![Identity::user("web", &user), Identity::email(&email)],
        properties: Map::new(),
        traits: traits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        consent: Vec::new(),
    }
}

fn event(number: u64, person: u64, now: Time) -> Event {
    let (name, properties) = world::happening(number);
    let back = mixed(number ^ 0x5eed) % SPREAD;
    let time = now.plus_micros(-(back as i64));
    Event {
        source: "web".into(),
        message_id: format!("m{number}"),
        kind: EventKind::Activity(name.to_owned()),
        time,
        received: time,
        identities: vec![Identity::user("web", &format!("u{person}"))],
        properties,
        traits: Map::new(),
        consent: Vec::new(),
    }
}
