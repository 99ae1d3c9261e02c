//! What is stored suffices to ask later what was known of a person at an earlier instant.

#![allow(missing_docs)]

mod oracle;
mod world;

use model::{Channel, Identity, Time, WorkspaceId};
use oracle::Oracle;
use rust_decimal::Decimal;
use segmentd_engine::person::Person;
use segmentd_engine::person::names::Names;
use segmentd_engine::person::orders::Words;
use segmentd_engine::person::view::{Context, NoSegments};
use segmentd_engine::workspace::{PersonName, Workspace};
use serde_json::json;
use std::collections::BTreeMap;
use world::memory::Memory;
use world::script::{Script, person, time};

/// One person's year: sources that disagree, late news, orders in disorder, consent to and fro.
fn script() -> Script {
    let mut script = Script::new("2025-01-01T00:00:00Z", "UTC", true);
    let who = "user:web:ana email:a@x.mx";
    for month in 1..=12 {
        script.at(&format!("2025-{month:02}-10T12:00:00Z"));
        let source = ["web", "api", "shop"][month % 3];
        script.event(source, "", who, json!({"city": format!("c{month}"), "score": month}));
        script.late(&format!("2025-{month:02}-01T00:00:00Z"), "api", "", who, json!({"plan": format!("late{month}")}));
        script.event("shop", "Page Viewed", who, json!({"path": "/"}));
        let order = json!({"order_id": month / 3, "total": month, "currency": "MXN"});
        let name = ["Order Updated", "Order Completed", "Order Refunded"][month % 3];
        script.event("shop", name, who, order);
        script.consent("web", who, "a@x.mx", month % 4 != 0);
    }
    script
}

#[test]
fn properties_consent_and_orders_of_any_earlier_instant_follow_from_the_stored_records() {
    let (script, memory, mut oracle) = (script(), Memory::default(), Oracle::new());
    let mut engine = Workspace::open(WorkspaceId::from("w"), memory.clone(), memory.saved(), [7; 32], 0);
    for record in &script.records {
        engine.apply(record, &mut Vec::new()).unwrap();
        oracle.record(record);
        // Retention takes what was viewed from the records, and nothing that is asked here.
        let changes = engine.take_changes();
        memory.write(changes);
        engine.changes_written();
    }
    let no = engine.resolve(&PersonName::Identity(Identity::email("a@x.mx"))).unwrap().unwrap();
    let mut names = Names::new(memory.saved().names, 0);
    let words = Words::intern(&mut names);
    let sources = memory.saved().definitions.sources;
    let (rates, zone) = (BTreeMap::new(), jiff::tz::TimeZone::UTC);
    let context = Context {
        held: &NoSegments,
        names: &names,
        words: &words,
        sources: &sources,
        rates: &rates,
        zone: &zone,
        currency: "MXN",
        forgotten: Time::MIN,
    };
    let mut compared = 0;
    for month in 1..=12 {
        for text in [format!("2025-{month:02}-10T12:00:00Z"), format!("2025-{month:02}-10T11:59:59Z")] {
            let at = time(&text);
            // By receive time: what was recorded by then. Nothing recorded lies later than its receipt.
            let mut then = Person::load(no, memory.record(no), &memory).unwrap();
            then.chunks.clear();
            then.facts.retain(|fact| fact.received <= at);
            then.index(&words);
            let view = oracle.at(at);
            let Some((id, _, shown)) = view.profiles().into_iter().next() else { continue };
            assert_eq!(id, person("email:a@x.mx"));
            let found: BTreeMap<_, _> =
                then.all_shown(&context).into_iter().map(|(name, value)| (name, value.to_json())).collect();
            assert_eq!(found, shown, "properties at {at}");
            let index = view.index_of(&id).unwrap();
            assert_eq!(then.consent_of(Channel::Email, "a@x.mx"), view.consent(index, Channel::Email), "{at}");
            let spent: Decimal = then.counted.iter().map(|order| order.spent).sum();
            assert_eq!(spent, view.orders(index).iter().map(|order| order.spent).sum(), "orders at {at}");
            compared += 1;
            // By event time: what is known today of then. A late fact counts from when it happened.
            let mut known = Person::load(no, memory.record(no), &memory).unwrap();
            known.chunks.clear();
            known.facts.retain(|fact| fact.time <= at);
            known.index(&words);
            let plan = known.all_shown(&context).get("plan").map(|plan| plan.to_json());
            let newest = if at >= time(&format!("2025-{month:02}-01T00:00:00Z")) { month } else { month - 1 };
            assert_eq!(plan, Some(json!(format!("late{newest}"))), "known today of {at}");
        }
    }
    assert!(compared >= 22);
}
