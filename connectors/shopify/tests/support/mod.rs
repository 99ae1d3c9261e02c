//! What the tests share: deliveries, a scripted shop, a sink.
#![allow(dead_code)]

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use kit::api::ApiClient;
use kit::connector::Limits;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::poll::{Page, Sink};
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection};
use kit::token::{FixedToken, Tokens};
use model::{SourceId, Time};
use segmentd_connector_shopify::CONNECTOR;
use serde_json::{Map, Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

pub const SHOP: &str = "tienda-ejemplo.myshopify.com";
pub const SECRET: &str = "shpss_0123456789abcdef0123456789abcdef";

/// A file of the specifications and captures, if they are here.
pub fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    let text = std::fs::read_to_string(&file).ok();
    if text.is_none() {
        // The harness swallows what is printed.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is missing: nothing is held against it", file.display());
    }
    text
}

pub fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

pub fn receive() -> &'static dyn Receive {
    CONNECTOR.receive.unwrap()
}

pub fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub fn details() -> Map<String, Value> {
    json!({ "shop_id": "954889", "currency": "MXN" }).as_object().unwrap().clone()
}

/// Reads a body as if it had been verified.
pub fn read_at(topic: &str, body: &Value, received: Time) -> Result<Received, Rejection> {
    let headers = headers(&[
        ("x-shopify-topic", topic),
        ("x-shopify-shop-domain", SHOP),
        ("x-shopify-api-version", "2026-10"),
        ("x-shopify-webhook-id", "w-1"),
    ]);
    let body = body.to_string();
    let (source, details, settings) = (SourceId::from("shop"), details(), Map::new());
    let (account, region) = (SHOP, Some("MX"));
    let receiver = Receiver { source: &source, account, region, details: &details, settings: &settings, received };
    receive().read(&Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() }, &receiver)
}

pub fn read(topic: &str, body: &Value) -> Facts {
    read_at(topic, body, time("2026-11-24T10:00:00Z")).unwrap().facts
}

/// A request that the scripted shop got.
#[derive(Clone, Debug)]
pub struct Call {
    /// Which request, from 0.
    pub number: usize,
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Call {
    /// The name of the operation in the document.
    pub fn operation(&self) -> &str {
        let document = self.body["query"].as_str().unwrap_or_default();
        document.split([' ', '(', '{']).filter(|word| !word.is_empty()).nth(1).unwrap_or_default()
    }

    pub fn variable(&self, name: &str) -> &Value {
        &self.body["variables"][name]
    }
}

/// An answer of the scripted shop.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn json(body: &Value) -> Reply {
        Reply::status(200, body)
    }

    pub fn status(status: u16, body: &Value) -> Reply {
        let headers = vec![("content-type", "application/json".to_owned())];
        Reply { status, headers, body: body.to_string().into_bytes() }
    }

    pub fn data(data: Value) -> Reply {
        Reply::json(&json!({ "data": data }))
    }
}

type Script = Arc<dyn Fn(&Call) -> Reply + Send + Sync>;

/// A shop on loopback that answers by a script and keeps what it was asked.
pub struct Shop {
    pub base: String,
    pub calls: Arc<Mutex<Vec<Call>>>,
}

impl Shop {
    pub async fn start(script: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Shop {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let state: (Script, _) = (Arc::new(script), calls.clone());
        let app = Router::new().fallback(answer).with_state(state);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Shop { base, calls }
    }

    pub fn operations(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| call.operation().to_owned()).collect()
    }

    pub fn count(&self, operation: &str) -> usize {
        self.operations().iter().filter(|name| *name == operation).count()
    }
}

async fn answer(
    State((script, calls)): State<(Script, Arc<Mutex<Vec<Call>>>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let call = {
        let mut calls = calls.lock().unwrap();
        let call = Call { number: calls.len(), method, path: uri.path().to_owned(), headers, body };
        calls.push(call.clone());
        call
    };
    let reply = script(&call);
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap()
}

pub fn platform(base: &str) -> Platform {
    let app = App { client_id: "client-id-0001".to_owned(), secrets: vec![SECRET.into(), "older".into()] };
    Platform {
        address: Some(format!("{base}/{{account}}")),
        allow_private: true,
        app: Some(app),
        public_url: "https://segmentd.example".to_owned(),
        settings: json!({ "bulk_wait_ms": 1 }).as_object().unwrap().clone(),
    }
}

pub const SCOPES: [&str; 4] = ["read_orders", "read_customers", "write_customers", "read_customer_merge"];

pub fn connection_with(base: &str, tokens: Arc<dyn Tokens>) -> Connection {
    let limits = Limits { calls_per_second: 1_000, calls_at_once: 4 };
    Connection {
        source: SourceId::from("shop"),
        account: SHOP.to_owned(),
        region: Some("MX".to_owned()),
        settings: Map::new(),
        details: details(),
        scopes: SCOPES.iter().map(|scope| (*scope).to_owned()).collect(),
        platform: Arc::new(platform(base)),
        api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
        hook_url: String::new(),
    }
}

pub fn connection(base: &str) -> Connection {
    connection_with(base, Arc::new(FixedToken("shpat_1".into())))
}

/// Keeps pages; fails, and keeps nothing, from the n-th on.
pub struct Kept {
    pub pages: Vec<Page>,
    pub room: usize,
}

impl Kept {
    pub fn all() -> Kept {
        Kept { pages: Vec::new(), room: usize::MAX }
    }

    pub fn events(&self) -> Vec<model::Event> {
        self.pages.iter().flat_map(|page| page.facts.events.clone()).collect()
    }

    pub fn cursor(&self) -> Option<String> {
        self.pages.last().map(|page| page.cursor.clone())
    }
}

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        time("2026-11-24T10:00:00Z")
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        if self.pages.len() >= self.room {
            return Err(Failure::retry("killed", None));
        }
        self.pages.push(page);
        Ok(())
    }
}
