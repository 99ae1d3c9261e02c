//! An account of the simulator with a connection to it; every call that was made is held against the document.

#![allow(dead_code)]

pub mod contract;

use contract::Contract;
use kit::api::ApiClient;
use kit::connector::{DestinationSetup, Limits};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::sync::{Batch, Change, Destination, Refusal};
use kit::token::{FixedToken, Tokens};
use model::SourceId;
use segmentd_connector_klaviyo::CONNECTOR;
use segmentd_simulators::klaviyo::{CallView, KlaviyoSim, SimOptions};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const LIST: &str = "Y6nRLr";
pub const KEY: &str = "pk_0123456789abcdef0123456789abcdef01";

pub struct World {
    pub sim: KlaviyoSim,
    contract: Option<Contract>,
}

pub fn options() -> SimOptions {
    SimOptions { job_step: Duration::from_millis(5), ..SimOptions::default() }
}

impl World {
    pub async fn start(options: SimOptions) -> World {
        let sim = KlaviyoSim::start(options).await.unwrap();
        sim.create_list(LIST, "VIP");
        World { sim, contract: Contract::load() }
    }

    pub fn platform(&self, address: &str) -> Platform {
        let options = self.sim.options();
        Platform {
            address: Some(address.to_owned()),
            allow_private: true,
            app: Some(App {
                client_id: options.client_id.clone(),
                secrets: vec![options.client_secret.clone().into()],
            }),
            public_url: "https://segments.example.com".to_owned(),
            settings: Map::from_iter([("timeout_s".to_owned(), json!(10))]),
        }
    }

    /// As the daemon makes it, but for the rates, which some tests need not keep.
    pub fn connection_at(&self, address: &str, tokens: Arc<dyn Tokens>) -> Connection {
        let mut platform = self.platform(address);
        if !self.sim.options().limits {
            platform.settings.insert("rate_percent".to_owned(), json!(100_000));
        }
        let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
        Connection {
            source: SourceId::from("kl"),
            account: self.sim.options().account.clone(),
            region: None,
            settings: Map::new(),
            details: Map::new(),
            scopes: Vec::new(),
            platform: Arc::new(platform),
            api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
            hook_url: String::new(),
        }
    }

    pub fn connection(&self, token: &str) -> Connection {
        self.connection_at(self.sim.base(), Arc::new(FixedToken(token.into())))
    }

    pub fn list(&self, more: Value) -> Arc<dyn Destination> {
        destination(self.connection(KEY), more).unwrap()
    }

    /// The calls since the last look, each held against the document.
    pub fn calls(&self) -> Vec<CallView> {
        let calls = self.sim.take_calls();
        for call in &calls {
            let CallView { method, path, query, headers, body, status, answer } = call;
            assert_eq!(headers["revision"], "2026-07-15", "{method} {path}");
            if let Some(contract) = &self.contract {
                contract.check(method, path, query, body).unwrap();
                if (200..300).contains(status) {
                    contract.check_answer(method, path, (*status, answer)).unwrap();
                }
            }
        }
        calls
    }

    /// The same as `METHOD path`, without the base path.
    pub fn called(&self) -> Vec<String> {
        let name = |call: &CallView| format!("{} {}", call.method, call.path.trim_start_matches("/api/"));
        self.calls().iter().map(name).collect()
    }

    pub fn members(&self) -> Vec<String> {
        self.sim.members(LIST).into_iter().collect()
    }
}

pub fn destination(connection: Connection, more: Value) -> Result<Arc<dyn Destination>, Failure> {
    let mut settings = json!({ "list": LIST }).as_object().unwrap().clone();
    settings.extend(more.as_object().unwrap().clone());
    let setup = DestinationSetup { connection: Some(Arc::new(connection)), settings, ..DestinationSetup::default() };
    (CONNECTOR.sync.unwrap().connect)(&setup)
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

pub fn batch(id: &str, adds: &[&str], removes: &[&str]) -> Batch {
    let changes = adds.iter().map(|one| change(one, true)).chain(removes.iter().map(|one| change(one, false)));
    Batch {
        id: id.to_owned(),
        list: "l".to_owned(),
        segment: "s".to_owned(),
        first_sync: false,
        changes: changes.collect(),
    }
}

/// Who was refused and why.
pub fn reasons(refusals: &[Refusal]) -> BTreeMap<&str, &str> {
    refusals.iter().map(|refusal| (refusal.identifier.as_str(), refusal.reason.as_str())).collect()
}
