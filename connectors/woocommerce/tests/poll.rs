//! Stores are read: their past, what changed while nobody was told, through everything that slow hosts do.

mod support;

use kit::failure::Failure;
use kit::receive::{Pointer, Request};
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED};
use model::{EventKind, Identity, IdentityKind, Time};
use serde_json::{Value, json};
use support::server::{Fault, Store};
use support::{Kept, known, named, order, poll, time, with};

/// An order that was changed so many seconds after midnight of a day in March.
fn changed(id: u64, seconds: i64) -> Value {
    let at = time("2026-03-01T00:00:00Z").plus_micros(seconds * 1_000_000).to_string()[..19].to_owned();
    with(order(id), json!({"date_modified_gmt": at, "date_created_gmt": at, "date_paid_gmt": at}))
}

fn customer(id: u64, created: &str, modified: &str) -> Value {
    json!({"id": id, "date_created_gmt": created, "date_modified_gmt": modified, "email": format!("c{id}@x.mx"),
        "role": if id.is_multiple_of(3) { "subscriber" } else { "customer" }, "billing": [], "meta_data": []})
}

#[tokio::test]
async fn the_past_is_read_while_it_changes_and_resumes_after_a_cut() {
    let store = Store::start().await;
    // 300 of one second, as a bulk edit leaves them.
    let at = |id: u64| if (100..400).contains(&id) { 100 } else { id as i64 };
    store.state().orders = (1..=450).map(|id| changed(id, at(id))).collect();
    let mut moves = 0;
    store.state().meanwhile = Some(Box::new(move |lists| {
        // Before every page something that was read moves to the end, and what is behind it moves up: at times more
        // than a page looks back.
        moves += 1;
        let moved = if moves == 8 { 110..150 } else { moves..moves + 1 };
        for index in moved.filter(|_| moves <= 10) {
            let id = lists.orders[index]["id"].as_u64().unwrap();
            lists.orders[index] = changed(id, 5_000 + index as i64);
        }
    }));
    let connection = known(&store.base, json!({}));
    let mut kept = Kept { limit: 3, ..Kept::new() };
    let cut = poll().backfill(&connection, "orders", &kept.place(), &mut kept).await;
    assert!(matches!(cut, Err(Failure::Retry { .. })));
    kept.limit = usize::MAX;
    poll().backfill(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.orders(ORDER_COMPLETED).len(), 450);
    let progress = kept.progress.unwrap();
    assert_eq!((progress.done, progress.total), (450, Some(450)));
    assert!(kept.pages < 20, "{}", kept.pages);
}

#[tokio::test]
async fn a_poll_goes_on_where_it_was_after_a_day_of_downtime() {
    let store = Store::start().await;
    store.state().orders = (1..=5).map(|id| changed(id, id as i64)).collect();
    let connection = known(&store.base, json!({}));
    let mut kept = Kept::new();
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    let (events, cursor) = (kept.events.len(), kept.cursor.clone());
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!((kept.events.len(), kept.doubles, kept.cursor.clone()), (events, 0, cursor.clone()), "said once");
    // Another change in the second of the one that was read: the store's times don't tell them apart.
    store.state().orders[4]["status"] = json!("cancelled");
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.orders(ORDER_CANCELLED), ["String(\"5\")"]);
    let cursor = kept.cursor.clone();
    store.fail("GET orders", Fault::Status(503, "<html>maintenance</html>"), 40);
    for _ in 0..3 {
        let down = poll().poll(&connection, "orders", &kept.place(), &mut kept).await;
        assert!(matches!(down, Err(Failure::Retry { .. })), "{down:?}");
    }
    assert_eq!(kept.cursor, cursor, "the place stays");
    store.state().faults.clear();
    store.state().orders.extend((6..=140).map(|id| changed(id, 80_000 + id as i64)));
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.orders(ORDER_COMPLETED).len(), 140);
}

#[tokio::test]
async fn slow_and_broken_hosts_are_asked_for_less_and_one_bad_record_is_passed() {
    let store = Store::start().await;
    store.state().orders = (1..=30).map(|id| changed(id, id as i64)).collect();
    let crash = r#"{"code":"internal_server_error","message":"There has been a critical error on this website."}"#;
    store.fail("per_page=100", Fault::Status(504, "<html>"), 2);
    store.fail("per_page=25", Fault::Half, 1);
    let connection = known(&store.base, json!({}));
    let mut kept = Kept::new();
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.orders(ORDER_COMPLETED).len(), 30);
    // Whatever page has the first order dies.
    let store = Store::start().await;
    store.state().orders = (1..=9).map(|id| changed(id, 3 * id as i64)).collect();
    for size in ["100", "25", "6", "1"] {
        let times = if size == "1" { 3 } else { 1 };
        let first = format!("modified_after=2025-12-31T23:57:59&order=asc&orderby=modified&per_page={size}");
        store.fail(&first, Fault::Status(500, crash), times);
    }
    let connection = known(&store.base, json!({}));
    let mut kept = Kept::new();
    let left = poll().poll(&connection, "orders", &kept.place(), &mut kept).await;
    assert!(left.is_ok(), "{left:?} {:#?}", store.calls());
    assert_eq!(kept.orders(ORDER_COMPLETED).len(), 8, "all but the one that kills the store");
    store.fail("GET orders", Fault::Busy(429, 0), 3);
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
}

#[tokio::test]
async fn old_stores_are_read_by_creation_and_liars_are_told() {
    let store = Store::start().await;
    store.state().old = true;
    store.state().orders = (1..=3).map(|id| changed(id, id as i64)).collect();
    let connection = known(&store.base, json!({"changes": "created", "refunds": "each"}));
    let mut kept = Kept::new();
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    store.state().orders[1] =
        with(changed(2, 2), json!({"date_modified_gmt": "2026-03-02T00:00:00", "status": "cancelled"}));
    poll().poll(&connection, "orders", &kept.place(), &mut kept).await.unwrap();
    assert_eq!((kept.orders(ORDER_COMPLETED).len(), kept.orders(ORDER_CANCELLED).len()), (3, 1));
    poll().poll(&connection, "refunds", &kept.place(), &mut kept).await.unwrap();
    // One that leaves the bound out without a word.
    let store = Store::start().await;
    store.state().orders = vec![with(order(1), json!({"date_modified_gmt": "2020-01-01T00:00:00"}))];
    store.state().old = true;
    let connection = known(&store.base, json!({"changes": "modified"}));
    assert!(matches!(
        poll().poll(&connection, "orders", &kept.place(), &mut Kept::new()).await,
        Err(Failure::Refused(_))
    ));
}

#[tokio::test]
async fn refunds_come_with_their_times_and_trash_cancels() {
    let store = Store::start().await;
    let refund = json!({"id": 726, "parent_id": 1, "date_created_gmt": "2026-03-02T00:00:00", "amount": "10.00",
        "reason": "late", "line_items": [{"id": 1, "quantity": -1, "total": "-8.62", "total_tax": "-1.38"}]});
    store.state().refunds = vec![refund];
    let refunded = with(changed(1, 1), json!({"refunds": [{"id": 726, "total": "-10.00"}]}));
    store.state().orders = vec![refunded, with(changed(2, 2), json!({"status": "trash"}))];
    for (details, stream) in [(json!({}), "refunds"), (json!({"refunds": "each"}), "orders")] {
        let mut kept = Kept::new();
        poll().backfill(&known(&store.base, details), stream, &kept.place(), &mut kept).await.unwrap();
        let refund = named(kept.events.values(), ORDER_REFUNDED)[0].clone();
        assert_eq!((refund.time, refund.message_id.as_str()), (time("2026-03-02T00:00:00Z"), "refund:1:726"));
        let said = refund.properties;
        let text = |name: &str| said[name].to_json().to_string();
        assert_eq!((text("refund_id"), text("currency")), ("\"726\"".to_owned(), "\"MXN\"".to_owned()));
        assert_eq!((said["total"].clone(), said["tax"].clone()), (amount("10.00"), amount("1.38")));
    }
    let mut kept = Kept::new();
    poll().poll(&known(&store.base, json!({})), "trash", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.orders(ORDER_CANCELLED), ["String(\"2\")"]);
}

fn amount(text: &str) -> model::Value {
    model::Value::Number(text.parse().unwrap())
}

#[tokio::test]
async fn customers_are_found_when_new_and_swept_once_a_day_while_some_leave() {
    let store = Store::start().await;
    let day = "2025-12-01T00:00:00";
    store.state().customers = (1..=250).map(|id| customer(id, day, day)).collect();
    let mut calls = 0;
    store.state().meanwhile = Some(Box::new(move |lists| {
        calls += 1;
        if calls == 2 {
            lists.customers.drain(0..20);
        }
    }));
    let connection = known(&store.base, json!({}));
    let mut past = Kept::new();
    poll().backfill(&connection, "customers", &past.place(), &mut past).await.unwrap();
    let profiles = past.events.values().filter(|event| event.kind == EventKind::Profile).count();
    assert_eq!(profiles, 250, "those of every role, also behind those who left");
    store.state().meanwhile = None;

    let mut kept = Kept { now: time("2026-01-01T06:00:00Z"), ..Kept::new() };
    store.state().customers.push(customer(900, "2026-01-01T05:00:00", "2026-01-01T05:00:00"));
    poll().poll(&connection, "customers", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.events.len(), 1, "the new one alone");
    store.state().customers[0] = customer(21, day, "2026-01-01T07:00:00");
    kept.now = time("2026-01-01T12:00:00Z");
    poll().poll(&connection, "customers", &kept.place(), &mut kept).await.unwrap();
    assert_eq!(kept.events.len(), 1, "a change is not to be asked for");
    kept.now = time("2026-01-02T01:00:00Z");
    poll().poll(&connection, "customers", &kept.place(), &mut kept).await.unwrap();
    assert!(kept.events.keys().any(|id| id.starts_with("customer:21:2026-01-01T07")), "{:?}", kept.events.keys());
    assert_eq!(kept.events.len(), 2, "and nobody else is said again");
}

#[tokio::test]
async fn single_things_are_read_as_they_are_now() {
    let store = Store::start().await;
    let connection = known(&store.base, json!({}));
    store.state().orders = vec![with(changed(2, 2), json!({"status": "trash"}))];
    let point = |kind: &str, id: &str| Pointer { kind: kind.to_owned(), id: id.to_owned() };
    let pointers = [
        point("order", "2"),
        point("order", "3"),
        point("customer", "5"),
        point("key", "webhook"),
        point("order", "../x"),
    ];
    let facts = poll().fetch(&connection, &pointers, Time(2_000_000_000_000_000)).await.unwrap();
    let cancelled: Vec<String> =
        named(&facts.events, ORDER_CANCELLED).iter().map(|event| event.message_id.clone()).collect();
    assert_eq!(
        cancelled,
        ["order:2:cancelled:2026-03-01T00:00:02.000000Z", "order:3:gone:2033-05-18T03:33:20.000000Z"]
    );
    let who = Identity::scoped(IdentityKind::Platform, "shop", "5");
    assert_eq!(facts.requests, [Request::Forget { identities: vec![who] }]);
    // A plugin that is off for a moment makes nothing gone.
    store.fail("GET orders/3", Fault::Status(404, r#"{"code":"rest_no_route","message":"No route"}"#), 1);
    let off = poll().fetch(&connection, &[point("order", "3")], Time(0)).await;
    assert!(matches!(off, Err(Failure::Retry { .. })));
    store.state().revoked = true;
    let refused = poll().fetch(&connection, &[point("key", "webhook")], Time(0)).await;
    assert!(matches!(refused, Err(Failure::NeedsAuthorization(_))));
}
