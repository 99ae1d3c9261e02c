//! Timers that are due together, fired part by part between records.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Command, SegmentId, WorkspaceId};
use script::{Script, person, time};
use segmentd_engine::effect::{Cause, Transition};
use segmentd_engine::workspace::{Turns, Workspace};
use serde_json::json;

fn open(memory: &Memory) -> Workspace<Memory> {
    let mut workspace = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0);
    workspace.set_turns(Turns { tick: 2, event: 1 });
    workspace
}

/// Six people who leave the segment at one instant, in the midst of which one comes again.
fn story() -> Script {
    let mut script = Script::new("2026-01-01T00:00:00Z", "UTC", false);
    script.put_segment("seen", &json!({"event": "Page Viewed", "window": {"last": "1d"}}));
    script.push(Command::SegmentActivate { id: "seen".into(), version: 1 });
    for who in 0..6 {
        script.event("web", "Page Viewed", &format!("user:web:u{who}"), json!({}));
    }
    script.now = time("2026-01-02T00:00:00Z");
    script.push(Command::Tick);
    // Two are through; the event fires one more, and whoever it is about.
    script.now = time("2026-01-02T00:00:01Z");
    script.event("web", "Page Viewed", "user:web:u5", json!({}));
    script.push(Command::Tick);
    script.push(Command::Tick);
    script
}

/// Plays it, with a checkpoint and a new start before some record; the transitions at the end.
fn play(restart: Option<usize>) -> (Vec<Transition>, Vec<String>) {
    let (script, memory) = (story(), Memory::default());
    let (mut engine, mut transitions) = (open(&memory), Vec::new());
    for (place, record) in script.records.iter().enumerate() {
        if restart == Some(place) {
            let changes = engine.take_changes();
            memory.write(changes);
            engine.changes_written();
            engine = open(&memory);
        }
        let mut effects = Vec::new();
        engine.apply(record, &mut effects).unwrap();
        transitions.extend(effects.iter().flat_map(|effect| engine.given().told(effect)));
    }
    let (members, _) = engine.members(&SegmentId::from("seen"), None, 10).unwrap().unwrap();
    (transitions, members)
}

#[test]
fn who_is_touched_amid_a_wave_leaves_at_the_instant_and_comes_again_after_it() {
    let (transitions, members) = play(None);
    let who = person("user:web:u5");
    let of_one: Vec<_> = transitions.iter().filter(|one| one.person == who).collect();
    let told: Vec<_> = of_one.iter().map(|one| (one.entered, one.at, one.cause)).collect();
    assert_eq!(
        told,
        [
            (true, time("2026-01-01T00:00:00Z"), Cause::Event),
            (false, time("2026-01-02T00:00:00Z"), Cause::Time),
            (true, time("2026-01-02T00:00:01Z"), Cause::Event),
        ]
    );
    assert_eq!(members, [who]);
    let left = transitions.iter().filter(|one| !one.entered);
    assert!(left.clone().all(|one| one.at == time("2026-01-02T00:00:00Z")), "each at its own instant");
    assert_eq!(left.count(), 6);
}

#[test]
fn a_new_start_amid_a_wave_goes_on_with_it() {
    let whole = play(None);
    for place in 0..story().records.len() {
        assert_eq!(play(Some(place)), whole, "before record {place}");
    }
}
