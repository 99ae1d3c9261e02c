//! Webhooks: which topics an action fires, what bodies hold, and how deliveries go wrong.

mod shopify_support;

use rust_decimal::Decimal;
use segmentd_simulators::shopify::{
    Address, AppHook, CheckoutChange, Consent, CustomerChange, Faults, Goods, HeaderFamily, HookFaults, HookOptions,
    NewOrder, NewRefund, Payment, Privacy, ProtectedData, Shop, ShopifySim, sign,
};
use serde_json::{Value, json};
use shopify_support::{
    Came, Inbox, SECRET, SHOP, data, installed, json_of, options, shared, subscribe, subscribe_to_all,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn money(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn ana() -> CustomerChange {
    let address = Address { city: "Puebla".to_owned(), country_code: "MX".to_owned(), ..Address::default() };
    CustomerChange {
        first_name: Some("Ana".to_owned()),
        email: Some("ana@example.com".to_owned()),
        phone: Some("+525512345678".to_owned()),
        address: Some(address),
        ..CustomerChange::default()
    }
}

fn order(customer: u64) -> NewOrder {
    let lines = vec![Goods::of("Hat", 1, money("100")), Goods::of("Shoes", 2, money("50.50"))];
    NewOrder { customer: Some(customer), lines, shipping: money("9.90"), ..NewOrder::default() }
}

async fn world() -> (ShopifySim, Shop, Inbox) {
    let (sim, shop, tokens) = installed(options()).await;
    let inbox = Inbox::start().await;
    subscribe_to_all(&shop, &tokens.access_token, &inbox.url).await;
    (sim, shop, inbox)
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_carts_fire_their_topics_and_no_others() {
    let (sim, shop, inbox) = world().await;
    let id = shop.add_customer(ana()).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customers/create"]);
    let consent = CustomerChange { email_consent: Some(Consent::since("subscribed", 5)), ..CustomerChange::default() };
    shop.update_customer(id, consent).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customers/update", "customers_email_marketing_consent/update"]);
    let sms = CustomerChange { sms_consent: Some(Consent::since("subscribed", 5)), ..CustomerChange::default() };
    shop.update_customer(id, sms).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customers/update", "customers_marketing_consent/update"]);
    shop.add_tags(id, &["vip"]).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customer.tags_added", "customers/update"]);
    shop.add_tags(id, &["VIP"]).unwrap();
    assert!(inbox.topics(&sim).await.is_empty(), "it has that tag");
    shop.remove_tags(id, &["vip"]).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customer.tags_removed", "customers/update"]);
    let cart = shop.create_cart(vec![Goods::default()]).unwrap();
    shop.update_cart(&cart, Vec::new()).unwrap();
    let checkout = CheckoutChange { cart_token: Some(cart.clone()), ..CheckoutChange::default() };
    let checkout = shop.create_checkout(checkout).unwrap();
    let email = Some("ana@example.com".to_owned());
    shop.update_checkout(&checkout, CheckoutChange { email, ..CheckoutChange::default() }).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["carts/create", "carts/update", "checkouts/create", "checkouts/update"]);
    shop.create_order(NewOrder { checkout_token: Some(checkout), ..order(id) }).unwrap();
    assert!(inbox.topics(&sim).await.contains(&"checkouts/update".to_owned()), "it became an order");
    let other = CustomerChange { email: Some("a2@example.com".to_owned()), ..CustomerChange::default() };
    let other = shop.add_customer(other).unwrap();
    assert!(shop.delete_customer(id).is_err(), "it has orders");
    shop.merge_customers(other, id).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customers/create", "customers/merge", "customers/update"]);
    assert_eq!((shop.truth().len(), shop.truth()[0].id, shop.truth()[0].orders), (1, other, 1));
    shop.change_scopes(&["read_orders"]).unwrap();
    shop.create_order(order(other)).unwrap();
    shop.uninstall().unwrap();
    let told = inbox.topics(&sim).await;
    assert!(told.contains(&"app/uninstalled".to_owned()) && told.contains(&"app/scopes_update".to_owned()));
    assert!(!told.contains(&"customers/purchasing_summary".to_owned()), "the scope for customers is gone");
    shop.create_order(order(other)).unwrap();
    assert!(inbox.topics(&sim).await.is_empty(), "nobody listens any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_money_fire_their_topics_and_no_others() {
    let (sim, shop, inbox) = world().await;
    let summary = "customers/purchasing_summary";
    let id = shop.add_customer(ana()).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["customers/create"]);
    let pending = NewOrder { payment: Payment::Pending, ..order(id) };
    let first = shop.create_order(pending).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "orders/create", "orders/updated"]);
    shop.pay(first, Some(money("10"))).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/updated"]);
    shop.pay(first, None).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/paid", "orders/updated"]);
    assert!(shop.pay(first, Some(money("1"))).is_err(), "it is paid");
    shop.edit_order(first, vec![Goods::default()], vec![(1, 1)]).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["orders/edited", "orders/updated"]);
    shop.refund_order(first, NewRefund { lines: vec![(0, 1)], ..NewRefund::default() }).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "orders/updated", "refunds/create"]);
    let slow = NewRefund { amount: Some(money("20")), pending: true, ..NewRefund::default() };
    let refund = shop.refund_order(first, slow).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/updated", "refunds/create"]);
    let before = shop.truth()[0].net_spent;
    shop.settle_refund(first, refund, true).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/updated"]);
    assert_eq!(shop.truth()[0].net_spent, before - money("20"));
    let reserved = shop.create_order(NewOrder { payment: Payment::Authorized, ..order(id) }).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/create", "orders/updated"]);
    shop.capture(reserved, None).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "order_transactions/create", "orders/paid", "orders/updated"]);
    shop.cancel_order(reserved, true).unwrap();
    let expected = [
        summary,
        "order_transactions/create",
        "orders/cancelled",
        "orders/updated",
        "orders/updated",
        "refunds/create",
    ];
    assert_eq!(inbox.topics(&sim).await, expected);
    shop.delete_order(reserved).unwrap();
    assert_eq!(inbox.topics(&sim).await, [summary, "orders/delete"]);
}

/// All keys of a body, through arrays.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                found.insert(format!("{path}{name}"));
                keys(field, &format!("{path}{name}."), found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, &format!("{path}[]."), found)),
        _ => {}
    }
}

fn keys_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    keys(value, "", &mut found);
    found
}

/// Plays everything once, and gives the fullest body of each topic.
async fn bodies() -> BTreeMap<String, Value> {
    let (sim, shop, inbox) = world().await;
    let id = shop.add_customer(ana()).unwrap();
    shop.add_tags(id, &["a"]).unwrap();
    shop.remove_tags(id, &["a"]).unwrap();
    let consent = Some(Consent::since("subscribed", 5));
    let both = CustomerChange { email_consent: consent.clone(), sms_consent: consent, ..CustomerChange::default() };
    shop.update_customer(id, both).unwrap();
    let cart = shop.create_cart(vec![Goods::default()]).unwrap();
    shop.update_cart(&cart, vec![Goods::default()]).unwrap();
    let given = CheckoutChange { cart_token: Some(cart), customer: Some(id), ..CheckoutChange::default() };
    let checkout = shop.create_checkout(given.clone()).unwrap();
    shop.update_checkout(&checkout, given).unwrap();
    let first = shop.create_order(order(id)).unwrap();
    shop.edit_order(first, vec![Goods::default()], vec![(1, 1)]).unwrap();
    let back = NewRefund { amount: Some(money("100")), lines: vec![(0, 1)], ..NewRefund::default() };
    shop.refund_order(first, back).unwrap();
    let second = shop.create_order(order(id)).unwrap();
    shop.cancel_order(second, false).unwrap();
    shop.delete_order(second).unwrap();
    let other = CustomerChange { email: Some("b@example.com".to_owned()), ..CustomerChange::default() };
    let other = shop.add_customer(other).unwrap();
    shop.delete_customer(other).unwrap();
    let third = CustomerChange { email: Some("c@example.com".to_owned()), ..CustomerChange::default() };
    shop.merge_customers(id, shop.add_customer(third).unwrap()).unwrap();
    for topic in [Privacy::DataRequest { customer: id }, Privacy::CustomerRedact { customer: id }, Privacy::ShopRedact]
    {
        assert!(shop.privacy(topic).is_err(), "the app has no subscriptions of its own yet");
    }
    let topics = ["customers/data_request", "customers/redact", "shop/redact"].map(str::to_owned).to_vec();
    sim.change_app(|app| app.hooks.push(AppHook { topics, uri: inbox.url.clone() }));
    for topic in [Privacy::DataRequest { customer: id }, Privacy::CustomerRedact { customer: id }, Privacy::ShopRedact]
    {
        shop.privacy(topic).unwrap();
    }
    shop.change_scopes(&shopify_support::SCOPES).unwrap();
    shop.uninstall().unwrap();
    assert!(sim.settled(Duration::from_secs(10)).await);
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    for came in inbox.all() {
        let (topic, body) = (came.topic().to_owned(), came.json());
        let known = found.get(&topic).map_or(0, |known| keys_of(known).len());
        if keys_of(&body).len() > known {
            found.insert(topic, body);
        }
    }
    found
}

/// Keys that the simulator has and the sample has not, since its own sample shows an empty list or object there.
fn is_within_empty(sample: &Value, path: &str) -> bool {
    let mut at = sample;
    for name in path.split('.') {
        at = match (name, at) {
            ("[]", Value::Array(items)) => match items.first() {
                Some(first) => first,
                None => return true,
            },
            (name, Value::Object(fields)) => match fields.get(name) {
                Some(Value::Null) => return true,
                Some(field) => field,
                None => return false,
            },
            _ => return true,
        };
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_the_keys_of_the_platforms_own_samples() {
    let Some(path) = shared("specs/shopify/webhooks-2026-04.json") else { return };
    let samples = json_of(&path);
    let bodies = bodies().await;
    // Samples carry what a shop without staff, taxes and merges has not.
    let optional = ["attributed_staffs", "tax_lines", "errors"];
    let mut compared = 0;
    for (topic, body) in &bodies {
        let Some(sample) = samples["topics"][topic].get("example") else { continue };
        let (ours, theirs) = (keys_of(body), keys_of(sample));
        let missing: Vec<&String> = theirs
            .difference(&ours)
            .filter(|key| !optional.iter().any(|own| key.contains(own)) && !is_within_empty(body, key))
            .collect();
        let more: Vec<&String> = ours.difference(&theirs).filter(|key| !is_within_empty(sample, key)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{topic}: missing {missing:?}, too many {more:?}");
        compared += 1;
    }
    assert!(compared >= 24, "{compared} of {:?}", bodies.keys());
    for gone in ["tags", "email_marketing_consent", "orders_count", "total_spent", "accepts_marketing"] {
        assert!(bodies["customers/update"].get(gone).is_none());
    }
    assert!(bodies["checkouts/create"].get("id").is_none() && bodies["orders/create"].get("checkout_id").is_none());
}

fn header<'c>(came: &'c Came, name: &str) -> &'c str {
    came.headers.get(name).map(String::as_str).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_signed_and_named_in_either_family() {
    let (sim, shop, inbox) = world().await;
    sim.change_app(|app| app.secrets.push("shpss_newer".to_owned()));
    let id = shop.add_customer(ana()).unwrap();
    shop.create_order(order(id)).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    let came = inbox.take();
    let mut ids = BTreeSet::new();
    for one in &came {
        // The oldest secret that is not revoked.
        assert_eq!(header(one, "x-shopify-hmac-sha256"), sign::webhook(SECRET, one.body.as_bytes()));
        assert_eq!((header(one, "x-shopify-shop-domain"), header(one, "x-shopify-api-version")), (SHOP, "2026-10"));
        let at: jiff::Timestamp = header(one, "x-shopify-triggered-at").parse().unwrap();
        assert!((at.as_second() - sim.now()).abs() < 10);
        assert!(ids.insert(header(one, "x-shopify-webhook-id").to_owned()), "each delivery has its own id");
        assert!(one.headers.keys().all(|name| !name.starts_with("shopify-")));
    }
    let event = |topic: &str| header(came.iter().find(|one| one.topic() == topic).unwrap(), "x-shopify-event-id");
    assert_eq!(event("orders/create"), event("orders/paid"));
    assert_ne!(event("orders/create"), event("customers/create"));
    let exact = came.iter().find(|one| one.topic() == "orders/create").unwrap().json();
    assert!(exact["id"].as_u64().unwrap() > 1 << 53);
    assert_eq!(exact["admin_graphql_api_id"], format!("gid://shopify/Order/{}", exact["id"]));
    assert!(exact["created_at"].as_str().unwrap().ends_with("-06:00"), "{}", exact["created_at"]);
    sim.change_app(|app| (app.hook_headers, app.secrets) = (HeaderFamily::Events, vec!["shpss_newer".to_owned()]));
    shop.add_tags(id, &["x"]).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    for one in inbox.take() {
        assert_eq!(header(&one, "shopify-hmac-sha256"), sign::webhook("shpss_newer", one.body.as_bytes()));
        for name in ["topic", "shop-domain", "api-version", "webhook-id", "event-id", "triggered-at"] {
            assert!(!header(&one, &format!("shopify-{name}")).is_empty(), "{name}");
            assert!(header(&one, &format!("x-shopify-{name}")).is_empty(), "{name}");
        }
    }
}

async fn quick(span_ms: u64) -> (ShopifySim, Shop, Inbox, String) {
    let mut options = options();
    options.hooks = HookOptions { retry_span_ms: span_ms, total_ms: 300, ..HookOptions::default() };
    let (sim, shop, tokens) = installed(options).await;
    (sim, shop, Inbox::start().await, tokens.access_token)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_answered_by_2xx_in_time_comes_again_and_then_the_subscription_goes() {
    let (sim, shop, inbox, token) = quick(400).await;
    for topic in ["CUSTOMERS_CREATE", "CUSTOMERS_UPDATE"] {
        subscribe(&shop, &token, topic, json!({"uri": inbox.url})).await;
    }
    inbox.answer(302);
    let id = shop.add_customer(ana()).unwrap();
    tokio::time::sleep(Duration::from_millis(30)).await;
    inbox.answer(200);
    assert!(sim.settled(Duration::from_secs(5)).await);
    let came = inbox.take();
    assert!(came.len() >= 2, "{}", came.len());
    assert!(came.iter().all(|one| one.headers == came[0].headers && one.body == came[0].body), "the same each time");
    inbox.slow(500);
    shop.add_tags(id, &["slow"]).unwrap();
    assert!(sim.settled(Duration::from_secs(9)).await);
    assert_eq!(inbox.take().len(), 9, "one and 8 retries");
    let told = sim.deliveries();
    assert_eq!((told.by_outcome["delivered"], told.by_outcome["failed"], told.removed_subscriptions), (1, 1, 1));
    let left = "{ webhookSubscriptions(first: 250) { nodes { topic } } }";
    let left = data(&shop, &token, left, json!({})).await;
    assert_eq!(left["webhookSubscriptions"]["nodes"], json!([{"topic": "CUSTOMERS_CREATE"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_the_app_itself_stay() {
    let (sim, shop, inbox, _) = quick(200).await;
    let topics = vec!["customers/create".to_owned()];
    sim.change_app(|app| app.hooks.push(AppHook { topics, uri: inbox.url.clone() }));
    inbox.answer(500);
    shop.add_customer(ana()).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    assert_eq!((inbox.take().len(), sim.deliveries().by_outcome["failed"]), (9, 1));
    inbox.answer(200);
    shop.add_customer(CustomerChange { email: Some("b@example.com".to_owned()), ..CustomerChange::default() }).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    assert_eq!(inbox.take().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn deliveries_are_lost_doubled_and_overtaken_on_demand() {
    let (sim, shop, inbox, token) = quick(400).await;
    subscribe(&shop, &token, "CUSTOMERS_UPDATE", json!({"uri": inbox.url})).await;
    let id = shop.add_customer(ana()).unwrap();
    let hooks = HookFaults {
        lost_percent: 20,
        duplicated_percent: 20,
        reordered_percent: 30,
        reorder_ms: 100,
        ..HookFaults::default()
    };
    sim.set_faults(Faults { hooks, ..Faults::default() });
    for number in 0..200 {
        shop.update_customer(id, CustomerChange { note: Some(format!("{number:03}")), ..CustomerChange::default() })
            .unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(sim.settled(Duration::from_secs(10)).await);
    let came = inbox.take();
    let notes: Vec<String> = came.iter().map(|one| one.json()["note"].as_str().unwrap().to_owned()).collect();
    let ids: BTreeSet<&str> = came.iter().map(|one| header(one, "x-shopify-webhook-id")).collect();
    let told = sim.deliveries();
    let lost = told.by_outcome["lost"];
    assert!((20..60).contains(&lost), "{lost} lost");
    assert_eq!(ids.len() as u64, 200 - lost);
    let doubled = came.len() - ids.len();
    assert!((15..60).contains(&doubled), "{doubled} twice");
    assert!(notes.windows(2).filter(|two| two[0] > two[1]).count() > 20, "they overtake each other");
    let others =
        HookFaults { lost_percent: 100, shops: vec!["other.myshopify.com".to_owned()], ..HookFaults::default() };
    sim.set_faults(Faults { hooks: others, ..Faults::default() });
    shop.update_customer(id, CustomerChange { note: Some("other".to_owned()), ..CustomerChange::default() }).unwrap();
    assert!(sim.settled(Duration::from_secs(10)).await);
    assert_eq!(inbox.take().len(), 1, "faults of another shop are not ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_checked_filtered_and_cut() {
    let (sim, shop, inbox, token) = quick(400).await;
    let wrong = async |topic: &str, hook: Value| {
        let made = subscribe(&shop, &token, topic, hook).await;
        assert_eq!(made["webhookSubscription"], Value::Null, "{made}");
        made["userErrors"][0]["message"].as_str().unwrap().to_owned()
    };
    assert!(wrong("ORDERS_CREATE", json!({"uri": "http://example.com/x"})).await.contains("not supported"));
    wrong("ORDERS_CREATE", json!({})).await;
    wrong("PRODUCTS_UPDATE", json!({"uri": inbox.url})).await;
    let hook = json!({"uri": inbox.url, "filter": "total_price:>=100 -email:b@example.com", "includeFields": ["id", "email", "total_price", "line_items.sku"]});
    let made = subscribe(&shop, &token, "ORDERS_CREATE", hook.clone()).await;
    assert_eq!(made["userErrors"], json!([]));
    assert!(wrong("ORDERS_CREATE", hook).await.contains("already been taken"));
    assert!(
        wrong("ORDERS_PAID", json!({"uri": inbox.url, "filter": "test:false", "includeFields": ["id"]}))
            .await
            .contains("includeFields")
    );
    let silent = subscribe(&shop, &token, "ORDERS_UPDATED", json!({"uri": inbox.url, "filter": "nothing:1"})).await;
    assert_eq!(silent["userErrors"], json!([]), "a filter on an absent field is accepted");
    let id = shop.add_customer(ana()).unwrap();
    shop.create_order(order(id)).unwrap();
    let small = vec![Goods::of("Pin", 1, money("1"))];
    shop.create_order(NewOrder { lines: small, ..order(id) }).unwrap();
    let other = NewOrder { customer: None, email: Some("b@example.com".to_owned()), ..order(id) };
    shop.create_order(other).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    let came = inbox.take();
    assert_eq!(came.len(), 1);
    let expected = json!({"id": came[0].json()["id"], "email": "ana@example.com", "total_price": "210.90", "line_items": [{"sku": "HAT"}, {"sku": "SHOES"}]});
    assert_eq!(came[0].json(), expected);
    let gone = "mutation($id: ID!) { webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { message } } }";
    let id = &made["webhookSubscription"]["id"];
    let deleted = data(&shop, &token, gone, json!({"id": id})).await;
    assert_eq!(deleted["webhookSubscriptionDelete"]["deletedWebhookSubscriptionId"], *id);
    let again = data(&shop, &token, gone, json!({"id": id})).await;
    assert_eq!(again["webhookSubscriptionDelete"]["userErrors"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_approval_people_are_null_in_webhooks_too() {
    let (sim, shop, inbox) = world().await;
    sim.change_app(|app| app.protected_data = ProtectedData::Level1);
    let id = shop.add_customer(ana()).unwrap();
    shop.create_order(order(id)).unwrap();
    assert!(sim.settled(Duration::from_secs(5)).await);
    for one in inbox.take() {
        assert!(!one.body.contains("ana@example.com") && !one.body.contains("525512345678"), "{}", one.body);
        if one.topic() == "orders/create" {
            assert_eq!((&one.json()["customer"]["id"], &one.json()["name"]), (&json!(id), &json!("#1001")));
        }
    }
    sim.change_app(|app| app.protected_data = ProtectedData::None);
    shop.create_order(order(id)).unwrap();
    shop.create_cart(vec![Goods::default()]).unwrap();
    assert_eq!(inbox.topics(&sim).await, ["carts/create"]);
}
