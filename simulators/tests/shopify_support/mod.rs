//! What the tests of the simulated Shopify share: a receiver of webhooks, documents, and facts beside the repository.

#![allow(dead_code)]

use axum::extract::{Request, State};
use axum::http::StatusCode;
use segmentd_simulators::shopify::{Installed, Shop, ShopOptions, ShopifySim, SimOptions};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const SHOP: &str = "acme-mx.myshopify.com";
pub const SECRET: &str = "shpss_0123456789abcdef0123456789abcdef";
pub const SCOPES: [&str; 4] = ["read_orders", "read_all_orders", "write_customers", "read_customer_merge"];

/// A file beside the repository; `None`, with a word, where it is not.
pub fn shared(name: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let path = std::env::var_os("SEGMENTD_SHARED").map_or_else(beside, PathBuf::from).join(name);
    if path.exists() {
        return Some(path);
    }
    // Not by `println!`, which the test runner keeps to itself.
    let said = format!("SKIPPED: {} is missing; set SEGMENTD_SHARED to the folder it is in", path.display());
    let _ = writeln!(std::io::stderr(), "{said}");
    None
}

pub fn sdl() -> Option<PathBuf> {
    shared("specs/shopify/admin-2026-10.graphql")
}

pub fn json_of(path: &PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Options with the SDL where it is.
pub fn options() -> SimOptions {
    SimOptions { sdl: sdl(), shops: vec![ShopOptions::named(SHOP)], ..SimOptions::default() }
}

/// A shop with the app installed.
pub async fn installed(options: SimOptions) -> (ShopifySim, Shop, Installed) {
    let sim = ShopifySim::start(options).await.unwrap();
    let shop = sim.shop(SHOP);
    let tokens = shop.install(&SCOPES).unwrap();
    (sim, shop, tokens)
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// Asks the Admin API; the whole answer.
pub async fn ask(shop: &Shop, token: &str, query: &str, variables: Value) -> Value {
    let url = format!("{}/admin/api/2026-10/graphql.json", shop.base());
    let body = json!({"query": query, "variables": variables});
    let answer = client().post(url).header("X-Shopify-Access-Token", token).json(&body).send().await.unwrap();
    answer.json().await.unwrap()
}

/// Asks, and nothing may be wrong.
pub async fn data(shop: &Shop, token: &str, query: &str, variables: Value) -> Value {
    let answer = ask(shop, token, query, variables).await;
    assert!(answer.get("errors").is_none(), "{answer:#}");
    answer["data"].clone()
}

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Came {
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Came {
    pub fn topic(&self) -> &str {
        self.headers.get("x-shopify-topic").map(String::as_str).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Takes webhooks, and answers as it is told.
#[derive(Clone, Default)]
pub struct Inbox {
    came: Arc<Mutex<Vec<Came>>>,
    status: Arc<AtomicU16>,
    slow_ms: Arc<AtomicU64>,
    pub url: String,
}

impl Inbox {
    pub async fn start() -> Inbox {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let inbox = Inbox { url, status: Arc::new(AtomicU16::new(200)), ..Inbox::default() };
        let router = axum::Router::new().fallback(take).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        inbox
    }

    pub fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub fn slow(&self, ms: u64) {
        self.slow_ms.store(ms, Ordering::SeqCst);
    }

    pub fn all(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// What came since the last call.
    pub fn take(&self) -> Vec<Came> {
        std::mem::take(&mut *self.came.lock().unwrap())
    }

    /// Topics that came since the last call, sorted.
    pub async fn topics(&self, sim: &ShopifySim) -> Vec<String> {
        assert!(sim.settled(Duration::from_secs(10)).await);
        let mut topics: Vec<String> = self.take().iter().map(|one| one.topic().to_owned()).collect();
        topics.sort();
        topics
    }
}

async fn take(State(inbox): State<Inbox>, request: Request) -> StatusCode {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10 << 20).await.unwrap();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()));
    let came = Came { headers: headers.collect(), body: String::from_utf8(body.to_vec()).unwrap() };
    inbox.came.lock().unwrap().push(came);
    tokio::time::sleep(Duration::from_millis(inbox.slow_ms.load(Ordering::SeqCst))).await;
    StatusCode::from_u16(inbox.status.load(Ordering::SeqCst)).unwrap()
}

/// Everything that the API can subscribe to and this double fires.
pub const TOPICS: [&str; 24] = [
    "APP_UNINSTALLED",
    "APP_SCOPES_UPDATE",
    "BULK_OPERATIONS_FINISH",
    "CARTS_CREATE",
    "CARTS_UPDATE",
    "CHECKOUTS_CREATE",
    "CHECKOUTS_UPDATE",
    "CUSTOMERS_CREATE",
    "CUSTOMERS_UPDATE",
    "CUSTOMERS_DELETE",
    "CUSTOMERS_MERGE",
    "CUSTOMERS_PURCHASING_SUMMARY",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE",
    "CUSTOMER_TAGS_ADDED",
    "CUSTOMER_TAGS_REMOVED",
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_PAID",
    "ORDERS_CANCELLED",
    "ORDERS_EDITED",
    "ORDERS_DELETE",
    "REFUNDS_CREATE",
    "ORDER_TRANSACTIONS_CREATE",
];

pub const SUBSCRIBE: &str = "mutation($topic: WebhookSubscriptionTopic!, $hook: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $hook) {
    webhookSubscription { id topic uri } userErrors { field message } } }";

pub async fn subscribe(shop: &Shop, token: &str, topic: &str, hook: Value) -> Value {
    data(shop, token, SUBSCRIBE, json!({"topic": topic, "hook": hook})).await["webhookSubscriptionCreate"].clone()
}

pub async fn subscribe_to_all(shop: &Shop, token: &str, url: &str) {
    for topic in TOPICS {
        let made = subscribe(shop, token, topic, json!({"uri": url})).await;
        assert_eq!(made["userErrors"], json!([]), "{topic}");
        assert_eq!(made["webhookSubscription"]["topic"], topic);
    }
}
