//! The token endpoint.

use super::super::world::World;
use super::{Installation, Installed};
use serde_json::{Map, Value, json};

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const OFFLINE: &str = "urn:shopify:params:oauth:token-type:offline-access-token";
/// Life of a token for a person, seconds.
const ONLINE_S: i64 = 86_399;

/// An answer: status and body.
pub(in super::super) struct Answer {
    pub(in super::super) status: u16,
    pub(in super::super) body: Value,
    /// The grant, for the record.
    pub(in super::super) grant: &'static str,
}

fn refused(grant: &'static str, status: u16, error: &str, description: &str) -> Answer {
    Answer { status, body: json!({"error": error, "error_description": description}), grant }
}

fn given(grant: &'static str, installed: &Installed) -> Answer {
    Answer { status: 200, body: serde_json::to_value(installed).unwrap_or_default(), grant }
}

fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn is_true(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        Some(Value::String(text)) => text == "1" || text == "true",
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::Bool(yes)) => *yes,
        _ => false,
    }
}

/// `POST /admin/oauth/access_token`.
pub(in super::super) fn exchange(world: &mut World, shop: &str, fields: &Map<String, Value>) -> Answer {
    let app = &world.options.app;
    let known = text(fields, "client_id") == app.client_id;
    if !known || !app.secrets.iter().any(|secret| secret == text(fields, "client_secret")) {
        return refused("none", 401, "invalid_client", "The client id or secret is wrong.");
    }
    match (text(fields, "grant_type"), fields.contains_key("code")) {
        ("" | "authorization_code", true) => by_code(world, shop, fields),
        ("refresh_token", _) => by_refresh(world, shop, text(fields, "refresh_token")),
        (EXCHANGE, _) => by_token(world, shop, fields),
        ("client_credentials", _) => by_client(world, shop),
        _ => refused("none", 400, "invalid_request", "Missing or invalid grant."),
    }
}

fn by_code(world: &mut World, shop: &str, fields: &Map<String, Value>) -> Answer {
    const GRANT: &str = "code";
    let (now, app) = (world.now(), world.options.app.clone());
    let id = world.id();
    let Some(state) = world.shops.get_mut(shop) else {
        return refused(GRANT, 404, "not_found", "There is no such shop.");
    };
    let invalid = "The authorization code was not found or was already used";
    let Some(code) = state.codes.get(text(fields, "code")).cloned() else {
        return refused(GRANT, 400, "invalid_request", invalid);
    };
    let expiring = is_true(fields, "expiring");
    if !expiring && !code.online && app.public {
        let why = "Non-expiring access tokens are no longer accepted for public apps. Request an expiring token.";
        return refused(GRANT, 403, "invalid_request", why);
    }
    state.codes.remove(text(fields, "code"));
    if now >= code.expires_at {
        return refused(GRANT, 400, "invalid_request", invalid);
    }
    let mut installation = state.installation.take().unwrap_or_else(|| Installation::new(id as i64));
    installation.scopes = code.scopes;
    let answer = if code.online {
        let installed = installation.issue_alone(&mut world.dice, &app, now, Some(ONLINE_S));
        let mut answer = given(GRANT, &installed);
        answer.body["associated_user_scope"] = json!(installed.scope);
        answer.body["session"] = json!(world.dice.hex(16));
        answer.body["associated_user"] = json!({
            "id": 902_541_635, "first_name": "Shop", "last_name": "Owner", "email": "owner@shop.example",
            "email_verified": true, "account_owner": true, "locale": "es", "collaborator": false,
        });
        answer
    } else if expiring {
        given(GRANT, &installation.issue(&mut world.dice, &app, now, None))
    } else {
        given(GRANT, &installation.issue_alone(&mut world.dice, &app, now, None))
    };
    if let Some(state) = world.shops.get_mut(shop) {
        state.installation = Some(installation);
    }
    answer
}

fn by_refresh(world: &mut World, shop: &str, token: &str) -> Answer {
    let (now, app) = (world.now(), world.options.app.clone());
    let mut dice = world.dice.clone();
    let installation = world.shops.get_mut(shop).and_then(|state| state.installation.as_mut());
    let pair = installation.and_then(|installation| installation.refresh(&mut dice, &app, now, token));
    world.dice = dice;
    match pair {
        Some(pair) => given("refresh", &pair),
        None => refused("refresh", 400, "invalid_grant", "The refresh token is invalid, expired or revoked."),
    }
}

/// A token that never expires becomes a pair that does, once.
fn by_token(world: &mut World, shop: &str, fields: &Map<String, Value>) -> Answer {
    const GRANT: &str = "exchange";
    let types = [text(fields, "subject_token_type"), text(fields, "requested_token_type")];
    if types != [OFFLINE, OFFLINE] || !is_true(fields, "expiring") {
        return refused(GRANT, 400, "invalid_request", "Only offline tokens can be exchanged, for expiring ones.");
    }
    let (now, app) = (world.now(), world.options.app.clone());
    let mut dice = world.dice.clone();
    let token = text(fields, "subject_token");
    let installation = world.shops.get_mut(shop).and_then(|state| state.installation.as_mut());
    let pair = installation.and_then(|installation| installation.migrate(&mut dice, &app, now, token));
    world.dice = dice;
    match pair {
        Some(pair) => given(GRANT, &pair),
        None => refused(GRANT, 400, "invalid_subject_token", "The subject token is not valid."),
    }
}

fn by_client(world: &mut World, shop: &str) -> Answer {
    const GRANT: &str = "client";
    let (now, app) = (world.now(), world.options.app.clone());
    let Some(installation) = world.shops.get_mut(shop).and_then(|state| state.installation.as_mut()) else {
        return refused(GRANT, 400, "application_not_installed", "The app is not installed in this shop.");
    };
    if !app.own_organization {
        return refused(GRANT, 400, "shop_not_permitted", "Client credentials cannot be performed on this shop.");
    }
    let installed = installation.issue_alone(&mut world.dice, &app, now, Some(ONLINE_S));
    given(GRANT, &installed)
}
