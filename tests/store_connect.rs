//! A merchant connects a store: through the real binary, in a browser, against the simulated platform.

mod store_support;
mod support;

use reqwest::{Method, Url};
use segmentd_simulators::shopify::{ShopOptions, SimOptions, sign};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use store_support::browser::Browser;
use store_support::{SHOP, STORE, Store, StoreSetup, TOPICS, bought, eventually, is_read_in, named, same};

const OLD: &str = "shpss_0123456789abcdef0123456789abcdef";
const NEW: &str = "shpss_ffffffffffffffffffffffffffffffff";

/// Customers and orders that are there before anything is connected.
fn past(store: &Store, customers: u32) -> Vec<u64> {
    let one = |number: u32| {
        let customer = store.shop.add_customer(named(&format!("c{number}@example.com"))).unwrap();
        store.shop.create_order(bought(customer, "Shirt", 100)).unwrap();
        customer
    };
    (0..customers).map(one).collect()
}

/// Orders of a customer that count: a platform may tell of one more than once.
async fn orders_of(store: &Store, customer: u64) -> u64 {
    let person = store.person(&format!("{STORE}:{customer}")).await.unwrap_or_default();
    let recent = person["recent"].as_array().cloned().unwrap_or_default();
    let completed = recent.iter().filter(|event| event["name"] == "Order Completed");
    completed.map(|event| event["properties"]["order_id"].to_string()).collect::<BTreeSet<_>>().len() as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merchant_walks_through_the_browser_and_the_rest_goes_by_itself() {
    let store = Store::open(StoreSetup::default()).await;
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let customers = past(&store, 5);
    let secrets = store.daemon.dir.path().join("secrets");
    std::fs::write(&secrets, format!("{OLD}\n")).unwrap();
    let args = ["app", "set", "shopify", "--client-id", "client-id-0001", "--secrets-file", secrets.to_str().unwrap()];
    let said = store.cli(&[&args[..], &["--set", "bulk_wait_ms=20"]].concat());
    let urls = ["oauth/callback/shopify", "install/shopify", "hooks/shopify"]
        .map(|path| format!("{}/{path}", store.daemon.url));
    assert!(urls.iter().all(|url| said.contains(url)) && !said.contains(OLD), "{said}");
    assert!(urls.iter().all(|url| store.cli(&["app", "list"]).contains(url)));

    let add =
        ["connection", "add", STORE, "--connector", "shopify", "--account", "ACME-mx.myshopify.com", "--region", "MX"];
    let said = store.cli(&add);
    let (word, url) = said.trim_end().split_once('\n').unwrap();
    assert_eq!(word, "open this in the merchant's browser, within a week:");
    assert!(url.starts_with(&format!("{}/connect/", store.daemon.url)), "{url}");
    assert!(store.cli(&["connection", "show", STORE]).contains("step: authorizing"));

    let mut browser = Browser::default();
    let asked = browser.follow(url, |_| false).await;
    assert!(
        asked.status == 200 && asked.url.path().starts_with(&format!("/{SHOP}/admin/oauth/authorize")),
        "{asked:?}"
    );
    for scope in ["read_orders", "read_all_orders", "write_customers", "read_customer_merge"] {
        assert!(asked.body.contains(&format!("<li>{scope}</li>")), "{}", asked.body);
    }
    let back = browser.press(&asked, "approve").await.location.unwrap();
    let page = browser.get(back.as_str()).await;
    assert!(page.status == 200 && page.cache_control == "no-store", "{page:?}");
    assert!(page.body.contains("mystore is connected. Its past is being read in now; you may close this page."));

    let shown = store.read_in(STORE).await;
    assert_eq!((&shown["account"], &shown["token"]["state"]), (&json!(SHOP), &json!("fresh")), "{shown}");
    assert_eq!((&shown["missing"], &shown["details"]["currency"]), (&json!([]), &json!("MXN")), "{shown}");
    assert_eq!(shown["reading"]["history_since"], Value::Null, "all orders may be seen");
    let counts = |name: &str| {
        let streams = shown["reading"]["streams"].as_array().unwrap();
        let stream = streams.iter().find(|stream| stream["name"] == name).unwrap();
        (stream["done"].as_u64().unwrap(), stream["total"].as_u64())
    };
    assert_eq!((counts("customers"), counts("orders")), ((5, Some(5)), (5, Some(5))));
    store.daemon.wait_members("buyers", 5).await;
    let mut topics = store.subscriptions().await;
    topics.dedup();
    assert_eq!(topics.len(), TOPICS, "{topics:?}");
    let said = store.cli(&["connection", "show", STORE]);
    for line in ["step: running", "account: acme-mx.myshopify.com", "token: fresh (ends 20", "5 of 5 read"] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    let listed = store.cli(&["connection", "list"]);
    assert!(listed.contains("mystore\tshopify\tacme-mx.myshopify.com\trunning"), "{listed}");
    assert!(store.alerts().await.is_empty());

    // What happens from now on is told by webhooks.
    let another = store.shop.add_customer(named("late@example.com")).unwrap();
    store.shop.create_order(bought(another, "Cap", 50)).unwrap();
    store.daemon.wait_members("buyers", 6).await;
    assert_eq!(orders_of(&store, customers[0]).await, 1);
    store.asked_rightly();
}

/// A callback with some parameters changed, signed by a secret again.
fn signed(callback: &str, changes: &[(&str, &str)], secret: &str) -> String {
    let mut url = Url::parse(callback).unwrap();
    let mut pairs: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != "hmac").collect();
    for (name, value) in changes {
        pairs.retain(|(own, _)| own != name);
        pairs.extend((!value.is_empty()).then(|| ((*name).to_owned(), (*value).to_owned())));
    }
    pairs.push(("hmac".to_owned(), sign::query(secret, &pairs)));
    url.query_pairs_mut().clear().extend_pairs(&pairs);
    url.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_from_the_platform_is_judged() {
    let store = Store::open(StoreSetup::default()).await;
    let url = store.add(STORE, SHOP).await;
    let token = |store: &Store| store.sim.requests().by_kind.get("token").copied().unwrap_or(0);
    let old = (store.sim.now() - 400).to_string();
    type Changes<'a> = &'a [(&'a str, &'a str)];
    let refused: [(&str, Changes<'_>, &str, u16, &str); 6] = [
        ("signed by somebody else", &[], NEW, 422, "none of the app"),
        ("old", &[("timestamp", &old)], OLD, 422, "more than 5 minutes"),
        ("of another shop", &[("shop", "other.myshopify.com")], OLD, 400, "another account"),
        ("of no shop", &[("shop", "acme-mx.myshopify.com.evil.example")], OLD, 422, "names no shop"),
        ("denied", &[("error", "access_denied"), ("code", "")], OLD, 422, "access was not given"),
        ("of a state that nobody made", &[("state", "0123456789abcdef0123456789abcdef")], OLD, 400, "not begun"),
    ];
    for (what, changes, secret, status, word) in refused {
        let mut browser = Browser::default();
        let callback = browser.until_callback(&url).await;
        let page = browser.get(&signed(&callback, changes, secret)).await;
        assert!(page.status == status && page.body.contains(word), "{what}: {page:?}");
        assert!(!page.body.contains(OLD), "{what}");
    }
    let forged = Browser::default().until_callback(&url).await.replace("hmac=", "hmac=00");
    assert_eq!(Browser::default().get(&forged).await.status, 422);
    assert_eq!(store.visit("/connect/nobody-made-this").await.status, 404);
    assert_eq!(token(&store), 0, "no code was exchanged");
    let shown = store.show(STORE).await;
    assert_eq!((&shown["step"], &shown["token"]["state"]), (&json!("authorizing"), &json!("none")), "{shown}");

    // The merchant cancels there, and stays there.
    let mut browser = Browser::default();
    let asked = browser.follow(&url, |_| false).await;
    assert_eq!(browser.press(&asked, "deny").await.location, None);

    // A code that nobody used for longer than it is good.
    let callback = browser.until_callback(&url).await;
    store.sim.advance(61);
    let page = browser.get(&callback).await;
    assert!(page.status != 200 && page.body.contains("Not connected"), "{page:?}");
    store.sim.set_clock(None);

    let mut ours = Browser::default();
    let callback = ours.until_callback(&url).await;
    let other = Browser::default().get(&callback).await;
    assert!(other.status == 400 && other.body.contains("not begun in this browser"), "{other:?}");
    assert_eq!(ours.get(&callback).await.status, 200, "it is still good in the browser that began it");
    store.read_in(STORE).await;
    let again = ours.get(&callback).await;
    assert!(again.status == 400 && again.body.contains("not begun"), "it is good once only: {again:?}");
    assert_eq!(store.show(STORE).await["step"], "running");
    let (status, answer) = store
        .daemon
        .send(
            Method::POST,
            "/workspaces/main/connections/second",
            json!({
        "connector": "shopify", "account": SHOP}),
        )
        .await;
    assert!(status == 409 && answer.to_string().contains("is connected already, as mystore"), "{status} {answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_that_comes_by_itself_is_led_on_if_it_is_known() {
    let store = Store::open(StoreSetup::default()).await;
    store.add(STORE, SHOP).await;
    let stranger = store.sim.shop("stranger.myshopify.com");
    let page = store.visit(&format!("/install/shopify?{}", stranger.install_query())).await;
    assert!(page.status == 403 && page.body.contains("not known here yet"), "{page:?}");
    let forged = store.shop.install_query().replace("hmac=", "hmac=00");
    assert_eq!(store.visit(&format!("/install/shopify?{forged}")).await.status, 422);
    assert_eq!(store.visit("/install/webhook?x=1").await.status, 422, "it connects to no accounts");
    let page =
        Browser::default().agree(&format!("{}/install/shopify?{}", store.daemon.url, store.shop.install_query())).await;
    assert_eq!(page.status, 200, "{page:?}");
    store.read_in(STORE).await;
    // The app is opened again from the admin: the merchant is led through, and nothing is lost.
    let mut browser = Browser::default();
    let page = browser.agree(&format!("{}/install/shopify?{}", store.daemon.url, store.shop.install_query())).await;
    assert_eq!(page.status, 200, "{page:?}");
    store.read_in(STORE).await;
    assert_eq!(store.subscriptions().await.len(), TOPICS);
}

async fn with_grants(grants: &[&str]) -> Store {
    let grants_only = Some(grants.iter().map(|scope| (*scope).to_owned()).collect());
    let setup = StoreSetup::default();
    let shops = vec![ShopOptions { grants_only, ..ShopOptions::named(SHOP) }];
    Store::open(StoreSetup { sim: SimOptions { shops, ..setup.sim.clone() }, ..setup }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_scopes_than_asked_are_shown_with_what_they_cost() {
    let store = with_grants(&["read_orders", "read_customers"]).await;
    let customers = past(&store, 2);
    store.connect(STORE, SHOP).await;
    let shown = store.show(STORE).await;
    let missing = shown["missing"].to_string();
    for lost in ["write_customers: membership", "read_all_orders: orders older than 60 days", "read_customer_merge: "] {
        assert!(missing.contains(lost), "{lost} is not in {missing}");
    }
    assert!(shown["reading"]["history_since"].is_string(), "{shown}");
    assert_eq!(store.subscriptions().await.len(), TOPICS - 1, "all but mergers");
    assert_eq!(orders_of(&store, customers[1]).await, 1);
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let list = json!({"segment": "buyers", "platform": {"connector": "shopify", "connection": STORE,
        "settings": {"tag": "segmentd-buyers"}}});
    let (status, answer) = store.daemon.send(Method::PUT, "/workspaces/main/lists/tagged", list).await;
    assert!(status == 422 && answer.to_string().contains("write_customers"), "{status} {answer}");
    store.asked_rightly();

    let store = with_grants(&["read_products"]).await;
    let url = store.add(STORE, SHOP).await;
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    let lacking = "did not grant read_orders, read_customers";
    let shown = store.wait_connection(STORE, |shown| shown["failure"].to_string().contains(lacking)).await;
    assert_eq!(shown["step"], "identifying", "{shown}");
    store.alerted(&["connection"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_refreshed_with_rotation_while_polls_go_on() {
    let mut setup = StoreSetup::default();
    setup.sim.app.access_token_s = 4;
    let store = Store::connected(setup).await;
    store.lose_webhooks();
    let first = store.show(STORE).await["token"]["generation"].as_u64().unwrap();
    for round in 0..4 {
        let customer = store.shop.add_customer(named(&format!("r{round}@example.com"))).unwrap();
        store.shop.create_order(bought(customer, "Shirt", 100)).unwrap();
        eventually(async || same(orders_of(&store, customer).await, 1)).await;
        let wanted = first + round + 1;
        store.wait_connection(STORE, |shown| shown["token"]["generation"].as_u64() >= Some(wanted)).await;
    }
    let requests = store.sim.requests();
    let grants = requests.newest.iter().filter(|one| one.kind == "token" && one.what == "refresh");
    assert!(
        grants.clone().count() >= 4 && grants.clone().all(|one| one.status == 200),
        "{:?}",
        grants.collect::<Vec<_>>()
    );
    assert_eq!(store.alerts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_is_told_at_once_and_after_a_new_walk_the_gap_is_filled() {
    // Without polls: what tells is the webhook.
    let store = Store::connected(StoreSetup { poll_schedule: "0 0 0 1 1 *", ..StoreSetup::default() }).await;
    let customer = past(&store, 1)[0];
    eventually(async || same(orders_of(&store, customer).await, 1)).await;
    store.shop.uninstall().unwrap();
    store.alerted(&["authorization"]).await;
    let shown = store.wait_connection(STORE, |shown| shown["token"]["state"] == "revoked").await;
    assert!(shown["token"]["refused"].is_string(), "{shown}");
    for _ in 0..2 {
        store.shop.create_order(bought(customer, "Cap", 50)).unwrap();
    }
    store.settled().await;
    assert_eq!(orders_of(&store, customer).await, 1, "nobody told us");
    let said = store.cli(&["connection", "reauthorize", STORE]);
    let url = said.trim_end().lines().last().unwrap();
    assert!(said.starts_with("open this in the merchant's browser"), "{said}");
    assert_eq!(Browser::default().agree(url).await.status, 200);
    store.wait_connection(STORE, |shown| is_read_in(shown) && shown["token"]["state"] == "fresh").await;
    store.alerted(&[]).await;
    assert_eq!(store.subscriptions().await.len(), TOPICS);
    eventually(async || same(orders_of(&store, customer).await, 3)).await;
    store.asked_rightly();
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_each_step_an_install_ends_as_if_nothing_had_been() {
    let mut store = Store::open(StoreSetup::default()).await;
    let customers = past(&store, 30);
    store.segment("buyers", json!({"event": "Order Completed"})).await;
    let mut faults = store.sim.faults();
    (faults.api.slow_ms, faults.api.only) = (150, vec!["graphql".to_owned()]);
    store.sim.set_faults(faults);
    let url = store.add(STORE, SHOP).await;
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    for step in ["identifying", "registering", "running"] {
        // A step that is over before it is looked at counts as reached.
        let reached = |shown: &Value| shown["step"] == step || shown["step"] == "running";
        store.wait_connection(STORE, reached).await;
        store.daemon.kill();
        store.daemon.start_again().await;
    }
    store.daemon.kill();
    store.no_faults();
    store.daemon.start_again().await;
    store.read_in(STORE).await;
    store.daemon.wait_members("buyers", 30).await;
    for customer in [customers[0], customers[29]] {
        assert_eq!(orders_of(&store, customer).await, 1);
    }
    let topics = store.subscriptions().await;
    assert_eq!(topics.len(), TOPICS, "each once: {topics:?}");
    assert_eq!(store.alerts().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_secret_is_rotated_without_a_restart() {
    let mut setup = StoreSetup { poll_schedule: "0 0 0 1 1 *", ..StoreSetup::default() };
    setup.sim.app.access_token_s = 600;
    let store = Store::connected(setup).await;
    let customer = past(&store, 1)[0];
    let orders = async |count: u64| eventually(async || same(orders_of(&store, customer).await, count)).await;
    orders(1).await;
    store.sim.change_app(|app| app.secrets = vec![OLD.to_owned(), NEW.to_owned()]);
    store.set_app(&[NEW, OLD]).await;
    store.shop.create_order(bought(customer, "Shirt", 10)).unwrap();
    orders(2).await;
    // Tokens of the old secret end with it; new ones are asked for with the new one, before that.
    let url = store.cli(&["connection", "reauthorize", STORE]).trim_end().lines().last().unwrap().to_owned();
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    store.sim.change_app(|app| app.secrets = vec![NEW.to_owned()]);
    store.set_app(&[NEW]).await;
    store.read_in(STORE).await;
    store.shop.create_order(bought(customer, "Shirt", 10)).unwrap();
    orders(3).await;
    store.settled().await;
    let failed = store.sim.deliveries().by_outcome.get("failed").copied().unwrap_or(0);
    assert_eq!((failed, store.alerts().await.len()), (0, 0));
    // Whatever the old secret signs is nobody's word any more.
    let body = json!({"id": 1, "myshopify_domain": SHOP}).to_string();
    let request = support::client().post(format!("{}/hooks/shopify", store.daemon.url));
    let request = request.header("x-shopify-topic", "app/uninstalled").header("x-shopify-shop-domain", SHOP);
    let request = request.header("x-shopify-webhook-id", "1").header("x-shopify-api-version", "2026-10");
    let request = request.header("x-shopify-hmac-sha256", sign::webhook(OLD, body.as_bytes()));
    assert_eq!(request.body(body).send().await.unwrap().status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_taken_down_leaves_nothing_on_the_platform() {
    let store = Store::connected(StoreSetup::default()).await;
    let customer = past(&store, 1)[0];
    eventually(async || same(orders_of(&store, customer).await, 1)).await;
    assert_eq!(store.cli(&["connection", "remove", STORE]), "mystore is being taken down\n");
    let shown = store.wait_connection(STORE, |shown| shown["step"] == "disconnected").await;
    assert_eq!(shown["token"]["state"], "none", "{shown}");
    assert_eq!(store.subscriptions().await, Vec::<String>::new());
    assert_eq!(orders_of(&store, customer).await, 1, "what was read stays");
    // Under another id everything would count twice, and a visit does not bring back what was taken down.
    let again = json!({"connector": "shopify", "account": SHOP});
    for id in ["another", STORE] {
        let path = format!("/workspaces/main/connections/{id}");
        let (status, answer) = store.daemon.send(Method::POST, &path, again.clone()).await;
        assert_eq!(status, 409, "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains("reauthorize"), "{answer}");
    }
    assert_eq!(store.visit(&format!("/install/shopify?{}", store.shop.install_query())).await.status, 403);
    // It can be connected again under its id, and be taken out with all that it brought.
    let url = store.cli(&["connection", "reauthorize", STORE]).trim_end().lines().last().unwrap().to_owned();
    assert_eq!(Browser::default().agree(&url).await.status, 200);
    store.read_in(STORE).await;
    assert_eq!(store.subscriptions().await.len(), TOPICS);
    store.cli(&["connection", "remove", STORE, "--withdraw"]);
    eventually(async || {
        let (status, answer) =
            store.daemon.send(Method::GET, "/workspaces/main/connections/mystore", Value::Null).await;
        same(status, 404).map_err(|why| format!("{why}: {answer}"))
    })
    .await;
    store.is_forgotten(&format!("{STORE}:{customer}")).await;
    assert_eq!(store.subscriptions().await, Vec::<String>::new());
    assert_eq!(store.cli(&["connection", "list"]).lines().count(), 1, "only the headings");
}
