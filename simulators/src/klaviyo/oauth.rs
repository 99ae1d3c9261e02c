//! OAuth with PKCE: the consent screen, codes, tokens and their end.

use super::query::Query;
use super::server::{Reply, Shared, reply};
use super::world::Code;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::HeaderMap;
use http::header::LOCATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

fn html(status: u16, text: &str) -> Reply {
    reply(status, "text/html; charset=utf-8", format!("<!doctype html><html><body>{text}</body></html>").into())
}

fn refuse(status: u16, error: &str, why: &str) -> Reply {
    json_reply(status, &json!({ "error": error, "error_description": why }))
}

fn json_reply(status: u16, value: &Value) -> Reply {
    reply(status, "application/json", value.to_string().into())
}

/// Answers a path behind `/oauth/`.
pub(super) fn answer(shared: &Shared, method: &str, step: &str, query: &str, head: &HeaderMap, body: &[u8]) -> Reply {
    match (method, step) {
        ("GET", "authorize") => authorize(shared, query),
        ("POST", "token" | "revoke") => {
            let basic = STANDARD.encode(format!("{}:{}", shared.options.client_id, shared.options.client_secret));
            let header = head.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
            if header != format!("Basic {basic}") {
                return refuse(401, "invalid_client", "The client credentials are invalid.");
            }
            let kind = head.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            if !kind.starts_with("application/x-www-form-urlencoded") {
                return refuse(400, "invalid_request", "The request must be a form.");
            }
            let form = Query::read(&String::from_utf8_lossy(body));
            if step == "token" { token(shared, &form) } else { revoke(shared, &form) }
        }
        _ => refuse(404, "not_found", "There is no such page."),
    }
}

/// The screen on which a merchant agrees.
fn authorize(shared: &Shared, text: &str) -> Reply {
    let query = Query::read(text);
    let get = |name: &str| query.get(name).unwrap_or_default();
    if get("response_type") != "code" || get("client_id") != shared.options.client_id {
        return html(400, "<h1>Error</h1><p>Unknown application, or response_type is not code.</p>");
    }
    if get("code_challenge_method") != "S256" || get("code_challenge").len() != 43 || get("scope").is_empty() {
        return html(400, "<h1>Error</h1><p>code_challenge (S256) and scope are required.</p>");
    }
    let redirect_uri = get("redirect_uri");
    let outcome = match query.get("sim_approve") {
        None => {
            let link = text.replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
            return html(
                200,
                &format!(
                    "<h1>Log in to connect</h1><p>An application asks for access to {}.</p><p>\
                     <a href=\"?{link}&amp;sim_approve=1\">Allow</a> \
                     <a href=\"?{link}&amp;sim_approve=0\">Deny</a></p>",
                    shared.options.account_name
                ),
            );
        }
        Some("1") => {
            let mut world = shared.world();
            let code = format!("code-{}", world.next());
            let scopes = get("scope").split(' ').map(str::to_owned).collect();
            let (redirect_uri, challenge) = (redirect_uri.to_owned(), get("code_challenge").to_owned());
            world.codes.insert(code.clone(), Code { redirect_uri, challenge, scopes });
            ("code", code)
        }
        Some(_) => ("error", "access_denied".to_owned()),
    };
    let pairs = [outcome, ("state", get("state").to_owned())];
    let back = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut answer = reply(302, "", Bytes::new());
    let joint = if redirect_uri.contains('?') { '&' } else { '?' };
    if let Ok(to) = http::HeaderValue::from_str(&format!("{redirect_uri}{joint}{back}")) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

fn token(shared: &Shared, form: &Query) -> Reply {
    let get = |name: &str| form.get(name).unwrap_or_default();
    let mut world = shared.world();
    let (access, refresh, scopes) = match get("grant_type") {
        "authorization_code" => {
            // A code is good once, whatever comes of it.
            let Some(code) = world.codes.remove(get("code")) else {
                return refuse(400, "invalid_grant", "The code is invalid or expired.");
            };
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier").as_bytes()));
            if code.redirect_uri != get("redirect_uri") || code.challenge != challenge {
                return refuse(400, "invalid_grant", "The code was for another redirect_uri or code_verifier.");
            }
            let (access, refresh) = world.issue(code.scopes.clone());
            (access, refresh, code.scopes)
        }
        "refresh_token" => {
            let refresh = get("refresh_token").to_owned();
            let Some(scopes) = world.refreshes.get(&refresh).cloned() else {
                return refuse(400, "invalid_grant", "The refresh token is invalid or was revoked.");
            };
            (world.renew(&refresh, scopes.clone()), refresh, scopes)
        }
        _ => return refuse(400, "unsupported_grant_type", "The grant type is not supported."),
    };
    let life = shared.options.token_life.as_secs();
    let answer = json!({ "access_token": access, "refresh_token": refresh, "expires_in": life, "token_type": "bearer",
        "scope": scopes.join(" ") });
    json_reply(200, &answer)
}

/// Takes back a token and all that came with it.
fn revoke(shared: &Shared, form: &Query) -> Reply {
    let mut world = shared.world();
    let token = form.get("token").unwrap_or_default();
    let refresh = world.tokens.get(token).map_or_else(|| token.to_owned(), |token| token.refresh.clone());
    world.refreshes.remove(&refresh);
    world.tokens.retain(|_, one| one.refresh != refresh);
    json_reply(200, &json!({}))
}
