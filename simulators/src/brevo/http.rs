//! The HTTP server: the key, the limits, and what answers.

use super::world::{SEEN_MAX, Seen, World};
use super::{Shared, contacts, lists};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::net::TcpListener;

const BODY_BYTES_MAX: usize = 10 << 20;
const CONTACTS_PAGE_MAX: usize = 1_000;

pub(super) struct Call {
    pub(super) query: BTreeMap<String, String>,
    body: Value,
    method: String,
    key: String,
    has_type: bool,
}

pub(super) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Reply {
    pub(super) fn json(status: u16, body: Value) -> Reply {
        Reply { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
    }

    pub(super) fn empty(status: u16) -> Reply {
        Reply { status, headers: Vec::new(), body: String::new() }
    }

    pub(super) fn error(status: u16, code: &str, message: &str) -> Reply {
        Reply::json(status, json!({ "code": code, "message": message }))
    }
}

pub(super) fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let router = Router::new().fallback(move |request: Request<Body>| handle(Arc::clone(&shared), request));
    tokio::spawn(async move { axum::serve(listener, router).await });
}

/// A segment of a path, decoded.
fn decoded(segment: &str) -> String {
    let pair = format!("x={}", segment.replace('+', "%2B"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

async fn handle(shared: Arc<Shared>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap_or_default().to_vec();
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let call = Call {
        query: form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        method: head.method.to_string(),
        key: text("api-key"),
        has_type: text("content-type").starts_with("application/json") || body.is_empty(),
    };
    let segments: Vec<String> = head.uri.path().trim_matches('/').split('/').map(decoded).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let reply = match segments.split_first() {
        Some((&"v3", rest)) => api(&shared, &call, rest),
        _ => Reply::error(404, "document_not_found", "no such path"),
    };
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(reply.body)).unwrap_or_default()
}

fn api(shared: &Shared, call: &Call, rest: &[&str]) -> Reply {
    let mut world = shared.world();
    let of_contacts = rest.first() == Some(&"contacts");
    let limit = if of_contacts { &mut world.of_contacts } else { &mut world.of_others };
    let (fits, [max, left, reset]) = limit.take();
    let limits = |mut reply: Reply| {
        for (name, value) in
            [("x-sib-ratelimit-limit", max), ("x-sib-ratelimit-remaining", left), ("x-sib-ratelimit-reset", reset)]
        {
            reply.headers.push((name, value.to_string()));
        }
        reply
    };
    let (too_many, internal) = (world.faults.too_many, world.faults.internal);
    let forced = world.happens(too_many);
    if !fits || forced {
        world.counters.over_limit += u64::from(!fits);
        world.counters.faulted += u64::from(forced);
        return limits(Reply::error(429, "too_many_requests", "API rate limit reached"));
    }
    if world.happens(internal) {
        world.counters.faulted += 1;
        return Reply { status: 500, headers: Vec::new(), body: "<html>oops</html>".to_owned() };
    }
    if world.faults.unknown_address {
        let why = "We have detected you are using an unrecognised IP address 192.0.2.7";
        return limits(Reply::error(401, "unauthorized", why));
    }
    if call.key != world.key {
        return limits(Reply::error(401, "unauthorized", "Key not found"));
    }
    let place = format!("{} {}", call.method, rest.first().copied().unwrap_or_default());
    *world.counters.calls.entry(place).or_default() += 1;
    if world.counters.seen.len() < SEEN_MAX {
        let path = rest.iter().map(|segment| (*segment).to_owned()).collect();
        let (method, query, body) = (call.method.clone(), call.query.clone(), call.body.clone());
        world.counters.seen.push(Seen { method, path, query, body });
    }
    if !call.has_type {
        world.wrong("a body without its type");
    }
    let mut reply = answer(&mut world, call, rest);
    let (lost, half) = (world.faults.lost_answer, world.faults.half);
    if world.happens(lost) {
        world.counters.faulted += 1;
        return Reply { status: 502, headers: Vec::new(), body: "<html>Bad Gateway</html>".to_owned() };
    }
    if world.happens(half) {
        world.counters.faulted += 1;
        reply.body.truncate(reply.body.len() / 2);
    }
    limits(reply)
}

fn answer(world: &mut World, call: &Call, rest: &[&str]) -> Reply {
    world.tick();
    match (call.method.as_str(), rest) {
        ("GET", ["account"]) => {
            let plan = json!([{"type": "free", "credits": 300}]);
            Reply::json(200, json!({"email": "owner@example.com", "companyName": "Acme", "plan": plan}))
        }
        ("GET", ["contacts"]) => {
            let all = world.contacts.values().collect();
            let found = contacts::page(call, all, CONTACTS_PAGE_MAX);
            found.map_or_else(|reply| reply, |found| Reply::json(200, found))
        }
        ("POST", ["contacts"]) => contacts::make(world, &call.body),
        ("GET", ["contacts", "lists", list, "contacts"]) => match list.parse() {
            Ok(list) => lists::members(world, call, list),
            Err(_) => Reply::error(400, "invalid_parameter", "List id is not valid"),
        },
        ("POST", ["contacts", "lists", list, "contacts", way @ ("add" | "remove")]) => match list.parse() {
            Ok(list) => lists::change(world, list, &call.body, *way == "add"),
            Err(_) => Reply::error(400, "invalid_parameter", "List id is not valid"),
        },
        ("GET", ["contacts", identifier]) => contacts::show(world, call, identifier),
        ("DELETE", ["contacts", identifier]) => contacts::delete(world, call, identifier),
        _ => {
            world.wrong(format!("{} {}", call.method, rest.join("/")));
            Reply::error(405, "method_not_allowed", "no such method")
        }
    }
}
