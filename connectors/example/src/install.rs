//! Connecting an account by its API key, and the webhook that it is to send.

use crate::api;
use kit::failure::Failure;
use kit::install::{Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way};
use kit::platform::Connection;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const TOPIC: &str = "order.paid";

pub(crate) struct ExampleInstall;

#[derive(Deserialize)]
struct Account {
    id: String,
    name: String,
    currency: String,
}

#[derive(Deserialize)]
struct Hooks {
    hooks: Vec<Hook>,
}

#[derive(Deserialize)]
struct Hook {
    id: String,
    url: String,
    topic: String,
    #[serde(default)]
    secret: Option<String>,
}

async fn ours(connection: &Connection) -> Result<Vec<Hook>, Failure> {
    let Hooks { hooks } = api::get(connection, "/v1/hooks").await?;
    Ok(hooks.into_iter().filter(|hook| hook.url == connection.hook_url && hook.topic == TOPIC).collect())
}

#[async_trait::async_trait]
impl Install for ExampleInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::ApiKey],
            account_first: false,
            scopes: &[],
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let fine = !typed.is_empty() && typed.len() <= 64 && typed.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if fine { Ok(typed.to_owned()) } else { Err(Failure::Refused("expected the id of an account".to_owned())) }
    }

    async fn identify(&self, connection: &Connection, _: Option<&[String]>) -> Result<Identified, Failure> {
        let account: Account = api::get(connection, "/v1/account").await?;
        let details = Map::from_iter([("currency".to_owned(), account.currency.into())]);
        Ok(Identified { account: account.id, name: account.name, details, scopes: Vec::new(), missing: Vec::new() })
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        if connection.hook_url.is_empty() {
            return Ok(Registered { refused: vec!["no public address".to_owned()], ..Registered::default() });
        }
        if !ours(connection).await?.is_empty() {
            return Ok(Registered { kept: 1, ..Registered::default() });
        }
        let body = json!({ "url": connection.hook_url, "topic": TOPIC });
        let hook: Hook = api::send(connection, Method::POST, "/v1/hooks", &body).await?;
        let hook_secret = hook.secret.map(SecretString::from);
        Ok(Registered { made: vec![TOPIC.to_owned()], hook_secret, ..Registered::default() })
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        for hook in ours(connection).await? {
            let _: Value = api::send(connection, Method::DELETE, &format!("/v1/hooks/{}", hook.id), &json!({})).await?;
        }
        Ok(())
    }
}
