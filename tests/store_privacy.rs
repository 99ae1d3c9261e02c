//! What the law lets customers and merchants ask of a store's apps: through the real binary.

mod store_support;
mod support;

use reqwest::Method;
use segmentd_simulators::receiver::Receiver;
use segmentd_simulators::shopify::{CustomerChange, Privacy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store_support::browser::Browser;
use store_support::{STORE, Store, StoreSetup, bought, eventually, id, named, same};

const NEVER: &str = "0 0 0 1 1 *";

/// A shop with customers who bought, all of them on a list at a webhook.
async fn shop(customers: u32, brake_members_min: u32) -> (Store, Receiver, Vec<u64>) {
    let sync = format!("brake_members_min = {brake_members_min}\n");
    let store = Store::open(StoreSetup { poll_schedule: NEVER, sync, ..StoreSetup::default() }).await;
    let one = |number: u32| {
        let change = CustomerChange { first_name: Some("Ana".to_owned()), ..named(&format!("c{number}@example.com")) };
        let customer = store.shop.add_customer(change).unwrap();
        store.shop.create_order(bought(customer, "Shirt", 100)).unwrap();
        customer
    };
    let all: Vec<u64> = (0..customers).map(one).collect();
    store.connect(STORE, store_support::SHOP).await;
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let receiver = store.list_of_customers("crm", "buyers").await;
    holds(&receiver, &all).await;
    (store, receiver, all)
}

async fn holds(receiver: &Receiver, customers: &[u64]) {
    let wanted: BTreeSet<String> = customers.iter().map(u64::to_string).collect();
    eventually(async || same(receiver.members("crm").into_keys().collect::<BTreeSet<_>>(), wanted.clone())).await;
}

async fn until_carried_out(store: &Store) {
    store.settled().await;
    store.wait_connection(STORE, |shown| shown["reading"]["requests_waiting"] == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_see_the_data_makes_an_export_with_all_that_is_known() {
    let (store, _receiver, all) = shop(2, 100).await;
    store.shop.privacy(Privacy::DataRequest { customer: all[0] }).unwrap();
    store.alerted(&["export"]).await;
    let said = store.cli(&["export", "list"]);
    let export = said.lines().nth(1).and_then(|line| line.split('\t').next()).unwrap().to_owned();
    assert!(export.starts_with("mystore-"), "{said}");
    let text = store.cli(&["export", "show", &export]);
    let known: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(known["request"]["connection"], STORE, "{known}");
    for fact in ["c0@example.com", "Ana", "Order Updated", "Shirt", &id(all[0])] {
        assert!(text.contains(fact), "{fact} is not in {text}");
    }
    assert!(!text.contains("c1@example.com"), "nothing of anybody else");
    store.cli(&["export", "delete", &export]);
    store.alerted(&[]).await;
    assert_eq!(store.run(&["export", "show", &export]).0, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redaction_erases_from_segments_and_lists_at_once() {
    let (store, receiver, all) = shop(3, 100).await;
    for customer in &all[..2] {
        store.shop.privacy(Privacy::DataRequest { customer: *customer }).unwrap();
    }
    eventually(async || same(store.cli(&["export", "list"]).lines().count(), 3)).await;
    store.shop.privacy(Privacy::CustomerRedact { customer: all[0] }).unwrap();
    holds(&receiver, &all[1..]).await;
    store.is_forgotten(&id(all[0])).await;
    store.is_forgotten("email:c0@example.com").await;
    store.daemon.wait_members("buyers", 2).await;
    until_carried_out(&store).await;
    assert_eq!(store.show(STORE).await["step"], "running");
    // What was exported of them is gone, and nothing of anybody else's.
    let left = store.cli(&["export", "list"]);
    assert_eq!(left.lines().count(), 2, "{left}");
    let name = left.lines().nth(1).and_then(|line| line.split('\t').next()).unwrap().to_owned();
    assert!(store.cli(&["export", "show", &name]).contains("c1@example.com"));
    // Nobody else told of them: their addresses are gone, too.
    for name in [id(all[0]).as_str(), "email:c0@example.com"] {
        assert_eq!(store.person(name).await, None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_erasure_of_a_shop_is_heeded_only_when_the_shop_is_gone_and_large_lists_brake() {
    let (store, receiver, all) = shop(12, 10).await;
    store.shop.privacy(Privacy::ShopRedact).unwrap();
    until_carried_out(&store).await;
    assert_eq!(store.show(STORE).await["step"], "running", "a shop that answers is not gone");
    holds(&receiver, &all).await;

    store.shop.uninstall().unwrap();
    store.alerted(&["authorization"]).await;
    store.shop.privacy(Privacy::ShopRedact).unwrap();
    let braked = store.daemon.wait("/workspaces/main/lists/crm", |status| status["state"] == "braked").await;
    assert!(braked["reason"].as_str().unwrap().contains("of 12 members would be removed"), "{braked}");
    eventually(async || {
        let (status, answer) =
            store.daemon.send(Method::GET, "/workspaces/main/connections/mystore", Value::Null).await;
        same(status, 404).map_err(|why| format!("{why}: {answer}"))
    })
    .await;
    for customer in &all {
        store.is_forgotten(&id(*customer)).await;
    }
    assert!(receiver.members("crm").len() >= 9, "no more than a fifth went");
    store.cli(&["sync", "confirm", "crm"]);
    holds(&receiver, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_came_back_before_its_erasure_keeps_what_is_known() {
    let (store, receiver, all) = shop(2, 100).await;
    store.shop.uninstall().unwrap();
    store.alerted(&["authorization"]).await;
    let url = store.cli(&["connection", "reauthorize", STORE]).trim_end().lines().last().unwrap().to_owned();
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    store.read_in(STORE).await;
    // The platform sends it 48 hours after the uninstall, whatever happened since.
    store.shop.privacy(Privacy::ShopRedact).unwrap();
    until_carried_out(&store).await;
    assert_eq!(store.show(STORE).await["step"], "running");
    holds(&receiver, &all).await;
}
