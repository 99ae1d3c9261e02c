//! OAuth: the consent screen, the exchange of a code, and the metadata of a token.

use super::query::{Query, encode, pairs};
use super::server::{Reply, Shared, html, json_reply, redirect};
use http::HeaderMap;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::json;

/// Answers a path behind `/oauth2/`.
pub(super) fn answer(shared: &Shared, method: &str, path: &str, query: &str, head: &HeaderMap, body: &[u8]) -> Reply {
    match (method, path) {
        ("GET", "authorize") => authorize(shared, query),
        ("POST", "token") => token(shared, head, body),
        ("GET", "metadata") => metadata(shared, head),
        ("POST" | "PUT" | "DELETE" | "PATCH", "authorize" | "metadata") | ("GET", "token") => {
            json_reply(405, &json!({"error": "invalid_request", "error_description": "wrong method"}))
        }
        _ => json_reply(404, &json!({"error": "not_found"})),
    }
}

/// Whether the app may send people to this address. `localhost` is not accepted, 127.0.0.1 is.
fn may_redirect(shared: &Shared, uri: &str) -> bool {
    let registered = &shared.options.redirect_uris;
    if !registered.is_empty() {
        return registered.iter().any(|known| known == uri);
    }
    reqwest::Url::parse(uri).is_ok_and(|url| match url.host_str() {
        Some("127.0.0.1") => matches!(url.scheme(), "http" | "https"),
        Some("localhost") | None => false,
        Some(_) => url.scheme() == "https",
    })
}

/// The screen on which a merchant agrees. With `sim_approve=1` the merchant has pressed the button, with 0 refused.
fn authorize(shared: &Shared, text: &str) -> Reply {
    let query = Query::read(text);
    let get = |name: &str| query.get(name).unwrap_or_default();
    if get("response_type") != "code" {
        return html(400, "<h1>Error</h1><p>response_type must be code.</p>");
    }
    if get("client_id") != shared.options.client_id {
        return html(400, "<h1>Error</h1><p>Unknown client_id.</p>");
    }
    let redirect_uri = get("redirect_uri");
    if !may_redirect(shared, redirect_uri) {
        return html(400, "<h1>Error</h1><p>redirect_uri is not one of the application's.</p>");
    }
    let mut back = vec![];
    match query.get("sim_approve") {
        None => {
            let page = format!(
                "<h1>Log in to connect</h1><p>An application asks for access to the account {}.</p>\
                 <p><a href=\"?{text}&amp;sim_approve=1\">Allow</a> <a href=\"?{text}&amp;sim_approve=0\">Deny</a></p>",
                shared.options.account_name,
                text = text.replace('&', "&amp;").replace('"', "%22").replace('<', "%3C"),
            );
            return html(200, &page);
        }
        Some("1") => {
            let mut world = shared.world();
            let code = world.random.hex(32);
            world.account.issue_code(&code, redirect_uri);
            back.push(("code".to_owned(), code));
        }
        Some(_) => back.push(("error".to_owned(), "access_denied".to_owned())),
    }
    if let Some(state) = query.get("state") {
        back.push(("state".to_owned(), state.to_owned()));
    }
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    redirect(&format!("{redirect_uri}{joint}{}", encode(&back)))
}

/// A token never expires, and the answer has no `token_type`.
fn token(shared: &Shared, head: &HeaderMap, body: &[u8]) -> Reply {
    let refuse =
        |status, error: &str, why: &str| json_reply(status, &json!({"error": error, "error_description": why}));
    let kind = head.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return refuse(400, "invalid_request", "The request must be a form.");
    }
    let form = Query(pairs(&String::from_utf8_lossy(body)));
    let get = |name: &str| form.get(name).unwrap_or_default();
    if get("grant_type") != "authorization_code" {
        return refuse(400, "unsupported_grant_type", "grant_type must be authorization_code.");
    }
    if get("client_id") != shared.options.client_id || get("client_secret") != shared.options.client_secret {
        return refuse(401, "invalid_client", "The client credentials are invalid.");
    }
    let mut world = shared.world();
    if !world.account.take_code(get("code"), get("redirect_uri")) {
        return refuse(400, "invalid_grant", "The code is invalid, expired, or was for another redirect_uri.");
    }
    let token = world.random.hex(40);
    world.account.tokens.insert(token.clone());
    json_reply(200, &json!({"access_token": token, "expires_in": 0, "scope": null}))
}

fn metadata(shared: &Shared, head: &HeaderMap) -> Reply {
    let header = head.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("OAuth ").or_else(|| header.strip_prefix("Bearer ")).unwrap_or_default().trim();
    if !shared.world().account.tokens.contains(token) {
        return json_reply(
            401,
            &json!({"error": "invalid_token", "error_description": "The access token is invalid."}),
        );
    }
    let login = json!({"email": "owner@example.com", "avatar": null, "login_id": 1, "login_name": "owner", "login_email": "owner@example.com"});
    json_reply(
        200,
        &json!({
            "dc": shared.options.data_center,
            "role": "owner",
            "accountname": shared.options.account_name,
            "user_id": 123,
            "login": login,
            "login_url": shared.base,
            "api_endpoint": format!("{}/{}", shared.base, shared.options.data_center),
        }),
    )
}
