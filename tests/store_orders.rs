//! What happens in a store moves people between segments at once: through the real binary, webhook by webhook.

mod store_support;
mod support;

use segmentd_simulators::shopify::{
    Address, CheckoutChange, CustomerChange, Goods, NewOrder, NewRefund, Payment, sign,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store_support::browser::Browser;
use store_support::{SHOP, STORE, Store, StoreSetup, TOPICS, bought, eventually, id, is_read_in, named, said, same};

/// Never while a test runs.
const NEVER: &str = "0 0 0 1 1 *";
const SECRET: &str = "shpss_0123456789abcdef0123456789abcdef";

/// A connected shop whose clock stands a little in the past, told by webhooks alone.
async fn store() -> Store {
    let store = Store::connected(StoreSetup { poll_schedule: NEVER, ..StoreSetup::default() }).await;
    store.sim.set_clock(Some(store.sim.now() - 200));
    store
}

async fn segments(store: &Store, all: &[(&str, Value)]) {
    for (id, definition) in all {
        store.segment(id, definition.clone()).await;
    }
}

fn money_segments() -> Vec<(&'static str, Value)> {
    let with =
        |title: &str| json!({"event": "Order Completed", "where": [{"item": [{"property": "name", "is": title}]}]});
    vec![
        ("buyers", json!({"event": "Order Completed"})),
        ("rich", json!({"spent": {"at_least": "150", "currency": "MXN"}})),
        ("refunded", json!({"event": "Order Refunded"})),
        ("cancelled", json!({"event": "Order Cancelled"})),
        ("shirts", with("Shirt")),
        ("caps", with("Cap")),
        ("vips", json!({"property": "tags", "is": "vip"})),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_moves_its_buyer_with_every_change() {
    let store = store().await;
    segments(&store, &money_segments()).await;
    let shop = &store.shop;
    let customer = shop.add_customer(named("ana@example.com")).unwrap();
    let ana = id(customer);
    store.tick();
    let order = NewOrder { payment: Payment::Pending, ..bought(customer, "Shirt", 200) };
    let order = shop.create_order(order).unwrap();
    store.settled().await;
    store.is_in(&ana, &[]).await;
    store.tick();
    shop.pay(order, Some(60.into())).unwrap();
    store.is_in(&ana, &["buyers", "shirts"]).await;
    store.tick();
    shop.pay(order, None).unwrap();
    store.is_in(&ana, &["buyers", "shirts", "rich"]).await;
    store.tick();
    shop.edit_order(order, vec![Goods::of("Cap", 1, 50.into())], vec![]).unwrap();
    store.is_in(&ana, &["buyers", "shirts", "rich", "caps"]).await;
    store.tick();
    let pending = NewRefund { amount: Some(100.into()), pending: true, ..NewRefund::default() };
    let refund = shop.refund_order(order, pending).unwrap();
    store.settled().await;
    store.tick();
    shop.add_tags(customer, &["vip"]).unwrap();
    store.is_in(&ana, &["buyers", "shirts", "rich", "caps", "vips"]).await;
    store.tick();
    shop.settle_refund(order, refund, true).unwrap();
    store.is_in(&ana, &["buyers", "shirts", "caps", "vips", "refunded"]).await;
    store.tick();
    shop.cancel_order(order, false).unwrap();
    store.is_in(&ana, &["cancelled", "vips", "refunded"]).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_orders_do_not_count_and_test_orders_never_did() {
    let store = store().await;
    segments(&store, &money_segments()).await;
    let shop = &store.shop;
    let customer = shop.add_customer(named("beto@example.com")).unwrap();
    let order = shop.create_order(bought(customer, "Shirt", 200)).unwrap();
    store.is_in(&id(customer), &["buyers", "shirts", "rich"]).await;
    store.tick();
    shop.delete_order(order).unwrap();
    store.is_in(&id(customer), &["cancelled"]).await;

    let tester = shop.add_customer(named("carla@example.com")).unwrap();
    let test = shop.create_order(NewOrder { test: true, ..bought(tester, "Shirt", 900) }).unwrap();
    store.tick();
    shop.refund_order(test, NewRefund { amount: Some(10.into()), ..NewRefund::default() }).unwrap();
    store.settled().await;
    store.tick();
    shop.add_tags(tester, &["vip"]).unwrap();
    store.is_in(&id(tester), &["vips"]).await;

    // A guest's order belongs to its address, and money in another currency to what the shop got.
    let guest = NewOrder {
        email: Some("guest@example.com".to_owned()),
        guest: true,
        lines: vec![Goods::of("Cap", 1, 160.into())],
        presentment_currency: Some("USD".to_owned()),
        rate: Some("0.05".parse().unwrap()),
        ..NewOrder::default()
    };
    shop.create_order(guest).unwrap();
    store.is_in("email:guest@example.com", &["buyers", "caps", "rich"]).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_meets_its_person_at_the_checkout() {
    let store = store().await;
    let added = |title: &str| json!({"event": "Product Added", "where": [{"property": "name", "is": title}]});
    let all = [
        ("mugs", added("Mug")),
        ("cups", added("Cup")),
        (
            "two_cups",
            json!({"event": "Product Added", "where": [{"property": "name", "is": "Cup"}], "sum": {"at_least": 2}, "of": "quantity"}),
        ),
        ("removed", json!({"event": "Product Removed"})),
        ("starters", json!({"event": "Checkout Started"})),
        ("mailable", json!({"property": "consent_email", "is": "subscribed"})),
        ("buyers", json!({"event": "Order Completed"})),
    ];
    segments(&store, &all).await;
    let shop = &store.shop;
    let (mug, cups) = (Goods::of("Mug", 1, 80.into()), |count| Goods::of("Cup", count, 60.into()));
    let cart = shop.create_cart(vec![mug.clone()]).unwrap();
    store.tick();
    shop.update_cart(&cart, vec![mug.clone(), cups(1)]).unwrap();
    store.tick();
    shop.update_cart(&cart, vec![cups(2)]).unwrap();
    store.settled().await;
    assert_eq!(store.person("email:eva@example.com").await, None);
    store.tick();
    let email = Some("eva@example.com".to_owned());
    let begun = CheckoutChange {
        cart_token: Some(cart.clone()),
        email: email.clone(),
        accepts_marketing: Some(true),
        ..CheckoutChange::default()
    };
    let checkout = shop.create_checkout(begun).unwrap();
    let browsed = ["mugs", "cups", "two_cups", "removed", "starters", "mailable"];
    store.is_in("email:eva@example.com", &browsed).await;
    store.tick();
    let lines = vec![cups(2)];
    let (cart_token, checkout_token) = (Some(cart), Some(checkout));
    shop.create_order(NewOrder { email, lines, cart_token, checkout_token, ..NewOrder::default() }).unwrap();
    store.is_in("email:eva@example.com", &[&browsed[..], &["buyers"]].concat()).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_change_consent_tags_and_country() {
    let store = store().await;
    let all = [
        ("mexico", json!({"property": "country", "is": "MX"})),
        ("vips", json!({"property": "tags", "is": "vip"})),
        ("mail", json!({"property": "consent_email", "is": "subscribed"})),
        ("no_mail", json!({"property": "consent_email", "is": "unsubscribed"})),
        ("text", json!({"property": "consent_sms", "is": "subscribed"})),
    ];
    segments(&store, &all).await;
    let shop = &store.shop;
    let country = |code: &str| Some(Address { country_code: code.to_owned(), ..Address::default() });
    let change = CustomerChange::default;
    let phone = Some("+525512345678".to_owned());
    let customer = CustomerChange { address: country("MX"), phone, ..named("dora@example.com") };
    let customer = shop.add_customer(customer).unwrap();
    let dora = id(customer);
    store.is_in(&dora, &["mexico"]).await;
    let steps: [(CustomerChange, &[&str]); 5] = [
        (CustomerChange { email_consent: said("subscribed", store.sim.now() + 1), ..change() }, &["mexico", "mail"]),
        (
            CustomerChange { sms_consent: said("subscribed", store.sim.now() + 2), ..change() },
            &["mexico", "mail", "text"],
        ),
        (CustomerChange { address: country("AR"), ..change() }, &["mail", "text"]),
        (CustomerChange { email_consent: said("unsubscribed", store.sim.now() + 4), ..change() }, &["no_mail", "text"]),
        (CustomerChange { sms_consent: said("unsubscribed", store.sim.now() + 5), ..change() }, &["no_mail"]),
    ];
    for (change, segments) in steps {
        store.tick();
        shop.update_customer(customer, change).unwrap();
        store.is_in(&dora, segments).await;
    }
    store.tick();
    shop.add_tags(customer, &["segmentd-ours", "vip"]).unwrap();
    store.is_in(&dora, &["no_mail", "vips"]).await;
    store.has(&dora, "tags", json!(["vip"])).await;
    store.tick();
    shop.remove_tags(customer, &["vip"]).unwrap();
    store.is_in(&dora, &["no_mail"]).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn merged_customers_are_one_person_and_a_deleted_one_is_nobody() {
    let store = store().await;
    store.segment("rich", json!({"spent": {"at_least": "150", "currency": "MXN"}})).await;
    let shop = &store.shop;
    let one = shop.add_customer(named("one@example.com")).unwrap();
    let two =
        shop.add_customer(CustomerChange { first_name: Some("Two".to_owned()), ..CustomerChange::default() }).unwrap();
    for customer in [one, two] {
        shop.create_order(bought(customer, "Shirt", 100)).unwrap();
    }
    store.settled().await;
    store.tick();
    shop.merge_customers(one, two).unwrap();
    store.is_in(&id(one), &["rich"]).await;
    let (kept, gone) = (store.person(&id(one)).await.unwrap(), store.person(&id(two)).await.unwrap());
    assert_eq!(kept["id"], gone["id"]);

    let idle = shop.add_customer(named("idle@example.com")).unwrap();
    eventually(async || store.person(&id(idle)).await.ok_or_else(|| "nobody yet".to_owned())).await;
    store.tick();
    shop.delete_customer(idle).unwrap();
    store.is_forgotten(&id(idle)).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_webhooks_missed_is_found_by_polls_and_counted() {
    let start = jiff::Timestamp::now();
    let sections = format!("[clock]\nsimulated_start = \"{start}\"\n");
    let store = Store::connected(StoreSetup { sections, ..StoreSetup::default() }).await;
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    // Deliveries only begin about when the past is read: what changes in the ten minutes after it is not judged.
    store.daemon.send(reqwest::Method::POST, "/clock", json!({"advance_ms": 1_000_000})).await;
    store.sim.set_clock(Some(start.as_second() + 900));
    let seen = store.shop.add_customer(named("seen@example.com")).unwrap();
    store.shop.create_order(bought(seen, "Shirt", 10)).unwrap();
    store.daemon.wait_members("buyers", 1).await;
    let figures = async |found: u64, missed: u64| {
        let wanted = json!({"found": found, "missed": missed});
        store
            .wait_connection(STORE, |shown| {
                let figures = &shown["reading"]["completeness"];
                figures["day"] == wanted && figures["week"] == wanted
            })
            .await
    };
    figures(2, 0).await;
    store.lose_webhooks();
    let lost = store.shop.add_customer(named("lost@example.com")).unwrap();
    store.shop.create_order(bought(lost, "Shirt", 10)).unwrap();
    store.daemon.wait_members("buyers", 2).await;
    figures(4, 2).await;
    let said = store.cli(&["connection", "show", STORE]);
    assert!(said.contains("\"missed\":2"), "{said}");
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_the_platform_deleted_are_made_again() {
    let setup = StoreSetup { poll_schedule: NEVER, register_schedule: "* * * * * *", ..StoreSetup::default() };
    let store = Store::connected(setup).await;
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let nowhere = format!("http://127.0.0.1:{}", support::free_port());
    store.sim.change_hooks(|hooks| hooks.map = vec![(store.daemon.url.clone(), nowhere)]);
    let customer = store.shop.add_customer(named("a@example.com")).unwrap();
    store.shop.create_order(bought(customer, "Shirt", 10)).unwrap();
    eventually(async || {
        let removed = store.sim.deliveries().removed_subscriptions;
        if removed >= 3 { Ok(()) } else { Err(format!("{removed} are removed")) }
    })
    .await;
    store.settled().await;
    store.sim.change_hooks(|hooks| hooks.map = Vec::new());
    eventually(async || same(store.subscriptions().await.len(), TOPICS)).await;
    let repaired = |shown: &Value| shown["reading"]["registration"]["last_repair"].is_string();
    store.wait_connection(STORE, repaired).await;
    store.tick();
    store.shop.create_order(bought(customer, "Shirt", 10)).unwrap();
    store.daemon.wait_members("buyers", 1).await;
    store.asked_rightly();
}

/// What the platform's own sums say of who has spent so much.
fn spenders(store: &Store, at_least: i64) -> BTreeSet<String> {
    let truth = store.shop.truth().into_iter().filter(|one| one.net_spent >= at_least.into());
    truth.map(|one| one.id.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_wait_for_the_past_and_kill_9_amid_the_file_loses_and_doubles_nothing() {
    let mut setup = StoreSetup { poll_schedule: NEVER, ..StoreSetup::default() };
    (setup.sim.generate_orders, setup.sim.generate_customers) = (4_000, 600);
    let mut store = Store::open(setup).await;
    let url = store.add(STORE, SHOP).await;
    let bounds = [2_000, 8_000, 20_000];
    for bound in bounds {
        let definition = json!({"spent": {"at_least": bound.to_string(), "currency": "MXN"}});
        store.segment(&format!("spent_{bound}"), definition).await;
    }
    let poor = json!({"not": {"spent": {"at_least": "2000", "currency": "MXN"}}});
    store.segment("poor", poor).await;
    let receiver = store.list_of_customers("crm", "poor").await;
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    let done = |shown: &Value| shown["reading"]["streams"][1]["done"].as_u64().unwrap_or(0);
    for least in [1, 1_500] {
        let shown = store.wait_connection(STORE, |shown| done(shown) >= least).await;
        let status = store.daemon.get("/workspaces/main/lists/crm").await;
        assert!(status["state"] == "held" || is_read_in(&shown), "{status}");
        store.daemon.kill();
        assert_eq!(receiver.members("crm").len(), 0, "nobody is on a list before the past is known");
        store.daemon.start_again().await;
    }
    let shown = store.read_in(STORE).await;
    assert_eq!(shown["reading"]["streams"][1]["total"], 4_000, "{shown}");
    for bound in bounds {
        let wanted = spenders(&store, bound);
        assert!(!wanted.is_empty() && wanted.len() < 600, "{bound} tells nobody apart");
        store.daemon.wait_members(&format!("spent_{bound}"), wanted.len() as u64).await;
    }
    let rich = spenders(&store, 2_000);
    let all: BTreeSet<String> = store.shop.truth().into_iter().map(|one| one.id.to_string()).collect();
    let poor: BTreeSet<String> = all.difference(&rich).cloned().collect();
    eventually(async || same(receiver.members("crm").into_keys().collect::<BTreeSet<_>>(), poor.clone())).await;
    store.asked_rightly();
}

/// A delivery that the platform signed, under whatever topic somebody writes on it.
async fn replayed(store: &Store, topic: &str, body: &str, number: u32) -> u16 {
    let request = support::client().post(format!("{}/hooks/shopify", store.daemon.url));
    let request = request.header("x-shopify-topic", topic).header("x-shopify-shop-domain", SHOP);
    let request = request.header("x-shopify-webhook-id", format!("replayed-{number}"));
    let request = request.header("x-shopify-api-version", "2026-10").header("content-type", "application/json");
    let request = request.header("x-shopify-hmac-sha256", sign::webhook(SECRET, body.as_bytes()));
    request.body(body.to_owned()).send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_alone_erases_cancels_and_disconnects_nothing() {
    let store = store().await;
    segments(&store, &money_segments()).await;
    let customer = store.shop.add_customer(named("ana@example.com")).unwrap();
    let order = store.shop.create_order(bought(customer, "Shirt", 200)).unwrap();
    let there = ["buyers", "shirts", "rich"];
    store.is_in(&id(customer), &there).await;
    let bodies = [
        json!({"id": customer, "email": "ana@example.com", "state": "disabled", "updated_at": "2026-03-01T00:00:00Z"}),
        json!({"id": order, "customer": {"id": customer, "email": "ana@example.com"}, "shop_domain": SHOP, "shop_id": 1}),
        json!({"id": order}),
        json!({"shop_domain": SHOP, "shop_id": 1, "customer": {"id": customer}}),
    ];
    let topics = [
        "customers/redact",
        "shop/redact",
        "customers/data_request",
        "customers/delete",
        "orders/delete",
        "app/uninstalled",
        "app/scopes_update",
    ];
    let mut number = 0;
    for body in &bodies {
        for topic in topics {
            number += 1;
            let status = replayed(&store, topic, &body.to_string(), number).await;
            assert!(status == 200 || status == 401, "{topic} {body}: {status}");
        }
    }
    let idle = |shown: &Value| {
        let reading = &shown["reading"];
        reading["pointers_waiting"] == 0 && reading["requests_waiting"] == 0
    };
    let shown = store.wait_connection(STORE, idle).await;
    assert_eq!((&shown["step"], &shown["token"]["state"]), (&json!("running"), &json!("fresh")), "{shown}");
    store.tick();
    store.shop.add_tags(customer, &["vip"]).unwrap();
    store.is_in(&id(customer), &[&there[..], &["vips"]].concat()).await;
    assert!(!store.alerts().await.contains(&"authorization".to_owned()));
}
