//! A small store that keeps the rules of Vendure's admin API which these tests need, and a connection to it.

#![allow(dead_code)]

pub mod server;

use kit::api::ApiClient;
use kit::connector::Limits;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::poll::{Page, Place, Poll, Sink};
use kit::receive::Facts;
use kit::token::{FixedToken, Tokens};
use model::{Event, EventKind, SourceId, Time};
use segmentd_connector_vendure::CONNECTOR;
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub const KEY: &str = "0123456789abcdef01234567:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

pub fn poll() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// As the daemon makes it after an install.
pub fn connection(address: &str, tokens: Arc<dyn Tokens>) -> Connection {
    let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
    Connection {
        source: SourceId::from("shop"),
        account: address.to_owned(),
        region: Some("MX".to_owned()),
        settings: Map::new(),
        details: map(json!({"currency": "USD", "precision": "2", "consent": "acceptsMarketing",
            "consent_at": "acceptsMarketingAt", "customers": "readable"})),
        scopes: Vec::new(),
        platform: Arc::new(Platform { allow_private: true, ..Platform::default() }),
        api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
        hook_url: "https://segments.example/hooks/vendure/t0k3n".to_owned(),
    }
}

pub fn connected(store: &server::Store) -> Connection {
    connection(&store.base, Arc::new(FixedToken(KEY.into())))
}

/// The events of an activity.
pub fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.kind == EventKind::Activity(name.to_owned())).collect()
}

/// A customer of the store.
pub fn customer(id: u64) -> Value {
    json!({
        "id": id.to_string(), "createdAt": "2026-03-01T10:00:00.000Z", "updatedAt": "2026-03-01T10:00:01.000Z",
        "emailAddress": format!("c{id}@example.com"), "phoneNumber": format!("55 1234 {id:04}"),
        "firstName": "Ana", "lastName": "Ruiz", "user": null,
        "customFields": {"state": true, "at": "2026-03-01T10:00:01.147Z"},
        "addresses": [{"city": "CDMX", "province": "", "postalCode": "06000", "country": {"code": "MX"},
            "defaultBillingAddress": true, "defaultShippingAddress": true}],
    })
}

/// An order of a guest, paid; its time of change is that of its lines.
pub fn order(id: u64) -> Value {
    let entry = |kind: &str, at: &str, data: Value| json!({"type": kind, "createdAt": at, "data": data});
    json!({
        "id": id.to_string(), "code": format!("R2DT{id}"), "state": "PaymentSettled", "active": false, "type": "Regular",
        "createdAt": "2026-03-01T10:00:00.000Z", "updatedAt": "2026-03-01T10:00:00.000Z",
        "orderPlacedAt": "2026-03-01T10:00:05.059Z", "currencyCode": "USD", "shipping": 9900, "total": 33900,
        "totalWithTax": 37740, "couponCodes": ["TEN"], "customer": customer(id),
        "billingAddress": {"city": null, "province": null, "postalCode": null, "countryCode": null},
        "shippingAddress": {"city": "CDMX", "province": null, "postalCode": "06000", "countryCode": "MX"},
        "lines": [{"id": "1", "quantity": 2, "orderPlacedQuantity": 2, "unitPriceWithTax": 13920,
            "proratedUnitPriceWithTax": 13920,
            "productVariant": {"id": "1", "sku": "C250", "name": "Coffee 250g", "product": {"id": "7", "name": "Coffee"}}}],
        "payments": [{"id": "1", "state": "Settled", "amount": 37740, "createdAt": "2026-03-01T10:00:05.000Z",
            "updatedAt": "2026-03-01T10:00:05.000Z", "refunds": []}],
        "history": {"totalItems": 2, "items": [
            entry("ORDER_STATE_TRANSITION", "2026-03-01T10:00:05.000Z", json!({"to": "PaymentSettled"})),
            entry("ORDER_PAYMENT_TRANSITION", "2026-03-01T10:00:05.000Z", json!({"paymentId": 1, "to": "Settled"})),
        ]},
    })
}

/// The same with some fields changed.
pub fn with(mut thing: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        thing[name] = value.clone();
    }
    thing
}

/// Gives money back, as the store then shows it.
pub fn refunded(mut order: Value, state: &str) -> Value {
    order["payments"][0]["refunds"] = json!([{"id": "9", "state": state, "total": 10000, "reason": "broken",
        "createdAt": "2026-03-02T10:00:00.000Z", "updatedAt": "2026-03-02T10:00:00.000Z"}]);
    if state == "Settled" {
        let settled = json!({"type": "ORDER_REFUND_TRANSITION", "createdAt": "2026-03-02T12:00:00.000Z",
            "data": {"refundId": 9, "from": "Pending", "to": "Settled"}});
        order["history"]["items"].as_array_mut().unwrap().insert(0, settled);
        order["history"]["totalItems"] = json!(3);
    }
    order
}

/// Calls it off, as the store then shows it.
pub fn cancelled(mut order: Value) -> Value {
    order["lines"][0]["quantity"] = json!(0);
    let told = json!({"type": "ORDER_STATE_TRANSITION", "createdAt": "2026-03-03T10:00:00.000Z",
        "data": {"from": "PaymentSettled", "to": "Cancelled"}});
    order["history"]["items"].as_array_mut().unwrap().insert(0, told);
    order["history"]["totalItems"] = json!(3);
    with(order, json!({"state": "Cancelled", "total": 0, "totalWithTax": 0, "shipping": 0}))
}

/// Keeps what comes; fails from the `limit`-th page on.
pub struct Kept {
    pub facts: Facts,
    pub cursor: Option<String>,
    pub pages: usize,
    pub limit: usize,
    pub now: Time,
}

impl Kept {
    pub fn new() -> Kept {
        Kept { facts: Facts::default(), cursor: None, pages: 0, limit: usize::MAX, now: time("2026-03-10T00:00:00Z") }
    }

    pub fn place(&self) -> Place {
        Place { cursor: self.cursor.clone(), since: time("2026-03-01T00:00:00Z") }
    }

    /// Ids of the messages, each once.
    pub fn ids(&self) -> std::collections::BTreeSet<String> {
        self.facts.events.iter().map(|event| event.message_id.clone()).collect()
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
        self.facts.events.extend(page.facts.events);
        self.facts.versions.extend(page.facts.versions);
        self.cursor = Some(page.cursor);
        Ok(())
    }
}
