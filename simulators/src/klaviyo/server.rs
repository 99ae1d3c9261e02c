//! The HTTP side: what goes wrong on demand, who calls, how often, and the way of a request.

use super::faults::Fault;
use super::limits::Left;
use super::problem::Problem;
use super::query::Query;
use super::route::{self, Outcome};
use super::world::{CallView, World};
use super::{SimOptions, oauth};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::Value;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Bytes of a request at most: what is larger the API refuses, before it is read.
const BODY_BYTES_MAX: usize = 5_000_000;
const REVISION: &str = "2026-07-15";

pub(super) type Reply = Response<Full<Bytes>>;

/// A connection that is closed without an answer.
#[derive(Debug)]
pub(super) struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("the connection is dropped on demand")
    }
}

impl std::error::Error for Dropped {}

pub(super) struct Shared {
    world: Mutex<World>,
    pub options: SimOptions,
    pub base: String,
}

impl Shared {
    pub fn new(world: World, options: SimOptions, base: String) -> Shared {
        Shared { world: Mutex::new(world), options, base }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn reply(status: u16, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if !kind.is_empty() {
        reply.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    }
    reply
}

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map(|body| body.to_bytes());
    let path = head.uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let query = head.uri.query().unwrap_or_default();
    match (parts.as_slice(), body) {
        (["oauth", step], Ok(body)) => {
            Ok(oauth::answer(&shared, head.method.as_str(), step, query, &head.headers, &body))
        }
        (["api", rest @ ..], body) => call(&shared, (head.method.as_str(), rest), query, &head.headers, body.ok()),
        _ => Ok(reply(404, "text/plain", Bytes::from_static(b"not found"))),
    }
}

fn call(
    shared: &Shared,
    (method, path): (&str, &[&str]),
    query: &str,
    headers: &HeaderMap,
    body: Option<Bytes>,
) -> Result<Reply, Dropped> {
    let query = Query::read(query);
    let mut world = shared.world();
    let fault = world.faults.draw();
    world.faulted += usize::from(fault != Fault::None);
    let name = route::find(method, path, &query).map_or("unknown", |operation| operation.name);
    world.counts.entry(name).or_default().1 += 1;
    let (outcome, left) = match fault {
        Fault::TooMany(seconds) => (Err(Problem::throttled(seconds)), None),
        Fault::Internal => (Err(Problem::internal()), None),
        Fault::Unavailable => (Err(Problem::unavailable()), None),
        Fault::DropBefore => return Err(Dropped),
        _ => judge(&mut world, (method, path), &query, headers, body.as_deref()),
    };
    let outcome = if fault == Fault::LostAnswer { Err(Problem::internal()) } else { outcome };
    let (status, answer, wait) = match outcome {
        Ok((status, answer)) => (status, answer.map(|answer| answer.to_string()).unwrap_or_default(), None),
        Err(problem) => (problem.status, problem.body().to_string(), problem.retry_after),
    };
    if fault == Fault::None && (200..300).contains(&status) {
        let counts = world.counts.entry(name).or_default();
        *counts = (counts.0 + 1, counts.1 - 1);
    }
    let text = |name: &http::HeaderName, value: &http::HeaderValue| {
        (name.as_str().to_owned(), value.to_str().unwrap_or_default().to_owned())
    };
    world.note(CallView {
        method: method.to_owned(),
        path: format!("/api/{}", path.join("/")),
        query: query.0.clone(),
        headers: headers.iter().map(|(name, value)| text(name, value)).collect(),
        body: body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default(),
        status: if fault == Fault::DropAfter { 0 } else { status },
        answer: answer.clone(),
    });
    if fault == Fault::DropAfter {
        return Err(Dropped);
    }
    let kind = if answer.is_empty() { "" } else { "application/vnd.api+json" };
    let mut answer = reply(status, kind, answer.into());
    let mut header = |name: &'static str, value: u64| drop(answer.headers_mut().insert(name, value.into()));
    match (wait, left) {
        (Some(wait), _) => header("retry-after", wait),
        (None, Some(left)) => {
            header("ratelimit-limit", u64::from(left.limit));
            header("ratelimit-remaining", u64::from(left.remaining));
            header("ratelimit-reset", left.reset);
        }
        (None, None) => {}
    }
    Ok(answer)
}

/// The scopes of whoever calls, and whose calls they count as.
fn caller(world: &World, headers: &HeaderMap) -> Result<(Vec<String>, String), Problem> {
    let refused = |detail: &str| {
        Problem::new(401, "not_authenticated", "Authentication credentials were not provided.", detail, "")
    };
    let header = headers.get("authorization").and_then(|value| value.to_str().ok());
    let header = header.ok_or_else(|| refused("Missing or invalid authorization scheme."))?;
    if let Some(key) = header.strip_prefix("Klaviyo-API-Key ") {
        let scopes = world.keys.get(key).ok_or_else(|| refused("Missing or invalid private key."))?;
        // Private keys share what the account has.
        return Ok((scopes.clone(), "account".to_owned()));
    }
    let token = header.strip_prefix("Bearer ").and_then(|token| world.tokens.get(token));
    let token = token.filter(|token| token.until > Instant::now());
    let token = token.ok_or_else(|| refused("The access token is invalid or expired."))?;
    Ok((token.scopes.clone(), "app".to_owned()))
}

fn judge(
    world: &mut World,
    (method, path): (&str, &[&str]),
    query: &Query,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) -> (Outcome, Option<Left>) {
    let refuse = |problem: Problem| (Err(problem), None);
    let (scopes, owner) = match caller(world, headers) {
        Ok(caller) => caller,
        Err(problem) => return refuse(problem),
    };
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if text("revision") != REVISION {
        return refuse(Problem::new(
            400,
            "invalid",
            "Invalid revision.",
            "The revision header is missing or unknown.",
            "",
        ));
    }
    if route::is_about_consent(path) {
        world.violations.push(format!("{method} {}: consent is not ours to change", path.join("/")));
        return refuse(Problem::new(
            403,
            "permission_denied",
            "Permission denied.",
            "subscriptions:write is missing.",
            "",
        ));
    }
    let Some(operation) = route::find(method, path, query) else {
        return refuse(Problem::new(404, "not_found", "Not found.", "There is no such page, or it is not played.", ""));
    };
    let lacks = operation.scopes.iter().find(|scope| !scopes.is_empty() && !scopes.iter().any(|one| one == *scope));
    if let Some(scope) = lacks {
        let why = format!("The API key or token is missing the required scope {scope}.");
        return refuse(Problem::new(403, "permission_denied", "You do not have permission.", &why, ""));
    }
    let mut left = None;
    if world.options.limits {
        match world.limits.take(&owner, operation.name, operation.rates) {
            Ok(found) => left = Some(found),
            Err(seconds) => {
                world.throttled += 1;
                return refuse(Problem::throttled(seconds));
            }
        }
    }
    let Some(body) = body else {
        return (Err(Problem::new(413, "payload_too_large", "Payload too large.", "At most 5MB.", "")), left);
    };
    let body = match (method, text("content-type")) {
        ("GET", _) => Value::Null,
        (_, "application/vnd.api+json" | "application/json") => match serde_json::from_slice(body) {
            Ok(body) => body,
            Err(_) => return (Err(Problem::invalid("The payload provided in the request is invalid.", "/data")), left),
        },
        _ => {
            return (
                Err(Problem::new(415, "unsupported_media_type", "Unsupported media type.", "Send JSON:API.", "")),
                left,
            );
        }
    };
    (route::run(world, (method, path), query, &body), left)
}
