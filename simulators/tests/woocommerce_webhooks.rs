//! Webhooks and the key-granting page of WooCommerce's simulator.

mod woocommerce_support;

use reqwest::Method;
use segmentd_simulators::woocommerce::{Faults, NewOrder, signature};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use woocommerce_support::{Caller, FRONT, PATH, Taker, order};

const PATIENCE: Duration = Duration::from_secs(20);

async fn hook(caller: &Caller, topic: &str, secret: &str) -> u64 {
    let body = json!({"name": "n", "topic": topic, "delivery_url": format!("{FRONT}/hook"), "secret": secret});
    let (status, made) = caller.send(Method::POST, "webhooks", body).await;
    assert!(status == 201 && made["secret"].is_null(), "{made}");
    made["id"].as_u64().unwrap()
}

#[test]
fn signatures_are_as_the_formula_makes_them() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/captures/woocommerce-signatures.json");
    let Ok(text) = std::fs::read_to_string(&file) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing", file.display());
        return;
    };
    let captures: Value = serde_json::from_str(&text).unwrap();
    for vector in captures["vectors"].as_array().unwrap() {
        let made = signature(vector["secret_as_stored"].as_str().unwrap(), vector["body_text"].as_str().unwrap());
        let same = vector["headers"]["X-WC-Webhook-Signature"] == made;
        assert_eq!(same, vector["right"].as_bool().unwrap(), "{}", vector["name"]);
    }
}

#[tokio::test]
async fn a_webhook_is_pinged_once_and_then_tells_signed_what_is_then() {
    let (caller, taker) = (Caller::start(|store| store.queue = Duration::from_millis(100)).await, Taker::start().await);
    caller.sim.put_front(FRONT, &taker.url);
    let id = hook(&caller, "order.updated", "a&b<c").await;
    let ping = &taker.came()[0];
    assert_eq!(ping.body, format!("webhook_id={id}"));
    assert_eq!(ping.headers["content-type"], "application/x-www-form-urlencoded");
    assert!(ping.headers.keys().all(|name| !name.as_str().starts_with("x-wc")));
    let order = caller.store.place(NewOrder { first_name: "José".to_owned(), ..order("a@x.mx") });
    caller.store.touch(order);
    caller.store.set_status(order, "completed");
    assert!(caller.store.settled(PATIENCE).await);
    let came = taker.came();
    assert_eq!(came.len(), 2, "two changes while the job waits are told once");
    let told = &came[1];
    for (name, value) in
        [("topic", "order.updated"), ("resource", "order"), ("event", "updated"), ("source", "https://shop.example/")]
    {
        assert_eq!(told.headers[format!("x-wc-webhook-{name}")], value);
    }
    assert_eq!(told.headers["x-wc-webhook-signature"], signature("a&amp;b&lt;c", &told.body), "the secret is decoded");
    assert_eq!(told.headers["x-wc-webhook-id"], id.to_string());
    assert!(told.body.contains("Jos\\u00e9") && told.body.contains("\"status\":\"completed\""), "{}", told.body);
    let (status, refused) = caller.send(Method::DELETE, &format!("webhooks/{id}"), Value::Null).await;
    assert_eq!((status, &refused["code"]), (501, &json!("woocommerce_rest_trash_not_supported")));
    for (wrong, code) in [
        (json!({"topic": "order.refunded", "delivery_url": FRONT}), "woocommerce_rest_shop_webhook_invalid_topic"),
        (json!({"topic": "customer.restored", "delivery_url": FRONT}), "woocommerce_rest_shop_webhook_invalid_topic"),
        (json!({"topic": "order.updated", "delivery_url": "x"}), "woocommerce_rest_shop_webhook_invalid_delivery_url"),
    ] {
        assert_eq!(caller.send(Method::POST, "webhooks", wrong).await.1["code"], code);
    }
}

#[tokio::test]
async fn what_fails_is_not_sent_again_and_the_seventh_failure_disables() {
    let (caller, taker) = (Caller::start(|_| {}).await, Taker::start().await);
    caller.sim.put_front(FRONT, &taker.url);
    let id = hook(&caller, "order.created", "s").await;
    let fail = async |times: usize| {
        taker.answer(500);
        for _ in 0..times {
            caller.store.place(order("a@x.mx"));
        }
        assert!(caller.store.settled(PATIENCE).await);
    };
    fail(6).await;
    taker.answer(302);
    caller.store.place(order("a@x.mx"));
    assert!(caller.store.settled(PATIENCE).await);
    assert_eq!((caller.store.hooks()[0].failures, taker.came().len()), (0, 8), "a redirect is a success");
    fail(6).await;
    assert_eq!(caller.store.hooks()[0].status, "active");
    fail(1).await;
    assert_eq!(caller.store.hooks()[0].status, "disabled");
    let before = taker.came().len();
    fail(2).await;
    assert_eq!(taker.came().len(), before, "and nobody hears of it");
    taker.answer(200);
    let (status, _) = caller.send(Method::PUT, &format!("webhooks/{id}"), json!({"status": "active"})).await;
    assert_eq!((status, caller.ids("webhooks?status=all").await), (200, vec![id]));
    caller.store.set_faults(Faults { jobs_lost: 1000, ..Faults::default() });
    caller.store.place(order("a@x.mx"));
    assert!(caller.store.settled(PATIENCE).await);
    assert_eq!((taker.came().len(), caller.store.hooks()[0].failures), (before, 0), "a lost job is no failure");
}

#[tokio::test]
async fn topics_are_told_as_the_plugin_does() {
    let (caller, taker) = (Caller::start(|_| {}).await, Taker::start().await);
    caller.sim.put_front(FRONT, &taker.url);
    for topic in
        ["order.created", "order.updated", "order.deleted", "order.restored", "customer.created", "customer.deleted"]
    {
        hook(&caller, topic, "s").await;
    }
    let draft = caller.store.place(NewOrder { status: "checkout-draft".to_owned(), ..order("a@x.mx") });
    let mut topics = Vec::new();
    let mut told = async || {
        assert!(caller.store.settled(PATIENCE).await);
        let all: Vec<String> = caller.store.delivered().into_iter().map(|one| one.topic).collect();
        let fresh = all[topics.len()..].to_vec();
        topics = all;
        fresh
    };
    assert_eq!(told().await, Vec::<String>::new());
    caller.store.touch(draft);
    assert_eq!(told().await, ["order.updated"], "a draft that is saved again is told of");
    caller.store.set_status(draft, "processing");
    assert_eq!(told().await, ["order.created"]);
    caller.store.refund(draft, "1.00".parse().unwrap());
    assert_eq!(told().await, ["order.updated"]);
    caller.store.trash(draft);
    caller.store.restore(draft);
    assert_eq!(told().await, ["order.deleted", "order.restored"]);
    let customer = caller.store.add_customer("a@x.mx", "Ana", "", "customer");
    caller.store.delete_customer(customer);
    caller.store.erase(draft);
    assert_eq!(told().await, ["customer.deleted", "order.updated"], "nothing is left to tell of who is gone");
    assert!(taker.came().iter().any(|came| came.body == format!("{{\"id\":{customer}}}")));
    assert!(taker.came().last().unwrap().body.contains("deleted@site.invalid"));
}

#[tokio::test]
async fn a_merchant_agrees_and_the_key_is_posted_before_the_browser_is_sent_back() {
    let (caller, taker) = (Caller::start(|store| store.must_log_in = true).await, Taker::start().await);
    caller.sim.put_front(FRONT, &taker.url);
    let at = format!("{}/{PATH}/wc-auth/v1", caller.sim.base());
    let query = format!(
        "app_name=segmentd&scope=read_write&user_id=st&return_url={FRONT}%2Fback&callback_url=https%3A%2F%2Fsegments.example%2Ftake"
    );
    let open = async |url: String| caller.http.get(url).header("cookie", "wordpress_logged_in=1").send().await.unwrap();
    let away = caller.http.get(format!("{at}/authorize?{query}")).send().await.unwrap();
    assert!(away.status() == 302 && away.headers()["location"].to_str().unwrap().contains("/wc-auth/v1/login?"));
    for wrong in [
        query.replace("user_id=st", "user_id="),
        query.replace("scope=read_write", "scope=all"),
        query.replace("callback_url=https", "callback_url=http"),
    ] {
        let answer = open(format!("{at}/authorize?{wrong}")).await;
        assert!(answer.status() == 401 && answer.text().await.unwrap().contains("Access denied"), "{wrong}");
    }
    let approve = async || {
        let page = open(format!("{at}/authorize?{query}")).await.text().await.unwrap();
        let link = page.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&amp;", "&");
        format!("{}{link}", caller.sim.base())
    };
    let link = approve().await;
    let back = open(link.clone()).await;
    assert_eq!(back.headers()["location"], format!("{FRONT}/back?success=1&user_id=st"));
    let posted: Value = serde_json::from_str(&taker.came()[0].body).unwrap();
    assert_eq!((&posted["user_id"], &posted["key_permissions"]), (&json!("st"), &json!("read_write")));
    let given = caller.store.keys().into_iter().find(|key| key.key == posted["consumer_key"]).unwrap();
    assert_eq!(posted["consumer_secret"], given.secret.as_str());
    assert_eq!(open(link).await.status(), 401, "a consent is good once");
    // Anything but 200 takes the key back.
    for status in [201, 204, 500] {
        taker.answer(status);
        let keys = caller.store.keys().len();
        assert_eq!(open(approve().await).await.status(), 401);
        assert_eq!(caller.store.keys().len(), keys, "{status}");
    }
}
