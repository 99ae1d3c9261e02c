//! HubSpot's simulator with a connection to it; whatever went over the wire is held against the OpenAPI documents.

#![allow(dead_code)]

pub mod contract;

use contract::Contract;
use kit::api::ApiClient;
use kit::connector::{DestinationSetup, Limits};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::poll::{Page, Place, Sink};
use kit::sync::{Batch, Change, Destination, Refusal};
use kit::token::{FixedToken, Tokens};
use model::{Event, SourceId, Time};
use segmentd_connector_hubspot::CONNECTOR;
use segmentd_simulators::hubspot::{Exchange, HubspotSim, Properties, SCOPES, SimOptions};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub const PORTAL: u64 = 62_515;
pub const LIST: &str = "VIP";

pub struct World {
    pub sim: HubspotSim,
    contract: Option<Contract>,
    pub token: String,
}

pub fn now_micros() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as i64
}

impl World {
    pub async fn start(options: SimOptions) -> World {
        let sim = HubspotSim::start(options).await;
        let token = sim.pair(PORTAL).0;
        World { sim, contract: Contract::load(), token }
    }

    /// With limits that no test is to wait for.
    pub async fn quick() -> World {
        World::start(unlimited()).await
    }

    pub fn platform(&self, address: &str) -> Platform {
        let options = self.sim.options();
        let app = App { client_id: options.client_id.clone(), secrets: vec![options.client_secret.as_str().into()] };
        Platform {
            address: Some(address.to_owned()),
            allow_private: true,
            app: Some(app),
            public_url: "https://segments.example.com".to_owned(),
            settings: Map::new(),
        }
    }

    pub fn connection_at(&self, address: &str, tokens: Arc<dyn Tokens>, limits: Limits) -> Connection {
        Connection {
            source: SourceId::from("crm"),
            account: PORTAL.to_string(),
            region: Some("MX".to_owned()),
            settings: Map::new(),
            details: Map::new(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            platform: Arc::new(self.platform(address)),
            api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
            hook_url: String::new(),
        }
    }

    pub fn connection_with(&self, token: &str) -> Connection {
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        self.connection_at(self.sim.base(), Arc::new(FixedToken(token.into())), limits)
    }

    pub fn connection(&self) -> Connection {
        self.connection_with(&self.token)
    }

    pub fn try_list(&self, settings: Value) -> Result<Arc<dyn Destination>, Failure> {
        destination(self.connection(), settings)
    }

    pub fn list(&self, more: Value) -> Arc<dyn Destination> {
        let mut settings = json!({ "list": LIST }).as_object().unwrap().clone();
        settings.extend(more.as_object().unwrap().clone());
        self.try_list(Value::Object(settings)).unwrap()
    }

    pub fn members(&self) -> BTreeSet<String> {
        self.sim.members(PORTAL, LIST).unwrap_or_default()
    }

    /// The calls since the last look, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        let calls = self.exchanges().iter().map(|one| format!("{} {}", one.method, one.path)).collect();
        self.sim.reset();
        calls
    }

    pub fn exchanges(&self) -> Vec<Exchange> {
        let all = self.sim.exchanges();
        self.assert_right();
        all
    }

    /// Every request, and every answer to it, is as the documents say.
    pub fn assert_right(&self) {
        let Some(contract) = &self.contract else { return };
        let wrong: Vec<String> = self.sim.exchanges().iter().filter_map(|one| contract.check(one).err()).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

pub fn unlimited() -> SimOptions {
    let limits = segmentd_simulators::hubspot::Limits { ten_seconds: 100_000, searches: 1_000, day: 1_000_000 };
    SimOptions { limits, ..SimOptions::default() }
}

pub fn destination(connection: Connection, settings: Value) -> Result<Arc<dyn Destination>, Failure> {
    let setup = DestinationSetup {
        address: String::new(),
        secrets: Vec::new(),
        allow_private: true,
        connection: Some(Arc::new(connection)),
        settings: settings.as_object().unwrap().clone(),
        ..DestinationSetup::default()
    };
    (CONNECTOR.sync.unwrap().connect)(&setup)
}

pub fn contact(email: &str) -> Properties {
    Properties::from([("email".to_owned(), email.to_owned())])
}

pub fn contacts(numbers: std::ops::Range<usize>) -> Vec<Properties> {
    numbers.map(|number| contact(&format!("p{number:05}@example.com"))).collect()
}

pub fn change(identifier: &str, member: bool) -> Change {
    Change {
        identifier: identifier.to_owned(),
        person: "p_1".to_owned(),
        member,
        sequence: 1,
        at: "2026-03-01T10:00:00Z".to_owned(),
        cause: "event".to_owned(),
        fields: BTreeMap::new(),
    }
}

pub fn batch(changes: Vec<Change>) -> Batch {
    Batch { id: "b1".to_owned(), list: "l".to_owned(), segment: "s".to_owned(), first_sync: false, changes }
}

pub fn both(adds: &[&str], removes: &[&str]) -> Batch {
    let adds = adds.iter().map(|identifier| change(identifier, true));
    batch(adds.chain(removes.iter().map(|identifier| change(identifier, false))).collect())
}

/// Who was refused and why.
pub fn reasons(refusals: &[Refusal]) -> BTreeMap<&str, &str> {
    refusals.iter().map(|refusal| (refusal.identifier.as_str(), refusal.reason.as_str())).collect()
}

/// All that a list holds.
pub async fn held(list: &dyn Destination) -> BTreeSet<String> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = list.held(after.as_deref()).await.unwrap();
        all.extend(page.held);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Keeps what comes; fails from the `limit`-th page on.
pub struct Kept {
    pub events: BTreeMap<String, Event>,
    pub cursor: Option<String>,
    pub pages: usize,
    pub limit: usize,
    pub on_page: Box<dyn FnMut(usize) + Send>,
}

impl Default for Kept {
    fn default() -> Kept {
        let (events, on_page) = (BTreeMap::new(), Box::new(|_| ()));
        Kept { events, cursor: None, pages: 0, limit: usize::MAX, on_page }
    }
}

impl Kept {
    pub fn place(&self, since: i64) -> Place {
        Place { cursor: self.cursor.clone(), since: Time(since) }
    }

    pub fn addresses(&self) -> BTreeSet<String> {
        let identities = self.events.values().flat_map(|event| &event.identities);
        let all = identities.filter(|one| one.kind == model::IdentityKind::Email);
        all.map(|one| one.value.clone()).collect()
    }
}

#[async_trait::async_trait]
impl Sink for Kept {
    fn now(&self) -> Time {
        Time(now_micros())
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        if self.pages >= self.limit {
            return Err(Failure::retry("full", None));
        }
        self.pages += 1;
        (self.on_page)(self.pages);
        self.events.extend(page.facts.events.into_iter().map(|event| (event.message_id.clone(), event)));
        self.cursor = Some(page.cursor);
        Ok(())
    }
}
