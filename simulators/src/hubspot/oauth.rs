//! OAuth: the consent screen, codes, refresh tokens, and whose a token is.

use super::contact::now;
use super::problem::Problem;
use super::server::{Outcome, Reply, Shared, html, redirect};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn pairs(text: &[u8]) -> BTreeMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

/// The screen on which a merchant agrees. With `sim_approve=1` the merchant has pressed the button, with 0 refused.
pub(super) fn authorize(shared: &Shared, text: &str) -> Reply {
    let query = pairs(text.as_bytes());
    let get = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    if get("client_id") != shared.options.client_id {
        return html(400, "<h1>Authorization failed because the application is not known.</h1>");
    }
    let redirect_uri = get("redirect_uri");
    let url = reqwest::Url::parse(redirect_uri).ok();
    let local = url.as_ref().is_some_and(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1")));
    if !url.is_some_and(|url| url.scheme() == "https" || local) {
        return html(400, "<h1>Authorization failed because the redirect address is not https.</h1>");
    }
    if !get("scope").split(' ').any(|scope| scope == "oauth") {
        return html(400, "<h1>Authorization failed because the scopes do not match.</h1>");
    }
    let portal = get("sim_portal").parse().ok().or(shared.options.portals.first().copied()).unwrap_or_default();
    let mut back = Vec::new();
    match get("sim_approve") {
        "" => {
            let text = text.replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
            return html(
                200,
                &format!(
                    "<h1>Connect an app to HubSpot</h1><p>The app asks for access to the account {portal}.</p>\
                     <p><a href=\"?{text}&amp;sim_approve=1\">Connect app</a> \
                     <a href=\"?{text}&amp;sim_approve=0\">Cancel</a></p>"
                ),
            );
        }
        "1" => {
            let mut world = shared.world();
            let code = world.random.uuid();
            world.codes.insert(code.clone(), (portal, redirect_uri.to_owned()));
            back.push(("code", code));
        }
        _ => back.push(("error", "access_denied".to_owned())),
    }
    if query.contains_key("state") {
        back.push(("state", get("state").to_owned()));
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    let back = form_urlencoded::Serializer::new(String::new()).extend_pairs(back).finish();
    redirect(&format!("{redirect_uri}{joint}{back}"))
}

/// A refusal in the form of the token endpoint, which is not that of the rest.
fn refused(status: &str, message: &str) -> Outcome {
    Ok((400, json!({ "status": status, "message": message, "correlationId": "c033cdaa-2c40-4a64-ae48-b4cec88dad24" })))
}

pub(super) fn answer(shared: &Shared, method: &str, path: &[&str], headers: &HeaderMap, body: &[u8]) -> Outcome {
    match (method, path) {
        ("POST", ["oauth", "v1", "token"]) => token(shared, headers, body),
        ("GET", ["oauth", "v1", "access-tokens", token]) => info(shared, token),
        ("GET", ["oauth", "v1", "refresh-tokens", token]) => {
            let portal = shared.world().refresh.get(*token).copied();
            let portal = portal.ok_or_else(|| Problem::not_found("missing or unknown refresh token"))?;
            Ok((
                200,
                json!({ "token": token, "hub_id": portal, "token_type": "refresh", "user_id": 123,
                "client_id": shared.options.client_id, "scopes": shared.world().scopes }),
            ))
        }
        ("DELETE", ["oauth", "v1", "refresh-tokens", token]) => {
            shared.world().refresh.remove(*token);
            Ok((204, Value::Null))
        }
        ("POST", ["oauth", "v2", "private-apps", "get", "access-token-info"]) => private(shared, body),
        _ => Err(Problem::not_found("resource not found")),
    }
}

fn token(shared: &Shared, headers: &HeaderMap, body: &[u8]) -> Outcome {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(Problem::new(415, "VALIDATION_ERROR", "Unsupported media type"));
    }
    let form = pairs(body);
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if get("client_id") != shared.options.client_id || get("client_secret") != shared.options.client_secret {
        return refused("BAD_CLIENT_SECRET", "missing or invalid client secret");
    }
    let (mut world, life) = (shared.world(), shared.options.token_life);
    let (access, refresh) = match get("grant_type") {
        "authorization_code" => {
            let code = world.codes.remove(get("code")).filter(|(_, to)| to == get("redirect_uri"));
            match code {
                Some((portal, _)) => world.pair(portal, life),
                None => return refused("BAD_AUTH_CODE", "missing or unknown auth code"),
            }
        }
        "refresh_token" => match world.refresh.get(get("refresh_token")).copied() {
            Some(portal) => (world.access(portal, life), get("refresh_token").to_owned()),
            None => return refused("BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        },
        _ => return refused("BAD_GRANT_TYPE", "missing or unknown grant type"),
    };
    Ok((
        200,
        json!({ "token_type": "bearer", "access_token": access, "refresh_token": refresh,
            "expires_in": life.as_secs(), "token_use": "access_token" }),
    ))
}

fn info(shared: &Shared, text: &str) -> Outcome {
    let unknown = || Problem::not_found("access token not found or expired");
    let token = shared.world().tokens.get(text).cloned().ok_or_else(unknown)?;
    let end = token.expires.filter(|end| *end > now()).ok_or_else(unknown)?;
    Ok((
        200,
        json!({ "token": text, "user": "owner@example.com", "hub_domain": format!("p{}.example.com", token.portal),
            "scopes": token.scopes, "hub_id": token.portal, "app_id": shared.options.app_id,
            "expires_in": (end - now()) / 1000, "user_id": 123, "token_type": "access" }),
    ))
}

fn private(shared: &Shared, body: &[u8]) -> Outcome {
    let body: Value = serde_json::from_slice(body).map_err(|_| Problem::invalid("Invalid input JSON"))?;
    let unknown = || Problem::not_found("access token not found");
    let token = shared.world().tokens.get(body["tokenKey"].as_str().unwrap_or_default()).cloned();
    let token = token.filter(|token| token.expires.is_none()).ok_or_else(unknown)?;
    Ok((
        200,
        json!({ "userId": 123, "hubId": token.portal, "appId": shared.options.app_id + 1, "scopes": token.scopes }),
    ))
}
