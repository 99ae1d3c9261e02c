//! Worlds to measure in: everything is in memory.

use engine::effect::Effect;
use engine::storage::{
    ChunkRecord, MessageKey, OrderKey, OrderRecord, PersonNo, PersonRecord, Saved, Storage, StorageError,
};
use engine::workspace::Workspace;
use model::{
    Command, Event, EventKind, Identity, IdentityKey, Map, OrderPolicy, Record, SegmentDefinition, SegmentId, Source,
    SourceKind, Time, Value, WorkspaceId,
};
use serde_json::json;
use std::hint::black_box;

#[path = "../../src/bench/world.rs"]
#[allow(dead_code)]
mod merchants;

pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;
const START: i64 = 1_772_323_200 * SECOND;
/// Facts in all of the people with a short past.
const SHORT_PASTS: u64 = 20_000;

/// Nothing was ever checkpointed.
struct Nothing;

impl Storage for Nothing {
    fn holder(&self, _: &IdentityKey) -> Result<Option<PersonNo>, StorageError> {
        Ok(None)
    }

    fn person(&self, _: PersonNo) -> Result<Option<PersonRecord>, StorageError> {
        Ok(None)
    }

    fn chunk(&self, _: u64) -> Result<Option<ChunkRecord>, StorageError> {
        Ok(None)
    }

    fn order(&self, _: &OrderKey) -> Result<Option<OrderRecord>, StorageError> {
        Ok(None)
    }

    fn seen(&self, _: &MessageKey) -> Result<bool, StorageError> {
        Ok(false)
    }
}

pub struct World {
    workspace: Workspace<Nothing>,
    position: u64,
    now: i64,
    /// People with a past.
    people: u64,
    events: u64,
    /// Transitions that time brought.
    pub fired: u64,
}

/// Segments that no measured event touches, a third of them "has not".
fn other(number: usize) -> serde_json::Value {
    let activity = json!({"event": format!("Campaign {number}"), "window": {"last": "30d"}});
    if number.is_multiple_of(3) { json!({"not": activity}) } else { activity }
}

impl World {
    fn new(segments: impl Iterator<Item = serde_json::Value>) -> World {
        let workspace = Workspace::open(WorkspaceId::from("bench"), Nothing, Saved::default(), [7; 32], usize::MAX);
        let mut world = World { workspace, position: 0, now: START, people: 1, events: 0, fired: 0 };
        world.apply(Command::WorkspacePut {
            name: "Bench".to_owned(),
            time_zone: "America/Mexico_City".to_owned(),
            currency: "MXN".to_owned(),
            retention_days: 1_095,
            crowded_links_max: 10,
        });
        let source = Source { id: "web".into(), kind: SourceKind::Server, orders: OrderPolicy::Count };
        world.apply(Command::SourcePut(source));
        for (place, definition) in segments.enumerate() {
            let id = SegmentId::from(format!("s{place}").as_str());
            let definition = definition.to_string();
            world.apply(Command::SegmentPut(SegmentDefinition { id: id.clone(), name: String::new(), definition }));
            world.apply(Command::SegmentActivate { id, version: 1 });
        }
        world
    }

    /// People with so many past events each, and so many segments.
    pub fn with_past(length: u64, segments: usize) -> World {
        let merchants = merchants::segments();
        let others = (merchants.len()..segments).map(other);
        let mut world = World::new(merchants.into_iter().chain(others));
        world.people = (SHORT_PASTS / length).clamp(1, 2_000);
        for number in 0..length {
            (0..world.people).for_each(|person| world.event(person, number, 0));
        }
        world
    }

    /// People with a day on which something is to be renewed, which a segment looks at; their
    /// instants lie within `spread` microseconds, a day ahead.
    pub fn with_renewals(people: u64, spread: i64) -> World {
        let renewal = json!({"property": "renews_at", "within": {"last": "1d"}});
        let mut world = World::new(std::iter::once(renewal).chain(merchants::segments()));
        for person in 0..people {
            let at = Time(START + 2 * DAY + person as i64 * spread / people as i64);
            let traits = Map::from([("renews_at".to_owned(), Value::Text(at.to_string()))]);
            world.told(person, format!("i{person}"), EventKind::Profile, (0, Map::new(), traits));
        }
        world
    }

    fn apply(&mut self, command: Command) {
        self.position += 1;
        let workspace = WorkspaceId::from("bench");
        let record = Record { position: self.position, time: Time(self.now), workspace, command };
        let mut effects = Vec::new();
        let applied = self.workspace.apply(&record, &mut effects).expect("the storage holds nothing that could fail");
        let timed =
            |effect: &&Effect| matches!(effect, Effect::Transition(one) if one.cause == engine::effect::Cause::Time);
        self.fired += effects.iter().filter(timed).count() as u64;
        black_box((applied, effects));
    }

    fn told(&mut self, person: u64, id: String, kind: EventKind, (late, properties, traits): (i64, Map, Map)) {
        self.apply(Command::Event(Box::new(Event {
            source: "web".into(),
            message_id: id,
            kind,
            time: Time(self.now - late),
            received: Time(self.now),
            identities: vec![Identity::user("web", &format!("u{person}"))],
            properties,
            traits,
            consent: Vec::new(),
        })));
    }

    fn event(&mut self, person: u64, number: u64, late: i64) {
        self.now += SECOND / 100;
        self.events += 1;
        let id = self.events;
        let names = ["Page Viewed", "Product Viewed", "Product Added", "Link Clicked", "Order Completed"];
        let name = names[(number % 5) as usize];
        let properties = [
            ("order_id".to_owned(), Value::text(&format!("o{id}"))),
            ("total".to_owned(), Value::text("120.50")),
            ("product_id".to_owned(), Value::text(&format!("p{}", number % 50))),
        ];
        self.told(
            person,
            format!("m{id}"),
            EventKind::Activity(name.to_owned()),
            (late, properties.into(), Map::new()),
        );
    }

    /// An event of one of the people with a past, so late, microseconds.
    pub fn event_of_past(&mut self, number: u64, late: i64) {
        self.event(number % self.people, number, late);
    }

    /// The first event of somebody new.
    pub fn new_person(&mut self, number: u64) {
        self.event(1_000_000 + number, 0, 0);
    }

    /// So many new people, each in one of so many campaigns.
    pub fn campaign(&mut self, people: u64, campaigns: u64) {
        for person in 0..people {
            self.now += SECOND / 100;
            let (id, name) = (format!("c{person}"), format!("Campaign {}", person % campaigns));
            self.told(person, id, EventKind::Activity(name), (0, Map::new(), Map::new()));
        }
    }

    /// Bytes of what a store keeps of segments and of who is in them.
    pub fn stored_segments(&mut self) -> usize {
        let changes = self.workspace.take_changes();
        let members: usize = changes.bitmaps.iter().filter_map(|(_, part)| part.as_ref()).map(Vec::len).sum();
        let definitions = changes.definitions.map(|all| postcard::to_stdvec(&all).map_or(0, |bytes| bytes.len()));
        members + definitions.unwrap_or_default()
    }

    /// Time passes, microseconds, and its timers fire.
    pub fn let_pass(&mut self, micros: i64) {
        self.now += micros;
        self.apply(Command::Tick);
        while self.workspace.next_timer() <= Time(self.now) {
            self.apply(Command::Tick);
        }
    }
}
