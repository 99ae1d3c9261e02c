//! Headers of a delivery, in either family of names.

use super::super::options::HeaderFamily;
use super::super::world::World;
use super::super::{sign, time};
use super::Subscription;
use serde_json::Value;

pub(super) fn make(
    world: &World,
    shop: &str,
    topic: &str,
    webhook_id: &str,
    body: &[u8],
    subscription: Option<&Subscription>,
    whole: &Value,
) -> Vec<(&'static str, String)> {
    let app = &world.options.app;
    // The oldest secret that is not revoked signs.
    let secret = app.secrets.first().map(String::as_str).unwrap_or_default();
    let (hmac, at) = (sign::webhook(secret, body), time::utc_micros(world.now()));
    let values = [topic.to_owned(), hmac, shop.to_owned(), app.hook_version.clone()];
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if app.hook_headers != HeaderFamily::Events {
        let names = ["X-Shopify-Topic", "X-Shopify-Hmac-Sha256", "X-Shopify-Shop-Domain", "X-Shopify-API-Version"];
        headers.extend(names.into_iter().zip(values.clone()));
        headers.push(("X-Shopify-Webhook-Id", webhook_id.to_owned()));
        headers.push(("X-Shopify-Event-Id", world.event.clone()));
        headers.push(("X-Shopify-Triggered-At", at.clone()));
        if let Some(name) = subscription.and_then(|one| one.name.clone()) {
            headers.push(("X-Shopify-Name", name));
        }
    }
    if app.hook_headers != HeaderFamily::Classic {
        let names = ["shopify-topic", "shopify-hmac-sha256", "shopify-shop-domain", "shopify-api-version"];
        headers.extend(names.into_iter().zip(values));
        headers.push(("shopify-webhook-id", webhook_id.to_owned()));
        headers.push(("shopify-event-id", world.event.clone()));
        headers.push(("shopify-triggered-at", at));
        headers.push(("shopify-action", topic.rsplit(['/', '.']).next().unwrap_or_default().to_owned()));
        if let Some(id) = whole.get("admin_graphql_api_id").and_then(Value::as_str) {
            headers.push(("shopify-resource-id", id.to_owned()));
        }
    }
    headers
}
