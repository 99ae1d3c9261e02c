//! Webhook subscriptions by the API.

use super::super::hooks::{Subscription, topics};
use super::super::rest::{gid, parse_gid};
use super::execute::Run;
use super::mutations::{deleted, payload, wrong};
use super::objects::{Failure, Object, Out};
use super::plan::Field;
use super::search::Filter;
use serde_json::Value;

type Found = Result<Out, Failure>;

/// Whether an address can be delivered to; `Err` says what the platform says.
fn check_uri(run: &Run, uri: &str) -> Result<(), String> {
    if uri.starts_with("pubsub://") || uri.starts_with("arn:aws:events:") {
        return Ok(());
    }
    let loopback = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|own| uri.starts_with(own));
    if loopback && run.world.options.hooks.allow_loopback {
        return Ok(());
    }
    let Some(host) = uri.strip_prefix("https://") else {
        return Err("Address protocol http:// is not supported".to_owned());
    };
    if host.is_empty() || host.starts_with("localhost") || host.starts_with("127.") {
        return Err("Address cannot be a local address".to_owned());
    }
    Ok(())
}

fn texts(input: &Value, name: &str) -> Option<Vec<String>> {
    input.get(name).and_then(|value| serde_json::from_value(value.clone()).ok())
}

/// Fills in what the input gives; an error is of a field.
fn fill(run: &Run, hook: &mut Subscription, input: &Value) -> Result<(), (&'static str, String)> {
    let text = |name: &str| input.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(uri) = text("uri").or(text("callbackUrl")) {
        check_uri(run, &uri).map_err(|why| ("callbackUrl", why))?;
        hook.uri = uri;
    }
    if hook.uri.is_empty() {
        return Err(("callbackUrl", "Address can't be blank".to_owned()));
    }
    if text("format").is_some_and(|format| format != "JSON") {
        return Err(("format", "Only JSON is played by the simulator".to_owned()));
    }
    if let Some(fields) = texts(input, "includeFields") {
        hook.include_fields = fields;
    }
    if let Some(namespaces) = texts(input, "metafieldNamespaces") {
        hook.metafield_namespaces = namespaces;
    }
    hook.name = text("name").or(hook.name.take());
    if let Some(filter) = text("filter") {
        let parsed =
            Filter::parse(&filter).map_err(|why| ("filter", format!("The specified filter is invalid: {why}")))?;
        let missing =
            |field: &&str| !hook.include_fields.is_empty() && !hook.include_fields.iter().any(|own| own == field);
        if let Some(field) = parsed.terms().iter().map(|term| term.field.as_str()).find(missing) {
            return Err(("filter", format!("{field} is used in the filter and is not in includeFields")));
        }
        hook.filter = Some(filter).filter(|filter| !filter.is_empty());
    }
    Ok(())
}

fn input(field: &Field) -> Value {
    field.arguments.get("webhookSubscription").cloned().unwrap_or_default()
}

fn is_taken(run: &Run, hook: &Subscription) -> bool {
    let same = |other: &Subscription| {
        other.id != hook.id && other.topic == hook.topic && other.uri == hook.uri && other.filter == hook.filter
    };
    run.shop().is_ok_and(|shop| shop.hooks.iter().any(same))
}

pub(super) fn create(run: &mut Run, field: &Field) -> Found {
    let name = field.text("topic").unwrap_or_default();
    let Some(topic) = topics::from_api_name(name) else {
        return Err(Failure::not_played("webhookSubscriptionCreate", name));
    };
    if let Some(scope) = topics::scope(topic)
        && run.need(&field.name, scope).is_err()
    {
        let message = "You do not have permission to create or update webhooks with the provided topic";
        return payload(run, field, "webhookSubscription", None, wrong(&["topic"], message, None));
    }
    if topics::is_protected(topic) && run.need_approval("").is_err() {
        let message = "This app is not approved to subscribe to webhook topics containing protected customer data.";
        return payload(run, field, "webhookSubscription", None, wrong(&["topic"], message, None));
    }
    let now = run.now();
    let mut hook = Subscription {
        id: run.world.id(),
        topic: topic.to_owned(),
        uri: String::new(),
        filter: None,
        include_fields: Vec::new(),
        metafield_namespaces: Vec::new(),
        name: None,
        created_at: now,
        updated_at: now,
        successes: 0,
    };
    if let Err((of, why)) = fill(run, &mut hook, &input(field)) {
        return payload(run, field, "webhookSubscription", None, wrong(&["webhookSubscription", of], why, None));
    }
    if is_taken(run, &hook) {
        let errors =
            wrong(&["webhookSubscription", "callbackUrl"], "Address for this topic has already been taken", None);
        return payload(run, field, "webhookSubscription", None, errors);
    }
    let shop = run.shop.clone();
    run.world.shop_mut(&shop).map_err(Failure::bad)?.hooks.push(hook.clone());
    payload(run, field, "webhookSubscription", Some(Object::Hook(hook)), Vec::new())
}

pub(super) fn update(run: &mut Run, field: &Field) -> Found {
    let id = parse_gid(field.text("id").unwrap_or_default()).map(|(_, id)| id);
    let known = run.shop()?.hooks.iter().find(|hook| Some(hook.id) == id).cloned();
    let Some(mut hook) = known else {
        let errors = wrong(&["id"], "Webhook subscription does not exist", None);
        return payload(run, field, "webhookSubscription", None, errors);
    };
    if let Err((of, why)) = fill(run, &mut hook, &input(field)) {
        return payload(run, field, "webhookSubscription", None, wrong(&["webhookSubscription", of], why, None));
    }
    hook.updated_at = run.now();
    let shop = run.shop.clone();
    let hooks = &mut run.world.shop_mut(&shop).map_err(Failure::bad)?.hooks;
    if let Some(own) = hooks.iter_mut().find(|own| own.id == hook.id) {
        *own = hook.clone();
    }
    payload(run, field, "webhookSubscription", Some(Object::Hook(hook)), Vec::new())
}

pub(super) fn delete(run: &mut Run, field: &Field) -> Found {
    let id = parse_gid(field.text("id").unwrap_or_default()).map(|(_, id)| id).unwrap_or_default();
    let shop = run.shop.clone();
    let hooks = &mut run.world.shop_mut(&shop).map_err(Failure::bad)?.hooks;
    let before = hooks.len();
    hooks.retain(|hook| hook.id != id);
    let gone = hooks.len() < before;
    let errors = if gone { Vec::new() } else { wrong(&["id"], "Webhook subscription does not exist", None) };
    let gid = gone.then(|| gid("WebhookSubscription", id));
    deleted(run, field, "deletedWebhookSubscriptionId", gid, errors)
}
