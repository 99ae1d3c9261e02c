//! The oracle against answers worked out by hand.

#![allow(missing_docs)]

#[path = "oracle/asked.rs"]
mod asked;
mod oracle;
#[path = "world/script.rs"]
mod script;

use asked::{START, anyone, ask, expect, oracle, script};
use model::{Channel, Command, ListDefinition, ListIdentifier, ListMode, OrderPolicy, SourceKind};
use script::{Script, identity, person, time};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

#[test]
fn rolling_windows_include_their_first_instant_and_not_their_last() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a", json!({}));
    let seen = || json!({"event": "Page Viewed", "window": {"last": "90m"}});
    expect(&s, seen(), START, "user:web:a");
    expect(&s, seen(), "2026-01-10T13:29:59.999999Z", "user:web:a");
    expect(&s, seen(), "2026-01-10T13:30:00Z", "");
}

#[test]
fn months_end_on_the_last_day_and_keep_the_wall_clock_over_a_change_of_clocks() {
    let mut s = Script::new(START, "Europe/Madrid", false);
    s.at("2026-01-31T10:00:00Z").event("web", "Page Viewed", "user:web:a", json!({}));
    let seen = || json!({"event": "Page Viewed", "window": {"last": "1mo"}});
    expect(&s, seen(), "2026-02-28T09:59:59Z", "user:web:a");
    expect(&s, seen(), "2026-02-28T10:00:00Z", "");
    s.at("2026-03-15T10:00:00Z").event("web", "Page Viewed", "user:web:b", json!({}));
    expect(&s, seen(), "2026-04-15T08:59:59Z", "user:web:b");
    expect(&s, seen(), "2026-04-15T09:00:00Z", "");
}

#[test]
fn calendar_words_follow_the_zone() {
    let mut s = script();
    s.at("2026-01-12T05:59:59Z").event("web", "Page Viewed", "user:web:sunday", json!({}));
    s.at("2026-01-12T06:00:00Z").event("web", "Page Viewed", "user:web:monday", json!({}));
    let seen = |word: &str| json!({"event": "*", "window": {"calendar": word}});
    expect(&s, seen("today"), "2026-01-12T06:00:00Z", "user:web:monday");
    expect(&s, seen("this week"), "2026-01-13T00:00:00Z", "user:web:monday");
    expect(&s, seen("last week"), "2026-01-13T00:00:00Z", "user:web:sunday");
    expect(&s, seen("this month"), "2026-02-01T05:59:59Z", "user:web:monday user:web:sunday");
    expect(&s, seen("last month"), "2026-02-01T06:00:00Z", "user:web:monday user:web:sunday");
    expect(&s, seen("last year"), "2027-01-01T06:00:00Z", "user:web:monday user:web:sunday");
}

#[test]
fn absolute_windows_take_their_first_end_and_not_their_second() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a", json!({}));
    let within = |from: &str, until: &str| json!({"event": "*", "window": {"between": [from, until]}});
    expect(&s, within(START, "2026-01-11"), START, "user:web:a");
    expect(&s, within("2026-01-10", START), START, "");
    expect(&s, json!({"event": "*", "window": {"since": "2026-01-10"}}), START, "user:web:a");
    expect(&s, json!({"event": "*", "window": {"before": START}}), START, "");
}

#[test]
fn an_event_past_its_retention_is_forgotten_while_orders_and_properties_stay() {
    let mut s = script();
    s.workspace("UTC", 10, 2);
    s.event("web", "Page Viewed", "user:web:a", json!({}));
    s.event("web", "", "user:web:a", json!({"city": "Lima"}));
    s.event("web", "Order Completed", "user:web:b", json!({"order_id": "1"}));
    expect(&s, json!({"event": "*"}), "2026-01-20T11:59:59Z", "user:web:a user:web:b");
    expect(&s, json!({"event": "*"}), "2026-01-20T12:00:00Z", "user:web:b");
    expect(&s, json!({"property": "city", "is": "lima"}), "2026-01-20T12:00:00Z", "user:web:a");
    expect(
        &s,
        json!({"property": "first_seen", "before": "2026-01-11"}),
        "2026-02-01T00:00:00Z",
        "user:web:a user:web:b",
    );
}

#[test]
fn strong_identities_seen_together_are_one_person_in_any_order() {
    let mut s = script();
    s.event("web", "", "user:web:a email:x@x.mx", json!({}));
    s.event("api", "", "user:api:z email:y@x.mx", json!({}));
    expect(&s, anyone(), START, "email:x@x.mx email:y@x.mx");
    s.event("api", "", "email:y@x.mx email:x@x.mx", json!({}));
    expect(&s, anyone(), START, "email:x@x.mx");
}

#[test]
fn a_weak_identity_belongs_to_its_earliest_link_and_joins_nobody() {
    let mut s = script();
    s.event("web", "Page Viewed", "anon:web:1", json!({}));
    expect(&s, anyone(), START, "");
    s.at("2026-01-11T00:00:00Z").event("web", "", "anon:web:1 user:web:b", json!({}));
    expect(&s, json!({"event": "Page Viewed"}), "2026-01-11T00:00:00Z", "user:web:b");
    s.at("2026-01-12T00:00:00Z").late(START, "web", "", "anon:web:1 user:web:a", json!({}));
    expect(&s, json!({"event": "Page Viewed"}), "2026-01-12T00:00:00Z", "user:web:a");
    expect(&s, anyone(), "2026-01-12T00:00:00Z", "user:web:a user:web:b");
    s.late(START, "web", "", "anon:web:1 user:web:0", json!({}));
    expect(&s, json!({"event": "Page Viewed"}), "2026-01-12T00:00:00Z", "user:web:0");
}

#[test]
fn a_crowded_address_is_cut_from_all_also_of_the_past() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a email:all@x.mx", json!({}));
    s.event("web", "", "user:web:b email:all@x.mx phone:+521", json!({}));
    expect(&s, anyone(), START, "email:all@x.mx");
    s.event("web", "", "user:web:c email:all@x.mx", json!({}));
    expect(&s, anyone(), START, "email:all@x.mx user:web:a phone:+521 user:web:c");
    expect(&s, json!({"event": "Page Viewed"}), START, "user:web:a");
}

#[test]
fn an_unlinked_pair_is_no_link_before_or_after() {
    let mut s = script();
    s.event("web", "", "user:web:a email:x@x.mx", json!({}));
    s.push(Command::Unlink { left: identity("email:x@x.mx"), right: identity("user:web:a") });
    s.event("web", "", "user:web:a email:x@x.mx", json!({}));
    expect(&s, anyone(), START, "email:x@x.mx user:web:a");
    s.event("web", "", "user:web:a phone:+521", json!({}));
    s.event("web", "", "phone:+521 email:x@x.mx", json!({}));
    expect(&s, anyone(), START, "email:x@x.mx");
}

#[test]
fn duplicates_count_once_and_the_first_holds() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a", json!({"n": 1}));
    let mut again = s.records.last().cloned().expect("a record");
    if let Command::Event(event) = &mut again.command {
        event.properties.clear();
    }
    s.push(again.command);
    expect(&s, json!({"event": "*", "count": {"is": 1}}), START, "user:web:a");
    expect(&s, json!({"event": "*", "sum": {"is": 1}, "of": "n"}), START, "user:web:a");
}

#[test]
fn the_newest_property_holds_ties_go_to_rank_and_then_to_the_greater_value() {
    let mut s = script();
    let is = |city: &str| json!({"property": "city", "is": city});
    s.event("api", "", "user:web:a", json!({"city": "B"}));
    s.event("web", "", "user:web:a", json!({"city": "C"}));
    expect(&s, is("b"), START, "user:web:a");
    s.event("api", "", "user:web:a", json!({"city": "A"}));
    expect(&s, is("b"), START, "user:web:a");
    s.at("2026-01-12T00:00:00Z").event("web", "", "user:web:a", json!({"city": "D"}));
    expect(&s, is("d"), "2026-01-12T00:00:00Z", "user:web:a");
    s.late("2026-01-11T00:00:00Z", "api", "", "user:web:a", json!({"city": "E", "zip": 1}));
    expect(&s, is("d"), "2026-01-12T00:00:00Z", "user:web:a");
}

#[test]
fn a_browser_never_overrules_a_platform() {
    let mut s = Script::new(START, "UTC", true);
    s.event("shop", "", "shop:1", json!({"city": "A"}));
    s.at("2026-01-12T00:00:00Z").event("web", "", "shop:1", json!({"city": "B"}));
    expect(&s, json!({"property": "city", "is": "a"}), "2026-01-12T00:00:00Z", "shop:1");
    s.at("2026-01-13T00:00:00Z").event("api", "", "shop:1", json!({"city": "C"}));
    expect(&s, json!({"property": "city", "is": "c"}), "2026-01-13T00:00:00Z", "shop:1");
}

#[test]
fn consent_is_of_the_address_and_an_unsubscribe_wins_its_instant() {
    let mut s = script();
    let state = |state: &str| json!({"property": "consent_email", "is": state});
    s.event("web", "", "user:web:a", json!({"email": "X@x.mx", "phone": "none"}));
    s.consent("web", "device:d", "x@x.mx", true);
    expect(&s, state("subscribed"), START, "email:x@x.mx");
    s.consent("web", "email:x@x.mx", "x@x.mx", false).consent("web", "email:x@x.mx", "x@x.mx", true);
    expect(&s, state("unsubscribed"), START, "email:x@x.mx");
    s.at("2026-01-11T00:00:00Z").event("web", "", "user:web:a", json!({"email": "new@x.mx"}));
    expect(&s, json!({"property": "consent_email", "exists": true}), "2026-01-11T00:00:00Z", "");
    expect(&s, anyone(), "2026-01-11T00:00:00Z", "email:new@x.mx");
}

#[test]
fn what_a_crowded_address_said_holds_for_all_who_give_it() {
    let mut s = script();
    for user in ["a", "b", "c"] {
        s.event("web", "", &format!("user:web:{user}"), json!({"email": "all@x.mx"}));
    }
    s.consent("web", "email:all@x.mx", "all@x.mx", true);
    let subscribed = json!({"property": "consent_email", "is": "subscribed"});
    expect(&s, subscribed, START, "email:all@x.mx user:web:a user:web:b user:web:c");
}

#[test]
fn an_order_counts_from_its_first_completion_with_its_newest_properties() {
    let mut s = script();
    s.event("web", "Order Updated", "user:web:a", json!({"order_id": "1", "total": 70}));
    expect(&s, json!({"event": "Order Completed"}), START, "");
    s.at("2026-01-11T00:00:00Z");
    s.late("2026-01-10T00:00:00Z", "web", "Order Completed", "user:web:a", json!({"order_id": 1, "total": 50}));
    let total = |total: u32| {
        let filter = json!([{"property": "total", "is": total}]);
        json!({"event": "Order Completed", "where": filter, "window": {"last": "1d"}})
    };
    expect(&s, total(70), "2026-01-10T12:00:00Z", "");
    expect(
        &s,
        json!({"event": "Order Completed", "window": {"last": "2d"}, "sum": {"is": 70}, "of": "total"}),
        "2026-01-11T00:00:00Z",
        "user:web:a",
    );
    expect(&s, total(70), "2026-01-11T00:00:00Z", "");
    s.event("api", "Order Cancelled", "user:web:a", json!({"order_id": "1"}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:00Z", "user:web:a");
    s.event("web", "Order Cancelled", "user:web:z", json!({"order_id": "1"}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:00Z", "");
    expect(&s, json!({"event": "Order Cancelled", "count": {"is": 2}}), "2026-01-11T00:00:00Z", "user:web:a");
    s.event("web", "Order Updated", "user:web:a", json!({"order_id": "1", "total": 70, "cancelled": false}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:00Z", "");
    s.at("2026-01-11T00:00:01Z");
    s.event("web", "Order Updated", "user:web:a", json!({"order_id": "1", "total": 70, "cancelled": "false"}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:01Z", "");
    s.event("web", "Order Updated", "user:web:a", json!({"order_id": "1", "total": 70, "cancelled": false}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:01Z", "user:web:a");
    s.at("2026-01-11T00:00:02Z").event("web", "Order Cancelled", "user:web:a", json!({"order_id": "1"}));
    expect(&s, json!({"event": "Order Completed"}), "2026-01-11T00:00:02Z", "");
}

#[test]
fn spent_is_received_less_refunded_and_never_below_zero() {
    let mut s = script();
    let spent = |amount: &str| json!({"spent": {"is": amount}});
    s.event("web", "Order Refunded", "user:web:a", json!({"order_id": "1", "refund_id": "r", "total": "10"}));
    s.event(
        "web",
        "Order Completed",
        "user:web:a",
        json!({"order_id": "1", "total": -3,
        "products": [{"price": "20.50", "quantity": 2}, {"price": 9}, {"price": "?"}]}),
    );
    expect(&s, spent("40"), START, "user:web:a");
    s.event("web", "Order Refunded", "user:web:a", json!({"order_id": "1", "refund_id": "r", "total": "15"}));
    expect(&s, spent("35"), START, "user:web:a");
    s.event("web", "Order Refunded", "user:web:a", json!({"order_id": "1", "products": [{"price": 5}]}));
    expect(&s, spent("30"), START, "user:web:a");
    s.event("web", "Order Refunded", "user:web:a", json!({"order_id": "1"}));
    expect(&s, spent("0"), START, "user:web:a");
    expect(&s, json!({"event": "Order Completed", "count": {"is": 1}}), START, "user:web:a");
}

#[test]
fn spent_without_a_rate_is_unknown_also_under_not() {
    let mut s = script();
    let spent = || json!({"spent": {"at_least": "100", "currency": "MXN"}});
    s.event("web", "Order Completed", "user:web:a", json!({"total": 10, "currency": "usd"}));
    s.event("web", "Order Completed", "user:web:b", json!({"total": 0, "currency": "USD"}));
    let unknown = BTreeSet::from([person("user:web:a")]);
    assert_eq!(ask(&s, spent(), START), (BTreeSet::new(), unknown.clone()));
    assert_eq!(ask(&s, json!({"not": spent()}), START), (BTreeSet::from([person("user:web:b")]), unknown));
    s.rate("USD", "MXN", "2026-01-11", "9").rate("USD", "MXN", "2026-01-10", "10").rate(
        "MXN",
        "USD",
        "2026-01-01",
        "1",
    );
    expect(&s, spent(), START, "user:web:a");
}

#[test]
fn orders_of_trackers_do_not_count_beside_a_store_unless_told() {
    let mut s = Script::new(START, "UTC", true);
    s.event("web", "Order Completed", "user:web:a", json!({"order_id": "1"}));
    s.event("shop", "Order Completed", "shop:1", json!({"order_id": "1"}));
    expect(&s, json!({"event": "*"}), START, "shop:1");
    s.source("web", SourceKind::Browser, OrderPolicy::Count);
    expect(&s, json!({"event": "*"}), START, "shop:1 user:web:a");
}

#[test]
fn the_figures_of_nothing_and_filters_on_line_items() {
    let mut s = script();
    let of = |measure: &str, operator: &str| json!({"event": "Product Viewed", measure: {operator: 0}, "of": "price"});
    s.event("web", "Page Viewed", "user:web:a", json!({}));
    for figure in ["count", "sum", "distinct"] {
        expect(&s, of(figure, "is"), START, "user:web:a");
    }
    for figure in ["avg", "min", "max"] {
        expect(&s, json!({"any": [of(figure, "at_least"), of(figure, "less_than")]}), START, "");
    }
    s.event("web", "Cart Viewed", "user:web:b", json!({"products": [{"sku": "A", "n": 1}, {"sku": "B", "n": 2}]}));
    let item = |n: u32| {
        let conditions = json!([{"property": "sku", "is": "a"}, {"property": "n", "is": n}]);
        json!({"event": "*", "where": [{"item": conditions}]})
    };
    expect(&s, item(1), START, "user:web:b");
    expect(&s, item(2), START, "");
}

#[test]
fn first_and_last_ask_when_the_outermost_happened() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a", json!({}));
    s.at("2026-01-20T12:00:00Z").event("web", "Page Viewed", "user:web:a", json!({}));
    let when = |which: &str, window: &str| json!({"event": "Page Viewed", which: {"last": window}});
    expect(&s, when("first", "10d"), "2026-01-20T11:59:59Z", "user:web:a");
    expect(&s, when("first", "10d"), "2026-01-20T12:00:00Z", "");
    expect(&s, when("last", "10d"), "2026-01-30T11:59:59Z", "user:web:a");
    expect(&s, when("last", "10d"), "2026-01-30T12:00:00Z", "");
}

#[test]
fn ages_and_anniversaries_follow_the_zone_and_the_29th_is_the_28th() {
    let mut s = script();
    s.event("web", "", "user:web:a", json!({"birthday": "2000-02-29", "age": 99}));
    s.event("web", "", "user:web:b", json!({"age": 26}));
    let aged = || json!({"property": "age", "at_least": 26});
    expect(&s, aged(), "2026-02-28T05:59:59Z", "user:web:b");
    expect(&s, aged(), "2026-02-28T06:00:00Z", "user:web:a user:web:b");
    let soon = || json!({"property": "birthday", "anniversary": {"next": "7d"}});
    expect(&s, soon(), "2026-02-21T05:59:59Z", "");
    expect(&s, soon(), "2026-02-21T06:00:00Z", "user:web:a");
    expect(&s, soon(), "2026-03-01T05:59:59Z", "user:web:a");
    expect(&s, soon(), "2026-03-01T06:00:00Z", "");
    expect(&s, soon(), "2028-02-29T12:00:00Z", "user:web:a");
}

#[test]
fn operators_on_text_numbers_lists_and_what_is_missing() {
    let mut s = script();
    s.event(
        "web",
        "",
        "user:web:a",
        json!({"n": "12.50", "name": "Zoe\u{301}", "tags": ["VIP", "x"], "on": true,
        "company": {"name": "Acme"}, "since": "2026-01-12"}),
    );
    let holds = |condition: Json| expect(&s, condition, START, "user:web:a");
    let fails = |condition: Json| expect(&s, condition, START, "");
    holds(json!({"property": "n", "is": 12.5}));
    fails(json!({"property": "n", "is": "12.5"}));
    holds(json!({"property": "n", "between": [12.5, 13]}));
    holds(json!({"property": "name", "is": "ZO\u{c9}"}));
    fails(json!({"property": "name", "is": "zoe"}));
    holds(json!({"property": "name", "matches": "^z.\u{e9}$"}));
    holds(json!({"property": "tags", "is": "vip"}));
    fails(json!({"property": "tags", "not_in": ["vip"]}));
    holds(json!({"property": "on", "is": true}));
    holds(json!({"property": "company.name", "starts_with": "AC"}));
    holds(json!({"property": "nothing", "is_not": "x"}));
    fails(json!({"property": "nothing", "is": "x"}));
    fails(json!({"property": "name", "at_least": 1}));
    holds(json!({"property": "since", "within": {"next": "42h"}}));
    fails(json!({"property": "since", "within": {"next": "41h"}}));
    holds(json!({"property": "since", "after": "2026-01-12T05:59:59Z"}));
    fails(json!({"property": "since", "before": "2026-01-12"}));
}

#[test]
fn an_erasure_takes_the_person_and_refuses_what_is_not_newer() {
    let mut s = script();
    s.event("web", "Page Viewed", "user:web:a anon:web:1", json!({}));
    s.event("web", "Page Viewed", "user:web:b anon:web:1", json!({}));
    s.at("2026-01-12T00:00:00Z").erase("user:web:a");
    expect(&s, anyone(), "2026-01-12T00:00:00Z", "user:web:b");
    s.late("2026-01-12T00:00:00Z", "web", "Page Viewed", "user:web:a email:x@x.mx", json!({}));
    s.late(START, "web", "Page Viewed", "anon:web:1", json!({}));
    expect(&s, anyone(), "2026-01-12T00:00:00Z", "user:web:b");
    s.late(START, "web", "Page Viewed", "user:web:b anon:web:1", json!({}));
    expect(&s, json!({"event": "*", "count": {"is": 2}}), "2026-01-12T00:00:00Z", "user:web:b");
    s.at("2026-01-12T00:00:01Z").event("web", "Page Viewed", "user:web:a", json!({}));
    expect(&s, json!({"event": "*", "count": {"is": 1}}), "2026-01-12T00:00:01Z", "user:web:a");
}

#[test]
fn a_segment_takes_effect_when_activated_and_an_edit_likewise() {
    let mut s = script();
    s.event("web", "", "user:web:a", json!({}));
    s.put_segment("s", &anyone());
    let holds = |s: &Script| oracle(s).members("s", time(START)).0.len();
    assert_eq!(holds(&s), 0);
    s.push(Command::SegmentActivate { id: "s".into(), version: 1 });
    assert_eq!(holds(&s), 1);
    s.put_segment("s", &json!({"not": anyone()}));
    expect(&s, json!({"segment": "s"}), START, "user:web:a");
    s.push(Command::SegmentActivate { id: "s".into(), version: 2 });
    expect(&s, json!({"not": {"segment": "s"}}), START, "user:web:a");
    s.push(Command::SegmentDelete { id: "s".into() });
    assert_eq!((holds(&s), oracle(&s).people(time(START)).len()), (0, 1));
}

#[test]
fn a_list_holds_members_with_consent_and_identifier() {
    let mut s = script();
    s.segment("s", 1, &anyone());
    s.event("web", "", "user:web:a email:a@x.mx", json!({}));
    s.event("web", "", "user:web:b email:b@x.mx", json!({}));
    s.event("web", "", "user:web:c", json!({}));
    s.consent("web", "user:web:a", "a@x.mx", true);
    let mut list = ListDefinition {
        id: "l".into(),
        segment: "s".into(),
        identifier: ListIdentifier::Email,
        consent: Some(Channel::Email),
        mode: ListMode::Mirror,
    };
    s.list(list.clone());
    let held = |s: &Script| oracle(s).desired("l", time(START)).into_keys().collect::<Vec<_>>();
    assert_eq!(held(&s), ["a@x.mx"]);
    list.consent = None;
    s.list(list.clone());
    assert_eq!(held(&s), ["a@x.mx", "b@x.mx"]);
    list.identifier = ListIdentifier::User("web".into());
    s.list(list);
    assert_eq!(held(&s), ["a", "b", "c"]);
}
