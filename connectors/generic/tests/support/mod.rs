//! The shipped descriptions as connectors, and connections through them.

#![allow(dead_code)]

use kit::api::ApiClient;
use kit::connector::{Connector, Limits};
use kit::http::HttpClient;
use kit::platform::{App, Connection, Platform};
use kit::token::{FixedToken, Tokens};
use model::{SourceId, Time};
use segmentd_connector_generic::{connector, read};
use serde_json::{Map, Value};
use std::sync::{Arc, LazyLock};

pub static TIENDANUBE: LazyLock<Connector> =
    LazyLock::new(|| shipped("tiendanube.toml", include_str!("../../platforms/tiendanube.toml")));
pub static BREVO: LazyLock<Connector> =
    LazyLock::new(|| shipped("brevo.toml", include_str!("../../platforms/brevo.toml")));

fn shipped(name: &str, text: &str) -> Connector {
    connector(read(name, text).unwrap_or_else(|problems| panic!("{problems}")))
}

pub fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub fn time(text: &str) -> Time {
    Time::parse(text).unwrap()
}

/// A connection to an account, whose calls go to `address`.
pub fn connection(connector: &Connector, address: &str, account: &str, tokens: Arc<dyn Tokens>) -> Connection {
    let app = App { client_id: "4321".to_owned(), secrets: vec!["app secret".into()] };
    let public_url = "https://segments.example".to_owned();
    let address = Some(address.to_owned());
    let platform = Platform { address, allow_private: true, app: Some(app), public_url, ..Platform::default() };
    let limits = Limits { calls_per_second: 1_000, ..connector.limits };
    Connection {
        source: SourceId::from("shop"),
        account: account.to_owned(),
        region: None,
        settings: Map::new(),
        details: Map::new(),
        scopes: Vec::new(),
        platform: Arc::new(platform),
        api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
        hook_url: format!("https://segments.example/hooks/{}/t0ken", connector.name),
    }
}

pub fn fixed(token: &str) -> Arc<dyn Tokens> {
    Arc::new(FixedToken(token.into()))
}
