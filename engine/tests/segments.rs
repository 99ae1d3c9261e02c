//! The life of a segment: built in the background, edited, deleted, no longer compiled.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Command, Record, SegmentId, Time, WorkspaceId};
use script::{Script, time};
use segmentd_engine::effect::Transition;
use segmentd_engine::workspace::{Applied, SegmentState, Workspace};
use serde_json::{Value as Json, json};

const DAY: i64 = 86_400_000_000;

struct Shop {
    memory: Memory,
    engine: Workspace<Memory>,
    script: Script,
    transitions: Vec<Transition>,
    done: usize,
}

fn open(memory: &Memory) -> Workspace<Memory> {
    Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0)
}

impl Shop {
    /// A hundred people with one view each, a minute apart.
    fn new() -> Shop {
        let memory = Memory::default();
        let mut script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
        for person in 0..100 {
            script.now = script.now.plus_micros(60_000_000);
            script.event("web", "Page Viewed", &format!("user:web:u{person}"), json!({"path": "/a"}));
        }
        let mut shop = Shop { engine: open(&memory), memory, script, transitions: Vec::new(), done: 0 };
        shop.catch_up();
        shop
    }

    fn catch_up(&mut self) -> Applied {
        let mut applied = Applied::Duplicate;
        let records: Vec<Record> = self.script.records[self.done..].to_vec();
        for record in records {
            let mut effects = Vec::new();
            applied = self.engine.apply(&record, &mut effects).unwrap();
            self.transitions.extend(effects.iter().flat_map(|effect| self.engine.given().told(effect)));
        }
        self.done = self.script.records.len();
        applied
    }

    fn command(&mut self, command: Command) -> Applied {
        self.script.push(command);
        self.catch_up()
    }

    fn put(&mut self, id: &str, definition: &Json) {
        self.script.put_segment(id, definition);
        assert_eq!(self.catch_up(), Applied::Changed { person: None });
    }

    fn activate(&mut self, id: &str, version: u32) -> Applied {
        self.command(Command::SegmentActivate { id: id.into(), version })
    }

    fn segment(&self, id: &str) -> Option<SegmentState> {
        self.engine.segment(&SegmentId::from(id))
    }

    fn checkpoint(&mut self) {
        let changes = self.engine.take_changes();
        self.memory.write(changes);
        self.engine.changes_written();
    }
}

fn viewed(days: u32) -> Json {
    json!({"event": "Page Viewed", "window": {"last": format!("{days}d")}})
}

#[test]
fn a_new_segment_fills_in_the_background_while_events_and_time_go_on_and_appears_in_one_step() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(1));
    let mut steps = 0;
    while shop.engine.build_near(7, u64::MAX).unwrap().is_empty() {
        steps += 1;
        assert!(steps < 100, "it is never built");
        let state = shop.segment("viewed").unwrap();
        assert_eq!((state.version, state.members), (0, 0), "nothing shows before all of it");
        // Somebody new, somebody already evaluated, somebody not yet evaluated.
        let newcomer = format!("user:web:n{steps}");
        for who in [newcomer.as_str(), "user:web:u0", "user:web:u99"] {
            shop.script.event("web", "Page Viewed", who, json!({"path": "/b"}));
        }
        shop.catch_up();
    }
    assert!(shop.transitions.is_empty());
    // The first ones leave the window between the last step and the activation.
    shop.script.now = time("2026-01-02T00:10:30Z");
    shop.command(Command::Tick);
    shop.activate("viewed", 1);
    let expected = 100 - 9 + steps as u64;
    assert_eq!(shop.segment("viewed").unwrap().members, expected);
    assert_eq!(shop.transitions.len() as u64, expected);
    assert!(shop.transitions.iter().all(|transition| transition.entered && transition.at == shop.script.now));
}

#[test]
fn an_edit_that_is_superseded_before_it_is_built_never_takes_effect() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(30));
    assert!(matches!(shop.activate("viewed", 1), Applied::Changed { .. }));
    shop.put("viewed", &json!({"event": "Played"}));
    shop.engine.build_near(10, u64::MAX).unwrap();
    shop.put("viewed", &viewed(60));
    assert_eq!(shop.activate("viewed", 2), Applied::Refused("no_such_version"), "its record was on its way");
    let state = shop.segment("viewed").unwrap();
    assert_eq!((state.version, state.members, state.building.map(|(version, _)| version)), (1, 100, Some(3)));
    shop.activate("viewed", 3);
    assert_eq!(shop.segment("viewed").unwrap().version, 3);
    assert_eq!(shop.transitions.len(), 100, "nobody left and came back");
}

#[test]
fn a_segment_deleted_while_it_is_built_is_gone_with_all_that_was_built() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(30));
    shop.engine.build_near(10, u64::MAX).unwrap();
    shop.checkpoint();
    shop.command(Command::SegmentDelete { id: "viewed".into() });
    assert!(shop.engine.build_near(10, u64::MAX).unwrap().is_empty() && !shop.engine.is_building());
    assert_eq!(shop.activate("viewed", 1), Applied::Refused("no_such_version"));
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    assert!(shop.segment("viewed").is_none());
    assert_eq!(shop.engine.people_count(), 100, "people stay");
    assert!(shop.transitions.is_empty());
}

#[test]
fn a_restart_while_building_begins_the_version_again() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(30));
    shop.engine.build_near(60, u64::MAX).unwrap();
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    assert!(shop.engine.is_building());
    while shop.engine.build_near(60, u64::MAX).unwrap().is_empty() {}
    shop.activate("viewed", 1);
    assert_eq!(shop.segment("viewed").unwrap().members, 100);
}

#[test]
fn a_stored_definition_that_no_longer_compiles_stops_alone_with_its_members() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(1));
    shop.put("other", &viewed(1));
    shop.put("waiting", &viewed(1));
    shop.activate("viewed", 1);
    shop.activate("other", 1);
    shop.checkpoint();
    shop.memory.redefine("viewed", r#"{"event": "Page Viewed", "window": {"lately": "1d"}}"#);
    shop.memory.redefine("waiting", r#"{"evnt": "Page Viewed"}"#);
    shop.engine = open(&shop.memory);
    let failed = shop.segment("viewed").unwrap();
    assert!(failed.failed.as_ref().is_some_and(|why| why.contains("lately")), "{failed:?}");
    assert_eq!((failed.version, failed.members), (1, 100));
    assert!(shop.segment("waiting").unwrap().failed.is_some() && !shop.engine.is_building());
    // Time and events move the other one alone; a person who is erased leaves both.
    shop.script.now = shop.script.now.plus_micros(2 * DAY);
    shop.script.event("web", "Page Viewed", "user:web:new", json!({}));
    shop.script.erase("user:web:u1");
    shop.catch_up();
    assert_eq!((shop.segment("viewed").unwrap().members, shop.segment("other").unwrap().members), (99, 1));
    // It is still there after the next checkpoint, and a new definition mends it.
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    assert_eq!(shop.segment("viewed").unwrap().members, 99);
    let before = shop.transitions.len();
    shop.put("viewed", &viewed(30));
    shop.activate("viewed", 2);
    let mended = shop.segment("viewed").unwrap();
    assert_eq!((mended.failed, mended.version, mended.members), (None, 2, 100));
    assert_eq!(shop.transitions.len() - before, 1, "who was in and stays in does not enter again");
    assert!(shop.engine.now() > Time(0));
}

#[test]
fn a_definition_that_compiles_again_is_built_anew_for_everybody() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(1));
    shop.put("frozen", &json!({"frozen": viewed(1)}));
    shop.activate("viewed", 1);
    shop.activate("frozen", 1);
    shop.checkpoint();
    for id in ["viewed", "frozen"] {
        shop.memory.redefine(id, r#"{"evnt": "Page Viewed"}"#);
    }
    shop.engine = open(&shop.memory);
    // Whoever comes or passes meanwhile is not seen.
    shop.script.now = shop.script.now.plus_micros(2 * DAY);
    shop.script.event("web", "Page Viewed", "user:web:new", json!({}));
    shop.catch_up();
    shop.checkpoint();
    shop.memory.redefine("viewed", &viewed(1).to_string());
    shop.memory.redefine("frozen", &json!({"frozen": viewed(1)}).to_string());
    for _ in 0..2 {
        // Also when it is opened again before it is built.
        shop.engine = open(&shop.memory);
        let found = shop.segment("viewed").unwrap();
        let next = found.next.as_ref().map(|next| next.version);
        assert_eq!((found.version, found.members, next, found.failed.is_some()), (1, 100, Some(2), true));
        shop.checkpoint();
    }
    assert_eq!((shop.segment("frozen").unwrap().failed, shop.segment("frozen").unwrap().members), (None, 100));
    let before = shop.transitions.len();
    shop.activate("viewed", 2);
    let mended = shop.segment("viewed").unwrap();
    assert_eq!((mended.failed, mended.version, mended.members, mended.next), (None, 2, 1, None));
    assert_eq!(shop.transitions.len() - before, 101);
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    assert!(!shop.engine.is_building() && shop.segment("viewed").unwrap().failed.is_none());
}

#[test]
fn bits_of_a_version_that_began_again_do_not_come_back_from_the_store() {
    let mut shop = Shop::new();
    shop.put("viewed", &viewed(1));
    shop.engine.build_near(1_000, u64::MAX).unwrap();
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    // By the time it is built nobody is in any more.
    shop.script.now = shop.script.now.plus_micros(2 * DAY);
    shop.activate("viewed", 1);
    assert_eq!(shop.segment("viewed").unwrap().members, 0);
    shop.checkpoint();
    shop.engine = open(&shop.memory);
    assert_eq!(shop.segment("viewed").unwrap().members, 0);
}
