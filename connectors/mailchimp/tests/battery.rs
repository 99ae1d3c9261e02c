//! The battery that every connector is held to.

mod support;

use connector_bench::{Battery, Calls, Clock, Double, Findings, Pages, Partial, Receives, Sample, Signed, Task};
use kit::api::ApiClient;
use kit::connector::{DestinationSetup, Limits};
use kit::http::HttpClient;
use kit::platform::Connection;
use kit::receive::Pointer;
use kit::signature::hmac_sha256;
use kit::sync::Destination;
use kit::token::Tokens;
use secrecy::SecretString;
use segmentd_connector_mailchimp::CONNECTOR;
use serde_json::{Map, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{Audience, KEY, LIST, State, World, batch, change};

/// When the world stands still, seconds since the epoch.
const NOW: i64 = 1_772_355_600;
const SINCE: i64 = NOW - 100_000;
/// More than fits into one page.
const UNSUBSCRIBED: usize = 1_050;

struct Played(Arc<World>);

impl Double for Played {
    fn address(&self) -> String {
        self.0.base.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        let mut connection = self.0.connection(json!({ "backfill": true }));
        let mut platform = self.0.platform();
        platform.address = Some(format!("{address}/{{account}}"));
        connection.platform = Arc::new(platform);
        connection.details.insert("api_endpoint".to_owned(), format!("{address}/us19").into());
        Connection { api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits), ..connection }
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        let setup = DestinationSetup {
            address: String::new(),
            secrets: Vec::new(),
            allow_private: true,
            connection: Some(Arc::new(connection)),
            settings: json!({ "audience": LIST, "tag": "vip" }).as_object().unwrap().clone(),
            ..DestinationSetup::default()
        };
        (CONNECTOR.sync.unwrap().connect)(&setup).ok()
    }

    fn token(&self) -> SecretString {
        KEY.into()
    }

    fn expire(&self) -> SecretString {
        KEY.into()
    }

    fn reset(&self) {
        let mut state = State { now: NOW, next_id: 400, ..State::default() };
        state.lists.insert(LIST.to_owned(), Audience::default());
        *self.0.state() = state;
        for number in 0..UNSUBSCRIBED {
            self.0.put(&format!("p{number:04}@example.com"), "unsubscribed");
        }
        for name in ["in@example.com", "out@example.com"] {
            self.0.put(name, "subscribed");
        }
        self.0.tag("vip", &["out@example.com"]);
    }

    fn change(&self, nth: usize) {
        if nth == 0 {
            self.0.state().now += 5;
            for name in ["p0001@example.com", "late@example.com"] {
                self.0.put(name, "unsubscribed");
            }
            self.0.state().lists.get_mut(LIST).unwrap().contacts.remove("p0000@example.com");
        }
    }

    fn members(&self) -> BTreeSet<String> {
        self.0.tagged("vip").into_iter().collect()
    }

    fn refuse(&self, identifier: &str) {
        let why = ("ERROR_GENERIC", "never@example.com was permanently deleted and cannot be re-imported.", "");
        self.0.state().refusing.insert(identifier.to_owned(), why);
    }
}

fn sign(sample: &Sample, now: i64, secret: &SecretString) -> Signed {
    let mac = hmac_sha256(secret, &[now.to_string().as_bytes(), b".", &sample.body].concat()).unwrap();
    let hex: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut signed = Signed::default();
    signed.headers.insert("x-mailchimp-signature", format!("t={now},v1={hex}").parse().unwrap());
    signed
}

fn delivery(topic: &str, email: &str) -> Sample {
    let fields =
        [("type", topic), ("fired_at", "2026-03-01 10:00:00"), ("data[list_id]", LIST), ("data[email]", email)];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    Sample { topic: topic.to_owned(), body: body.into_bytes() }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let played = Played(World::start().await);
    played.reset();
    let receive = Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-mailchimp-signature"),
        good_for_s: Some(300),
        sign: &sign,
        samples: vec![delivery("unsubscribe", "ana@example.com"), delivery("cleaned", "luis@example.com")],
        pairs: vec![(delivery("subscribe", "ana@example.com"), delivery("unsubscribe", "ana@example.com"))],
        account: "acc1",
        region: None,
        details: Map::new(),
        settings: Map::new(),
    };
    let pointer = Pointer { kind: "member".to_owned(), id: format!("{LIST}/p0001@example.com") };
    let steady = (2..UNSUBSCRIBED).map(|number| format!("p{number:04}@example.com")).collect();
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Backfill("members"),
            Task::Poll("members", SINCE),
            Task::Fetch(vec![pointer]),
            Task::Identify,
            Task::Push(batch(vec![change("in@example.com", true), change("out@example.com", false)])),
            Task::Held,
            Task::Holds(vec!["in@example.com".to_owned(), "out@example.com".to_owned()]),
        ],
        pages: vec![Pages { task: Task::Backfill("members"), steady }],
        partial: vec![Partial {
            batch: batch(vec![change("never@example.com", true), change("in@example.com", true)]),
            refused: ["never@example.com".to_owned()].into(),
        }],
        now_s: NOW + 10,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: Some(receive), calls: Some(calls), refresh: None }.run().await
}
