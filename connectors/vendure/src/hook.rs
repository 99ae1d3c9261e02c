//! Where the store's plugin sends what happens: it is kept among the store's global settings, and set here.

use crate::api::{Api, Denied};
use crate::queries::{HOOK, MAY_READ_ORDERS, SET_HOOK};
use kit::failure::Failure;
use kit::install::Registered;
use kit::platform::Connection;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of a secret.
const SECRET_BYTES: usize = 32;
/// What is registered, as it is called.
const NAME: &str = "messages of the plugin";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Global {
    global_settings: Settings,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    custom_fields: Fields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    #[serde(default)]
    segmentd_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Updated {
    update_global_settings: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    #[serde(default)]
    message: Option<String>,
}

fn secret() -> Result<String, Failure> {
    let mut bytes = [0u8; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|why| Failure::retry(format!("no randomness: {why}"), None))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A key that is no good at all is refused in the same words as one that may not do this.
async fn still_good(api: &Api<'_>) -> Result<(), Failure> {
    api.ask::<Value>(MAY_READ_ORDERS, &json!({})).await.map(drop)
}

async fn set(api: &Api<'_>, url: Value, secret: Value) -> Result<Result<(), String>, Failure> {
    let variables = json!({"input": {"customFields": {"segmentdUrl": url, "segmentdSecret": secret}}});
    match api.try_ask::<Updated>(SET_HOOK, &variables).await {
        Ok(Updated { update_global_settings: Outcome { message: None } }) => Ok(Ok(())),
        Ok(Updated { update_global_settings: Outcome { message: Some(why) } }) => Ok(Err(why)),
        Err(Denied::Forbidden(_)) => {
            still_good(api).await?;
            Ok(Err("the key's role may not update global settings".to_owned()))
        }
        Err(denied) => Err(denied.into()),
    }
}

/// Where the plugin sends to; `Err` says why it can't be told.
async fn current(api: &Api<'_>) -> Result<Result<Option<String>, String>, Failure> {
    match api.try_ask::<Global>(HOOK, &json!({})).await {
        Ok(global) => Ok(Ok(global.global_settings.custom_fields.segmentd_url.filter(|url| !url.is_empty()))),
        Err(Denied::Unknown(_)) => Ok(Err("the store has no segmentd plugin: changes come by polls alone".to_owned())),
        Err(Denied::Forbidden(_)) => {
            still_good(api).await?;
            Ok(Err("the key's role may not read global settings".to_owned()))
        }
        Err(denied) => Err(denied.into()),
    }
}

pub(crate) async fn register(connection: &Connection) -> Result<Registered, Failure> {
    let refused = |why: &str| Registered { refused: vec![format!("{NAME}: {why}")], ..Registered::default() };
    if connection.hook_url.is_empty() {
        return Ok(refused("segmentd has no public address"));
    }
    let api = Api::new(connection)?;
    match current(&api).await? {
        Err(why) => return Ok(refused(&why)),
        Ok(Some(url)) if url == connection.hook_url => return Ok(Registered { kept: 1, ..Registered::default() }),
        Ok(_) => {}
    }
    let secret = secret()?;
    match set(&api, json!(connection.hook_url), json!(secret)).await? {
        Err(why) => Ok(refused(&why)),
        Ok(()) => {
            let hook_secret = Some(SecretString::from(secret));
            Ok(Registered { made: vec![NAME.to_owned()], hook_secret, ..Registered::default() })
        }
    }
}

/// Takes it back, if it is still ours.
pub(crate) async fn unregister(connection: &Connection) -> Result<(), Failure> {
    let api = Api::new(connection)?;
    let ours = current(&api).await?.is_ok_and(|url| url.is_some_and(|url| url == connection.hook_url));
    if ours {
        // A key that may not is no reason to stay connected.
        let _ = set(&api, Value::Null, Value::Null).await?;
    }
    Ok(())
}
