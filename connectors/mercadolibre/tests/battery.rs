//! The battery that every connector is held to.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Pages, Receives, Refreshes, Sample, Signed, Task};
use kit::platform::Connection;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_mercadolibre::CONNECTOR;
use segmentd_simulators::mercadolibre::{NewOrder, SimOptions};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::{World, details, now, platform, point};

/// Orders: more than fit into one page.
const ORDERS: u64 = 120;
/// Numbers of the first order and of the claim and the question after them, as the simulator gives them.
const FIRST: u64 = 2_000_009_713_000_002;

struct Played {
    world: World,
    token: Mutex<String>,
}

impl Double for Played {
    fn address(&self) -> String {
        self.world.sim.base().to_owned()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        support::connection(address, tokens)
    }

    fn token(&self) -> SecretString {
        self.token.lock().unwrap().clone().into()
    }

    fn expire(&self) -> SecretString {
        self.world.sim.expire_tokens();
        *self.token.lock().unwrap() = self.world.sim.issue().0;
        self.token()
    }

    fn reset(&self) {
        self.world.sim.reset();
        *self.token.lock().unwrap() = self.world.sim.issue().0;
        for number in 0..ORDERS {
            let (buyer, days_ago) = (1_000 + number, 1 + number as i64 % 3);
            let pack = (number == 5).then_some(77);
            self.world.sim.place(NewOrder { buyer, days_ago, pack, ..NewOrder::default() });
        }
    }

    /// Orders that were read change, and leave the pages that follow.
    fn change(&self, nth: usize) {
        if nth == 0 {
            for number in 0..20 {
                self.world.sim.tag(FIRST + number * 2, "delivered");
            }
            self.world.sim.place(NewOrder::default());
        }
    }
}

fn notification(topic: &str, resource: &str) -> Sample {
    let body = json!({"_id": "f9f08571-1f65-4c46-9e0a-c0f43faa1557", "resource": resource, "user_id": 779_432_305,
        "topic": topic, "application_id": 5_503_910_054_141_466_u64, "attempts": 1,
        "sent": "2026-10-30T16:19:20.129Z", "received": "2026-10-30T16:19:20.106Z"});
    Sample::json(topic, &body)
}

fn receives() -> Receives<'static> {
    let sign = &|_: &Sample, _: i64, _: &SecretString| Signed::default();
    Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: None,
        good_for_s: None,
        sign,
        samples: vec![
            notification("orders_v2", "/orders/2195160686"),
            notification("post_purchase", "post-purchase/v1/claims/5108684499"),
            notification("questions", "/questions/13"),
        ],
        pairs: vec![(notification("orders_v2", "/orders/7"), notification("orders_v2", "/orders/7"))],
        account: support::SELLER,
        region: Some("MX"),
        details: details(),
        settings: serde_json::Map::new(),
    }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    // What is done again has to come to the same.
    let now_ms = now().as_millis();
    let options = SimOptions { stands_at_ms: Some(now_ms), ..SimOptions::default() };
    let played = Played { world: World::with(options).await, token: Mutex::default() };
    played.reset();
    let now_s = now_ms / 1_000;
    let steady =
        (21..ORDERS).filter(|number| *number != 5).map(|number| format!("order:{}:completed", FIRST + number * 2));
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Identify,
            Task::Backfill("orders"),
            Task::Backfill("cancelled"),
            Task::Backfill("questions"),
            Task::Poll("orders", now_s - 5 * 86_400),
            Task::Poll("claims", now_s - 86_400),
            Task::Poll("questions", now_s - 86_400),
            Task::Poll("missed", now_s),
            Task::Fetch(vec![point("order", FIRST), point("order", FIRST + 10), point("claim", 9)]),
        ],
        pages: vec![Pages { task: Task::Backfill("orders"), steady: steady.collect() }],
        partial: Vec::new(),
        now_s,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    let good = || played.world.sim.issue().1.into();
    let refresh = Refreshes {
        role: CONNECTOR.install.unwrap(),
        address: played.address(),
        platform: &platform,
        account: support::SELLER,
        good: &good,
        revoked: "TG-gone".into(),
    };
    Battery { receive: Some(receives()), calls: Some(calls), refresh: Some(refresh) }.run().await
}

/// The body of a notification in whatever form it comes.
#[test]
fn a_notification_for_another_app_or_seller_is_not_believed() {
    let body = |app: Value, user: Value| {
        json!({"resource": "/orders/1", "topic": "orders_v2", "application_id": app, "user_id": user}).to_string()
    };
    let ours = body(support::APP.into(), support::SELLER.into());
    assert_eq!(support::read(&ours).unwrap().facts.pointers, [point("order", 1)]);
    for (app, user) in
        [(json!(1), json!(779_432_305)), (json!(support::APP), json!(8)), (Value::Null, json!("779432305"))]
    {
        assert!(matches!(support::read(&body(app, user)), Err(kit::receive::Rejection::Untrusted(_))));
    }
}
