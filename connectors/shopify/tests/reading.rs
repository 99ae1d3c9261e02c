//! Polls and fetches against a scripted shop.

#[path = "support/orders.rs"]
mod orders;
mod support;

use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll};
use kit::receive::{Facts, Pointer, Request};
use kit::token::{Token, Tokens};
use model::{Event, EventKind};
use orders::{graph_order, graph_transaction, rest_order};
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::{Call, Kept, Reply, Shop, connection, connection_with, read, time};

fn poll() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

fn place(cursor: Option<String>) -> Place {
    Place { cursor, since: time("2026-11-20T10:00:00Z") }
}

fn pointers(kind: &str, ids: &[&str]) -> Vec<Pointer> {
    ids.iter().map(|id| Pointer { kind: kind.to_owned(), id: (*id).to_owned() }).collect()
}

async fn fetch(connection: &Connection, pointers: &[Pointer]) -> Result<Facts, Failure> {
    poll().fetch(connection, pointers, time("2026-11-24T10:00:00Z")).await
}

fn named<'a>(facts: &'a Facts, name: &str) -> Vec<&'a Event> {
    facts.events.iter().filter(|event| event.kind == EventKind::Activity(name.to_owned())).collect()
}

#[tokio::test]
async fn both_forms_of_an_order_say_the_same() {
    let shop = Shop::start(|_| Reply::data(json!({ "nodes": [graph_order()] }))).await;
    let read_back = fetch(&connection(&shop.base), &pointers("order", &["9007199254740993"])).await.unwrap();
    let delivered = read("orders/updated", &rest_order());
    let (ours, theirs) = (named(&read_back, "Order Updated")[0], named(&delivered, "Order Updated")[0]);
    assert_eq!(ours.properties, theirs.properties);
    assert_eq!(ours.identities, theirs.identities);
    assert_eq!(ours.time, theirs.time);
    assert!(ours.message_id > theirs.message_id, "what was read outranks what was delivered");
    let (ours, theirs) = (named(&read_back, "Order Refunded"), named(&delivered, "Order Refunded"));
    assert_eq!((ours.len(), theirs.len()), (1, 1));
    assert_eq!((&ours[0].properties, ours[0].time), (&theirs[0].properties, theirs[0].time));
    let completed = named(&read_back, "Order Completed")[0];
    assert_eq!(completed.time, time("2026-11-01T18:00:03Z"), "when the payment was processed");
    assert!(read_back.pointers.is_empty());
    let call = shop.calls.lock().unwrap()[0].clone();
    assert_eq!(call.path, format!("/{}/admin/api/2026-10/graphql.json", support::SHOP));
    assert_eq!(call.headers["x-shopify-access-token"], "shpat_1");
    assert_eq!(call.variable("ids"), &json!(["gid://shopify/Order/9007199254740993"]));
}

#[tokio::test]
async fn long_orders_are_read_whole() {
    let shop = Shop::start(|call| {
        let line = |number: u64| json!({ "id": format!("gid://shopify/LineItem/{number}"), "sku": number.to_string() });
        match call.operation() {
            "OrdersById" => {
                let mut order = graph_order();
                order["transactionsCount"] = json!({ "count": 4 });
                order["lineItems"] =
                    json!({ "nodes": [line(1)], "pageInfo": { "hasNextPage": true, "endCursor": "a" } });
                Reply::data(json!({ "nodes": [order] }))
            }
            "OrderTransactions" => {
                let mut all = graph_order()["transactions"].as_array().unwrap().clone();
                all.push(graph_transaction(6300, ("REFUND", "SUCCESS"), "1.5", "2026-11-03T14:59:59Z"));
                Reply::data(json!({ "order": { "transactions": all } }))
            }
            "OrderLines" if call.variable("after") == "a" => Reply::data(json!({ "order": {
                "lineItems": { "nodes": [line(2)], "pageInfo": { "hasNextPage": true, "endCursor": "b" } } } })),
            "OrderLines" if call.variable("after") == "b" => Reply::data(json!({ "order": {
                "lineItems": { "nodes": [line(3)], "pageInfo": { "hasNextPage": false, "endCursor": "c" } } } })),
            other => panic!("{other}"),
        }
    })
    .await;
    let facts = fetch(&connection(&shop.base), &pointers("order", &["9007199254740993"])).await.unwrap();
    assert_eq!(named(&facts, "Order Refunded").len(), 2);
    let products = named(&facts, "Order Updated")[0].properties["products"].to_json();
    assert_eq!(products, json!([{ "sku": "1" }, { "sku": "2" }, { "sku": "3" }]));
}

#[tokio::test]
async fn what_is_gone_is_said_and_what_is_hidden_is_not() {
    let gone = Shop::start(|_| Reply::data(json!({ "nodes": [null] }))).await;
    let mut seeing_all = connection(&gone.base);
    seeing_all.scopes.push("read_all_orders".to_owned());
    let facts = fetch(&seeing_all, &pointers("order", &["5"])).await.unwrap();
    let cancelled = named(&facts, "Order Cancelled")[0];
    assert_eq!(cancelled.properties["order_id"].to_json(), "5");
    assert_eq!(cancelled.time, time("2026-11-24T10:00:00Z"));
    let facts = fetch(&connection(&gone.base), &pointers("customer", &["8801"])).await.unwrap();
    assert!(matches!(&facts.requests[..], [Request::Forget { identities }] if identities[0].value == "8801"));
    let hidden = Shop::start(|_| {
        let error =
            json!({ "message": "not approved", "path": ["nodes", 0], "extensions": { "code": "ACCESS_DENIED" } });
        Reply::json(&json!({ "data": { "nodes": [null] }, "errors": [error] }))
    })
    .await;
    for kind in ["order", "deleted_order", "customer"] {
        let facts = fetch(&connection(&hidden.base), &pointers(kind, &["5"])).await.unwrap();
        assert_eq!(facts, Facts::default(), "{kind}");
    }
    let short = Shop::start(|_| Reply::data(json!({ "nodes": [] }))).await;
    let failure = fetch(&connection(&short.base), &pointers("customer", &["5"])).await.unwrap_err();
    assert!(matches!(failure, Failure::PlatformChanged(_)), "{failure}");
}

#[tokio::test]
async fn an_order_that_is_too_old_to_be_shown_is_not_taken_as_deleted() {
    let old = Shop::start(|call| {
        let ids = call.variable("ids").as_array().unwrap();
        Reply::data(json!({ "nodes": vec![Value::Null; ids.len()] }))
    })
    .await;
    let connection = connection(&old.base);
    assert!(!connection.granted("read_all_orders"));
    assert_eq!(fetch(&connection, &pointers("order", &["5", "6"])).await, Ok(Facts::default()));
    let mut both = pointers("order", &["5", "6"]);
    both.extend(pointers("deleted_order", &["6"]));
    let facts = fetch(&connection, &both).await.unwrap();
    assert_eq!(facts.events.len(), 1, "a deletion that was told is believed when the order is not there");
    assert_eq!(named(&facts, "Order Cancelled")[0].properties["order_id"].to_json(), "6");
    let there = Shop::start(|_| Reply::data(json!({ "nodes": [graph_order()] }))).await;
    let pointers = pointers("deleted_order", &["9007199254740993"]);
    let facts = fetch(&support::connection(&there.base), &pointers).await.unwrap();
    assert_eq!((named(&facts, "Order Cancelled").len(), named(&facts, "Order Updated").len()), (0, 1), "it is there");
}

#[tokio::test]
async fn the_app_is_asked_whether_it_is_still_there() {
    let who = |scopes: &[&str]| {
        let handles: Vec<Value> = scopes.iter().map(|scope| json!({ "handle": scope })).collect();
        json!({ "shop": { "id": "gid://shopify/Shop/954889", "name": "T", "myshopifyDomain": support::SHOP,
                          "currencyCode": "MXN", "ianaTimezone": "America/Mexico_City" },
                "currentAppInstallation": { "accessScopes": handles } })
    };
    let there = Shop::start(move |_| Reply::data(who(&["read_orders", "write_customers"]))).await;
    assert_eq!(fetch(&connection(&there.base), &pointers("app", &["x"])).await, Ok(Facts::default()));
    let less = Shop::start(move |_| Reply::data(who(&["read_customers"]))).await;
    let failure = fetch(&connection(&less.base), &pointers("app", &["x"])).await.unwrap_err();
    assert!(matches!(&failure, Failure::NeedsAuthorization(why) if why.contains("read_orders")), "{failure}");
    let gone = Shop::start(|_| Reply::status(401, &json!({ "errors": "[API] Invalid API key or access token" }))).await;
    let failure = fetch(&connection(&gone.base), &pointers("app", &["x"])).await.unwrap_err();
    assert!(matches!(failure, Failure::NeedsAuthorization(_)), "{failure}");
}

#[tokio::test]
async fn statuses_and_codes_say_what_happens_next() {
    type Right = fn(&Failure) -> bool;
    let cases: [(u16, Value, Right); 9] = [
        (402, json!({}), |failure| matches!(failure, Failure::Blocked(_))),
        (423, json!({}), |failure| matches!(failure, Failure::Blocked(_))),
        (403, json!({}), |failure| matches!(failure, Failure::NeedsAuthorization(_))),
        (503, json!({}), |failure| matches!(failure, Failure::Retry { .. })),
        (
            200,
            json!({ "errors": [{ "message": "x", "extensions": { "code": "ACCESS_DENIED" } }], "data": null }),
            |failure| matches!(failure, Failure::NeedsAuthorization(_)),
        ),
        (
            200,
            json!({ "errors": [{ "message": "x", "extensions": { "code": "INTERNAL_SERVER_ERROR" } }] }),
            |failure| matches!(failure, Failure::Retry { .. }),
        ),
        (200, json!({ "errors": [{ "message": "x", "extensions": { "code": "MAX_COST_EXCEEDED" } }] }), |failure| {
            matches!(failure, Failure::Refused(_))
        }),
        (200, json!({ "data": { "nodes": "x" } }), |failure| matches!(failure, Failure::PlatformChanged(_))),
        (200, json!("nonsense"), |failure| matches!(failure, Failure::PlatformChanged(_))),
    ];
    for (status, body, right) in cases {
        let answer = body.clone();
        let shop = Shop::start(move |_| Reply::status(status, &answer)).await;
        let failure = fetch(&connection(&shop.base), &pointers("order", &["5"])).await.unwrap_err();
        assert!(right(&failure), "{status} {body}: {failure:?}");
    }
}

#[tokio::test]
async fn throttled_calls_wait_as_long_as_the_bucket_needs() {
    let shop = Shop::start(|call| match call.number {
        0 => Reply::json(&json!({
            "errors": [{ "message": "Throttled", "extensions": { "code": "THROTTLED" } }],
            "extensions": { "cost": { "requestedQueryCost": 252, "actualQueryCost": null, "throttleStatus": {
                "maximumAvailable": 2000.0, "currentlyAvailable": 152, "restoreRate": 500.0 } } },
        })),
        1 => Reply { headers: vec![("retry-after", "0".to_owned())], ..Reply::status(429, &json!({})) },
        _ => Reply::json(&json!({
            "data": { "nodes": [null] },
            "extensions": { "cost": { "requestedQueryCost": 200, "throttleStatus": {
                "maximumAvailable": 2000.0, "currentlyAvailable": 100.0, "restoreRate": 500.0 } } },
        })),
    })
    .await;
    let connection = connection(&shop.base);
    let begun = Instant::now();
    fetch(&connection, &pointers("order", &["5"])).await.unwrap();
    assert_eq!(shop.calls.lock().unwrap().len(), 3);
    assert!(begun.elapsed() >= Duration::from_millis(195), "{:?}", begun.elapsed());
    // An answer that leaves too little for the next call holds it back before it is refused.
    let wait = connection.api.pace().blocked_for().unwrap();
    assert!(wait > Duration::from_millis(100) && wait <= Duration::from_millis(200), "{wait:?}");
}

/// A vault whose first token is refused once.
struct Twice(AtomicUsize);

#[async_trait::async_trait]
impl Tokens for Twice {
    async fn current(&self) -> Result<Token, Failure> {
        let generation = self.0.load(Ordering::Relaxed) as u64;
        Ok(Token { value: format!("shpat_{generation}").into(), generation })
    }

    async fn refused(&self, _token: &Token, _why: &str) -> Result<Token, Failure> {
        self.0.fetch_add(1, Ordering::Relaxed);
        self.current().await
    }
}

#[tokio::test]
async fn a_token_that_ends_between_pages_is_no_failure() {
    let shop = Shop::start(|call| {
        let fresh = call.headers["x-shopify-access-token"] == "shpat_1";
        if call.number >= 1 && !fresh {
            return Reply::status(401, &json!({ "errors": "expired" }));
        }
        orders_page(call)
    })
    .await;
    let mut kept = Kept::all();
    let connection = connection_with(&shop.base, Arc::new(Twice(AtomicUsize::new(0))));
    poll().poll(&connection, "orders", &place(None), &mut kept).await.unwrap();
    assert_eq!(kept.pages.len(), 3);
    assert_eq!(shop.calls.lock().unwrap().len(), 4);
}

fn changed_order(id: u64, updated: &str) -> Value {
    let mut order = graph_order();
    order["id"] = json!(format!("gid://shopify/Order/{id}"));
    order["updatedAt"] = json!(updated);
    order
}

/// Three pages of two orders, each a minute after the one before.
fn orders_page(call: &Call) -> Reply {
    let page: u64 = call.variable("after").as_str().map_or(0, |after| after.parse().unwrap());
    let order = |number: u64| changed_order(100 + number, &format!("2026-11-21T10:{:02}:00Z", page * 2 + number));
    let info = json!({ "hasNextPage": page < 2, "endCursor": (page + 1).to_string() });
    Reply::data(json!({ "orders": { "nodes": [order(0), order(1)], "pageInfo": info } }))
}

#[tokio::test]
async fn a_poll_of_orders_goes_on_where_it_was_cut() {
    let shop = Shop::start(orders_page).await;
    let connection = connection(&shop.base);
    let mut whole = Kept::all();
    poll().poll(&connection, "orders", &place(None), &mut whole).await.unwrap();
    let first = shop.calls.lock().unwrap()[0].clone();
    assert_eq!(first.variable("query"), "updated_at:>='2026-11-20T09:50:00Z'");
    assert_eq!(whole.pages.len(), 3);
    assert_eq!(whole.pages[0].facts.versions[0].thing.kind, "order");

    let mut cut = Kept { room: 1, ..Kept::all() };
    assert!(poll().poll(&connection, "orders", &place(None), &mut cut).await.is_err());
    let mut rest = Kept::all();
    poll().poll(&connection, "orders", &place(cut.cursor()), &mut rest).await.unwrap();
    let both: Vec<_> = cut.events().into_iter().chain(rest.events()).collect();
    assert_eq!(both, whole.events());
    assert_eq!(rest.cursor(), whole.cursor());
    // The next one begins some minutes before the newest change, not at the clock.
    let before = shop.calls.lock().unwrap().len();
    poll().poll(&connection, "orders", &place(rest.cursor()), &mut Kept::all()).await.unwrap();
    let next = shop.calls.lock().unwrap()[before].clone();
    assert_eq!(next.variable("query"), "updated_at:>='2026-11-21T09:55:00Z'");
}

#[tokio::test]
async fn a_kept_place_that_is_known_no_more_is_left() {
    let shop = Shop::start(|call| match call.variable("after").as_str() {
        Some("old") => Reply::json(&json!({ "errors": [{ "message": "Invalid cursor" }] })),
        _ => orders_page(call),
    })
    .await;
    let cursor = json!({ "seen": "2026-11-20T10:00:00Z", "top": "2026-11-20T10:00:00Z",
                         "from": "2026-11-20T09:00:00Z", "after": "old" });
    let mut kept = Kept::all();
    poll().poll(&connection(&shop.base), "orders", &place(Some(cursor.to_string())), &mut kept).await.unwrap();
    assert_eq!(kept.pages.len(), 3);
}

#[tokio::test]
async fn pages_that_do_not_go_on_end_the_poll() {
    let shop = Shop::start(|_| {
        let info = json!({ "hasNextPage": true, "endCursor": "same" });
        Reply::data(json!({ "orders": { "nodes": [], "pageInfo": info } }))
    })
    .await;
    let failure = poll().poll(&connection(&shop.base), "orders", &place(None), &mut Kept::all()).await.unwrap_err();
    assert!(matches!(failure, Failure::PlatformChanged(_)), "{failure}");
    assert_eq!(shop.calls.lock().unwrap().len(), 2);
}

/// Customers in pages of two, the last changed first: an hour between them.
fn customers_page(call: &Call) -> Reply {
    let page: u64 = call.variable("after").as_str().map_or(0, |after| after.parse().unwrap());
    let customer = |number: u64| {
        let hour = 23 - page * 2 - number;
        json!({ "id": format!("gid://shopify/Customer/{hour}"), "firstName": "Ana", "tags": ["vip", "segmentd-a"],
                "locale": "es", "createdAt": "2026-01-01T00:00:00Z", "updatedAt": format!("2026-11-20T{hour:02}:00:00Z"),
                "defaultEmailAddress": { "emailAddress": "ana@example.com", "marketingState": "SUBSCRIBED",
                                         "marketingUpdatedAt": "2026-02-01T00:00:00Z" } })
    };
    let info = json!({ "hasNextPage": page < 10, "endCursor": (page + 1).to_string() });
    Reply::data(json!({ "customers": { "nodes": [customer(0), customer(1)], "pageInfo": info } }))
}

#[tokio::test]
async fn a_poll_of_customers_reads_backwards_to_what_it_knows() {
    let shop = Shop::start(customers_page).await;
    let connection = connection(&shop.base);
    let mut whole = Kept::all();
    poll().poll(&connection, "customers", &place(None), &mut whole).await.unwrap();
    let first = shop.calls.lock().unwrap()[0].clone();
    assert_eq!(first.variable("query"), "updated_at:>='2026-11-19'", "whole days");
    // 23:00 down to 10:00, and one page that is older than 9:50.
    assert_eq!((whole.pages.len(), whole.events().len()), (8, 14));
    assert_eq!(whole.events()[0].consent.len(), 1);
    assert_eq!(whole.events()[0].traits["tags"].to_json(), json!(["vip"]));
    let mut cut = Kept { room: 3, ..Kept::all() };
    assert!(poll().poll(&connection, "customers", &place(None), &mut cut).await.is_err());
    let mut rest = Kept::all();
    poll().poll(&connection, "customers", &place(cut.cursor()), &mut rest).await.unwrap();
    assert_eq!(cut.events().len() + rest.events().len(), 14);
    assert_eq!(rest.cursor(), whole.cursor());
    let mut next = Kept::all();
    poll().poll(&connection, "customers", &place(rest.cursor()), &mut next).await.unwrap();
    assert_eq!(next.events().len(), 1, "the newest alone, for the overlap");
}

#[test]
fn history_reaches_back_as_far_as_the_scopes() {
    let mut connection = connection("http://127.0.0.1:1");
    let now = time("2026-11-24T00:00:00Z");
    assert_eq!(poll().history_since(&connection, now), Some(time("2026-09-25T00:00:00Z")));
    connection.scopes.push("read_all_orders".to_owned());
    assert_eq!(poll().history_since(&connection, now), None);
    assert_eq!(poll().streams().iter().map(|stream| stream.name).collect::<Vec<_>>(), ["customers", "orders"]);
}
