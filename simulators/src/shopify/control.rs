//! The control API, for scripts: everything that the Rust methods do, as JSON.
//!
//! - `GET /_sim/shops`; `POST /_sim/shops` ([`ShopOptions`]) opens one.
//! - `POST /_sim/shops/{shop}/actions` ([`Action`]).
//! - `GET /_sim/shops/{shop}/truth`, `.../subscriptions`, `.../install_query`.
//! - `GET /_sim/requests` and `DELETE`; `GET /_sim/deliveries`; `GET /_sim/settled?timeout_ms=` waits for them.
//! - `GET /_sim/faults` and `PUT` ([`Faults`]); `GET /_sim/app` and `PUT` ([`AppOptions`]).
//! - `PUT /_sim/clock` `{"now": 1772366400}`, `{"advance": 60}` or `{"now": null}` for the machine's.
//! - `PUT /_sim/index_lag_ms`, `PUT /_sim/retry_span_ms`: a number.

use super::actions::{self, Action};
use super::faults::Faults;
use super::http::{Incoming, Shared, lock};
use super::options::{AppOptions, ShopOptions};
use super::record::Record;
use super::world::World;
use super::{oauth, rest, truth};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

fn wrong(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}

fn read<T: DeserializeOwned>(incoming: &Incoming) -> Result<T, String> {
    serde_json::from_slice(&incoming.body).map_err(|why| why.to_string())
}

/// `PUT /_sim/clock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    #[serde(default)]
    now: Option<i64>,
    #[serde(default)]
    advance: Option<i64>,
}

pub(super) async fn answer(world: &Shared, incoming: &Incoming, path: &str) -> Response {
    if path == "settled" {
        let wanted = incoming.query.iter().find(|(name, _)| name == "timeout_ms");
        let timeout_ms = wanted.and_then(|(_, value)| value.parse().ok()).unwrap_or(10_000);
        let settled = settled(world, Duration::from_millis(timeout_ms)).await;
        return Json(json!({"settled": settled})).into_response();
    }
    match act(&mut lock(world), incoming, path) {
        Ok(value) => Json(value).into_response(),
        Err(why) => wrong(&why),
    }
}

/// Waits until no delivery is under way; false when that takes too long.
pub(super) async fn settled(world: &Shared, timeout: Duration) -> bool {
    let (under_way, until) = (lock(world).under_way.clone(), Instant::now() + timeout);
    while under_way.load(Ordering::SeqCst) > 0 {
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

fn to_json(value: impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|why| why.to_string())
}

fn act(world: &mut World, incoming: &Incoming, path: &str) -> Result<Value, String> {
    let parts: Vec<&str> = path.split('/').collect();
    match (incoming.method.clone(), parts.as_slice()) {
        (Method::GET, ["shops"]) => to_json(world.shops.keys().collect::<Vec<&String>>()),
        (Method::POST, ["shops"]) => {
            let options: ShopOptions = read(incoming)?;
            if !oauth::is_shop(&options.domain) || world.shops.contains_key(&options.domain) {
                return Err(format!("{} is no name of a new shop", options.domain));
            }
            world.open(options);
            Ok(json!({}))
        }
        (Method::POST, ["shops", shop, "actions"]) => {
            let action: Action = read(incoming)?;
            actions::play(world, shop, action)
        }
        (Method::GET, ["shops", shop, "truth"]) => to_json(truth::of_shop(world, shop)),
        (Method::GET, ["shops", shop, "subscriptions"]) => subscriptions(world, shop),
        (Method::GET, ["shops", shop, "install_query"]) => Ok(json!({"query": oauth::install_query(world, shop)})),
        (Method::GET, ["requests"]) => to_json(world.record.all()),
        (Method::DELETE, ["requests"]) => {
            world.record = Record::default();
            Ok(json!({}))
        }
        (Method::GET, ["deliveries"]) => to_json(world.hook_log.all()),
        (Method::GET, ["faults"]) => to_json(&world.faults),
        (Method::PUT, ["faults"]) => {
            world.faults = read::<Faults>(incoming)?;
            Ok(json!({}))
        }
        (Method::GET, ["app"]) => to_json(&world.options.app),
        (Method::PUT, ["app"]) => {
            world.options.app = read::<AppOptions>(incoming)?;
            Ok(json!({}))
        }
        (Method::PUT, ["clock"]) => {
            let clock: Clock = read(incoming)?;
            world.clock = match clock.advance {
                Some(seconds) => Some(world.now() + seconds),
                None => clock.now,
            };
            Ok(json!({"now": world.now()}))
        }
        (Method::PUT, ["index_lag_ms"]) => {
            world.options.index_lag_ms = read(incoming)?;
            Ok(json!({}))
        }
        (Method::PUT, ["retry_span_ms"]) => {
            world.options.hooks.retry_span_ms = read(incoming)?;
            Ok(json!({}))
        }
        _ => Err(format!("there is no {} /_sim/{path}", incoming.method)),
    }
}

fn subscriptions(world: &World, shop: &str) -> Result<Value, String> {
    let one = |hook: &super::hooks::Subscription| json!({"id": rest::gid("WebhookSubscription", hook.id), "topic": hook.topic, "uri": hook.uri});
    Ok(world.shop(shop)?.hooks.iter().map(one).collect())
}
