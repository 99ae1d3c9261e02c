//! Connects a shop as a merchant would, whichever process plays the platform.

use super::LOOK_EVERY;
use crate::browser::Browser;
use crate::daemon::Daemon;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The shop.
pub(super) const SHOP: &str = "acme-mx.myshopify.com";
/// What signs.
pub(super) const SECRET: &str = "shpss_0123456789abcdef0123456789abcdef";
/// Where the connection is in the API.
pub(super) const STORE: &str = "/workspaces/main/connections/store";

/// A workspace, the app on both sides, and the walk; the connection goes on by itself from here.
pub(super) async fn shop(daemon: &Daemon, platform: &str) -> Result<(), String> {
    let settings = json!({"name": "Measured", "time_zone": "America/Mexico_City", "currency": "MXN"});
    daemon.put("/workspaces/main", settings).await?;
    let client = reqwest::Client::builder().no_proxy().build().map_err(|why| why.to_string())?;
    let (url, text) = (format!("{platform}/_sim/app"), |why: reqwest::Error| why.to_string());
    let mut app: Value = client.get(&url).send().await.map_err(text)?.json().await.map_err(text)?;
    app["redirect_uris"] = json!([format!("{}/oauth/callback/shopify", daemon.url)]);
    client.put(&url).json(&app).send().await.map_err(text)?.error_for_status().map_err(text)?;
    daemon.put("/apps/shopify", json!({"client_id": app["client_id"], "secrets": [SECRET]})).await?;
    let body = json!({"connector": "shopify", "account": SHOP, "region": "MX"});
    let made = daemon.post(STORE, body).await?;
    Browser::new(true)?.agree(made["connect_url"].as_str().unwrap_or_default()).await
}

/// Waits until its past is read and applied; `shown` sees how it goes on.
pub(super) async fn until_read(daemon: &Daemon, limit: Duration, shown: impl Fn(&Value)) -> Result<Duration, String> {
    let began = Instant::now();
    loop {
        let connection = daemon.get(STORE).await?;
        shown(&connection["reading"]);
        if connection["step"] == "running" && connection["reading"]["holds_lists"] == false {
            return Ok(began.elapsed());
        }
        if began.elapsed() > limit || !connection["failure"].is_null() {
            return Err(format!("the shop's past is not read: {connection}"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
