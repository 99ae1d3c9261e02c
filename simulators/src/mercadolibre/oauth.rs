//! OAuth: the page on which a seller agrees, codes, and tokens. A refresh token is good once, and there is one of a
//! seller.

use super::server::{Query, Reply, Shared, reply};
use super::world::{Code, World};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::LOCATION;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// What becomes of a call of the token endpoint.
pub(super) enum Answered {
    /// This is answered.
    Now(Reply),
    /// It was done, and nobody hears of it.
    Never,
}

fn html(status: u16, text: &str) -> Reply {
    reply(status, "text/html; charset=utf-8", format!("<!doctype html><html><body>{text}</body></html>").into())
}

fn json_reply(status: u16, value: &Value) -> Reply {
    reply(status, "application/json", value.to_string().into())
}

fn refuse(error: &str, why: &str) -> Reply {
    json_reply(400, &json!({ "error_description": why, "error": error, "status": 400, "cause": [] }))
}

fn dead() -> Reply {
    refuse(
        "invalid_grant",
        "Error validating grant. Your authorization code or refresh token may be expired or it was already used",
    )
}

/// The page on which a seller agrees.
pub(super) fn authorize(shared: &Shared, text: &str) -> Reply {
    let query = Query::read(text);
    let get = |name: &str| query.get(name).unwrap_or_default();
    let mut world = shared.world();
    if get("response_type") != "code" || get("client_id") != world.options.client_id {
        return html(400, "<h1>Error</h1><p>Unknown application, or response_type is not code.</p>");
    }
    let redirect_uri = get("redirect_uri").to_owned();
    let challenge = query.get("code_challenge").map(str::to_owned);
    if challenge.is_some() && get("code_challenge_method") != "S256" {
        return html(400, "<h1>Error</h1><p>code_challenge_method is not S256.</p>");
    }
    let outcome = match query.get("sim_approve") {
        None => {
            let link = text.replace('&', "&amp;").replace('"', "%22").replace('<', "%3C");
            return html(
                200,
                &format!(
                    "<h1>Mercado Libre</h1><p>An application asks for access to your account.</p><p>\
                     <a href=\"?{link}&amp;sim_approve=1\">Allow</a> \
                     <a href=\"?{link}&amp;sim_approve=0\">Deny</a></p>"
                ),
            );
        }
        Some("1") if world.operator => ("error", "invalid_operator_user_id".to_owned()),
        Some("1") => {
            let first = world.options.sellers.first().map(|seller| seller.id);
            let user = world.logs_in.or(first).unwrap_or_default();
            let code = format!("TG-{:024x}-{user}", world.next());
            world.codes.insert(code.clone(), Code { user, redirect_uri: redirect_uri.clone(), challenge });
            ("code", code)
        }
        Some(_) => ("error", "access_denied".to_owned()),
    };
    let pairs = [outcome, ("state", get("state").to_owned())];
    let back = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut answer = reply(302, "", Bytes::new());
    if let Ok(to) = http::HeaderValue::from_str(&format!("{redirect_uri}?{back}")) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

/// `POST /oauth/token`
pub(super) fn token(shared: &Shared, kind: &str, body: &[u8]) -> Answered {
    let mut world = shared.world();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Answered::Now(refuse("invalid_request", "The request must be a form."));
    }
    let form = Query::read(&String::from_utf8_lossy(body));
    let get = |name: &str| form.get(name).unwrap_or_default();
    let secret = world.options.client_secrets.iter().any(|secret| secret == get("client_secret"));
    if get("client_id") != world.options.client_id || !secret {
        return Answered::Now(refuse("invalid_client", "invalid client_id or client_secret."));
    }
    let user = match get("grant_type") {
        "authorization_code" => match exchange(&mut world, &form) {
            Ok(user) => user,
            Err(refused) => return Answered::Now(*refused),
        },
        "refresh_token" => {
            // Whatever comes of it, it was good once.
            let Some(user) = world.refreshes.remove(get("refresh_token")) else { return Answered::Now(dead()) };
            world.refreshed += 1;
            user
        }
        _ => return Answered::Now(refuse("unsupported_grant_type", "The grant type is not supported.")),
    };
    let (access, refresh) = world.issue(user);
    if get("grant_type") == "refresh_token" && std::mem::take(&mut world.lose_refresh) {
        return Answered::Never;
    }
    let scopes = world.options.scopes.clone();
    let mut answer = json!({ "access_token": access, "token_type": "bearer",
        "expires_in": world.options.token_life.as_secs(), "scope": scopes, "user_id": user });
    if scopes.contains("offline_access") {
        answer["refresh_token"] = refresh.into();
    }
    Answered::Now(json_reply(200, &answer))
}

/// Whose a code is; it is good once, whatever comes of it.
fn exchange(world: &mut World, form: &Query) -> Result<u64, Box<Reply>> {
    let get = |name: &str| form.get(name).unwrap_or_default();
    let Some(code) = world.codes.remove(get("code")) else { return Err(Box::new(dead())) };
    if code.redirect_uri != get("redirect_uri") {
        return Err(Box::new(dead()));
    }
    let verifier = form.get("code_verifier");
    let made = verifier.map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes())));
    match &code.challenge {
        Some(challenge) if made.as_ref() != Some(challenge) => Err(Box::new(dead())),
        None if world.options.pkce => {
            Err(Box::new(refuse("invalid_request", "code_verifier is a required parameter.")))
        }
        _ => Ok(code.user),
    }
}
