//! Webhooks: one topic each, with a secret that is never told.

use super::problem::{Reply, refusal};
use super::world::{Shop, ShownHook};
use serde::Deserialize;
use serde_json::{Value, json};

/// What can be told of.
const RESOURCES: [&str; 4] = ["coupon", "customer", "order", "product"];
const EVENTS: [&str; 4] = ["created", "updated", "deleted", "restored"];

#[derive(Clone, Debug)]
pub(super) struct Hook {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) status: String,
    pub(super) delivery_url: String,
    /// As WordPress keeps it.
    pub(super) secret: String,
    pub(super) failures: u32,
}

#[derive(Deserialize)]
pub(super) struct Written {
    name: Option<String>,
    topic: Option<String>,
    status: Option<String>,
    delivery_url: Option<String>,
    secret: Option<String>,
}

fn is_topic(topic: &str) -> bool {
    let (resource, event) = topic.split_once('.').unwrap_or_default();
    let named = |name: &str| name.starts_with("woocommerce_") || name.starts_with("wc_");
    // A user can't be restored.
    (RESOURCES.contains(&resource) && EVENTS.contains(&event) && topic != "customer.restored")
        || (resource == "action" && named(event))
}

fn is_address(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// What WordPress makes of a text that may hold HTML.
fn as_kept(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#039;")
}

impl Hook {
    pub(super) fn shown(&self) -> Value {
        let (resource, event) = self.topic.split_once('.').unwrap_or_default();
        json!({"id": self.id, "name": self.name, "status": self.status, "topic": self.topic, "resource": resource,
            "event": event, "hooks": [], "delivery_url": self.delivery_url})
    }

    pub(super) fn for_tests(&self) -> ShownHook {
        ShownHook {
            id: self.id,
            topic: self.topic.clone(),
            status: self.status.clone(),
            delivery_url: self.delivery_url.clone(),
            failures: self.failures,
        }
    }

    /// The key of its signatures.
    pub(super) fn signing_key(&self) -> String {
        decoded(&self.secret)
    }
}

/// A text that may hold HTML, as it was before WordPress kept it.
pub(super) fn decoded(kept: &str) -> String {
    let text = kept.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#039;", "'").replace("&amp;", "&")
}

fn checked(written: &Written) -> Result<(), Reply> {
    let wrong = |what: &str| {
        let message = format!("Webhook {} is required and must be valid.", what.replace('_', " "));
        Err(refusal(400, &format!("woocommerce_rest_shop_webhook_invalid_{what}"), &message))
    };
    match written {
        Written { topic: Some(topic), .. } if !is_topic(topic) => wrong("topic"),
        Written { delivery_url: Some(url), .. } if !is_address(url) => wrong("delivery_url"),
        Written { status: Some(status), .. } if !["active", "paused", "disabled"].contains(&status.as_str()) => {
            wrong("status")
        }
        _ => Ok(()),
    }
}

/// Makes one; with where its ping goes.
pub(super) fn create(shop: &mut Shop, written: Written) -> Result<(Reply, u64), Reply> {
    checked(&written)?;
    let missing =
        |what: &str| refusal(400, &format!("woocommerce_rest_shop_webhook_invalid_{what}"), "It is required.");
    let topic = written.topic.ok_or_else(|| missing("topic"))?;
    let delivery_url = written.delivery_url.ok_or_else(|| missing("delivery_url"))?;
    let id = shop.id();
    let secret = written.secret.map(|secret| as_kept(&secret)).unwrap_or_else(|| shop.random.hex(50));
    let name = written.name.unwrap_or_else(|| "Webhook created".to_owned());
    let status = written.status.unwrap_or_else(|| "active".to_owned());
    let hook = Hook { id, name, topic, status, delivery_url, secret, failures: 0 };
    let shown = hook.shown();
    shop.hooks.insert(id, hook);
    Ok((Reply::json(201, shown).with("location", format!("/wp-json/wc/v3/webhooks/{id}")), id))
}

fn invalid_id(status: u16) -> Reply {
    refusal(status, "woocommerce_rest_shop_webhook_invalid_id", "Invalid ID.")
}

pub(super) fn change(shop: &mut Shop, id: u64, written: Written) -> Result<Reply, Reply> {
    let hook = shop.hooks.get_mut(&id).ok_or_else(|| invalid_id(400))?;
    checked(&written)?;
    if let Some(status) = written.status {
        if hook.status == "disabled" && status == "active" {
            hook.failures = 0;
        }
        hook.status = status;
    }
    let Written { name, topic, delivery_url, secret, .. } = written;
    hook.name = name.unwrap_or_else(|| hook.name.clone());
    hook.topic = topic.unwrap_or_else(|| hook.topic.clone());
    hook.delivery_url = delivery_url.unwrap_or_else(|| hook.delivery_url.clone());
    hook.secret = secret.map(|secret| as_kept(&secret)).unwrap_or_else(|| hook.secret.clone());
    Ok(Reply::json(200, hook.shown()))
}

pub(super) fn delete(shop: &mut Shop, id: u64, force: bool) -> Result<Reply, Reply> {
    if !force {
        let message = "Webhooks do not support trashing.";
        return Err(refusal(501, "woocommerce_rest_trash_not_supported", message));
    }
    let hook = shop.hooks.remove(&id).ok_or_else(|| invalid_id(404))?;
    Ok(Reply::json(200, hook.shown()))
}
