//! The oracle against answers worked out by hand: what connections bring.

#![allow(missing_docs)]

#[path = "oracle/asked.rs"]
mod asked;
mod oracle;
#[path = "world/script.rs"]
#[allow(dead_code)]
mod script;

use asked::{START, anyone, expect, oracle, script};
use model::{ListDefinition, ListIdentifier, ListMode};
use script::{Script, time};
use serde_json::{Value as Json, json};

#[test]
fn a_list_by_the_ids_of_a_connection_holds_the_smallest() {
    let mut s = Script::new(START, "UTC", true);
    s.segment("s", 1, &anyone());
    s.event("shop", "", "shop:20 email:a@x.mx", json!({}));
    s.event("shop", "", "shop:100 email:a@x.mx", json!({}));
    s.event("web", "", "user:web:b other:1", json!({}));
    let identifier = ListIdentifier::Platform("shop".into());
    s.list(ListDefinition { id: "l".into(), segment: "s".into(), identifier, consent: None, mode: ListMode::Mirror });
    assert_eq!(oracle(&s).desired("l", time(START)).into_keys().collect::<Vec<_>>(), ["100"]);
}

#[test]
fn a_completion_without_contents_says_when_and_a_platform_says_what_was_received() {
    let mut s = Script::new(START, "UTC", true);
    let updated = json!({"order_id": 1, "total": 100, "received": "60", "currency": "MXN"});
    s.event("shop", "Order Updated", "shop:1 email:a@x.mx", updated);
    expect(&s, json!({"event": "Order Completed"}), START, "");
    s.at("2026-01-10T13:00:00Z").event("shop", "Order Completed", "email:a@x.mx", json!({"order_id": "1"}));
    let window = json!({"since": "2026-01-10T13:00:00Z"});
    let big = json!([{"property": "total", "is": 100}]);
    expect(
        &s,
        json!({"event": "Order Completed", "where": big, "window": window}),
        "2026-01-10T13:00:00Z",
        "email:a@x.mx",
    );
    expect(&s, json!({"spent": {"exactly": 60}}), "2026-01-10T13:00:00Z", "email:a@x.mx");
    s.event("shop", "Order Refunded", "shop:1", json!({"order_id": 1, "refund_id": 7, "total": 25}));
    expect(&s, json!({"spent": {"exactly": 35}}), "2026-01-10T13:00:00Z", "email:a@x.mx");
    // A tracker's word on what was received is a property like others.
    let mut s = script();
    s.event("web", "Order Completed", "user:web:a", json!({"order_id": 1, "total": 100, "received": 60}));
    s.event("web", "Order Completed", "user:web:a", json!({"order_id": 1}));
    expect(&s, json!({"spent": {"exactly": 100}}), START, "user:web:a");
    s.event("web", "Order Completed", "user:web:a", json!({"order_id": 2}));
    expect(&s, json!({"event": "Order Completed", "count": {"is": 2}}), START, "user:web:a");
}

#[test]
fn carts_show_what_was_added_and_removed_since_the_one_before() {
    let mut s = Script::new(START, "UTC", true);
    let cart = |lines: &[(&str, i64)]| {
        let line =
            |(id, quantity): &(&str, i64)| json!({"variant_id": id, "sku": format!("s{id}"), "quantity": quantity});
        json!({"cart_id": "c1", "products": lines.iter().map(line).collect::<Vec<_>>()})
    };
    let added = |figure: Json| json!({"event": "Product Added", "sum": figure, "of": "quantity"});
    s.event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 2), ("2", 1)]));
    s.at("2026-01-10T13:00:00Z").event("shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 5)]));
    s.at("2026-01-10T14:00:00Z").event("shop", "Checkout Started", "cart:shop:c1 email:a@x.mx", json!({}));
    let at = "2026-01-10T14:00:00Z";
    expect(&s, added(json!({"exactly": 6})), at, "email:a@x.mx");
    expect(&s, json!({"event": "Product Added", "count": {"is": 3}}), at, "email:a@x.mx");
    let second = json!([{"property": "sku", "is": "s2"}, {"property": "cart_id", "is": "c1"}]);
    expect(&s, json!({"event": "Product Removed", "where": second, "count": {"is": 1}}), at, "email:a@x.mx");
    expect(&s, json!({"event": "Cart Updated", "count": {"is": 2}}), at, "email:a@x.mx");
    // Two lines, one more of one, one gone, a checkout; not the two snapshots.
    expect(&s, json!({"event": "*", "count": {"is": 5}}), at, "email:a@x.mx");
    // One that comes late takes its place: the first line grew twice.
    s.late("2026-01-10T12:30:00Z", "shop", "Cart Updated", "cart:shop:c1", cart(&[("1", 4)]));
    expect(&s, added(json!({"exactly": 6})), at, "email:a@x.mx");
    expect(&s, json!({"event": "Product Added", "count": {"is": 4}}), at, "email:a@x.mx");
    // Without the cart's identity, or its id, it is an activity and no more.
    s.event("shop", "Cart Updated", "email:b@x.mx", cart(&[("1", 1)]));
    s.event("shop", "Cart Updated", "email:b@x.mx cart:web:c1", cart(&[("1", 1)]));
    s.event("shop", "Cart Updated", "email:b@x.mx cart:shop:c2", json!({"products": [{"line_id": 1}]}));
    expect(&s, json!({"event": "*", "count": {"is": 3}}), at, "email:b@x.mx");
}
