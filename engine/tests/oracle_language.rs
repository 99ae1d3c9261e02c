//! The oracle against answers worked out by hand: sequences, entries, samples, frozen segments, references.

#![allow(missing_docs)]

#[path = "oracle/asked.rs"]
mod asked;
mod oracle;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use asked::{START, anyone, ask, expect, oracle, script};
use model::Command;
use script::{Script, person, time};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Somebody views a product and buys one.
fn views_and_buys(s: &mut Script, who: &str, viewed: &str, bought: Option<(&str, &str)>) {
    s.late(START, "web", "Product Viewed", who, json!({"product_id": viewed}));
    if let Some((at, product)) = bought {
        let order = json!({"order_id": who, "products": [{"product_id": product, "price": 5}]});
        s.late(at, "web", "Order Completed", who, order);
    }
}

#[test]
fn a_step_follows_later_and_within_its_time_that_instant_included() {
    let mut s = script();
    s.at("2026-01-20T00:00:00Z");
    views_and_buys(&mut s, "user:web:same_instant", "A", Some((START, "A")));
    views_and_buys(&mut s, "user:web:next", "A", Some(("2026-01-10T12:00:00.000001Z", "B")));
    views_and_buys(&mut s, "user:web:last", "A", Some(("2026-01-11T12:00:00Z", "A")));
    views_and_buys(&mut s, "user:web:late", "A", Some(("2026-01-11T12:00:00.000001Z", "A")));
    views_and_buys(&mut s, "user:web:never", "A", None);
    let at = "2026-01-20T00:00:00Z";
    let then = |then: Json| json!({"event": "Product Viewed", "then": then});
    let bought = |more: Json| {
        let mut step = json!({"event": "Order Completed", "within": "1d"});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        step
    };
    expect(&s, then(bought(json!({}))), at, "user:web:next user:web:last");
    expect(&s, then(bought(json!({"same": ["product_id"]}))), at, "user:web:last");
    expect(&s, then(json!({"event": "Order Completed"})), at, "user:web:next user:web:last user:web:late");
    expect(&s, then(json!({"event": "Order Completed", "same": ["size"]})), at, "");
}

#[test]
fn what_does_not_follow_is_known_when_the_time_is_over() {
    let mut s = script();
    views_and_buys(&mut s, "user:web:a", "A", None);
    let left = || json!({"event": "Product Viewed", "then_not": {"event": "Order Completed", "within": "1d"}});
    expect(&s, left(), "2026-01-11T11:59:59.999999Z", "");
    expect(&s, left(), "2026-01-11T12:00:00Z", "user:web:a");
    s.at("2026-01-12T00:00:00Z");
    views_and_buys(&mut s, "user:web:a", "A", Some(("2026-01-11T12:00:00Z", "B")));
    expect(&s, left(), "2026-01-12T00:00:00Z", "");
    let ever = json!({"event": "Product Viewed", "then_not": {"event": "Played"}});
    expect(&s, ever, START, "user:web:a");
}

#[test]
fn any_first_step_counts_or_the_latest_alone() {
    let mut s = script();
    s.at("2026-01-12T00:00:00Z");
    views_and_buys(&mut s, "user:web:a", "A", Some(("2026-01-10T13:00:00Z", "A")));
    s.event("web", "Product Viewed", "user:web:a", json!({"product_id": "B"}));
    let bought = |of: &str| json!({"event": "Product Viewed", "of": of, "then": {"event": "Order Completed"}});
    expect(&s, bought("any"), "2026-01-12T00:00:00Z", "user:web:a");
    expect(&s, bought("last"), "2026-01-12T00:00:00Z", "");
    expect(&s, bought("last"), "2026-01-11T23:59:59Z", "");
    // Three steps, each tied to the one before it alone.
    let third = json!({"event": "Played", "same": ["song"], "within": "1h"});
    let chain = json!({"event": "Order Completed", "then": {"event": "Played", "then": third}});
    s.event("web", "Played", "user:web:a", json!({"song": 7}));
    s.at("2026-01-12T01:00:00Z").event("web", "Played", "user:web:a", json!({"song": "7.0"}));
    expect(&s, chain.clone(), "2026-01-12T00:59:59Z", "");
    expect(&s, chain, "2026-01-12T01:00:00Z", "user:web:a");
}

/// A segment that is in force, and what is known before.
fn with_segment(definition: &Json) -> Script {
    let mut s = script();
    s.segment("s", 1, definition);
    s
}

#[test]
fn entries_are_instants_at_which_the_present_definition_turned_true() {
    let mut s = with_segment(&json!({"event": "Played", "count": {"at_least": 2}, "window": {"last": "1d"}}));
    s.event("web", "Played", "user:web:a", json!({}));
    s.at("2026-01-10T14:00:00Z").event("web", "Played", "user:web:a", json!({}));
    let entered = || json!({"entered": "s", "window": {"last": "3h"}});
    expect(&s, entered(), "2026-01-10T13:59:59Z", "");
    expect(&s, entered(), "2026-01-10T14:00:00Z", "user:web:a");
    expect(&s, entered(), "2026-01-10T16:59:59.999999Z", "user:web:a");
    expect(&s, entered(), "2026-01-10T17:00:00Z", "");
    // By what is known today: another that comes late makes it earlier.
    s.at("2026-01-10T15:00:00Z").late(START, "web", "Played", "user:web:a", json!({"again": true}));
    expect(&s, entered(), "2026-01-10T15:00:00Z", "");
    expect(&s, json!({"entered": "s", "window": {"last": "4h"}}), "2026-01-10T15:00:00Z", "user:web:a");
}

#[test]
fn time_alone_lets_people_enter_and_the_first_instant_counts() {
    let mut s = with_segment(&json!({"not": {"event": "Played", "window": {"last": "1d"}}}));
    s.event("web", "Played", "user:web:a", json!({}));
    s.event("web", "Page Viewed", "user:web:b", json!({}));
    let entered = || json!({"entered": "s", "window": {"last": "1h"}});
    expect(&s, entered(), START, "user:web:b");
    expect(&s, entered(), "2026-01-10T13:00:00Z", "");
    expect(&s, entered(), "2026-01-11T11:59:59Z", "");
    expect(&s, entered(), "2026-01-11T12:00:00Z", "user:web:a");
}

#[test]
fn a_sample_is_the_same_people_by_their_id_and_its_salt() {
    let mut s = script();
    for n in 0..60 {
        s.event("web", "Played", &format!("user:web:{n}"), json!({}));
    }
    s.event("web", "Page Viewed", "user:web:other", json!({}));
    let of = |percent: u32, salt: &str| {
        let definition = json!({"sample": percent, "of": {"event": "Played"}, "salt": salt});
        ask(&s, definition, START).0
    };
    let (tenth, half, all) = (of(10, ""), of(50, ""), of(100, ""));
    assert_eq!((all.len(), of(0, "").len()), (60, 0));
    assert!(tenth.is_subset(&half) && tenth.len() < half.len() && half.len() < 60, "{} {}", tenth.len(), half.len());
    assert_ne!(half, of(50, "spring"));
    // By another program: the first 8 bytes of the SHA-256 of a line feed and this id are 66.18 % of the way up.
    let zero = "p_df737b87067057bb16b9ba9abdc3b3ce";
    assert_eq!(person("user:web:0"), zero);
    assert!(!of(66, "").contains(zero) && of(67, "").contains(zero));
}

#[test]
fn a_frozen_segment_keeps_whom_it_held_when_it_came_into_force() {
    let mut s = script();
    s.event("web", "Played", "user:web:a", json!({}));
    s.segment("f", 1, &json!({"frozen": {"event": "Played", "window": {"last": "1d"}}}));
    s.at("2026-01-10T13:00:00Z").event("web", "Played", "user:web:b", json!({}));
    let held = |s: &Script, at: &str| oracle(s).members("f", time(at)).0;
    let of = |who: &str| who.split_whitespace().map(person).collect::<BTreeSet<String>>();
    assert_eq!(held(&s, "2026-01-10T13:00:00Z"), of("user:web:a"));
    assert_eq!(held(&s, "2027-01-10T13:00:00Z"), of("user:web:a"), "whatever time does");
    // It goes with the identity from which the id came.
    s.event("web", "", "user:web:a user:web:b", json!({}));
    assert_eq!(held(&s, "2026-01-10T13:00:00Z").len(), 1);
    s.segment("f", 2, &json!({"frozen": {"event": "Page Viewed"}}));
    assert_eq!(held(&s, "2026-01-10T13:00:00Z"), BTreeSet::new(), "set again it is taken anew");
    expect(&s, json!({"entered": "f"}), "2026-01-10T13:00:00Z", "");
}

#[test]
fn references_ask_for_the_definition_in_force_and_what_cannot_be_decided_is_no_member() {
    let mut s = with_segment(&json!({"spent": {"at_least": "1", "currency": "USD"}}));
    s.event("web", "Order Completed", "user:web:a", json!({"order_id": "1", "total": 5, "currency": "USD"}));
    s.event("web", "Order Completed", "user:web:b", json!({"order_id": "2", "total": 5, "currency": "EUR"}));
    expect(&s, json!({"segment": "s"}), START, "user:web:a");
    expect(&s, json!({"not": {"segment": "s"}}), START, "user:web:b");
    assert_eq!(oracle(&s).members("s", time(START)).1.len(), 1, "unknown in the segment itself");
    s.put_segment("s", &anyone());
    expect(&s, json!({"segment": "s"}), START, "user:web:a");
    s.push(Command::SegmentActivate { id: "s".into(), version: 2 });
    expect(&s, json!({"segment": "s"}), START, "user:web:a user:web:b");
    s.put_segment("new", &anyone());
    expect(&s, json!({"segment": "new"}), START, "");
}
