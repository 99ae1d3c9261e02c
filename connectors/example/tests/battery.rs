//! Corner's rules as a small server, and the battery.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use connector_bench::{Battery, Calls, Clock, Double, Findings, Partial, Receives, Sample, Signed, Task};
use kit::api::ApiClient;
use kit::connector::{DestinationSetup, Limits};
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::signature::hmac_sha256;
use kit::sync::{Batch, Change, Destination};
use kit::token::Tokens;
use model::SourceId;
use secrecy::SecretString;
use segmentd_connector_example::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

const KEY: &str = "key-1";
const PAGE: usize = 2;

#[derive(Default)]
struct Corner {
    members: BTreeSet<String>,
    refuses: BTreeSet<String>,
    hooks: Vec<Value>,
}

type Shared = State<Arc<Mutex<Corner>>>;

fn answer(headers: &HeaderMap, body: impl FnOnce() -> Value) -> Response<Body> {
    let known = headers.get("authorization").is_some_and(|value| value == &format!("Bearer {KEY}"));
    let (status, body) = if known { (200, body()) } else { (401, json!({})) };
    Response::builder().status(status).body(Body::from(body.to_string())).unwrap()
}

async fn account(headers: HeaderMap) -> Response<Body> {
    answer(&headers, || json!({ "id": "acc1", "name": "Acme", "currency": "MXN" }))
}

async fn hooks(State(corner): Shared, headers: HeaderMap) -> Response<Body> {
    answer(&headers, || json!({ "hooks": corner.lock().unwrap().hooks }))
}

async fn add_hook(State(corner): Shared, headers: HeaderMap, Json(body): Json<Value>) -> Response<Body> {
    answer(&headers, || {
        let mut hook = body;
        hook["id"] = json!("h1");
        corner.lock().unwrap().hooks.push(hook.clone());
        hook["secret"] = json!("hook secret");
        hook
    })
}

async fn change(
    State(corner): Shared,
    Path(_list): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response<Body> {
    answer(&headers, || {
        let mut corner = corner.lock().unwrap();
        let mut refused = Vec::new();
        for email in body["add"].as_array().unwrap().iter().map(|email| email.as_str().unwrap().to_owned()) {
            if corner.refuses.contains(&email) {
                refused.push(json!({ "email": email, "reason": "unsubscribed" }));
            } else {
                corner.members.insert(email);
            }
        }
        for email in body["remove"].as_array().unwrap() {
            corner.members.remove(email.as_str().unwrap());
        }
        json!({ "refused": refused })
    })
}

async fn members(State(corner): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response<Body> {
    answer(&headers, || {
        let corner = corner.lock().unwrap();
        let query = query.unwrap_or_default();
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let asked: BTreeSet<&String> = pairs.iter().filter(|(name, _)| name == "email").map(|(_, one)| one).collect();
        if !asked.is_empty() {
            let found: Vec<_> = corner.members.iter().filter(|email| asked.contains(email)).collect();
            return json!({ "members": found, "more": false });
        }
        let after = pairs.iter().find(|(name, _)| name == "after").map(|(_, value)| value.clone()).unwrap_or_default();
        let rest: Vec<_> = corner.members.iter().filter(|email| **email > after).collect();
        json!({ "members": rest.iter().take(PAGE).collect::<Vec<_>>(), "more": rest.len() > PAGE })
    })
}

struct Played {
    corner: Arc<Mutex<Corner>>,
    address: String,
}

impl Played {
    async fn start() -> Played {
        let corner = Arc::new(Mutex::new(Corner::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/v1/account", get(account))
            .route("/v1/hooks", get(hooks).post(add_hook))
            .route("/v1/lists/{list}/members", post(change).get(members))
            .with_state(Arc::clone(&corner));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Played { corner, address }
    }

    fn corner(&self) -> MutexGuard<'_, Corner> {
        self.corner.lock().unwrap()
    }
}

impl Double for Played {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let platform = Platform { address: Some(address.to_owned()), allow_private: true, ..Platform::default() };
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        Connection {
            source: SourceId::from("corner"),
            account: "acc1".to_owned(),
            region: None,
            settings: Map::new(),
            details: Map::new(),
            scopes: Vec::new(),
            platform: Arc::new(platform),
            api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
            hook_url: "https://segments.example.com/hooks/example/t0ken".to_owned(),
        }
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        let setup = DestinationSetup {
            connection: Some(Arc::new(connection)),
            settings: json!({ "list": "vip" }).as_object().unwrap().clone(),
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
        let members = ["ana@example.com", "bea@example.com", "out@example.com"].map(str::to_owned).into();
        *self.corner() = Corner { members, ..Corner::default() };
    }

    fn members(&self) -> BTreeSet<String> {
        self.corner().members.clone()
    }

    fn refuse(&self, identifier: &str) {
        self.corner().refuses.insert(identifier.to_owned());
    }
}

fn sign(sample: &Sample, _now: i64, secret: &SecretString) -> Signed {
    let hex: String = hmac_sha256(secret, &sample.body).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut signed = Signed::default();
    signed.headers.insert("x-corner-signature", format!("sha256={hex}").parse().unwrap());
    signed
}

fn paid(id: u32, at: &str) -> Sample {
    let order = json!({ "id": id, "email": "Ana@example.com", "total": 12.5, "currency": "MXN", "paid_at": at });
    Sample::json("order.paid", &json!({ "delivery": format!("d{id}"), "order": order }))
}

fn batch(changes: &[(&str, bool)]) -> Batch {
    let change = |(identifier, member): &(&str, bool)| Change {
        identifier: (*identifier).to_owned(),
        person: "p_1".to_owned(),
        member: *member,
        sequence: 1,
        at: "2026-11-24T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::new(),
    };
    let (list, segment) = ("news".to_owned(), "vip".to_owned());
    Batch { id: "b1".to_owned(), list, segment, first_sync: false, changes: changes.iter().map(change).collect() }
}

#[tokio::test]
async fn every_check_passes() -> Result<(), Findings> {
    let played = Played::start().await;
    let receive = Receives {
        role: CONNECTOR.receive.unwrap(),
        signature: Some("x-corner-signature"),
        good_for_s: None,
        sign: &sign,
        samples: vec![paid(7, "2026-11-24T10:00:00Z")],
        pairs: vec![(paid(7, "2026-11-24T10:00:00Z"), paid(8, "2026-11-24T11:00:00Z"))],
        account: "acc1",
        region: None,
        details: Map::new(),
        settings: Map::new(),
    };
    let calls = Calls {
        connector: &CONNECTOR,
        double: &played,
        tasks: vec![
            Task::Identify,
            Task::Register,
            Task::Push(batch(&[("new@example.com", true), ("out@example.com", false)])),
            Task::Held,
            Task::Holds(vec!["ana@example.com".to_owned(), "who@example.com".to_owned()]),
        ],
        pages: Vec::new(),
        partial: vec![Partial {
            batch: batch(&[("new@example.com", true), ("never@example.com", true)]),
            refused: ["never@example.com".to_owned()].into(),
        }],
        now_s: 1_795_000_000,
        clock: Some(Clock { stop: tokio::time::pause, go_on: tokio::time::resume }),
        renews: false,
    };
    Battery { receive: Some(receive), calls: Some(calls), refresh: None }.run().await
}
