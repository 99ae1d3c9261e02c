//! What the tests share: a small store that keeps the documented rules which these tests need, and a sink.

#![allow(dead_code)]

pub mod server;

use kit::api::ApiClient;
use kit::connector::Limits;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::poll::{Page, Place, Poll, Sink};
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection};
use kit::token::FixedToken;
use model::{Event, EventKind, SourceId, Time};
use segmentd_connector_woocommerce::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

pub const HOME: &str = "https://shop.example";
pub const SECRET: &str = "0123456789abcdef";
pub const KEY: &str = "ck_0123456789abcdef0123456789abcdef01234567:cs_0123456789abcdef0123456789abcdef01234567";

/// A file of the captures, if they are here.
pub fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing: nothing is held against it", file.display());
    }
    text
}

pub fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

pub fn receive() -> &'static dyn Receive {
    CONNECTOR.receive.unwrap()
}

pub fn poll() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn headers(pairs: &[(&str, &str)]) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

/// Reads a body as if it had been verified.
pub fn read_with(topic: &str, body: &str, settings: Value) -> Result<Received, Rejection> {
    let headers = headers(&[
        ("x-wc-webhook-topic", topic),
        ("x-wc-webhook-source", "https://shop.example/"),
        ("x-wc-webhook-delivery-id", "d1"),
    ]);
    let (source, details, settings) =
        (SourceId::from("shop"), map(json!({"home": HOME, "currency": "MXN"})), map(settings));
    let received = time("2026-11-24T10:00:00Z");
    let (account, region) = ("shop.example", Some("MX"));
    let receiver = Receiver { source: &source, account, region, details: &details, settings: &settings, received };
    receive().read(&Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() }, &receiver)
}

pub fn read(topic: &str, body: &Value) -> Facts {
    read_with(topic, &body.to_string(), json!({})).unwrap().facts
}

/// The events of an activity, of facts.
pub fn named<'a>(events: impl IntoIterator<Item = &'a Event>, name: &str) -> Vec<&'a Event> {
    let is = |event: &&Event| event.kind == EventKind::Activity(name.to_owned());
    events.into_iter().filter(is).collect()
}

/// An order of a guest, paid.
pub fn order(id: u64) -> Value {
    json!({
        "id": id, "number": id.to_string(), "status": "processing", "created_via": "checkout", "currency": "MXN",
        "date_created_gmt": "2026-03-22T22:28:02", "date_modified_gmt": "2026-03-22T22:28:08",
        "date_paid_gmt": "2026-03-22T22:28:07", "date_completed_gmt": null,
        "total": "29.35", "total_tax": "1.35", "shipping_total": "10.00", "discount_total": "3.00", "customer_id": 0,
        "billing": {"first_name": "Ana", "last_name": "Ruiz", "city": "CDMX", "state": "DF", "postcode": "06000",
            "country": "MX", "email": "Ana@Example.com", "phone": "55 1234 5678"},
        "payment_method": "bacs",
        "meta_data": [{"id": 1, "key": "_wc_order_attribution_utm_source", "value": "google"}, {"id": 2, "key": "x", "value": []}],
        "line_items": [{"id": 315, "name": "Shirt - Red", "product_id": 93, "variation_id": 94, "quantity": 2,
            "total": "6.00", "sku": "SH-R", "price": 3}],
        "coupon_lines": [{"id": 1, "code": "TEN"}], "refunds": [],
    })
}

/// The same with some fields changed.
pub fn with(mut thing: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        thing[name] = value.clone();
    }
    thing
}

/// Keeps what comes; fails from the `limit`-th page on.
pub struct Kept {
    pub events: BTreeMap<String, Event>,
    /// Events that came again.
    pub doubles: usize,
    pub facts: Facts,
    pub cursor: Option<String>,
    pub pages: usize,
    pub limit: usize,
    pub progress: Option<kit::poll::Progress>,
    pub now: Time,
}

impl Kept {
    pub fn new() -> Kept {
        let now = time("2026-11-24T10:00:00Z");
        let (events, facts, cursor, progress) = (BTreeMap::new(), Facts::default(), None, None);
        Kept { events, doubles: 0, facts, cursor, pages: 0, limit: usize::MAX, progress, now }
    }

    pub fn place(&self) -> Place {
        Place { cursor: self.cursor.clone(), since: time("2026-01-01T00:00:00Z") }
    }

    /// Ids of the orders of events of this name.
    pub fn orders(&self, name: &str) -> Vec<String> {
        let order = |event: &Event| event.properties.get("order_id").map(|id| format!("{:?}", id.to_json()));
        let mut ids: Vec<String> = named(self.events.values(), name).into_iter().filter_map(order).collect();
        ids.sort();
        ids.dedup();
        ids
    }
}

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        self.now
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        if self.pages >= self.limit {
            return Err(Failure::retry("full", None));
        }
        self.pages += 1;
        self.progress = page.progress.or(self.progress);
        for event in page.facts.events {
            self.doubles += usize::from(self.events.insert(event.message_id.clone(), event).is_some());
        }
        self.facts.versions.extend(page.facts.versions);
        self.cursor = Some(page.cursor);
        Ok(())
    }
}

/// A connection to a store at `base`, as the daemon makes it before anything is known.
pub fn unknown(base: &str, account: &str, key: &str) -> Connection {
    let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
    let api = ApiClient::new(HttpClient::new(true).unwrap(), Arc::new(FixedToken(key.into())), limits);
    let settings = map(json!({"timeout_s": 5, "allow_plain_http": true}));
    Connection {
        source: SourceId::from("shop"),
        account: account.to_owned(),
        region: Some("MX".to_owned()),
        settings: Map::new(),
        details: Map::new(),
        scopes: Vec::new(),
        platform: Arc::new(Platform {
            address: Some(base.to_owned()),
            allow_private: true,
            app: None,
            public_url: "https://segments.example".to_owned(),
            settings,
        }),
        api,
        hook_url: "https://segments.example/hooks/woocommerce/t0ken".to_owned(),
    }
}

/// A connection as it is once the store is known.
pub fn known(base: &str, details: Value) -> Connection {
    let mut all =
        map(json!({"home": HOME, "auth": "basic", "routes": "pretty", "changes": "modified", "refunds": "all",
        "customers": "readable", "currency": "MXN"}));
    all.extend(map(details));
    Connection { details: all, ..unknown(base, "shop.example", KEY) }
}
