//! A small core that keeps the rules of Mailman's REST API which these tests need, and a connection to it.

#![allow(dead_code)]

pub mod core;

use kit::api::ApiClient;
use kit::connector::{DestinationSetup, Limits};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::platform::{Connection, Platform};
use kit::sync::{Batch, Change, Destination};
use kit::token::{FixedToken, Tokens};
use model::SourceId;
use segmentd_connector_mailman::CONNECTOR;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const LIST: &str = "news.example.com";
pub const KEY: &str = "restadmin:restpass";

/// As the daemon makes it.
pub fn connection(address: &str, tokens: Arc<dyn Tokens>) -> Connection {
    let limits = Limits { calls_per_second: 1_000, ..CONNECTOR.limits };
    Connection {
        source: SourceId::from("mm"),
        account: address.to_owned(),
        region: None,
        settings: Map::new(),
        details: Map::new(),
        scopes: Vec::new(),
        platform: Arc::new(Platform { allow_private: true, ..Platform::default() }),
        api: ApiClient::new(HttpClient::new(true).unwrap(), tokens, limits),
        hook_url: String::new(),
    }
}

pub fn destination(connection: Connection, more: Value) -> Result<Arc<dyn Destination>, Failure> {
    let mut settings = json!({ "list": "news@example.com" }).as_object().unwrap().clone();
    settings.extend(more.as_object().unwrap().clone());
    let setup = DestinationSetup { connection: Some(Arc::new(connection)), settings, ..DestinationSetup::default() };
    (CONNECTOR.sync.unwrap().connect)(&setup)
}

pub fn list(core: &core::Core, more: Value) -> Arc<dyn Destination> {
    destination(connection(&core.base, Arc::new(FixedToken(KEY.into()))), more).unwrap()
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

pub fn batch(adds: &[&str], removes: &[&str]) -> Batch {
    let changes = adds.iter().map(|one| change(one, true)).chain(removes.iter().map(|one| change(one, false)));
    Batch {
        id: "b1".to_owned(),
        list: "l".to_owned(),
        segment: "s".to_owned(),
        first_sync: false,
        changes: changes.collect(),
    }
}

/// Everybody whom the list holds, page by page.
pub async fn held(list: &dyn Destination) -> Result<Vec<String>, Failure> {
    let (mut held, mut after) = (Vec::new(), None);
    for _ in 0..100 {
        let page = list.held(after.as_deref()).await?;
        held.extend(page.held);
        after = page.next;
        if after.is_none() {
            held.sort();
            return Ok(held);
        }
    }
    panic!("pages without end")
}
