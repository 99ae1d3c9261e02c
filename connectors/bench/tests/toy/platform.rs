//! The platform: orders by pages, a list, tokens.

use axum::body::{Body, Bytes};
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kit::api::ApiClient;
use kit::connector::Limits;
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::sync::Destination;
use kit::token::Tokens;
use model::SourceId;
use secrecy::SecretString;
use segmentd_connector_bench::Double;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

const PAGE: usize = 2;

#[derive(Default)]
pub struct State {
    pub orders: BTreeMap<u64, Value>,
    pub members: BTreeSet<String>,
    pub refuses: BTreeSet<String>,
    pub token: u32,
}

impl State {
    fn fresh() -> State {
        let orders = (1..=7).map(|id| (id * 10, order(id * 10, "2026-11-20T10:00:00Z"))).collect();
        let members = ["gone@example.com", "stays@example.com"].map(str::to_owned).into();
        State { orders, members, token: 1, ..State::default() }
    }
}

pub fn order(id: u64, updated: &str) -> Value {
    json!({ "id": id, "email": format!("b{id}@example.com"), "total": 12.5, "updated": updated })
}

pub struct World {
    state: Arc<Mutex<State>>,
    address: String,
    planted: super::Planted,
}

type Held = Shared<Arc<Mutex<State>>>;

fn json_answer(body: &Value) -> Response<Body> {
    Response::builder().header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()
}

fn refused() -> Response<Body> {
    Response::builder().status(401).body(Body::empty()).unwrap()
}

fn allowed(state: &State, headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value == &format!("Bearer t{}", state.token))
}

async fn orders(
    Shared(state): Held,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response<Body> {
    let state = state.lock().unwrap();
    if !allowed(&state, &headers) {
        return refused();
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let page: Vec<&Value> = match number("skip") {
        Some(skip) => state.orders.values().skip(skip as usize).take(PAGE).collect(),
        None => state.orders.range(number("after").unwrap_or(0) + 1..).map(|(_, order)| order).take(PAGE).collect(),
    };
    json_answer(&json!({ "orders": page, "more": page.len() == PAGE }))
}

async fn changes(Shared(state): Held, headers: HeaderMap, Json(body): Json<Value>) -> Response<Body> {
    let mut state = state.lock().unwrap();
    if !allowed(&state, &headers) {
        return refused();
    }
    let mut told = Vec::new();
    for (field, member) in [("add", true), ("remove", false)] {
        for one in body[field].as_array().unwrap() {
            let one = one.as_str().unwrap().to_owned();
            if state.refuses.contains(&one) {
                told.push(json!({ "id": one, "why": "suppressed" }));
            } else if member {
                state.members.insert(one);
            } else {
                state.members.remove(&one);
            }
        }
    }
    json_answer(&json!({ "refused": told }))
}

async fn token(body: Bytes) -> Response<Body> {
    let form = String::from_utf8(body.to_vec()).unwrap();
    if form.contains("refresh_token=good") {
        return json_answer(&json!({ "access_token": "t1", "token_type": "bearer", "expires_in": 60 }));
    }
    let body = Body::from(json!({ "error": "invalid_grant" }).to_string());
    Response::builder().status(400).header("content-type", "application/json").body(body).unwrap()
}

impl World {
    pub async fn start(planted: super::Planted) -> World {
        let state = Arc::new(Mutex::new(State::fresh()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new()
            .route("/orders", get(orders))
            .route("/list", post(changes))
            .route("/token", post(token))
            .with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        World { state, address, planted }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

pub fn platform(address: &str) -> Platform {
    let secrets = vec!["app secret".into()];
    Platform {
        address: Some(address.to_owned()),
        allow_private: true,
        app: Some(kit::platform::App { client_id: "app".to_owned(), secrets }),
        ..Platform::default()
    }
}

impl Double for World {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn connection(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let limits = Limits { calls_per_second: 1_000, calls_at_once: 8 };
        Connection {
            source: SourceId::from("toy"),
            account: "acme".to_owned(),
            region: None,
            settings: Map::new(),
            details: Map::new(),
            scopes: Vec::new(),
            platform: Arc::new(platform(address)),
            api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
            hook_url: String::new(),
        }
    }

    fn destination(&self, connection: Connection) -> Option<Arc<dyn Destination>> {
        Some(Arc::new(super::connector::List { connection, planted: self.planted }))
    }

    fn token(&self) -> SecretString {
        format!("t{}", self.state().token).into()
    }

    fn expire(&self) -> SecretString {
        self.state().token += 1;
        self.token()
    }

    fn reset(&self) {
        *self.state() = State::fresh();
    }

    fn change(&self, nth: usize) {
        let mut state = self.state();
        if nth == 0 {
            // One that was read goes, one is updated, one comes.
            state.orders.remove(&10);
            state.orders.insert(20, order(20, "2026-11-24T10:00:00Z"));
            state.orders.insert(75, order(75, "2026-11-24T10:00:00Z"));
        }
    }

    fn members(&self) -> BTreeSet<String> {
        self.state().members.clone()
    }

    fn refuse(&self, identifier: &str) {
        self.state().refuses.insert(identifier.to_owned());
    }
}
