//! What the tests of WooCommerce's simulator share: a caller of the API, and an address that takes deliveries.
#![allow(dead_code)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use segmentd_simulators::woocommerce::{Goods, Key, NewOrder, SimOptions, Store, StoreOptions, WooSim};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const PATH: &str = "shop.example";
pub const FRONT: &str = "https://segments.example";

pub struct Caller {
    pub sim: WooSim,
    pub store: Store,
    pub key: Key,
    pub http: reqwest::Client,
}

impl Caller {
    pub async fn start(change: impl FnOnce(&mut StoreOptions)) -> Caller {
        let mut store = StoreOptions { queue: Duration::from_millis(1), ..StoreOptions::named(PATH) };
        change(&mut store);
        let sim = WooSim::start(SimOptions { stores: vec![store], ..SimOptions::default() }).await.unwrap();
        let store = sim.store(PATH);
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Caller { key: store.make_key("read_write"), sim, store, http }
    }

    pub fn url(&self, route: &str) -> String {
        format!("{}/{PATH}/wp-json/wc/v3/{route}", self.sim.base())
    }

    pub async fn send(&self, method: reqwest::Method, route: &str, body: Value) -> (u16, Value) {
        let request = self.http.request(method, self.url(route)).basic_auth(&self.key.key, Some(&self.key.secret));
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn get(&self, route: &str) -> (u16, Value) {
        self.send(reqwest::Method::GET, route, Value::Null).await
    }

    /// The ids of a list.
    pub async fn ids(&self, route: &str) -> Vec<u64> {
        let (status, rows) = self.get(route).await;
        assert_eq!(status, 200, "{route}: {rows}");
        rows.as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }
}

pub fn order(email: &str) -> NewOrder {
    let goods = vec![Goods::of("Taza", 3, "10.00".parse().unwrap())];
    NewOrder { email: email.to_owned(), goods, ..NewOrder::default() }
}

/// A delivery that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub headers: HeaderMap,
    pub body: String,
}

/// An address that takes deliveries and answers as it is told.
#[derive(Clone)]
pub struct Taker {
    pub url: String,
    state: Arc<Mutex<(u16, Vec<Came>)>>,
}

impl Taker {
    pub async fn start() -> Taker {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let taker = Taker { url, state: Arc::new(Mutex::new((200, Vec::new()))) };
        let router = Router::new().fallback(take).with_state(taker.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        taker
    }

    pub fn answer(&self, status: u16) {
        self.state.lock().unwrap().0 = status;
    }

    pub fn came(&self) -> Vec<Came> {
        self.state.lock().unwrap().1.clone()
    }
}

async fn take(State(taker): State<Taker>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut state = taker.state.lock().unwrap();
    state.1.push(Came { headers, body: String::from_utf8(body.to_vec()).unwrap() });
    StatusCode::from_u16(state.0).unwrap()
}
