//! The battery that every connector is held to.

mod support;

use base64::Engine;
use connector_bench::{Battery, Calls, Clock, Double, Findings, Pages, Receives, Sample, Signed, Task};
use kit::api::ApiClient;
use kit::connector::Limits;
use kit::http::HttpClient;
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_woocommerce::CONNECTOR;
use serde_json::{Map, Value, json};
use std::sync::Arc;
use support::server::Store;
use support::{HOME, KEY, headers, known, map, order, time, with};

/// Orders: more than fit into one page, many of them of one second.
const ORDERS: u64 = 230;

struct Played(Store);

fn at(second: u64) -> String {
    time("2026-03-01T00:00:00Z").plus_micros(second as i64 * 1_000_000).to_string()[..19].to_owned()
}

fn changed(id: u64, second: u64) -> Value {
    with(order(id), json!({"date_created_gmt": at(id), "date_modified_gmt": at(second), "date_paid_gmt": at(id)}))
}

impl Double for Played {
    fn address(&self) -> String {
        self.0.base.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        let api = ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits);
        Connection { api, ..known(address, json!({})) }
    }

    fn token(&self) -> SecretString {
        KEY.into()
    }

    fn expire(&self) -> SecretString {
        KEY.into()
    }

    fn reset(&self) {
        let mut state = self.0.state();
        state.orders = (1..=ORDERS).map(|id| changed(id, if id > 50 { 50 } else { id })).collect();
        state.orders[2]["refunds"] = json!([{"id": 901, "total": "-1.00"}]);
        state.refunds =
            vec![json!({"id": 901, "parent_id": 3, "date_created_gmt": at(60), "amount": "1.00", "line_items": []})];
        let person = |id: u64| {
            json!({"id": id, "date_created_gmt": at(id), "date_modified_gmt": at(id), "email": format!("c{id}@x.mx"),
                "role": "customer", "billing": [], "meta_data": []})
        };
        state.customers = (1..=130).map(person).collect();
        state.hooks.clear();
    }

    fn change(&self, nth: usize) {
        if nth == 0 {
            let mut state = self.0.state();
            for id in [1, 60, 61, 62] {
                state.orders[id as usize - 1] = changed(id, 70);
            }
            state.orders.push(changed(999, 71));
            state.customers.drain(0..9);
        }
    }
}

fn sign(sample: &Sample, _now: i64, secret: &SecretString) -> Signed {
    let mac = hmac_sha256(secret, &sample.body).unwrap();
    let mac = base64::engine::general_purpose::STANDARD.encode(mac);
    let headers = headers(&[
        ("x-wc-webhook-signature", &mac),
        ("x-wc-webhook-topic", &sample.topic),
        ("x-wc-webhook-source", "https://shop.example/"),
        ("x-wc-webhook-delivery-id", "d1"),
    ]);
    Signed { headers, ..Signed::default() }
}

fn receives() -> Receives<'static> {
    let customer = json!({"id": 55, "date_created_gmt": "2025-01-01T10:00:00", "date_modified_gmt": "2026-02-01T10:00:00",
        "email": "ana@x.mx", "first_name": "Ana", "role": "customer", "billing": {"country": "MX"}, "meta_data": []});
    let later = with(order(7), json!({"date_modified_gmt": "2026-03-23T00:00:00", "status": "completed"}));
    Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-wc-webhook-signature"),
        good_for_s: None,
        sign: &sign,
        samples: vec![
            Sample::json("order.updated", &order(7)),
            Sample::json("customer.updated", &customer),
            Sample::json("order.deleted", &json!({"id": 7})),
        ],
        pairs: vec![(Sample::json("order.updated", &order(7)), Sample::json("order.updated", &later))],
        account: "shop.example",
        region: Some("MX"),
        details: map(json!({"home": HOME, "currency": "MXN"})),
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
            Task::Backfill("refunds"),
            Task::Poll("orders", since),
            Task::Poll("customers", since),
            Task::Poll("trash", since),
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
                steady: (10..=130).map(|id| format!("customer:{id}:")).collect(),
            },
        ],
        partial: Vec::new(),
        now_s: time("2026-11-24T10:00:00Z").0 / 1_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: Some(receives()), calls: Some(calls), refresh: None }.run().await
}
