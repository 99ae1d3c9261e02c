//! The HTTP side: connections, what goes wrong on demand, and the way of a request.

use super::contact::now;
use super::exchange::Exchange;
use super::faults::Fault;
use super::limits::Left;
use super::problem::Problem;
use super::world::{Token, World};
use super::{SimOptions, contacts, control, lists, oauth, search};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 16 << 20;

pub(super) type Reply = Response<Full<Bytes>>;
/// A status with a body, which is null for none.
pub(super) type Outcome = Result<(u16, Value), Problem>;

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
    pub client: reqwest::Client,
    pub options: SimOptions,
    /// `http://127.0.0.1:PORT`.
    pub base: String,
}

impl Shared {
    pub fn new(world: World, client: reqwest::Client, options: SimOptions, base: String) -> Shared {
        Shared { world: Mutex::new(world), client, options, base }
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request of the API.
pub(super) struct Call<'a> {
    pub portal: u64,
    pub method: &'a str,
    pub path: &'a [String],
    pub query: Vec<(String, String)>,
    pub body: Value,
}

impl Call<'_> {
    /// A parameter of the query.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Refuses parameters that the operation does not have.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.query.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(Problem::invalid(format!("There is no parameter {name}"))),
            None => Ok(()),
        }
    }

    /// The parameter `limit`.
    pub fn limit(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else { return Ok(usual) };
        let limit = text.parse().ok().filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Problem::invalid(format!("limit: expected 1 to {most}")))
    }
}

/// Refuses fields that a body does not have.
pub(super) fn fields(body: &Value, known: &[&str]) -> Result<(), Problem> {
    let Some(found) = body.as_object() else { return Err(Problem::invalid("Invalid input JSON: expected an object")) };
    match found.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Problem::invalid(format!("Invalid input JSON: there is no field {name}"))),
        None => Ok(()),
    }
}

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else { return Err(Dropped) };
    let body = body.to_bytes();
    let path: Vec<String> = head.uri.path().trim_matches('/').split('/').map(decoded).collect();
    let query = head.uri.query().unwrap_or_default();
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["_sim", rest @ ..] => return Ok(control::answer(&shared, head.method.as_str(), rest, &body)),
        ["oauth", "authorize"] => return Ok(oauth::authorize(&shared, query)),
        _ => {}
    }
    let fault = shared.world().fates.draw(head.uri.path());
    let early = match fault {
        Fault::TooMany => Some(problem(&shared, &Problem::limit("TEN_SECONDLY_ROLLING"))),
        Fault::Internal => Some(problem(&shared, &Problem::internal())),
        Fault::Locked => Some(problem(&shared, &Problem::new(423, "LOCKED", "The record is written too often."))),
        Fault::BadGateway => Some((502, Value::Null, html(502, "<h1>502 Bad Gateway</h1>"))),
        Fault::DropBefore => Some((0, Value::Null, html(502, ""))),
        Fault::None | Fault::LostAnswer | Fault::DropAfter => None,
    };
    let (status, answered, reply) = match early {
        Some(early) => early,
        None => run(&shared, &head.method, (&path, query), &head.headers, &body),
    };
    let (status, answered, reply) = match fault {
        Fault::LostAnswer => problem(&shared, &Problem::internal()),
        Fault::DropAfter => (0, Value::Null, reply),
        _ => (status, answered, reply),
    };
    let kind = head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let exchange = Exchange {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: query.to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        content_type: kind.to_owned(),
        status,
        answer: answered,
        faulted: fault != Fault::None,
    };
    let mut world = shared.world();
    let succeeded = fault == Fault::None && (200..300).contains(&status);
    world.counters.count(&exchange.method, &path, succeeded);
    world.exchanges.push_back(exchange);
    while world.exchanges.len() > shared.options.exchanges_max {
        world.exchanges.pop_front();
    }
    if matches!(fault, Fault::DropBefore | Fault::DropAfter) { Err(Dropped) } else { Ok(reply) }
}

type Answered = (u16, Value, Reply);

fn run(
    shared: &Shared,
    method: &http::Method,
    (path, query): (&[String], &str),
    headers: &HeaderMap,
    body: &[u8],
) -> Answered {
    let parts: Vec<&str> = path.iter().map(String::as_str).collect();
    if parts.first() == Some(&"oauth") {
        return match oauth::answer(shared, method.as_str(), &parts, headers, body) {
            Ok((status, value)) => told(status, value),
            Err(refused) => problem(shared, &refused),
        };
    }
    let searches = parts.last() == Some(&"search") && parts.get(2) == Some(&"objects");
    let (token, left) = match admit(shared, headers, searches) {
        Ok(admitted) => admitted,
        Err(refused) => return problem(shared, &refused),
    };
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let outcome = read(method.as_str(), body).and_then(|body| {
        let call = Call { portal: token.portal, method: method.as_str(), path, query, body };
        route(shared, &token, &call)
    });
    let (status, value, mut reply) = match outcome {
        Ok((status, value)) => told(status, value),
        Err(refused) => problem(shared, &refused),
    };
    if let Some(left) = left {
        limits(shared, &mut reply, left);
    }
    (status, value, reply)
}

fn route(shared: &Shared, token: &Token, call: &Call<'_>) -> Outcome {
    let parts: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let (kind, scope) = match (call.method, parts.as_slice()) {
        (_, ["crm", "v3", "objects", "contacts", "search"]) => ("search", "crm.objects.contacts.read"),
        ("GET", ["crm", "v3", "objects", "contacts", ..]) => ("contacts", "crm.objects.contacts.read"),
        (_, ["crm", "v3", "objects", "contacts", "batch", "read"]) => ("contacts", "crm.objects.contacts.read"),
        (_, ["crm", "v3", "objects", "contacts", ..]) => ("contacts", "crm.objects.contacts.write"),
        ("GET", ["crm", "v3", "lists", ..]) => ("lists", "crm.lists.read"),
        (_, ["crm", "v3", "lists", "records", "memberships", "batch", "read"]) => ("lists", "crm.lists.read"),
        (_, ["crm", "v3", "lists", ..]) => ("lists", "crm.lists.write"),
        _ => return Err(Problem::not_found("resource not found")),
    };
    if !token.scopes.iter().any(|granted| granted == scope) {
        return Err(Problem::scopes(scope));
    }
    let mut world = shared.world();
    match kind {
        "search" => search::answer(&mut world, call, shared.options.search_lag),
        "contacts" => contacts::answer(&mut world, call),
        _ => lists::answer(&mut world, call),
    }
}

/// Who calls, and what is left to it.
fn admit(shared: &Shared, headers: &HeaderMap, searches: bool) -> Result<(Token, Option<Left>), Problem> {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).unwrap_or_default();
    let unknown = || Problem::new(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
    let mut world = shared.world();
    let text = header.strip_prefix("Bearer ").ok_or_else(unknown)?;
    let token = world.tokens.get(text).cloned().ok_or_else(unknown)?;
    if token.expires.is_some_and(|end| end <= now()) {
        let why = "The OAuth token used to make this call expired 3 minutes ago.";
        return Err(Problem::new(401, "EXPIRED_AUTHENTICATION", why));
    }
    let limits = &shared.options.limits;
    let admitted = match searches {
        true => world.calls.search(token.portal, limits).map(|()| None),
        false => world.calls.call(token.portal, token.expires.is_none(), limits).map(Some),
    };
    match admitted {
        Ok(left) => {
            if searches {
                *world.counters.searches.entry(text.to_owned()).or_default() += 1;
            }
            Ok((token, left))
        }
        Err(policy) => {
            *world.counters.limited.entry(policy).or_default() += 1;
            Err(Problem::limit(policy))
        }
    }
}

fn limits(shared: &Shared, reply: &mut Reply, left: Left) {
    let most = &shared.options.limits;
    let mut pairs = vec![
        ("x-hubspot-ratelimit-max", most.ten_seconds as u64),
        ("x-hubspot-ratelimit-remaining", left.ten_seconds as u64),
        ("x-hubspot-ratelimit-interval-milliseconds", 10_000),
    ];
    if let Some(day) = left.day {
        pairs.extend([("x-hubspot-ratelimit-daily", most.day), ("x-hubspot-ratelimit-daily-remaining", day)]);
    }
    for (name, value) in pairs {
        reply.headers_mut().insert(name, HeaderValue::from(value));
    }
}

/// The body of a method that has one.
fn read(method: &str, body: &[u8]) -> Result<Value, Problem> {
    if matches!(method, "GET" | "DELETE") || body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(body).map_err(|why| Problem::invalid(format!("Invalid input JSON on line {}", why.line())))
}

fn decoded(part: &str) -> String {
    let query = format!("v={}", part.replace('+', "%2B"));
    form_urlencoded::parse(query.as_bytes()).next().map(|(_, text)| text.into_owned()).unwrap_or_default()
}

fn told(status: u16, value: Value) -> Answered {
    let reply = if value.is_null() { reply(status, "", Bytes::new()) } else { json_reply(status, &value) };
    (status, value, reply)
}

fn problem(shared: &Shared, problem: &Problem) -> Answered {
    let number = shared.world().random.uuid();
    told(problem.status, problem.json(&number))
}

pub(super) fn reply(status: u16, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if !kind.is_empty() {
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    reply
}

pub(super) fn json_reply(status: u16, value: &Value) -> Reply {
    reply(status, "application/json;charset=utf-8", value.to_string().into())
}

pub(super) fn html(status: u16, body: &str) -> Reply {
    let page = format!("<!doctype html><html><body>{body}</body></html>");
    reply(status, "text/html; charset=utf-8", page.into())
}

pub(super) fn redirect(to: &str) -> Reply {
    let mut answer = reply(302, "", Bytes::new());
    if let Ok(to) = HeaderValue::from_str(to) {
        answer.headers_mut().insert(LOCATION, to);
    }
    answer
}

/// A batch that was carried out.
pub(super) fn batch(status: u16, results: Vec<Value>, errors: Vec<Value>) -> (u16, Value) {
    let at = super::contact::show(now());
    let mut body = json!({ "status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at });
    if !errors.is_empty() {
        body["numErrors"] = errors.len().into();
        body["errors"] = errors.into();
        return (207, body);
    }
    (status, body)
}
