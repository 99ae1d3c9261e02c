//! The resource of webhooks.

use super::http::{Call, Reply};
use super::world::{Hook, World, written};
use serde_json::{Value, json};

const EVENTS: &[&str] = &[
    "app/uninstalled",
    "app/suspended",
    "app/resumed",
    "order/created",
    "order/updated",
    "order/paid",
    "order/packed",
    "order/unpacked",
    "order/fulfilled",
    "order/cancelled",
    "order/edited",
    "order/pending",
    "order/voided",
    "order/custom_fields_updated",
    "customer/created",
    "customer/updated",
    "customer/deleted",
    "product/created",
    "product/updated",
    "product/deleted",
    "domain/updated",
];

fn shown(hook: &Hook) -> Value {
    let at = written(hook.created);
    json!({"id": hook.id, "event": hook.event, "url": hook.url, "created_at": at, "updated_at": at})
}

/// Hosts that are refused: the platform's own. It wants https; here plain http to loopback stands for it.
fn is_url(url: &str) -> bool {
    let outside = url.starts_with("https://") || url.starts_with("http://127.0.0.1:");
    outside && !["localhost", "tiendanube", "nuvemshop"].iter().any(|word| host(url).contains(word))
}

fn host(url: &str) -> &str {
    url.split_once("://").map_or("", |(_, rest)| rest).split('/').next().unwrap_or_default()
}

pub(super) fn answer(world: &mut World, call: &Call, rest: &str) -> Reply {
    let id: Option<u64> = rest.trim_start_matches('/').parse().ok();
    match (call.method.as_str(), id) {
        ("GET", None) => {
            let fits = |hook: &&Hook| {
                call.query.get("url").is_none_or(|url| *url == hook.url)
                    && call.query.get("event").is_none_or(|event| *event == hook.event)
            };
            Reply::json(200, world.hooks.values().filter(fits).map(shown).collect())
        }
        ("POST", None) => {
            let asked: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            let (event, url) = (asked["event"].as_str().unwrap_or_default(), asked["url"].as_str().unwrap_or_default());
            let mut wrong = serde_json::Map::new();
            if !EVENTS.contains(&event) {
                wrong.insert("event".to_owned(), json!(["Invalid event specified."]));
            }
            if !is_url(url) {
                wrong.insert("url".to_owned(), json!(["invalid url specified"]));
            }
            if !wrong.is_empty() {
                world.wrong(format!("POST webhooks {asked}"));
                return Reply::json(422, Value::Object(wrong));
            }
            let hook = Hook { id: world.fresh(), event: event.to_owned(), url: url.to_owned(), created: world.now };
            let reply = Reply::json(201, shown(&hook));
            world.hooks.insert(hook.id, hook);
            reply
        }
        ("GET", Some(id)) => match world.hooks.get(&id) {
            Some(hook) => Reply::json(200, shown(hook)),
            None => Reply::missing(),
        },
        ("DELETE", Some(id)) => match world.hooks.remove(&id) {
            Some(_) => Reply::json(200, json!({})),
            None => Reply::missing(),
        },
        _ => Reply::json(405, json!({"error": "method not allowed"})),
    }
}
