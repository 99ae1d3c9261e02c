//! The HTTP server: whose call it is, whether it may be made, and what answers.

use super::world::World;
use super::{Shared, authorize, hooks, rest};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;

const BODY_BYTES_MAX: usize = 1 << 20;
const VERSIONS: [&str; 2] = ["2025-03", "v1"];

pub(super) struct Call {
    pub(super) method: String,
    pub(super) query: BTreeMap<String, String>,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Reply {
        let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
        Reply { status, headers, body: body.to_string() }
    }

    pub(super) fn missing() -> Reply {
        Reply::json(404, json!({"code": 404, "message": "Not Found", "description": "Not found"}))
    }

    pub(super) fn with(mut self, name: &'static str, value: String) -> Reply {
        self.headers.push((name, value));
        self
    }
}

pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(move |request: Request<Body>| handle(Arc::clone(&shared), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

async fn handle(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default().to_vec();
    let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (name.to_string(), value.to_str().unwrap_or_default().to_owned())
    };
    let headers = head.headers.iter().map(text).collect();
    let call = Call { method: head.method.to_string(), query, headers, body };
    let path = head.uri.path().trim_matches('/').to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let reply = match segments.as_slice() {
        ["apps", "authorize", "token"] if call.method == "POST" => authorize::token(&shared, &call),
        ["apps", app, "authorize"] => authorize::page(&shared, &call, app),
        [version, store, rest @ ..] if VERSIONS.contains(version) => api(&shared, &call, store, rest),
        _ => Reply::missing(),
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

/// What is refused before a resource hears of a call.
fn refused(world: &mut World, call: &Call, store: &str) -> Option<Reply> {
    let header = |name: &str| call.headers.get(name).map(String::as_str).unwrap_or_default();
    let agent = header("user-agent");
    if !agent.contains('(') || !(agent.contains("://") || agent.contains('@')) {
        world.wrong(format!("user-agent {agent:?}"));
        return Some(Reply::json(400, json!({"error": "Missing User-Agent header"})));
    }
    let token = world.token.as_ref().map(|token| format!("bearer {token}"));
    let given = [header("authentication"), header("authorization")];
    let good = given.iter().any(|given| token.as_deref() == Some(*given)) && store == world.store.to_string();
    if !good {
        return Some(Reply::json(
            401,
            json!({"code": 401, "message": "Unauthorized", "description": "Invalid access token"}),
        ));
    }
    if world.faults.unpaid {
        return Some(Reply::json(402, json!({"code": 402, "message": "Payment Required"})));
    }
    if ["POST", "PUT"].contains(&call.method.as_str()) {
        if !header("content-type").starts_with("application/json") {
            world.wrong(format!("content-type {:?}", header("content-type")));
            return Some(Reply::json(415, json!({"error": "Unsupported Media Type"})));
        }
        if serde_json::from_slice::<Value>(&call.body).is_err() {
            world.wrong("a body that is no JSON");
            return Some(Reply::json(400, json!({"error": "Problems parsing JSON"})));
        }
    }
    None
}

fn api(shared: &Shared, call: &Call, store: &str, rest: &[&str]) -> Reply {
    let mut world = shared.world();
    let (fits, left, reset) = world.pour(shared.options.bucket);
    let limits = |reply: Reply| {
        let reply = reply.with("x-rate-limit-limit", shared.options.bucket.0.to_string());
        reply.with("x-rate-limit-remaining", left.to_string()).with("x-rate-limit-reset", reset.to_string())
    };
    let too_many = world.faults.too_many;
    let forced = world.happens(too_many);
    if !fits || forced {
        world.counters.throttled += u64::from(!fits);
        world.counters.faulted += u64::from(forced);
        return limits(Reply::json(429, json!({"code": 429, "message": "Too Many Requests"})));
    }
    let internal = world.faults.internal;
    if world.happens(internal) {
        world.counters.faulted += 1;
        return Reply { status: 500, headers: Vec::new(), body: "<html>Internal Server Error</html>".to_owned() };
    }
    world.counters.calls += 1;
    if let Some(reply) = refused(&mut world, call, store) {
        return limits(reply);
    }
    let mut reply = match rest {
        ["store"] => rest::store(&world),
        [kind @ ("orders" | "customers")] => rest::list(&mut world, call, kind).unwrap_or_else(|reply| reply),
        [kind @ ("orders" | "customers"), id] => rest::one(&world, kind, id),
        ["webhooks"] => hooks::answer(&mut world, call, ""),
        ["webhooks", id] => hooks::answer(&mut world, call, id),
        _ => Reply::missing(),
    };
    let half = world.faults.half;
    if world.happens(half) {
        world.counters.faulted += 1;
        reply.body.truncate(reply.body.len() / 2);
    }
    limits(reply)
}
