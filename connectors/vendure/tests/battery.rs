//! The battery that every connector is held to.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Pages, Receives, Sample, Signed, Task};
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_vendure::CONNECTOR;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use support::server::Store;
use support::{KEY, customer, order, time, with};

/// Orders: more than fit into one page, many of them of one second.
const ORDERS: u64 = 130;

struct Played(Store);

fn at(second: u64) -> String {
    time("2026-03-01T00:00:00Z").plus_micros(second as i64 * 1_000_000).to_string()
}

fn placed(id: u64, second: u64) -> Value {
    let times = json!({"createdAt": at(second), "updatedAt": at(second), "orderPlacedAt": at(second)});
    with(with(order(id), times), json!({"history": {"totalItems": 0, "items": []}, "payments": []}))
}

impl Double for Played {
    fn address(&self) -> String {
        self.0.base.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        support::connection(address, tokens)
    }

    fn token(&self) -> SecretString {
        KEY.into()
    }

    fn expire(&self) -> SecretString {
        KEY.into()
    }

    fn reset(&self) {
        let mut held = self.0.held();
        held.orders = (1..=ORDERS).map(|id| placed(id, if id > 20 { 20 } else { id })).collect();
        held.customers =
            (1..=110).map(|id| with(customer(id), json!({"createdAt": at(id), "updatedAt": at(id)}))).collect();
        held.hook = None;
    }

    fn change(&self, nth: usize) {
        if nth == 0 {
            let mut held = self.0.held();
            held.orders.push(placed(999, 71));
            held.customers.drain(0..9);
        }
    }
}

fn sign(sample: &Sample, _now: i64, secret: &SecretString) -> Signed {
    let mac = hmac_sha256(secret, &sample.body).unwrap();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut headers = http::HeaderMap::new();
    headers.insert("x-store-signature", hex.parse().unwrap());
    Signed { headers, query: None, ..Signed::default() }
}

fn receives() -> Receives<'static> {
    let message = |id: &str, kind: &str| json!({"id": id, "topic": "OrderPlacedEvent", "kind": kind, "of": "7", "at": "2026-03-01T10:00:00.000Z"});
    let (first, second) = (message("a-1", "order"), message("a-2", "order"));
    Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-store-signature"),
        good_for_s: None,
        sign: &sign,
        samples: vec![
            Sample::json("OrderPlacedEvent", &first),
            Sample::json("CustomerEvent", &message("a-3", "customer")),
        ],
        pairs: vec![(Sample::json("OrderPlacedEvent", &first), Sample::json("OrderPlacedEvent", &second))],
        account: "shop.example",
        region: Some("MX"),
        details: Map::new(),
        settings: Map::new(),
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let played = Played(Store::start().await);
    played.reset();
    let since = time("2026-02-01T00:00:00Z").0 / 1_000_000;
    let point = |kind: &str, id: &str| Pointer { kind: kind.to_owned(), id: id.to_owned() };
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Backfill("orders"),
            Task::Backfill("customers"),
            Task::Poll("orders", since),
            Task::Poll("customers", since),
            Task::Fetch(vec![point("order", "3"), point("customer", "999")]),
            Task::Identify,
            Task::Register,
        ],
        pages: vec![
            Pages {
                task: Task::Backfill("orders"),
                steady: (1..=ORDERS).map(|id| format!("order:{id}:completed")).collect(),
            },
            Pages {
                task: Task::Backfill("customers"),
                steady: (10..=110).map(|id| format!("customer:{id}:")).collect(),
            },
        ],
        partial: Vec::new(),
        now_s: time("2026-03-10T00:00:00Z").0 / 1_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: Some(receives()), calls: Some(calls), refresh: None }.run().await
}
