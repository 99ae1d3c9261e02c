//! Registering webhooks. The URL is checked by the server before these run.

use super::call::{Answer, Call, Outcome, flag, known};
use super::hooks::Webhook;
use super::problem::Problem;
use super::world::World;
use serde_json::{Value, json};

const EVENTS: &[&str] = &["subscribe", "unsubscribe", "profile", "cleaned", "upemail", "campaign"];
const SOURCES: &[&str] = &["user", "admin", "api"];

/// Switches with what was given over what was held.
fn switches(body: &Value, field: &str, names: &[&str], held: Option<&Value>) -> Result<Value, Problem> {
    let mut all = json!({});
    let given = body.get(field).cloned().unwrap_or_else(|| json!({}));
    known(&given, names)?;
    for name in names {
        let held = held.is_some_and(|held| held[*name] == true);
        all[*name] = Value::from(flag(&given, name)?.unwrap_or(held));
    }
    Ok(all)
}

pub(super) fn list(world: &mut World, call: &Call) -> Outcome {
    let hooks = &world.audience(&call.list)?.webhooks;
    let shown: Vec<Value> = hooks.values().map(|hook| hook.json(&call.list)).collect();
    let total = shown.len();
    Ok(Answer::Json(json!({"webhooks": shown, "list_id": call.list, "total_items": total, "_links": []})))
}

/// Creating twice makes two. A secret is told once, here.
pub(super) fn create(world: &mut World, call: &Call) -> Outcome {
    call.known(&["url", "events", "sources"])?;
    let url = call.text("url")?.ok_or_else(|| Problem::field("url", "This value should not be blank."))?.to_owned();
    let events = switches(&call.body, "events", EVENTS, None)?;
    let sources = switches(&call.body, "sources", SOURCES, None)?;
    world.audience(&call.list)?;
    let id = world.random.hex(10);
    let secret = world.sign_webhooks.then(|| world.random.hex(40));
    let hook = Webhook { id: id.clone(), url, events, sources, secret };
    let mut answer = hook.json(&call.list);
    if let Some(secret) = &hook.secret {
        answer["signing_secret"] = Value::from(secret.as_str());
    }
    world.audience(&call.list)?.webhooks.insert(id, hook);
    Ok(Answer::Json(answer))
}

fn one<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Webhook, Problem> {
    world.audience(&call.list)?.webhooks.get_mut(&call.item).ok_or_else(Problem::not_found)
}

pub(super) fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::Json(one(world, call)?.json(&call.list)))
}

pub(super) fn patch(world: &mut World, call: &Call) -> Outcome {
    call.known(&["url", "events", "sources"])?;
    let hook = one(world, call)?;
    let events = switches(&call.body, "events", EVENTS, Some(&hook.events))?;
    let sources = switches(&call.body, "sources", SOURCES, Some(&hook.sources))?;
    if let Some(url) = call.text("url")? {
        hook.url = url.to_owned();
    }
    (hook.events, hook.sources) = (events, sources);
    Ok(Answer::Json(hook.json(&call.list)))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Outcome {
    world.audience(&call.list)?.webhooks.remove(&call.item).ok_or_else(Problem::not_found)?;
    Ok(Answer::Empty)
}
