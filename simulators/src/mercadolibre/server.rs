//! The HTTP side: who calls, how often, what goes wrong on demand, and the way of a request.

use super::oauth::{self, Answered};
use super::options::Fault;
use super::problem::Problem;
use super::search;
use super::time::without_colon;
use super::world::{CallView, World};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Bytes of a request at most.
const BODY_BYTES_MAX: usize = 1 << 20;

pub(super) type Reply = Response<Full<Bytes>>;

/// Parameters in their order.
pub(super) struct Query(pub Vec<(String, String)>);

impl Query {
    pub fn read(text: &str) -> Query {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

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
    pub world: Mutex<World>,
    pub http: reqwest::Client,
    pub base: String,
}

impl Shared {
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn reply(status: u16, kind: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    if !kind.is_empty() {
        reply.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    }
    reply
}

/// Answers one request.
pub(super) async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Reply, Dropped> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let query = head.uri.query().unwrap_or_default();
    match (head.method.as_str(), head.uri.path()) {
        ("GET", "/authorization") => Ok(oauth::authorize(&shared, query)),
        ("POST", "/oauth/token") => {
            let kind = head.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            match oauth::token(&shared, kind, &body) {
                Answered::Now(reply) => Ok(reply),
                // The token was given, and whoever asked waits until it gives up.
                Answered::Never => std::future::pending().await,
            }
        }
        ("GET", path) => call(&shared, path, Query::read(query), &head.headers),
        _ => Ok(reply(405, "text/plain", Bytes::from_static(b"method not allowed"))),
    }
}

/// An answer, and the parts of it that are missing for now.
type Shown = (Value, Option<&'static str>);

fn call(shared: &Shared, path: &str, query: Query, headers: &HeaderMap) -> Result<Reply, Dropped> {
    let mut world = shared.world();
    let outcome = match world.faults.draw() {
        Fault::Drop => {
            world.note(CallView { path: path.to_owned(), query: query.0, status: 0 });
            return Err(Dropped);
        }
        Fault::TooMany => Err(Problem::throttled()),
        Fault::TooManyText => Err(Problem::text(429, "local_rate_limited")),
        Fault::Internal => Err(Problem::new(500, "internal_server_error", "Oops.")),
        Fault::Unavailable => Err(Problem::text(503, "<html>busy</html>")),
        Fault::None => judge(&mut world, path, &query, headers),
    };
    let (status, body, missing) = match outcome {
        Ok((body, missing)) => (if missing.is_some() { 206 } else { 200 }, body.to_string(), missing),
        Err(problem) => {
            let plain = problem.plain.map(str::to_owned);
            (problem.status, plain.unwrap_or_else(|| problem.body().to_string()), None)
        }
    };
    world.note(CallView { path: path.to_owned(), query: query.0, status });
    let mut answer = reply(status, "application/json", body.into());
    if let Some(missing) = missing {
        answer.headers_mut().insert("x-content-missing", HeaderValue::from_static(missing));
    }
    Ok(answer)
}

/// Whose the token is.
fn caller(world: &World, headers: &HeaderMap) -> Result<u64, Problem> {
    let header = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("Bearer ").and_then(|token| world.tokens.get(token));
    let token = token.filter(|token| token.until > Instant::now());
    token.map(|token| token.user).ok_or_else(|| Problem::new(401, "not_found", "invalid_token"))
}

/// The endpoint of a path, as the platform counts it.
fn endpoint(path: &str) -> String {
    let parts = path.split('/').map(|part| if part.parse::<u64>().is_ok() { "{id}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

fn judge(world: &mut World, path: &str, query: &Query, headers: &HeaderMap) -> Result<Shown, Problem> {
    if !world.has_room(&endpoint(path)) {
        // Nobody knows in which form it comes.
        let text = world.next().is_multiple_of(2);
        return Err(if text { Problem::text(429, "local_rate_limited") } else { Problem::throttled() });
    }
    let user = caller(world, headers)?;
    if !world.options.scopes.contains("read") {
        return Err(Problem::new(403, "forbidden", "The scope read is missing."));
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let whole = |value: Value| (value, None);
    match parts.as_slice() {
        ["users", "me"] => me(world, user).map(whole),
        ["orders", "search"] => {
            let rows = search::orders(world, user, query)?;
            Ok(without_buyers(world, rows))
        }
        ["orders", id] => {
            let order = order(world, user, id)?;
            Ok(without_buyers(world, order))
        }
        ["packs", id] => pack(world, user, id).map(whole),
        ["collections", id] => collection(world, user, id).map(whole),
        ["post-purchase", "v1", "claims", "search"] => search::claims(world, user, query).map(whole),
        ["post-purchase", "v1", "claims", id] => {
            let claim = id.parse().ok().and_then(|id: u64| world.claims.get(&id));
            let claim = claim.ok_or_else(|| Problem::missing("claim_not_found"))?;
            if claim.seller != user {
                return Err(Problem::new(403, "forbidden", "It is not yours."));
            }
            Ok(whole(claim.shown()))
        }
        ["questions", "search"] => search::questions(world, user, query).map(whole),
        ["questions", id] => {
            let question = id.parse().ok().and_then(|id: u64| world.questions.get(&id));
            let question = question.ok_or_else(|| Problem::missing("not_found"))?;
            Ok(whole(question.shown(query.get("api_version") == Some("4"))))
        }
        ["missed_feeds"] => search::missed(world, query).map(whole),
        _ => Err(Problem::missing("not_found")),
    }
}

fn me(world: &World, user: u64) -> Result<Value, Problem> {
    let seller = world.options.sellers.iter().find(|seller| seller.id == user);
    let seller = seller.ok_or_else(|| Problem::missing("user_not_found"))?;
    let country = seller.site.get(1..).unwrap_or_default();
    Ok(json!({ "id": seller.id, "nickname": seller.nickname, "site_id": seller.site, "country_id": country,
        "email": "seller@example.com" }))
}

fn order(world: &World, user: u64, id: &str) -> Result<Value, Problem> {
    let id: u64 = id.parse().map_err(|_| Problem::wrong("invalid_order_id", "Invalid order id."))?;
    let order = world.orders.get(&id).ok_or_else(|| Problem::missing("order_not_found"))?;
    if order.new.seller != user {
        return Err(Problem::new(403, "not_owned_order", "The order is another seller's."));
    }
    Ok(order.shown())
}

fn pack(world: &World, user: u64, id: &str) -> Result<Value, Problem> {
    let id: Option<u64> = id.parse().ok();
    let orders: Vec<_> = world.orders.values().filter(|order| id.is_some() && order.new.pack == id).collect();
    // A cart of several sellers has a pack of each: only the caller's orders are in it.
    let own: Vec<_> = orders.iter().filter(|order| order.new.seller == user).collect();
    let first = own.first().ok_or_else(|| Problem::missing("pack_not_found"))?;
    let listed: Vec<Value> = orders.iter().map(|order| json!({"id": order.id})).collect();
    Ok(json!({ "id": id, "status": "released", "shipment": {"id": first.id + 1}, "orders": listed,
        "buyer": {"id": first.new.buyer}, "date_created": without_colon(first.created) }))
}

fn collection(world: &World, user: u64, id: &str) -> Result<Value, Problem> {
    let id: Option<u64> = id.parse().ok();
    let found = world.orders.values().find_map(|order| {
        let payment = order.payments.iter().find(|payment| Some(payment.id) == id)?;
        Some((order, payment))
    });
    let (order, payment) = found.ok_or_else(|| Problem::missing("payment_not_found"))?;
    if order.new.seller != user {
        return Err(Problem::new(403, "forbidden", "It is not yours."));
    }
    Ok(payment.collection(order))
}

/// Takes the buyers out, as long as that is asked for.
fn without_buyers(world: &mut World, mut shown: Value) -> Shown {
    if world.partial == 0 {
        return (shown, None);
    }
    world.partial -= 1;
    let take = |one: &mut Value| {
        one.as_object_mut().map(|fields| fields.remove("buyer"));
    };
    match shown.get_mut("results").and_then(Value::as_array_mut) {
        Some(rows) => rows.iter_mut().for_each(take),
        None => take(&mut shown),
    }
    (shown, Some("buyer, feedback"))
}
