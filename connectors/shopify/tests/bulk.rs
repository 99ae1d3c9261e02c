//! Backfills against a scripted shop: killed anywhere, they go on and say everything once.

#[path = "support/orders.rs"]
mod orders;
mod support;

use kit::failure::Failure;
use kit::poll::{Place, Poll};
use model::EventKind;
use orders::{graph_money, graph_order};
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Call, Kept, Reply, Shop, connection, time};

fn poll() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

fn place(cursor: Option<String>) -> Place {
    Place { cursor, since: time("2026-11-20T10:00:00Z") }
}

const ORDERS: u64 = 520;

/// A file of orders, each followed by its lines.
fn file() -> String {
    let mut file = String::new();
    for id in 1..=ORDERS {
        let mut order = graph_order();
        let object = order.as_object_mut().unwrap();
        object.remove("lineItems");
        object.remove("transactionsCount");
        object["customer"].as_object_mut().unwrap().remove("defaultPhoneNumber");
        object.insert("id".to_owned(), json!(format!("gid://shopify/Order/{id}")));
        file.push_str(&format!("{order}\n"));
        for line in 0..id % 3 {
            let child = json!({ "id": format!("gid://shopify/LineItem/{}", id * 10 + line), "sku": format!("S{line}"),
                                "quantity": 1, "originalUnitPriceSet": graph_money("1.5"),
                                "__parentId": format!("gid://shopify/Order/{id}") });
            file.push_str(&format!("{child}\n"));
        }
    }
    file
}

fn serve(call: &Call, file: &str) -> Reply {
    let range = call.headers.get("range").map(|range| range.to_str().unwrap().to_owned());
    let from: usize =
        range.map_or(0, |range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse().unwrap());
    let (status, headers) = if from == 0 { (200, vec![]) } else { (206, vec![]) };
    Reply { status, headers, body: file.as_bytes()[from..].to_vec() }
}

fn operation(call: &Call, base: &str, status: &str, count: u64) -> Reply {
    let id = call.variable("id").as_str().unwrap();
    let url = (status == "COMPLETED").then(|| format!("{base}/file?signed=1"));
    Reply::data(json!({ "bulkOperation": { "id": id, "status": status, "errorCode": null, "objectCount": "9",
                                           "rootObjectCount": count.to_string(), "url": url } }))
}

fn begun(number: usize) -> Reply {
    let operation = json!({ "id": format!("gid://shopify/BulkOperation/{number}"), "status": "CREATED" });
    Reply::data(json!({ "bulkOperationRunQuery": { "bulkOperation": operation, "userErrors": [] } }))
}

fn busy(code: &str) -> Reply {
    let errors = json!([{ "code": code, "field": null, "message": "one is running" }]);
    Reply::data(json!({ "bulkOperationRunQuery": { "bulkOperation": null, "userErrors": errors } }))
}

/// A shop whose file is asked for at its own address.
async fn shop(script: impl Fn(&Call, &str) -> Option<Reply> + Send + Sync + 'static) -> Shop {
    let base = Arc::new(std::sync::OnceLock::<String>::new());
    let (known, text) = (base.clone(), file());
    let shop = Shop::start(move |call| {
        let base = known.get().unwrap();
        if let Some(reply) = script(call, base) {
            return reply;
        }
        match call.operation() {
            "OrdersCount" | "CustomersCount" => Reply::data(json!({ "count": { "count": ORDERS } })),
            "BulkRun" => begun(call.number),
            "BulkState" => operation(call, base, "COMPLETED", ORDERS),
            _ if call.path == "/file" => serve(call, &text),
            other => panic!("{other} {}", call.path),
        }
    })
    .await;
    base.set(shop.base.clone()).unwrap();
    shop
}

fn orders_of(kept: &Kept) -> Vec<String> {
    let updated = |event: &model::Event| event.kind == EventKind::Activity("Order Updated".to_owned());
    kept.events().iter().filter(|event| updated(event)).map(|event| event.message_id.clone()).collect()
}

#[tokio::test]
async fn a_file_is_read_whole_with_children_at_their_parents() {
    let looks = AtomicUsize::new(0);
    let shop = shop(move |call, base| {
        let waits = call.operation() == "BulkState" && looks.fetch_add(1, Ordering::Relaxed) < 2;
        waits.then(|| operation(call, base, "RUNNING", 0))
    })
    .await;
    let mut kept = Kept::all();
    poll().backfill(&connection(&shop.base), "orders", &place(None), &mut kept).await.unwrap();
    assert_eq!(shop.count("BulkState"), 3);
    let found = orders_of(&kept);
    assert_eq!(found.len() as u64, ORDERS);
    assert_eq!(found.iter().collect::<BTreeSet<_>>().len() as u64, ORDERS);
    let lines: usize = kept
        .events()
        .iter()
        .filter_map(|event| event.properties.get("products"))
        .map(|products| products.to_json().as_array().unwrap().len())
        .sum();
    assert_eq!(lines as u64, (1..=ORDERS).map(|id| id % 3).sum::<u64>());
    assert!(kept.pages.iter().all(|page| page.facts.pointers.is_empty()));
    let progress = kept.pages.last().unwrap().progress.unwrap();
    assert_eq!((progress.done, progress.total), (ORDERS, Some(ORDERS)));
    // Once more: it is over.
    let calls = shop.calls.lock().unwrap().len();
    poll().backfill(&connection(&shop.base), "orders", &place(kept.cursor()), &mut Kept::all()).await.unwrap();
    assert_eq!(shop.calls.lock().unwrap().len(), calls);
    let asked = shop.calls.lock().unwrap()[1].clone();
    assert!(asked.variable("query").as_str().unwrap().contains("lineItems"));
}

#[tokio::test]
async fn killed_after_any_page_it_goes_on_and_loses_and_doubles_nothing() {
    let shop = shop(|_, _| None).await;
    let connection = connection(&shop.base);
    let mut whole = Kept::all();
    poll().backfill(&connection, "orders", &place(None), &mut whole).await.unwrap();
    for room in 0..whole.pages.len() {
        let mut cut = Kept { room, ..Kept::all() };
        assert!(poll().backfill(&connection, "orders", &place(None), &mut cut).await.is_err());
        let mut rest = Kept::all();
        poll().backfill(&connection, "orders", &place(cut.cursor()), &mut rest).await.unwrap();
        let both: Vec<_> = orders_of(&cut).into_iter().chain(orders_of(&rest)).collect();
        assert_eq!(both, orders_of(&whole), "cut after {room} pages");
    }
    // Cut everywhere: a page at a time.
    let (mut cursor, mut found) = (None, Vec::new());
    for _ in 0..whole.pages.len() {
        let mut one = Kept { room: 1, ..Kept::all() };
        let done = poll().backfill(&connection, "orders", &place(cursor.clone()), &mut one).await;
        found.extend(orders_of(&one));
        cursor = one.cursor().or(cursor);
        if done.is_ok() {
            break;
        }
    }
    assert_eq!(found, orders_of(&whole));
}

#[tokio::test]
async fn an_empty_shop_has_no_file() {
    let shop = shop(|call, _| {
        let empty = json!({ "bulkOperation": { "id": "gid://shopify/BulkOperation/1", "status": "COMPLETED",
                                               "objectCount": "0", "rootObjectCount": "0", "url": null } });
        (call.operation() == "BulkState").then(|| Reply::data(empty))
    })
    .await;
    let mut kept = Kept::all();
    poll().backfill(&connection(&shop.base), "customers", &place(None), &mut kept).await.unwrap();
    assert!(kept.events().is_empty());
    assert!(kept.cursor().unwrap().contains("\"finished\":true"));
}

#[tokio::test]
async fn others_operations_are_waited_for() {
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = tries.clone();
    let shop = shop(move |call, _| {
        if call.operation() != "BulkRun" {
            return None;
        }
        match counted.fetch_add(1, Ordering::Relaxed) {
            0 => Some(busy("OPERATION_IN_PROGRESS")),
            1 => Some(busy("LIMIT_REACHED")),
            _ => None,
        }
    })
    .await;
    poll().backfill(&connection(&shop.base), "orders", &place(None), &mut Kept::all()).await.unwrap();
    assert_eq!(tries.load(Ordering::Relaxed), 3);
    let shop = shop_that_says("INVALID").await;
    let failure = poll().backfill(&connection(&shop.base), "orders", &place(None), &mut Kept::all()).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused(_)), "{failure}");
    let shop = shop_that_says("LIMIT_REACHED").await;
    let failure = poll().backfill(&connection(&shop.base), "orders", &place(None), &mut Kept::all()).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { after: Some(_), .. }), "{failure}");
}

async fn shop_that_says(code: &'static str) -> Shop {
    shop(move |call, _| (call.operation() == "BulkRun").then(|| busy(code))).await
}

#[tokio::test]
async fn operations_that_come_to_nothing_are_begun_anew_but_not_for_ever() {
    for status in ["FAILED", "EXPIRED", "CANCELED", "unknown"] {
        let looks = AtomicUsize::new(0);
        let shop = shop(move |call, base| {
            let fails = call.operation() == "BulkState" && looks.fetch_add(1, Ordering::Relaxed) < 2;
            fails.then(|| match status {
                "unknown" => Reply::data(json!({ "bulkOperation": null })),
                status => operation(call, base, status, 0),
            })
        })
        .await;
        let mut kept = Kept::all();
        poll().backfill(&connection(&shop.base), "orders", &place(None), &mut kept).await.unwrap();
        assert_eq!(orders_of(&kept).len() as u64, ORDERS, "{status}");
        assert_eq!(shop.count("BulkRun"), 3, "{status}");
    }
    let shop = shop(|call, base| (call.operation() == "BulkState").then(|| operation(call, base, "FAILED", 0))).await;
    let mut kept = Kept::all();
    let failure = poll().backfill(&connection(&shop.base), "orders", &place(None), &mut kept).await.unwrap_err();
    assert!(matches!(failure, Failure::Blocked(_)), "{failure}");
    assert_eq!(shop.count("BulkRun"), 5);
}

#[tokio::test]
async fn a_file_that_is_gone_or_ends_early_is_made_anew() {
    let asked = AtomicUsize::new(0);
    let text = file();
    let shop = shop(move |call, _| {
        if call.path != "/file" {
            return None;
        }
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Some(Reply { status: 404, headers: vec![], body: b"gone".to_vec() }),
            1 => {
                let half = text.lines().take(300).map(|line| format!("{line}\n")).collect::<String>();
                Some(Reply { status: 200, headers: vec![], body: half.into_bytes() })
            }
            _ => None,
        }
    })
    .await;
    let mut kept = Kept::all();
    poll().backfill(&connection(&shop.base), "orders", &place(None), &mut kept).await.unwrap();
    let found: BTreeSet<String> = orders_of(&kept).into_iter().collect();
    assert_eq!(found.len() as u64, ORDERS);
    assert_eq!(shop.count("BulkRun"), 3);
}

#[tokio::test]
async fn a_child_far_from_its_parent_has_it_read_whole() {
    let shop = shop(|call, _| {
        let order = |id: u64| {
            let mut order = graph_order();
            order["id"] = json!(format!("gid://shopify/Order/{id}"));
            order.as_object_mut().unwrap().remove("lineItems");
            order
        };
        let child = |parent: u64| -> Value {
            json!({ "id": "gid://shopify/LineItem/1", "sku": "S", "__parentId": format!("gid://shopify/Order/{parent}") })
        };
        let text = format!("{}\n{}\n{}\n{}", order(1), order(2), child(2), child(1));
        match call.operation() {
            "BulkState" => {
                let done = json!({ "bulkOperation": { "id": "x", "status": "COMPLETED", "objectCount": "4",
                    "rootObjectCount": "2", "url": format!("http://{}/file", call.headers["host"].to_str().unwrap()) } });
                Some(Reply::data(done))
            }
            _ if call.path == "/file" => Some(Reply { status: 200, headers: vec![], body: text.into_bytes() }),
            _ => None,
        }
    })
    .await;
    let mut kept = Kept::all();
    poll().backfill(&connection(&shop.base), "orders", &place(None), &mut kept).await.unwrap();
    assert_eq!(orders_of(&kept).len(), 2);
    let pointers: Vec<_> = kept.pages.iter().flat_map(|page| page.facts.pointers.clone()).collect();
    assert_eq!(pointers.iter().map(|pointer| pointer.id.as_str()).collect::<Vec<_>>(), ["1"]);
}
