//! What one person, order or identity may take: each bound has a name and a counted reason, and
//! nothing below it costs more the more there is.

#![allow(missing_docs)]

#[path = "world/memory.rs"]
#[allow(dead_code)]
mod memory;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use memory::Memory;
use model::{Command, Identity, WorkspaceId};
use script::Script;
use segmentd_engine::person::orders::ORDER_FACTS_MAX;
use segmentd_engine::person::{IDENTITY_LINKS_MAX, PERSON_IDENTITIES_MAX};
use segmentd_engine::workspace::{PersonName, Workspace};
use serde_json::json;

fn open(memory: &Memory) -> Workspace<Memory> {
    Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 1 << 30)
}

fn play(script: &Script) -> Workspace<Memory> {
    let mut engine = open(&Memory::default());
    for record in &script.records {
        engine.apply(record, &mut Vec::new()).unwrap();
    }
    engine
}

fn refused(engine: &Workspace<Memory>, reason: &str) -> u64 {
    engine.counts().2.get(reason).copied().unwrap_or_default()
}

fn shop() -> Script {
    Script::new("2026-01-01T00:00:00Z", "UTC", false)
}

#[test]
fn a_sender_that_makes_up_a_device_for_every_event_bounds_itself() {
    let mut script = shop();
    for number in 0..PERSON_IDENTITIES_MAX + 100 {
        script.event("web", "Played", &format!("user:web:u1 anon:web:{number}"), json!({}));
    }
    let engine = play(&script);
    let no = engine.resolve(&PersonName::Identity(Identity::user("web", "u1"))).unwrap().unwrap();
    let person = engine.person(no).unwrap().unwrap();
    assert_eq!(person.identities.len(), PERSON_IDENTITIES_MAX);
    assert_eq!(person.events, PERSON_IDENTITIES_MAX as u64 + 100, "every event is kept");
    assert_eq!(refused(&engine, "too_many_identities"), 101);
    assert_eq!(engine.people_count(), 1);
}

#[test]
fn an_order_has_no_more_facts_than_it_may_and_the_rest_is_activity() {
    let mut script = shop();
    script.event("web", "Order Completed", "user:web:u1", json!({"order_id": "o", "total": 5000}));
    for number in 0..ORDER_FACTS_MAX + 9 {
        let refund = json!({"order_id": "o", "refund_id": number, "total": 1});
        script.event("web", "Order Refunded", "user:web:u1", refund);
    }
    let left = 5_000 - (ORDER_FACTS_MAX - 1);
    script.segment("left", 1, &json!({"spent": {"exactly": left.to_string()}}));
    let engine = play(&script);
    assert_eq!(refused(&engine, "too_many_facts_of_an_order"), 10);
    assert_eq!(engine.segment(&"left".into()).unwrap().members, 1);
}

#[test]
fn a_crowded_address_keeps_no_more_links_than_it_may_and_joins_nobody() {
    let mut script = shop();
    for number in 0..IDENTITY_LINKS_MAX + 50 {
        script.event("web", "", &format!("user:web:{number} email:info@x.mx"), json!({}));
    }
    let memory = Memory::default();
    let mut engine = open(&memory);
    for record in &script.records {
        engine.apply(record, &mut Vec::new()).unwrap();
    }
    assert_eq!(engine.people_count(), IDENTITY_LINKS_MAX as u64 + 51, "everybody, and the address");
    let no = engine.resolve(&PersonName::Identity(Identity::email("info@x.mx"))).unwrap().unwrap();
    let changes = engine.take_changes();
    memory.write(changes);
    let links: usize = memory.record(no).nodes.iter().map(|node| node.links.len()).sum();
    assert_eq!(links, IDENTITY_LINKS_MAX);
    assert!(matches!(script.records[0].command, Command::WorkspacePut { .. }));
}
