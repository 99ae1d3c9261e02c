//! What is past its retention goes from the store, at little cost, and no answer changes.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Identity, Record, SegmentId, WorkspaceId};
use script::{Script, time};
use segmentd_engine::storage::PersonRecord;
use segmentd_engine::workspace::{PersonName, Workspace};
use serde_json::{Value as Json, json};

fn open(memory: &Memory) -> Workspace<Memory> {
    Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0)
}

struct Run {
    memory: Memory,
    engine: Workspace<Memory>,
    done: usize,
}

impl Run {
    fn new() -> Run {
        let memory = Memory::default();
        Run { engine: open(&memory), memory, done: 0 }
    }

    /// Applies what the script has gained, and writes a checkpoint.
    fn catch_up(&mut self, script: &Script) {
        for record in &script.records[self.done..] {
            self.engine.apply(record, &mut Vec::new()).expect("memory never fails");
        }
        self.done = script.records.len();
        let changes = self.engine.take_changes();
        self.memory.write(changes);
        self.engine.changes_written();
    }

    fn person(&self, identity: &Identity) -> (u32, PersonRecord) {
        let no = self.engine.resolve(&PersonName::Identity(identity.clone())).unwrap().expect("a person");
        (no, self.memory.record(no))
    }

    fn facts(&self, identity: &Identity) -> usize {
        let (_, record) = self.person(identity);
        record.chunks.iter().map(|(_, facts)| *facts as usize).sum::<usize>() + record.tail.facts.len()
    }

    fn shown(&mut self, identity: &Identity) -> (Json, u64, Vec<String>) {
        let no = self.person(identity).0;
        let person = self.engine.person(no).unwrap().expect("a person");
        let in_segments = ["old", "viewed", "bought"].map(|id| {
            let explained = self.engine.explain(&SegmentId::from(id), no).unwrap().expect("a segment in force");
            format!("{:?}", explained.1)
        });
        (person.properties, person.events, in_segments.into())
    }
}

/// A person with three years of views, orders and traits, under a retention of 30 days.
fn script() -> Script {
    let mut script = Script::new("2023-01-01T00:00:00Z", "UTC", false);
    script.workspace("UTC", 30, 10);
    script.segment("old", 1, &json!({"property": "first_seen", "before": "2023-01-02"}));
    script.segment("viewed", 1, &json!({"event": "Page Viewed", "count": {"at_least": 1}}));
    script.segment("bought", 1, &json!({"spent": {"at_least": "30"}}));
    script
}

fn live(script: &mut Script, run: &mut Run) {
    for day in 0..1_000_i64 {
        script.now = time("2023-01-01T01:00:00Z").plus_micros(day * 86_400_000_000);
        script.event("web", "Page Viewed", "user:web:u1", json!({"path": "/a"}));
        script.event("web", "Product Viewed", "user:web:u1", json!({"sku": "A"}));
        if day % 100 == 0 {
            script.event("web", "Order Completed", "user:web:u1", json!({"order_id": day, "total": 3}));
            script.event("web", "", "user:web:u1", json!({"score": day}));
        }
        run.catch_up(script);
    }
}

#[test]
fn what_passed_is_removed_in_time_and_orders_and_properties_stay() {
    let (mut script, mut run) = (script(), Run::new());
    let user = Identity::user("web", "u1");
    live(&mut script, &mut run);
    let kept = run.facts(&user);
    // Thirty days of two events, what is overdue by less than a day, ten orders, ten traits.
    assert!((80..=84).contains(&kept), "{kept} facts are kept");
    assert_eq!(run.memory.chunk_ids().len(), run.person(&user).1.chunks.len(), "no chunk is left behind");
    let (properties, events, segments) = run.shown(&user);
    assert_eq!(properties["score"], json!(900));
    assert_eq!((events, segments), (70, vec!["True".to_owned(), "True".to_owned(), "True".to_owned()]));
    // A longer retention does not bring back what is gone, whether it was removed or not. (What passes in the very
    // instant of the change has not: settings come first.)
    script.now = script.now.plus_micros(1);
    script.workspace("UTC", 3_000, 10);
    run.catch_up(&script);
    assert_eq!(run.shown(&user).1, 70);
    run.engine = open(&run.memory);
    assert_eq!(run.shown(&user).1, 70, "the limit outlives a restart");
}

#[test]
fn people_whom_nothing_touches_are_swept_and_the_walk_is_bounded() {
    let (mut script, mut run) = (script(), Run::new());
    let quiet = Identity::user("web", "quiet");
    script.event("web", "Page Viewed", "user:web:quiet", json!({"path": "/a"}));
    script.event("web", "Played", "user:web:quiet", json!({"n": 1}));
    run.catch_up(&script);
    assert_eq!(run.facts(&quiet), 2);
    for day in 1..50_i64 {
        script.now = time("2023-01-01T01:00:00Z").plus_micros(day * 86_400_000_000);
        script.event("web", "Played", &format!("user:web:u{day}"), json!({}));
        run.catch_up(&script);
    }
    assert_eq!(run.facts(&quiet), 1, "the trace of when the person was first seen");
    assert_eq!(run.shown(&quiet), (json!({}), 0, vec!["True".into(), "False".into(), "False".into()]));
}

#[test]
fn an_order_that_comes_to_belong_to_somebody_else_leaves_the_trace_of_what_passed() {
    let (mut script, mut run) = (script(), Run::new());
    let user = Identity::user("web", "u1");
    script.event("web", "Order Updated", "user:web:u1", json!({"order_id": "o"}));
    script.at("2023-01-01T12:00:00Z");
    script.event("web", "Played", "user:web:u1", json!({}));
    run.catch_up(&script);
    script.at("2023-06-01T00:00:00Z");
    script.event("web", "Played", "user:web:u1", json!({}));
    run.catch_up(&script);
    script.event("web", "Order Completed", "user:web:u2", json!({"order_id": "o"}));
    run.catch_up(&script);
    assert_eq!(run.shown(&user).2[0], "True", "the first thing known happened on the first of January");
}

#[test]
fn a_redact_takes_the_trace_of_what_passed_along() {
    let (mut script, mut run) = (script(), Run::new());
    let user = Identity::user("web", "u1");
    script.event("web", "Played", "user:web:u1", json!({}));
    run.catch_up(&script);
    script.now = time("2023-06-01T00:00:00Z");
    script.event("api", "Played", "user:web:u1", json!({}));
    run.catch_up(&script);
    assert_eq!(run.shown(&user).2[0], "True", "first seen in January");
    script.push(model::Command::Redact { source: "web".into(), identity: user.clone() });
    run.catch_up(&script);
    assert_eq!(run.shown(&user).2[0], "False", "first seen in June");
}

#[test]
fn the_cost_of_a_checkpoint_does_not_grow_with_the_history() {
    let (mut script, mut run) = (Script::new("2023-01-01T00:00:00Z", "UTC", false), Run::new());
    for number in 0..100_000_i64 {
        script.now = time("2023-01-01T01:00:00Z").plus_micros(number * 1_000_000);
        script.event("web", "Page Viewed", "user:web:u1", json!({"path": "/a"}));
    }
    run.catch_up(&script);
    let records: Vec<Record> = std::mem::take(&mut script.records);
    let position = records.len() as u64;
    let mut bytes = Vec::new();
    for number in 0..64_u64 {
        let mut event = script.make("web", "Page Viewed", "user:web:u1", json!({"path": "/a"}));
        event.time = script.now;
        let command = model::Command::Event(Box::new(event));
        let record =
            Record { position: position + number + 1, time: script.now, workspace: WorkspaceId::from("w"), command };
        run.engine.apply(&record, &mut Vec::new()).unwrap();
        let changes = run.engine.take_changes();
        let size = |record: &PersonRecord| record.chunks.len() * 6 + record.tail.facts.len() * 60;
        bytes.push(changes.persons.iter().filter_map(|(_, record)| record.as_ref()).map(size).sum::<usize>());
        assert!(changes.chunks.len() <= 1, "only the tail is closed");
        run.memory.write(changes);
        run.engine.changes_written();
    }
    let largest = bytes.into_iter().max().unwrap();
    assert!(largest < 32 << 10, "{largest} bytes for one event of a person with 100,000");
}
