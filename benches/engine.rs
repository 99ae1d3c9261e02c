//! The engine alone: what one event costs by the length of its person's history.
//!
//! `cargo bench --bench engine`. The daemon as a whole is measured by `segmentd bench`.

#![allow(missing_docs)]

use engine::storage::{
    ChunkRecord, MessageKey, OrderKey, OrderRecord, PersonNo, PersonRecord, Saved, Storage, StorageError,
};
use engine::workspace::Workspace;
use model::{
    Command, Event, EventKind, Identity, IdentityKey, Map, OrderPolicy, Record, SegmentDefinition, SegmentId, Source,
    SourceKind, Time, Value, WorkspaceId,
};
use std::hint::black_box;
use std::time::Instant;

const SECOND: i64 = 1_000_000;
const START: i64 = 1_772_323_200 * SECOND;
const MEASURED: u64 = 20_000;

/// Nothing was ever checkpointed: everything is in memory.
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

struct World {
    workspace: Workspace<Nothing>,
    position: u64,
    now: i64,
}

impl World {
    fn new() -> World {
        let workspace = Workspace::open(WorkspaceId::from("bench"), Nothing, Saved::default(), [7; 32], usize::MAX);
        let mut world = World { workspace, position: 0, now: START };
        world.apply(Command::WorkspacePut {
            name: "Bench".to_owned(),
            time_zone: "America/Mexico_City".to_owned(),
            currency: "MXN".to_owned(),
            retention_days: 1_095,
            crowded_links_max: 10,
        });
        let source = Source { id: "web".into(), kind: SourceKind::Server, orders: OrderPolicy::Count };
        world.apply(Command::SourcePut(source));
        for (place, definition) in segmentd::bench::segments().into_iter().enumerate() {
            let id = SegmentId::from(format!("s{place}").as_str());
            let definition = definition.to_string();
            world.apply(Command::SegmentPut(SegmentDefinition { id: id.clone(), name: String::new(), definition }));
            world.apply(Command::SegmentActivate { id, version: 1 });
        }
        world
    }

    fn apply(&mut self, command: Command) {
        self.position += 1;
        let workspace = WorkspaceId::from("bench");
        let record = Record { position: self.position, time: Time(self.now), workspace, command };
        let mut effects = Vec::new();
        let applied = self.workspace.apply(&record, &mut effects).expect("the storage holds nothing that could fail");
        black_box((applied, effects));
    }

    fn event(&mut self, person: u64, number: u64) {
        self.now += SECOND / 100;
        let names = ["Page Viewed", "Product Viewed", "Product Added", "Link Clicked", "Order Completed"];
        let name = names[(number % 5) as usize];
        let properties = [
            ("order_id".to_owned(), Value::text(&format!("o{person}-{number}"))),
            ("total".to_owned(), Value::text("120.50")),
            ("product_id".to_owned(), Value::text(&format!("p{}", number % 50))),
        ];
        self.apply(Command::Event(Box::new(Event {
            source: "web".into(),
            message_id: format!("m{person}-{number}"),
            kind: EventKind::Activity(name.to_owned()),
            time: Time(self.now),
            received: Time(self.now),
            identities: vec![Identity::user("web", &format!("u{person}"))],
            properties: Map::from(properties),
            traits: Map::new(),
            consent: Vec::new(),
        })));
    }
}

fn main() {
    println!("one event, 20 segments, everything in memory");
    let mut shortest = None;
    for history in [10, 100, 1_000, 5_000] {
        let mut world = World::new();
        // Several people share the measured events, so that nobody's history grows by much.
        let people = if history < 1_000 { 2_000 } else { 4 };
        for number in 0..history {
            (0..people).for_each(|person| world.event(person, number));
        }
        let began = Instant::now();
        let measured = if history < 1_000 { MEASURED } else { MEASURED / 20 };
        for number in 0..measured {
            world.event(number % people, history + number / people);
        }
        let micros = began.elapsed().as_secs_f64() * 1e6 / measured as f64;
        let ratio = micros / *shortest.get_or_insert(micros);
        println!("  history of {history:>6}: {micros:>8.1} us an event, {ratio:.2} of the shortest");
    }
}
