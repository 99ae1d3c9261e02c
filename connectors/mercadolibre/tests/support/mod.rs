//! What the tests share: a connection to the simulator, and a sink.

#![allow(dead_code)]

use kit::api::ApiClient;
use kit::connector::Limits;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::poll::{Page, Place, Poll, Progress, Sink};
use kit::receive::{Delivery, Facts, Pointer, Received, Receiver, Rejection};
use kit::token::{FixedToken, Tokens};
use model::{Event, EventKind, SourceId, Time, Value as Property};
use segmentd_connector_mercadolibre::CONNECTOR;
use segmentd_simulators::mercadolibre::{CallView, MeliSim, SimOptions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const SELLER: &str = "779432305";
pub const APP: &str = "5503910054141466";

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn details() -> Map<String, Value> {
    map(json!({"app_id": APP, "site": "MLM", "currency": "MXN", "time_zone": "America/Mexico_City"}))
}

/// The instant that it is.
pub fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time(i64::try_from(since.as_micros()).unwrap())
}

pub fn platform(address: &str) -> Platform {
    let app = App { client_id: APP.to_owned(), secrets: vec!["meli-app-secret".into()] };
    Platform {
        address: Some(address.to_owned()),
        allow_private: true,
        app: Some(app),
        public_url: "https://segments.example".to_owned(),
        settings: map(json!({"site": "MLM"})),
    }
}

/// A connection as it is once the seller is known.
pub fn connection(address: &str, tokens: Arc<dyn Tokens>) -> Connection {
    let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
    Connection {
        source: SourceId::from("meli"),
        account: SELLER.to_owned(),
        region: Some("MX".to_owned()),
        settings: Map::new(),
        details: details(),
        scopes: Vec::new(),
        platform: Arc::new(platform(address)),
        api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
        hook_url: String::new(),
    }
}

/// The simulator with a seller.
pub struct World {
    pub sim: MeliSim,
}

impl World {
    pub async fn start() -> World {
        World::with(SimOptions::default()).await
    }

    pub async fn with(options: SimOptions) -> World {
        World { sim: MeliSim::start(options).await.unwrap() }
    }

    /// A connection with a token that is good.
    pub fn connection(&self) -> Connection {
        connection(self.sim.base(), Arc::new(FixedToken(self.sim.issue().0.into())))
    }

    /// Fetches a thing.
    pub async fn fetch(&self, kind: &str, id: u64) -> Facts {
        let pointers = [point(kind, id)];
        poll().fetch(&self.connection(), &pointers, now()).await.unwrap()
    }

    /// Reads the past of a stream, or what changed in it, from where it was.
    pub async fn read(&self, stream: &str, past: bool, kept: &mut Kept) -> Result<(), Failure> {
        let place = Place { cursor: kept.cursor.clone(), since: kept.since };
        match past {
            true => poll().backfill(&self.connection(), stream, &place, kept).await,
            false => poll().poll(&self.connection(), stream, &place, kept).await,
        }
    }

    /// Parameters of the searches since the last look.
    pub fn searches(&self, path: &str) -> Vec<CallView> {
        self.sim.take_calls().into_iter().filter(|call| call.path == path).collect()
    }
}

pub fn point(kind: &str, id: u64) -> Pointer {
    Pointer { kind: kind.to_owned(), id: id.to_string() }
}

pub fn poll() -> &'static dyn Poll {
    CONNECTOR.poll.unwrap()
}

/// Reads a notification as the daemon does.
pub fn read(body: &str) -> Result<Received, Rejection> {
    let (headers, source, details, settings) = (http::HeaderMap::new(), SourceId::from("meli"), details(), Map::new());
    let (account, region, received) = (SELLER, Some("MX"), now());
    let receiver = Receiver { source: &source, account, region, details: &details, settings: &settings, received };
    let delivery = Delivery { headers: &headers, url: "", query: None, body: body.as_bytes() };
    CONNECTOR.receive.unwrap().read(&delivery, &receiver)
}

/// The events of an activity.
pub fn named<'a>(events: impl IntoIterator<Item = &'a Event>, name: &str) -> Vec<&'a Event> {
    let is = |event: &&Event| event.kind == EventKind::Activity(name.to_owned());
    events.into_iter().filter(is).collect()
}

/// A property as text.
pub fn text(event: &Event, name: &str) -> String {
    match event.properties.get(name) {
        Some(Property::Text(text)) => text.to_string(),
        Some(other) => other.to_json().to_string(),
        None => String::new(),
    }
}

/// Keeps what comes; fails from the `limit`-th page on.
pub struct Kept {
    pub events: BTreeMap<String, Event>,
    /// Events that came again.
    pub doubles: usize,
    pub facts: Facts,
    pub cursor: Option<String>,
    pub pages: usize,
    pub limit: usize,
    pub progress: Option<Progress>,
    pub since: Time,
}

impl Default for Kept {
    fn default() -> Kept {
        Kept {
            events: BTreeMap::new(),
            doubles: 0,
            facts: Facts::default(),
            cursor: None,
            pages: 0,
            limit: usize::MAX,
            progress: None,
            since: now(),
        }
    }
}

impl Kept {
    /// Ids of what pointers of a kind point at, those of all calls.
    pub fn pointers(&self, kind: &str) -> Vec<u64> {
        let of_kind = self.facts.pointers.iter().filter(|pointer| pointer.kind == kind);
        of_kind.map(|pointer| pointer.id.parse().unwrap()).collect()
    }
}

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        now()
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        if self.pages >= self.limit {
            return Err(Failure::retry("full", None));
        }
        self.pages += 1;
        self.progress = page.progress.or(self.progress);
        for event in page.facts.events {
            self.doubles += usize::from(self.events.insert(event.message_id.clone(), event).is_some());
        }
        self.facts.versions.extend(page.facts.versions);
        self.facts.pointers.extend(page.facts.pointers);
        self.cursor = Some(page.cursor);
        Ok(())
    }
}
