//! The HTTP side: connections, what goes wrong on demand, and the way of a request.

use super::call::{Answer, Call, Outcome};
use super::control_http;
use super::counters::ViolationKind;
use super::faults::Fault;
use super::problem::Problem;
use super::query::Query;
use super::route::{self, Operation};
use super::spec::Spec;
use super::world::World;
use super::{SimOptions, batches, deliver, oauth};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 16 << 20;

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
    running: AtomicUsize,
    spec: Option<Spec>,
    pub client: reqwest::Client,
    pub options: SimOptions,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
}

/// A request in progress.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Shared {
    pub fn new(world: World, spec: Option<Spec>, client: reqwest::Client, options: SimOptions, base: String) -> Shared {
        Shared { world: Mutex::new(world), running: AtomicUsize::new(0), spec, client, options, base }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Dropped> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let query = head.uri.query().unwrap_or_default();
    let (data_center, api) = match parts.as_slice() {
        ["3.0", rest @ ..] => (None, Some(rest)),
        [center, "3.0", rest @ ..] => (Some(*center), Some(rest)),
        _ => (None, None),
    };
    if let Some(rest) = api {
        let wrong = data_center.is_some_and(|center| center != shared.options.data_center);
        return call(&shared, wrong, rest, query, (&head.method, &head.headers), body).await;
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Err(Dropped),
    };
    Ok(match parts.as_slice() {
        ["oauth2", step] => oauth::answer(&shared, head.method.as_str(), step, query, &head.headers, &body),
        ["_sim", rest @ ..] => control_http::answer(&shared, head.method.as_str(), rest, &body),
        ["_results", id, file] => results(&shared, id, file),
        _ => problem(&shared, &Problem::not_found()),
    })
}

fn results(shared: &Shared, id: &str, file: &str) -> Reply {
    let archive = batches::results(&shared.world(), id, file.trim_end_matches(".tar.gz"));
    match archive {
        Some(archive) => reply(200, "application/x-gzip", archive),
        None => reply(403, "application/xml", Bytes::from_static(b"<Error><Code>AccessDenied</Code></Error>")),
    }
}

/// A request of the API with all that may go wrong on its way.
async fn call(
    shared: &Arc<Shared>,
    wrong_center: bool,
    path: &[&str],
    query: &str,
    (method, headers): (&http::Method, &HeaderMap),
    body: Incoming,
) -> Result<Reply, Dropped> {
    let running = shared.running.fetch_add(1, Ordering::SeqCst) + 1;
    let _place = Place(&shared.running);
    let name = route::find(method.as_str(), path).map_or("unknown", |(operation, _)| operation.name());
    let (fault, latency, silence) = {
        let mut world = shared.world();
        world.counters.concurrency_max = world.counters.concurrency_max.max(running);
        if running > world.fates.faults.connections_max {
            world.counters.over_limit += 1;
            world.counters.count(name, false, true);
            let forbidden = world.fates.faults.over_limit_forbidden;
            drop(world);
            return Ok(if forbidden { reply(403, "text/html", Bytes::new()) } else { too_many(shared) });
        }
        let fault = world.fates.draw(name);
        let faults = &world.fates.faults;
        (fault, Duration::from_millis(faults.latency_ms), Duration::from_millis(faults.timeout_ms))
    };
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else { return Err(Dropped) };
    tokio::time::sleep(latency).await;
    if let Some(early) = before(shared, fault, silence, name).await {
        return early;
    }
    let outcome = match admit(shared, wrong_center, headers) {
        Ok(()) => execute(shared, method.as_str(), path, Query::read(query), &body.to_bytes()).await.1,
        Err(refused) => Err(refused),
    };
    shared.world().counters.count(name, outcome.is_ok() && fault == Fault::None, fault != Fault::None);
    after(fault, silence).await?;
    Ok(match (fault, outcome) {
        (Fault::LostAnswer, _) => problem(shared, &Problem::internal()),
        (Fault::GatewayTimeout, _) => html(504, "<h1>504 Gateway Time-out</h1>"),
        (_, Ok(Answer::Json(value))) => json_reply(200, &value),
        (_, Ok(Answer::Empty)) => reply(204, "", Bytes::new()),
        (_, Err(refused)) => problem(shared, &refused),
    })
}

/// What a fault answers before anything is done.
async fn before(shared: &Shared, fault: Fault, silence: Duration, name: &str) -> Option<Result<Reply, Dropped>> {
    let early = match fault {
        Fault::TooMany => Ok(too_many(shared)),
        Fault::Internal => Ok(problem(shared, &Problem::internal())),
        Fault::Unavailable => Ok(problem(shared, &Problem::unavailable())),
        Fault::Forbidden => Ok(reply(403, "text/html", Bytes::new())),
        Fault::DropBefore | Fault::TimeoutBefore => Err(Dropped),
        Fault::None | Fault::LostAnswer | Fault::GatewayTimeout | Fault::DropAfter | Fault::TimeoutAfter => {
            return None;
        }
    };
    // Counted before the wait: the caller may be gone when it ends.
    shared.world().counters.count(name, false, true);
    if fault == Fault::TimeoutBefore {
        tokio::time::sleep(silence).await;
    }
    Some(early)
}

/// What a fault does when the work is done.
async fn after(fault: Fault, silence: Duration) -> Result<(), Dropped> {
    match fault {
        Fault::DropAfter => Err(Dropped),
        Fault::TimeoutAfter => {
            tokio::time::sleep(silence).await;
            Err(Dropped)
        }
        _ => Ok(()),
    }
}

fn admit(shared: &Shared, wrong_center: bool, headers: &HeaderMap) -> Result<(), Problem> {
    let header = headers.get(http::header::AUTHORIZATION).map(|header| header.to_str().unwrap_or("unreadable"));
    shared.world().account.check(header)?;
    if wrong_center {
        let why = "The API key provided is linked to a different data center.";
        return Err(Problem::new(403, "Wrong Datacenter", why));
    }
    Ok(())
}

/// Judges and does an operation; its name, and what came of it.
pub(super) async fn execute(
    shared: &Arc<Shared>,
    method: &str,
    path: &[&str],
    query: Query,
    body: &[u8],
) -> (&'static str, Outcome) {
    let (operation, [list, item, inner]) = match route::find(method, path) {
        Ok(found) => found,
        Err(_) if shared.spec.as_ref().is_some_and(|spec| spec.knows(method, path)) => {
            let why = "The simulator does not play this operation.";
            return ("unknown", Err(Problem::new(501, "Not Implemented", why)));
        }
        Err(refused) => return ("unknown", Err(refused)),
    };
    let outcome = async {
        let body = read(method, body)?;
        judge(shared, operation, (method, path), &query, body.as_ref())?;
        let body = body.unwrap_or_else(|| json!({}));
        let call = Call { operation, list, item, inner, query, body };
        if let (Operation::WebhookCreate | Operation::WebhookPatch, Some(url)) = (operation, call.text("url")?) {
            deliver::check_url(shared, url).await?;
        }
        let outcome = route::run(&mut shared.world(), &call)?;
        if let (Operation::BatchStart, Answer::Json(batch)) = (operation, &outcome) {
            let id = batch["id"].as_str().unwrap_or_default().to_owned();
            tokio::spawn(batches::play(Arc::clone(shared), id));
        }
        Ok(match outcome {
            Answer::Json(value) => Answer::Json(call.query.project(value)),
            Answer::Empty => Answer::Empty,
        })
    };
    (operation.name(), outcome.await)
}

/// The body of a method that has one.
fn read(method: &str, body: &[u8]) -> Result<Option<Value>, Problem> {
    if matches!(method, "GET" | "DELETE") || body.is_empty() {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(body);
    parsed
        .map(Some)
        .map_err(|_| Problem::new(400, "JSON Parse Error", "We encountered an unspecified JSON parsing error."))
}

/// What the specification says of a request, if there is one.
fn judge(
    shared: &Shared,
    operation: Operation,
    (method, path): (&str, &[&str]),
    query: &Query,
    body: Option<&Value>,
) -> Result<(), Problem> {
    let Some(spec) = &shared.spec else { return Ok(()) };
    let wrong = spec.check(method, path, query, body);
    if wrong.is_empty() {
        return Ok(());
    }
    let list = if path.first() == Some(&"lists") { path.get(1).copied().unwrap_or_default() } else { "" };
    let detail = wrong.iter().map(|(field, why)| format!("{field}: {why}")).collect::<Vec<_>>().join("; ");
    shared.world().violation(ViolationKind::Specification, operation, list, "", detail);
    Err(Problem::fields(wrong))
}

pub(super) fn reply(status: u16, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if !kind.is_empty() {
        reply.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(kind));
    }
    reply
}

pub(super) fn json_reply(status: u16, value: &Value) -> Reply {
    reply(status, "application/json; charset=utf-8", value.to_string().into())
}

pub(super) fn html(status: u16, body: &str) -> Reply {
    let page = format!("<!doctype html><html><body>{body}</body></html>");
    reply(status, "text/html; charset=utf-8", page.into())
}

pub(super) fn redirect(to: &str) -> Reply {
    let mut answer = reply(302, "", Bytes::new());
    if let Ok(to) = http::HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

fn too_many(shared: &Shared) -> Reply {
    problem(shared, &Problem::too_many())
}

fn problem(shared: &Shared, problem: &Problem) -> Reply {
    let instance = shared.world().random.instance();
    let mut answer =
        reply(problem.status, "application/problem+json; charset=utf-8", problem.json(&instance).to_string().into());
    if problem.status == 405 {
        answer.headers_mut().insert(ALLOW, http::HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"));
    }
    answer
}
