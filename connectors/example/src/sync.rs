//! Lists of e-mail addresses.

use crate::api;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::sync::{Batch, Destination, HeldPage, Refusal, SnapshotPart, SyncCapabilities};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;

pub(crate) const CAPABILITIES: SyncCapabilities = SyncCapabilities {
    batch_changes_max: 1_000,
    batch_side_max: 500,
    batch_bytes_max: 0,
    snapshot_members_max: 0,
    read_back: true,
    fields: false,
    read_lag_s: 0,
};

struct ExampleList {
    connection: Arc<Connection>,
    list: String,
}

#[derive(Deserialize)]
struct Changed {
    refused: Vec<Refused>,
}

#[derive(Deserialize)]
struct Refused {
    email: String,
    reason: String,
}

#[derive(Deserialize)]
struct Members {
    members: Vec<String>,
    more: bool,
}

pub(crate) fn connect(setup: &DestinationSetup) -> Result<Arc<dyn Destination>, Failure> {
    let refused = |why: &str| Failure::Refused(why.to_owned());
    let connection = setup.connection.clone().ok_or_else(|| refused("a list needs a connection"))?;
    let list = setup.settings.get("list").and_then(Value::as_str).unwrap_or_default().to_owned();
    if list.is_empty() || !list.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(refused("list is to be the id of a list"));
    }
    Ok(Arc::new(ExampleList { connection, list }))
}

impl ExampleList {
    async fn page(&self, query: &[(&str, &str)]) -> Result<Members, Failure> {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        api::get(&self.connection, &format!("/v1/lists/{}/members?{query}", self.list)).await
    }
}

#[async_trait::async_trait]
impl Destination for ExampleList {
    fn capabilities(&self) -> SyncCapabilities {
        CAPABILITIES
    }

    fn identity(&self) -> String {
        format!("example {} {}", self.connection.account, self.list)
    }

    async fn push(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let side = |member: bool| -> Vec<&str> {
            let changes = batch.changes.iter().filter(|change| change.member == member);
            changes.map(|change| change.identifier.as_str()).collect()
        };
        let body = json!({ "add": side(true), "remove": side(false) });
        let path = format!("/v1/lists/{}/members", self.list);
        let changed: Changed = api::send(&self.connection, Method::POST, &path, &body).await?;
        let refusal = |one: Refused| Refusal { identifier: one.email, reason: one.reason };
        Ok(changed.refused.into_iter().map(refusal).collect())
    }

    async fn snapshot(&self, _: &SnapshotPart) -> Result<(), Failure> {
        Err(Failure::Refused("Corner takes no snapshots".to_owned()))
    }

    async fn held(&self, after: Option<&str>) -> Result<HeldPage, Failure> {
        let page = self.page(&[("after", after.unwrap_or_default())]).await?;
        let next = page.members.last().filter(|_| page.more).cloned();
        Ok(HeldPage { held: page.members, next })
    }

    async fn holds(&self, identifiers: &[String]) -> Result<Vec<String>, Failure> {
        let only: Vec<(&str, &str)> = identifiers.iter().map(|one| ("email", one.as_str())).collect();
        Ok(self.page(&only).await?.members)
    }
}
