//! The routes of both dialects.

use super::auth::{SourceEntry, WriteKeys, basic};
use super::body::{BodyError, unpack};
use super::normalize::{self, Envelope};
use super::query::{parameters, pixel_call, pixel_data};
use super::refusals::{Refusals, RefusedEvent};
use super::wire::{Call, scalar};
use super::{IntakeLimits, IntakeMetrics, sdk_config};
use crate::enrich::Enrich;
use crate::shard::api::{Core, SubmitError};
use crate::shard::clock::Clock;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use model::{Command, Event};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Everything the routes need. Clones share it.
#[derive(Clone)]
pub struct IntakeState {
    /// Where events go.
    pub core: Arc<dyn Core>,
    /// Who may send.
    pub keys: Arc<dyn WriteKeys>,
    /// Device and place.
    pub enrich: Arc<Enrich>,
    /// Bounds.
    pub limits: IntakeLimits,
    /// Figures.
    pub metrics: Arc<IntakeMetrics>,
    /// What was refused.
    pub refusals: Arc<Refusals>,
    /// The receive time.
    pub clock: Arc<dyn Clock>,
    /// The address under which the public reaches us, without a slash at its end; for SDK settings.
    pub public_url: String,
}

/// Why a request as a whole is refused.
enum Refused {
    BadJson(String),
    TooLarge,
    NoKey,
    UnknownKey,
    Disabled,
    Submit(SubmitError),
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, message, retry_after) = match self {
            Refused::BadJson(why) => (StatusCode::BAD_REQUEST, format!("Invalid JSON: {why}"), None),
            Refused::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "Request size exceeds max limit".to_owned(), None),
            Refused::NoKey => (StatusCode::UNAUTHORIZED, "Failed to read writeKey".to_owned(), None),
            Refused::UnknownKey => (StatusCode::UNAUTHORIZED, "Invalid Write Key".to_owned(), None),
            Refused::Disabled => (StatusCode::NOT_FOUND, "Source is disabled".to_owned(), None),
            Refused::Submit(SubmitError::Overloaded { retry_after_s }) => {
                (StatusCode::TOO_MANY_REQUESTS, "Max Requests Limit reached".to_owned(), Some(retry_after_s))
            }
            Refused::Submit(SubmitError::NotDurable { retry_after_s, .. }) => {
                (StatusCode::SERVICE_UNAVAILABLE, "can't be made durable now".to_owned(), Some(retry_after_s))
            }
            Refused::Submit(SubmitError::Stopping) => (StatusCode::SERVICE_UNAVAILABLE, "stopping".to_owned(), Some(2)),
            Refused::Submit(SubmitError::UnknownWorkspace(_)) => {
                (StatusCode::NOT_FOUND, "Source is disabled".to_owned(), None)
            }
        };
        let body = serde_json::json!({"success": false, "message": message}).to_string();
        let mut response = (status, [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = retry_after.and_then(|seconds| HeaderValue::from_str(&seconds.to_string()).ok()) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// The routes.
pub fn router(state: IntakeState) -> Router {
    const TYPES: [(&str, &str); 13] = [
        ("identify", "identify"),
        ("track", "track"),
        ("page", "page"),
        ("screen", "screen"),
        ("group", "group"),
        ("alias", "alias"),
        ("merge", "merge"),
        ("i", "identify"),
        ("t", "track"),
        ("p", "page"),
        ("s", "screen"),
        ("g", "group"),
        ("a", "alias"),
    ];
    let mut router = Router::new();
    for (path, kind) in TYPES {
        let handler = move |state: State<IntakeState>, query: RawQuery, headers: HeaderMap, body: Bytes| {
            one(state, query, headers, body, kind)
        };
        router = router.route(&format!("/v1/{path}"), post(handler));
    }
    for path in ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"] {
        router = router.route(path, post(batch));
    }
    router
        .route("/v1/m", post(|| async { success() }))
        .route("/v1/pixel/{kind}", get(segment_pixel))
        .route("/pixel/v1/{kind}", get(rudder_pixel))
        .route("/v1/projects/{key}/settings", get(segment_settings))
        .route("/sourceConfig", get(rudder_settings))
        .route("/sourceConfig/", get(rudder_settings))
        .route("/version", get(|| async { concat!("{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}") }))
        .route("/health", any(|| async { "{\"server\":\"UP\"}" }))
        .layer(DefaultBodyLimit::max(state.limits.body_bytes_max))
        .layer(middleware::from_fn_with_state(state.clone(), measured))
        .layer(middleware::from_fn(cors))
        .with_state(state)
}

/// Any origin may send: a write key in a browser is public and can only add events.
async fn cors(request: axum::extract::Request, next: Next) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS;
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        if preflight {
            let allowed = "authorization, content-type, x-retry-count, anonymousid";
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS"));
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
    }
    response
}

async fn measured(State(state): State<IntakeState>, request: axum::extract::Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    state.metrics.requests.fetch_add(1, Ordering::Relaxed);
    if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        state.metrics.pushed_back.fetch_add(1, Ordering::Relaxed);
    }
    state.metrics.answered(began.elapsed());
    response
}

fn success() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "{\"success\":true}").into_response()
}

async fn one(
    State(state): State<IntakeState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
    kind: &'static str,
) -> Result<Response, Refused> {
    let body = unpacked(body, &state.limits)?;
    accept_one(&state, query.as_deref(), &headers, &body, kind).await?;
    Ok(success())
}

async fn accept_one(
    state: &IntakeState,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
    kind: &str,
) -> Result<(), Refused> {
    let call: Call<'_> = serde_json::from_slice(body).map_err(|why| Refused::BadJson(why.to_string()))?;
    let source = source(state, headers, call.write_key, query)?;
    let envelope = envelope(state, &source, headers);
    let mut accepted = Vec::new();
    take(state, &call, kind, &envelope, &mut accepted);
    submit(state, &source, accepted).await
}

async fn batch(
    State(state): State<IntakeState>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let body = unpacked(body, &state.limits)?;
    let outer: Call<'_> = serde_json::from_slice(&body).map_err(|why| Refused::BadJson(why.to_string()))?;
    let list = outer.batch.ok_or_else(|| Refused::BadJson("there is no batch".to_owned()))?;
    let items: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|why| Refused::BadJson(why.to_string()))?;
    let first_key = || {
        let first: Call<'_> = items.first().and_then(|item| serde_json::from_str(item.get()).ok())?;
        first.write_key
    };
    let source = source(&state, &headers, outer.write_key.or_else(first_key), query.as_deref())?;
    let mut envelope = envelope(&state, &source, &headers);
    envelope.sent = scalar(outer.sent_at).and_then(|text| normalize::time(&text));
    envelope.context = outer.context;
    let mut accepted = Vec::with_capacity(items.len().min(state.limits.batch_events_max));
    for (place, item) in items.iter().enumerate() {
        if place >= state.limits.batch_events_max {
            refuse(&state, &source, "", "batch_too_long");
            continue;
        }
        match serde_json::from_str::<Call<'_>>(item.get()) {
            Ok(call) => {
                let kind = scalar(call.r#type).unwrap_or_default();
                take(&state, &call, &kind, &envelope, &mut accepted);
            }
            Err(_) => refuse(&state, &source, "", "malformed_event"),
        }
    }
    submit(&state, &source, accepted).await?;
    Ok(success())
}

fn unpacked(body: Bytes, limits: &IntakeLimits) -> Result<Bytes, Refused> {
    unpack(body, limits).map_err(|why| match why {
        BodyError::TooLarge => Refused::TooLarge,
        BodyError::Damaged => Refused::BadJson("damaged gzip".to_owned()),
    })
}

fn source(
    state: &IntakeState,
    headers: &HeaderMap,
    in_body: Option<&RawValue>,
    query: Option<&str>,
) -> Result<Arc<SourceEntry>, Refused> {
    let in_query = || parameters(query).remove("writeKey").filter(|key| !key.is_empty());
    let key = basic(headers).or_else(|| scalar(in_body)).or_else(in_query).ok_or(Refused::NoKey)?;
    let found = state.keys.find(&key).ok_or(Refused::UnknownKey)?;
    if found.enabled { Ok(found) } else { Err(Refused::Disabled) }
}

fn envelope<'a>(state: &'a IntakeState, source: &'a SourceEntry, headers: &HeaderMap) -> Envelope<'a> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    Envelope {
        source,
        limits: &state.limits,
        enrich: &state.enrich,
        received: state.clock.now(),
        sent: None,
        context: None,
        peer: text(crate::ops::PEER_ADDRESS),
        agent: text(header::USER_AGENT),
    }
}

fn take(state: &IntakeState, call: &Call<'_>, kind: &str, envelope: &Envelope<'_>, accepted: &mut Vec<Event>) {
    match normalize::event(call, kind, envelope) {
        Ok(event) => accepted.push(event),
        Err(reason) => {
            let id = scalar(call.message_id).unwrap_or_default();
            refuse(state, envelope.source, &id, reason);
        }
    }
}

fn refuse(state: &IntakeState, source: &SourceEntry, message_id: &str, reason: &'static str) {
    let event = RefusedEvent {
        at: state.clock.now().to_string(),
        source: source.source.id.to_string(),
        message_id: message_id.chars().take(state.limits.message_id_chars_max).collect(),
        reason: reason.to_owned(),
    };
    state.refusals.note(&source.workspace, reason, event);
}

async fn submit(state: &IntakeState, source: &SourceEntry, events: Vec<Event>) -> Result<(), Refused> {
    if events.is_empty() {
        return Ok(());
    }
    let count = events.len() as u64;
    let commands = events.into_iter().map(|event| Command::Event(Box::new(event))).collect();
    state.core.submit(&source.workspace, commands).await.map_err(Refused::Submit)?;
    state.metrics.events.fetch_add(count, Ordering::Relaxed);
    Ok(())
}

/// One transparent pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";

fn gif() -> Response {
    ([(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")], GIF).into_response()
}

async fn segment_pixel(
    State(state): State<IntakeState>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let data = pixel_data(&parameters(query.as_deref())).ok_or_else(|| Refused::BadJson("no data".to_owned()))?;
    accept_one(&state, query.as_deref(), &headers, &data, &kind).await?;
    Ok(gif())
}

async fn rudder_pixel(
    State(state): State<IntakeState>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let call = pixel_call(&parameters(query.as_deref()));
    accept_one(&state, query.as_deref(), &headers, &call, &kind).await?;
    Ok(gif())
}

async fn segment_settings(State(state): State<IntakeState>, Path(key): Path<String>) -> Response {
    if state.keys.find(&key).is_none_or(|source| !source.enabled) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let host = state.public_url.split_once("://").map_or(state.public_url.as_str(), |(_, host)| host);
    axum::Json(sdk_config::segment_settings(&key, host)).into_response()
}

async fn rudder_settings(State(state): State<IntakeState>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let key = basic(&headers).or_else(|| parameters(query.as_deref()).remove("writeKey")).unwrap_or_default();
    match state.keys.find(&key).filter(|source| source.enabled) {
        Some(entry) => {
            let (source, workspace) = (entry.source.id.as_str(), entry.workspace.as_str());
            axum::Json(sdk_config::rudder_source(&key, source, workspace, &state.public_url)).into_response()
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
