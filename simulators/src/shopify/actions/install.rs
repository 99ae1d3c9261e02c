//! The app comes to a shop and goes from it.

use super::super::hooks;
use super::super::oauth::{Installation, Installed, scopes};
use super::super::rest;
use super::super::time;
use super::super::world::World;
use super::Privacy;
use serde_json::{Value, json};

/// The answer of a token, as JSON.
fn tokens_json(installed: &Installed) -> Value {
    serde_json::to_value(installed).unwrap_or_default()
}

/// Everything that the app holds in a shop ends.
fn end_installation(world: &mut World, shop: &str) -> Result<(), String> {
    let state = world.shop_mut(shop)?;
    state.installation = None;
    state.hooks.clear();
    state.codes.clear();
    Ok(())
}

pub(super) fn uninstall(world: &mut World, shop: &str) -> Result<Value, String> {
    if world.shop(shop)?.installation.is_none() {
        return Err(format!("the app is not installed in {shop}"));
    }
    let body = rest::shop(world.shop(shop)?);
    // The delivery is made up while the subscription is still there; the token is dead when it arrives.
    world.fire(shop, "app/uninstalled", body);
    end_installation(world, shop)?;
    Ok(json!({}))
}

pub(super) fn install(world: &mut World, shop: &str, asked: &[String]) -> Result<Value, String> {
    let (now, app) = (world.now(), world.options.app.clone());
    let granted = scopes::grant(asked, world.shop(shop)?.options.grants_only.as_deref());
    let mut installation = world.shop_mut(shop)?.installation.take().unwrap_or_else(|| Installation::new(now));
    installation.scopes = granted;
    let installed = installation.issue(&mut world.dice, &app, now, None);
    world.shop_mut(shop)?.installation = Some(installation);
    Ok(tokens_json(&installed))
}

pub(super) fn change_scopes(world: &mut World, shop: &str, scopes_now: Vec<String>) -> Result<Value, String> {
    let (now, id) = (world.now(), world.id());
    let state = world.shop_mut(shop)?;
    let shop_id = state.id;
    let installation = state.installation.as_mut().ok_or("the app is not installed")?;
    let previous = std::mem::replace(&mut installation.scopes, scopes::compress(&scopes_now));
    let body = json!({
        "id": id,
        "shop_id": rest::gid("Shop", shop_id),
        "previous": previous,
        "current": installation.scopes,
        "updated_at": time::utc_millis(now),
    });
    world.fire(shop, "app/scopes_update", body);
    Ok(json!({}))
}

pub(super) fn privacy(world: &mut World, shop: &str, request: Privacy) -> Result<Value, String> {
    let request_id = world.id();
    let state = world.shop(shop)?;
    let mut body = json!({"shop_id": state.id, "shop_domain": state.options.domain});
    let topic = match request {
        Privacy::ShopRedact => "shop/redact",
        Privacy::DataRequest { customer } | Privacy::CustomerRedact { customer } => {
            let known = state.customer(customer).ok_or_else(|| format!("there is no customer {customer}"))?;
            body["customer"] = json!({"id": customer, "email": known.email, "phone": known.phone});
            let orders = state.orders_of(customer);
            if matches!(request, Privacy::DataRequest { .. }) {
                body["orders_requested"] = json!(orders);
                body["data_request"] = json!({"id": request_id});
                "customers/data_request"
            } else {
                body["orders_to_redact"] = json!(orders);
                "customers/redact"
            }
        }
    };
    if !hooks::has_app_hook(world, topic) {
        return Err(format!("the app has no subscription of its own for {topic}"));
    }
    world.fire(shop, topic, body);
    Ok(json!({}))
}

pub(super) fn block(world: &mut World, shop: &str, status: u16) -> Result<Value, String> {
    if ![0, 402, 403, 423].contains(&status) {
        return Err("a shop is closed with 402, 403 or 423, and opened with 0".to_owned());
    }
    world.shop_mut(shop)?.blocked = status;
    Ok(json!({}))
}
