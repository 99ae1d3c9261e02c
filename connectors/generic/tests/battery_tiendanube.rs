//! The battery that every connector is held to, over the description of Tiendanube.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Pages, Receives, Sample, Signed, Task};
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_simulators::tiendanube::{SimOptions, TiendanubeSim};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};
use support::{TIENDANUBE, connection, time};

const STORE: u64 = 271_146;
/// More than a page.
const ORDERS: u64 = 215;

struct Played {
    sim: TiendanubeSim,
    token: Mutex<String>,
}

fn at(second: u64) -> String {
    let time = time("2026-03-01T00:00:00Z").plus_micros(second as i64 * 1_000_000).to_string();
    format!("{}+0000", &time[..19])
}

fn order(id: u64, second: u64) -> Value {
    json!({"id": id, "store_id": STORE.to_string(), "number": id, "currency": "ARS", "total": "10.50", "status": "open",
        "payment_status": "paid", "created_at": at(id), "updated_at": at(second), "paid_at": at(id),
        "contact_email": format!("c{id}@x.ar"), "contact_phone": "+5491126653230", "billing_country": "AR",
        "customer": {"id": id + 10_000}, "products": [], "storefront": "store"})
}

fn customer(id: u64, second: u64) -> Value {
    json!({"id": id, "name": "Ana", "email": format!("c{id}@x.ar"), "phone": null, "accepts_marketing": true,
        "accepts_marketing_updated_at": at(second), "created_at": at(id), "updated_at": at(second)})
}

impl Double for Played {
    fn address(&self) -> String {
        self.sim.base().to_owned()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        connection(&TIENDANUBE, address, &STORE.to_string(), tokens)
    }

    fn token(&self) -> SecretString {
        self.token.lock().unwrap().as_str().into()
    }

    fn expire(&self) -> SecretString {
        *self.token.lock().unwrap() = self.sim.new_token();
        self.token()
    }

    fn reset(&self) {
        self.sim.put_orders((1..=ORDERS).map(|id| order(id, id)));
        self.sim.put_customers((1..=9).map(|id| customer(id, id)));
        self.expire();
    }

    fn change(&self, nth: usize) {
        if nth == 0 {
            // Of the page that was read some are updated, and leave the window: all others move up.
            let moved = |id: u64| if id > ORDERS - 30 { order(id, 30_000_000) } else { order(id, id) };
            self.sim.put_orders((1..=ORDERS).map(moved).chain([order(999_999, 30_000_001)]));
        }
    }
}

fn sign(sample: &Sample, _now: i64, secret: &SecretString) -> Signed {
    let hex: String = hmac_sha256(secret, &sample.body).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut signed = Signed::default();
    signed.headers.insert("x-linkedstore-hmac-sha256", hex.parse().unwrap());
    signed
}

fn receives() -> Receives<'static> {
    let told = |event: &str| Sample::json(event, &json!({"store_id": STORE, "event": event, "id": 450_789_469_u64}));
    Receives {
        role: TIENDANUBE.receive.unwrap(),
        signature: Some("x-linkedstore-hmac-sha256"),
        good_for_s: None,
        sign: &sign,
        samples: vec![told("order/paid"), told("customer/updated"), told("customer/deleted"), told("app/uninstalled")],
        pairs: vec![(told("order/created"), told("order/paid"))],
        account: "271146",
        region: None,
        details: Map::new(),
        settings: Map::new(),
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let options = SimOptions { bucket: (1e9, 1e9), ..SimOptions::default() };
    let sim = TiendanubeSim::start(options, STORE).await.unwrap();
    let played = Played { sim, token: Mutex::default() };
    let since = time("2026-03-01T00:06:30Z").0 / 1_000_000;
    let point = |kind: &str, id: &str| Pointer { kind: kind.to_owned(), id: id.to_owned() };
    let calls = Calls {
        connector: &TIENDANUBE,
        double: &played,
        tasks: vec![
            Task::Backfill("orders"),
            Task::Backfill("customers"),
            Task::Poll("orders", since),
            Task::Fetch(vec![point("order", "3"), point("customer", "9"), point("customer", "99999")]),
            Task::Identify,
            Task::Register,
        ],
        pages: vec![Pages {
            task: Task::Backfill("orders"),
            steady: (1..=ORDERS - 30).map(|id| format!("order:{id}:completed")).collect(),
        }],
        partial: Vec::new(),
        now_s: time("2026-11-24T10:00:00Z").0 / 1_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    Battery { receive: Some(receives()), calls: Some(calls), refresh: None }.run().await?;
    assert_eq!(played.sim.counters().wrong, Vec::<String>::new());
    Ok(())
}
