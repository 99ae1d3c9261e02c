//! The HTTP side: shops by path prefix or by `Host`, files, and the control API.

use super::record::Request as Recorded;
use super::world::World;
use super::{bulk, control, graphql, oauth, time};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of a request at most: a bulk mutation's file is the largest.
const BODY_BYTES_MAX: usize = 128 << 20;

pub(super) type Shared = Arc<Mutex<World>>;

pub(super) fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request as far as it was read.
pub(super) struct Incoming {
    pub(super) method: Method,
    /// Without the shop.
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Incoming {
    fn is_form(&self) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        kind.starts_with("application/x-www-form-urlencoded")
    }

    fn form(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The fields of a body, JSON or form.
    fn fields(&self) -> Map<String, Value> {
        if self.is_form() {
            return self.form().into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        }
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub(super) fn router(world: Shared) -> axum::Router {
    axum::Router::new().fallback(entry).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(world)
}

async fn entry(State(world): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let query = parts.uri.query().unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let path = parts.uri.path().to_owned();
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let host = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mut incoming = Incoming { method: parts.method, path, query, headers: parts.headers, body };
    if let Some(rest) = incoming.path.strip_prefix("/_sim/") {
        let rest = rest.to_owned();
        return control::answer(&world, &incoming, &rest).await;
    }
    if let Some(rest) = incoming.path.strip_prefix("/_sim_files/") {
        let rest = rest.to_owned();
        return files(&world, &incoming, &rest).await;
    }
    let shop = if host.ends_with(".myshopify.com") {
        host
    } else {
        let trimmed = incoming.path.trim_start_matches('/').to_owned();
        let (shop, rest) = trimmed.split_once('/').unwrap_or((&trimmed, ""));
        incoming.path = format!("/{rest}");
        shop.to_ascii_lowercase()
    };
    if !oauth::is_shop(&shop) || !lock(&world).shops.contains_key(&shop) {
        return (StatusCode::NOT_FOUND, Json(json!({"errors": "Not Found"}))).into_response();
    }
    of_shop(&world, &shop, &incoming).await
}

async fn of_shop(world: &Shared, shop: &str, incoming: &Incoming) -> Response {
    match (&incoming.method, incoming.path.as_str()) {
        (&Method::GET, "/admin/oauth/authorize") => {
            let mut world = lock(world);
            let answer = oauth::authorize(&mut world, shop, &incoming.query);
            record(&mut world, shop, "authorize", Noted::of(&answer));
            answer
        }
        (&Method::POST, "/admin/oauth/authorize") => oauth::approve(&mut lock(world), shop, &incoming.form()),
        (&Method::POST, "/admin/oauth/access_token") => {
            guarded(world, shop, "token", |world| token(world, shop, incoming)).await
        }
        (&Method::POST, path) if path.starts_with("/admin/api/") && path.ends_with("/graphql.json") => {
            guarded(world, shop, "graphql", |world| admin(world, shop, incoming)).await
        }
        (_, path) if path.starts_with("/admin/api/") => {
            record(&mut lock(world), shop, "rest", Noted::refused(404, "no_rest"));
            (StatusCode::NOT_FOUND, Json(json!({"errors": "Not Found"}))).into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn files(world: &Shared, incoming: &Incoming, rest: &str) -> Response {
    let parts: Vec<&str> = rest.split('/').collect();
    match (&incoming.method, parts.as_slice()) {
        (&Method::GET | &Method::HEAD, ["bulk", shop, id]) => {
            guarded(world, shop, "file", |world| {
                let answer = bulk::serve(world, shop, id, &incoming.query, &incoming.headers);
                let noted = Noted::of(&answer);
                (answer, noted)
            })
            .await
        }
        (&Method::POST, ["uploads"]) => {
            let kind = incoming.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            bulk::upload(&mut lock(world), kind.unwrap_or_default(), &incoming.body)
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// What the record says of a request.
#[derive(Default)]
struct Noted {
    what: String,
    document: String,
    status: u16,
    cost: Option<u64>,
    refused: Option<String>,
}

impl Noted {
    fn of(answer: &Response) -> Noted {
        let status = answer.status().as_u16();
        let refused = (status >= 400).then(|| format!("status_{status}"));
        Noted { status, refused, ..Noted::default() }
    }

    fn refused(status: u16, why: &str) -> Noted {
        Noted { status, refused: Some(why.to_owned()), ..Noted::default() }
    }
}

fn record(world: &mut World, shop: &str, kind: &str, noted: Noted) {
    world.record.add(Recorded {
        at_ms: u64::try_from(time::machine_micros() / 1000).unwrap_or_default(),
        shop: shop.to_owned(),
        kind: kind.to_owned(),
        what: noted.what,
        document: noted.document,
        status: noted.status,
        cost: noted.cost,
        refused: noted.refused,
    });
}

/// What the faults make of a request.
enum Fate {
    Fine,
    Status(u16, u64),
    AnswerLost,
    HangUp,
}

fn fate(world: &mut World, kind: &str) -> (Fate, u64) {
    let faults = world.faults.api.clone();
    if !faults.only.is_empty() && !faults.only.iter().any(|only| only == kind) {
        return (Fate::Fine, 0);
    }
    let draw = u32::try_from(world.dice.below(100)).unwrap_or_default();
    let lost = faults.fail_percent + faults.lose_answer_percent;
    if faults.status != 0 {
        if faults.status_times > 0 {
            world.faults.api.status_times -= 1;
            if world.faults.api.status_times == 0 {
                world.faults.api.status = 0;
            }
        }
        return (Fate::Status(faults.status, faults.retry_after_s), faults.slow_ms);
    }
    let fate = match draw {
        draw if draw < faults.fail_percent => Fate::Status(500, 0),
        draw if draw < lost => Fate::AnswerLost,
        draw if draw < lost + faults.hang_up_percent => Fate::HangUp,
        _ => Fate::Fine,
    };
    (fate, faults.slow_ms)
}

/// Answers, unless a fault is played.
async fn guarded(
    world: &Shared,
    shop: &str,
    kind: &str,
    answer: impl FnOnce(&mut World) -> (Response, Noted),
) -> Response {
    let (fate, slow_ms) = fate(&mut lock(world), kind);
    if slow_ms > 0 {
        tokio::time::sleep(Duration::from_millis(slow_ms)).await;
    }
    let mut world = lock(world);
    if let Fate::Status(status, retry_after) = fate {
        record(&mut world, shop, kind, Noted::refused(status, "fault"));
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(json!({"errors": "Internal Server Error"}))).into_response();
        if retry_after > 0 {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after));
        }
        return response;
    }
    let (response, noted) = answer(&mut world);
    record(&mut world, shop, kind, noted);
    match fate {
        Fate::AnswerLost => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fate::HangUp => {
            // A body that breaks off: the client sees a connection closed in mid-answer.
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("hung up"))]);
            ([(header::CONTENT_LENGTH, "10")], Body::from_stream(broken)).into_response()
        }
        _ => response,
    }
}

fn token(world: &mut World, shop: &str, incoming: &Incoming) -> (Response, Noted) {
    let answer = oauth::exchange(world, shop, &incoming.fields());
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
    let refused = (answer.status >= 400)
        .then(|| answer.body.get("error").and_then(Value::as_str).unwrap_or("refused").to_owned());
    let noted = Noted { what: answer.grant.to_owned(), status: answer.status, refused, ..Noted::default() };
    ((status, Json(answer.body)).into_response(), noted)
}

fn closed(status: u16) -> &'static str {
    match status {
        402 => "Unavailable Shop",
        423 => "Locked",
        _ => "Forbidden",
    }
}

fn admin(world: &mut World, shop: &str, incoming: &Incoming) -> (Response, Noted) {
    let asked = incoming.path.trim_start_matches("/admin/api/").trim_end_matches("/graphql.json");
    let refuse = |status: StatusCode, errors: &str, why: &str| {
        let response = (status, Json(json!({"errors": errors}))).into_response();
        (response, Noted::refused(status.as_u16(), why))
    };
    let Some(version) = graphql::version(asked) else {
        return refuse(StatusCode::NOT_FOUND, "Not Found", "no_such_version");
    };
    let now = world.now();
    let Ok(state) = world.shop(shop) else { return refuse(StatusCode::NOT_FOUND, "Not Found", "no_shop") };
    if state.blocked != 0 {
        let status = StatusCode::from_u16(state.blocked).unwrap_or(StatusCode::FORBIDDEN);
        return refuse(status, closed(state.blocked), "closed");
    }
    let token = incoming.headers.get("x-shopify-access-token").and_then(|value| value.to_str().ok());
    let app = &world.options.app;
    let good = state.installation.as_ref().is_some_and(|one| one.accepts(token.unwrap_or_default(), app, now));
    if !good {
        let errors = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        return refuse(StatusCode::UNAUTHORIZED, errors, "unauthorized");
    }
    let kind = incoming.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let body: Value = if kind.starts_with("application/graphql") {
        json!({"query": String::from_utf8_lossy(&incoming.body)})
    } else if kind.starts_with("application/json") {
        serde_json::from_slice(&incoming.body).unwrap_or_default()
    } else {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type", "media_type");
    };
    let document = body.get("query").and_then(Value::as_str).unwrap_or_default().to_owned();
    let answer = graphql::answer(world, shop, &body);
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, Json(answer.body)).into_response();
    response.headers_mut().insert("X-Shopify-API-Version", HeaderValue::from_static(version));
    if version != asked {
        let reason = HeaderValue::from_static("https://shopify.dev/api/usage/versioning");
        response.headers_mut().insert("X-Shopify-API-Deprecated-Reason", reason);
    }
    let refused = answer.refused.map(str::to_owned);
    (response, Noted { what: answer.what, document, status: answer.status, cost: answer.cost, refused })
}
