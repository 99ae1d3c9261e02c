//! A small Mailchimp for the connector's tests: it keeps the documented rules that these tests need, holds every
//! request against the OpenAPI document, and fails on demand.

#![allow(dead_code)]

pub mod contract;
mod server;

use contract::Contract;
use kit::api::ApiClient;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::sync::{Batch, Change, Destination, Refusal};
use kit::token::FixedToken;
use model::SourceId;
use segmentd_connector_mailchimp::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

pub const LIST: &str = "a1b2c3d4e5";
pub const KEY: &str = "0123456789abcdef0123456789abcdef-us19";

/// A contact of an audience.
#[derive(Clone, Debug, Default)]
pub struct Contact {
    pub id: String,
    pub status: String,
    /// Seconds since the epoch.
    pub changed: i64,
    pub opt: i64,
    pub signup: i64,
    pub merge_fields: Value,
    /// Changes of the status by the API after the contact was there.
    pub touched: bool,
}

#[derive(Default)]
pub struct Audience {
    pub contacts: BTreeMap<String, Contact>,
    /// Name and members by id.
    pub tags: BTreeMap<u64, (String, BTreeSet<String>)>,
    pub hooks: Vec<Value>,
}

/// What a call comes to instead.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This answer, and nothing is done.
    Instead(u16, &'static str),
    /// It is done, but the answer is lost.
    Lost,
    /// All is well.
    Nothing,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    /// Without the base path.
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub authorization: String,
}

#[derive(Default)]
pub struct State {
    pub lists: BTreeMap<String, Audience>,
    pub calls: Vec<Call>,
    /// Part of `METHOD path`, what happens, and how often yet.
    pub faults: Vec<(String, Fault, usize)>,
    /// What creating an address comes to: code, text, field.
    pub refusing: BTreeMap<String, (&'static str, &'static str, &'static str)>,
    /// Addresses for which whole calls are called invalid.
    pub poison: BTreeSet<String>,
    /// Whether additions of who is in a tag already are left out of the answer.
    pub silent_repeats: bool,
    /// Segments do not see these.
    pub late: BTreeSet<String>,
    pub signs_hooks: bool,
    pub revoked: bool,
    pub now: i64,
    pub next_id: u64,
    pub wrong: Vec<String>,
    pub metadata_endpoint: Option<String>,
}

pub struct World {
    pub state: Mutex<State>,
    contract: Option<Contract>,
    pub base: String,
}

impl World {
    pub async fn start() -> Arc<World> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut state = State { now: 1_772_355_600, next_id: 400, ..State::default() };
        state.lists.insert(LIST.to_owned(), Audience::default());
        let world = Arc::new(World { state: Mutex::new(state), contract: Contract::load(), base });
        server::serve(listener, Arc::clone(&world));
        world
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub fn put(&self, email: &str, status: &str) {
        let mut state = self.state();
        let (now, id) = (state.now, format!("c-{email}"));
        let contact = Contact { id, status: status.to_owned(), changed: now, opt: now, ..Contact::default() };
        state.lists.get_mut(LIST).unwrap().contacts.insert(email.to_owned(), contact);
    }

    /// Members of the tag of a name.
    pub fn tagged(&self, name: &str) -> Vec<String> {
        let state = self.state();
        let tag = state.lists[LIST].tags.values().find(|(found, _)| found == name);
        tag.map(|(_, members)| members.iter().cloned().collect()).unwrap_or_default()
    }

    pub fn tag(&self, name: &str, members: &[&str]) -> u64 {
        let mut state = self.state();
        state.next_id += 1;
        let id = state.next_id;
        let members = members.iter().map(|email| (*email).to_owned()).collect();
        state.lists.get_mut(LIST).unwrap().tags.insert(id, (name.to_owned(), members));
        id
    }

    pub fn fail(&self, call: &str, fault: Fault, times: usize) {
        self.state().faults.push((call.to_owned(), fault, times));
    }

    /// One call comes to this, after some of its name went well.
    pub fn fail_after(&self, call: &str, well: usize, fault: Fault) {
        self.fail(call, Fault::Nothing, well);
        self.fail(call, fault, 1);
    }

    /// The calls since the last look, as `METHOD path`.
    pub fn calls(&self) -> Vec<String> {
        self.take_calls().iter().map(|call| format!("{} {}", call.method, call.path)).collect()
    }

    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// Every request was right, and nobody's status was touched.
    pub fn assert_right(&self) {
        let state = self.state();
        assert!(state.wrong.is_empty(), "{:#?}", state.wrong);
        let touched = state.lists.values().flat_map(|list| &list.contacts).find(|(_, contact)| contact.touched);
        assert!(touched.is_none(), "{touched:?}");
    }

    pub fn platform(&self) -> Platform {
        Platform {
            address: Some(format!("{}/{{account}}", self.base)),
            allow_private: true,
            app: Some(App { client_id: "app-1".to_owned(), secrets: vec!["app-secret".into()] }),
            public_url: "https://segments.example.com".to_owned(),
            settings: Map::from_iter([("timeout_s".to_owned(), json!(10))]),
        }
    }

    /// A connection with a credential, as the daemon makes it before it knows whose it is.
    pub fn unknown(&self, token: &str) -> Connection {
        let limits = kit::connector::Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        let api = ApiClient::new(HttpClient::new(true).unwrap(), Arc::new(FixedToken(token.into())), limits);
        Connection {
            source: SourceId::from("mc"),
            account: String::new(),
            region: None,
            settings: Map::new(),
            details: Map::new(),
            scopes: Vec::new(),
            platform: Arc::new(self.platform()),
            api,
            hook_url: "https://segments.example.com/hooks/mailchimp/t0ken".to_owned(),
        }
    }

    pub fn connection(&self, settings: Value) -> Connection {
        let details = json!({ "dc": "us19", "api_endpoint": format!("{}/us19", self.base) });
        Connection {
            account: "acc1".to_owned(),
            details: details.as_object().unwrap().clone(),
            settings: settings.as_object().unwrap().clone(),
            ..self.unknown(KEY)
        }
    }

    pub fn list(&self, more: Value) -> Arc<dyn Destination> {
        let mut settings = json!({ "audience": LIST, "tag": "vip" }).as_object().unwrap().clone();
        settings.extend(more.as_object().unwrap().clone());
        self.try_list(settings).unwrap()
    }

    pub fn try_list(&self, settings: Map<String, Value>) -> Result<Arc<dyn Destination>, Failure> {
        let setup = DestinationSetup {
            address: String::new(),
            secrets: Vec::new(),
            allow_private: true,
            connection: Some(Arc::new(self.connection(json!({})))),
            settings,
            ..DestinationSetup::default()
        };
        (CONNECTOR.sync.unwrap().connect)(&setup)
    }
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

pub fn adds(identifiers: &[&str]) -> Batch {
    batch(identifiers.iter().map(|identifier| change(identifier, true)).collect())
}

pub fn removes(identifiers: &[&str]) -> Batch {
    batch(identifiers.iter().map(|identifier| change(identifier, false)).collect())
}

/// Who was refused and the beginning of why.
pub fn reasons(refusals: &[Refusal]) -> BTreeMap<&str, &str> {
    refusals.iter().map(|refusal| (refusal.identifier.as_str(), refusal.reason.as_str())).collect()
}
