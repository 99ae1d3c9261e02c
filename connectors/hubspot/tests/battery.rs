//! The battery that every connector is held to.

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use connector_bench::{
    Battery, Calls, Clock, Double, Findings, Pages, Partial, Receives, Refreshes, Sample, Signed, Task,
};
use kit::connector::Limits;
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::sync::Destination;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_hubspot::CONNECTOR;
use segmentd_simulators::hubspot::SimOptions;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{LIST, PORTAL, World, batch, change, contact, contacts, unlimited};

/// Where the world's clock stands, seconds since the epoch.
const NOW: i64 = 1_795_000_000;
/// More than one page of a search.
const CONTACTS: usize = 250;
const FIRST_ID: u64 = 501;
const URL: &str = "https://segments.example.com/hooks/hubspot";

struct Played {
    world: World,
    token: Mutex<String>,
}

impl Played {
    fn renew(&self) -> SecretString {
        let token = self.world.sim.pair(PORTAL).0;
        *self.token.lock().unwrap() = token;
        self.token()
    }
}

impl Double for Played {
    fn address(&self) -> String {
        self.world.sim.base().to_owned()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        let connection = self.world.connection_at(address, tokens, limits);
        let _ = connection.api.in_lane("search", Duration::from_millis(1));
        connection
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        support::destination(connection, json!({ "list": LIST })).ok()
    }

    fn token(&self) -> SecretString {
        self.token.lock().unwrap().as_str().into()
    }

    fn expire(&self) -> SecretString {
        self.world.sim.expire_tokens();
        self.renew()
    }

    fn reset(&self) {
        let sim = &self.world.sim;
        sim.clear();
        self.renew();
        sim.import(PORTAL, &contacts(0..CONTACTS));
        let ids = sim.import(PORTAL, &[contact("in@example.com"), contact("out@example.com")]);
        sim.edit_list(PORTAL, LIST, &[ids[1]], &[]);
    }

    fn change(&self, nth: usize) {
        if nth == 0 {
            let sim = &self.world.sim;
            sim.change(PORTAL, FIRST_ID + 1, "city", "Lima");
            sim.change(PORTAL, FIRST_ID + 240, "city", "Lima");
            sim.add(PORTAL, &[("email", "late@example.com")]);
            sim.delete(PORTAL, FIRST_ID);
        }
    }

    fn members(&self) -> BTreeSet<String> {
        self.world.members()
    }

    fn refuse(&self, identifier: &str) {
        let sim = &self.world.sim;
        let id = sim.add(PORTAL, &[("email", identifier)]);
        sim.delete_for_good(PORTAL, id);
    }
}

fn sign(sample: &Sample, now: i64, secret: &SecretString) -> Signed {
    let time = (now * 1_000).to_string();
    let message = [b"POST", URL.as_bytes(), &sample.body, time.as_bytes()].concat();
    let mut signed = Signed { url: URL.to_owned(), ..Signed::default() };
    let mac = STANDARD.encode(hmac_sha256(secret, &message).unwrap());
    signed.headers.insert("x-hubspot-signature-v3", mac.parse().unwrap());
    signed.headers.insert("x-hubspot-request-timestamp", time.parse().unwrap());
    signed
}

fn happening(what: &str, at: i64, more: Value) -> Sample {
    let mut one = json!({ "eventId": 1, "subscriptionId": 25, "portalId": PORTAL, "appId": 7, "occurredAt": at * 1_000,
        "subscriptionType": what, "attemptNumber": 0, "objectId": 501 });
    one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Sample::json(what, &json!([one]))
}

fn changed(at: i64, value: &str) -> Sample {
    happening("contact.propertyChange", at, json!({ "propertyName": "city", "propertyValue": value }))
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let world = World::start(SimOptions { stands_at: Some((NOW - 5_000) * 1_000), ..unlimited() }).await;
    let played = Played { world, token: Mutex::default() };
    played.reset();
    let account = PORTAL.to_string();
    let receive = Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-hubspot-signature-v3"),
        good_for_s: Some(300),
        sign: &sign,
        samples: vec![
            changed(NOW - 100, "Lima"),
            happening("contact.creation", NOW - 100, json!({})),
            happening("contact.merge", NOW - 100, json!({ "primaryObjectId": 501, "mergedObjectIds": [502] })),
        ],
        pairs: vec![(changed(NOW - 100, "Lima"), changed(NOW - 90, "Cusco"))],
        account: &account,
        region: Some("MX"),
        details: Map::new(),
        settings: Map::new(),
    };
    let pointer = |kind: &str, id: u64| Pointer { kind: kind.to_owned(), id: id.to_string() };
    let steady: BTreeSet<String> = (2..240).map(|number| format!("contact:{}:", FIRST_ID + number)).collect();
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Backfill("contacts"),
            Task::Poll("contacts", NOW - 10_000),
            Task::Fetch(vec![pointer("contact", FIRST_ID), pointer("gone_contact", 9_999)]),
            Task::Identify,
            Task::Push(batch(vec![change("in@example.com", true), change("out@example.com", false)])),
            Task::Held,
            Task::Holds(vec!["in@example.com".to_owned(), "out@example.com".to_owned()]),
        ],
        pages: vec![
            Pages { task: Task::Backfill("contacts"), steady: steady.clone() },
            Pages { task: Task::Poll("contacts", NOW - 10_000), steady },
        ],
        partial: vec![Partial {
            batch: batch(vec![change("never@example.com", true), change("in@example.com", true)]),
            refused: ["never@example.com".to_owned()].into(),
        }],
        now_s: NOW,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: true,
    };
    let refresh = Refreshes {
        role: CONNECTOR.install.unwrap(),
        address: played.address(),
        platform: &|address| played.world.platform(address),
        account: "",
        good: &|| played.world.sim.pair(PORTAL).1.as_str().into(),
        revoked: "na1-revoked".into(),
    };
    Battery { receive: Some(receive), calls: Some(calls), refresh: Some(refresh) }.run().await
}
