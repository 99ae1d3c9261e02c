//! The app's authorization: a page where the merchant agrees, and a code that is good for 30 seconds.

use super::Shared;
use super::http::{Call, Reply};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A code is good for so long.
const CODE_GOOD_FOR: Duration = Duration::from_secs(30);

/// `/apps/{id}/authorize`: the merchant agrees at once.
pub(super) fn page(shared: &Shared, call: &Call, app: &str) -> Reply {
    if app != shared.options.client_id {
        return Reply::json(404, json!({"error": "no such app"}));
    }
    let mut world = shared.world();
    let code = format!("code{}", world.fresh());
    world.codes.insert(code.clone(), Instant::now() + CODE_GOOD_FOR);
    let state = call.query.get("state").cloned().unwrap_or_default();
    let pairs = [("code", code.as_str()), ("state", state.as_str())];
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let back = world.redirect_uri.clone();
    Reply { status: 302, headers: vec![("location", format!("{back}?{query}"))], body: String::new() }
}

/// `POST /apps/authorize/token`: refusals come with 200.
pub(super) fn token(shared: &Shared, call: &Call) -> Reply {
    let fields: Value = serde_json::from_slice(&call.body).unwrap_or_else(|_| {
        let pairs = form_urlencoded::parse(&call.body).into_owned();
        pairs.map(|(name, value)| (name, Value::from(value))).collect::<serde_json::Map<_, _>>().into()
    });
    let is = |name: &str, wanted: &str| fields[name] == *wanted;
    let refused = |error: &str, why: &str| Reply::json(200, json!({"error": error, "error_description": why}));
    if !is("client_id", &shared.options.client_id) || !is("client_secret", &shared.options.client_secret) {
        return refused("invalid_client", "The client credentials are invalid");
    }
    if !is("grant_type", "authorization_code") {
        return refused("unsupported_grant_type", "Grant type not supported");
    }
    let mut world = shared.world();
    let code = fields["code"].as_str().unwrap_or_default();
    if world.codes.remove(code).is_none_or(|until| until < Instant::now()) {
        return refused("invalid_grant", "The authorization code has expired");
    }
    let token = world.new_token();
    let (scope, store) = (world.scope.clone(), world.store.to_string());
    Reply::json(200, json!({"access_token": token, "token_type": "bearer", "scope": scope, "user_id": store}))
}
