//! The routes of both dialects.

use super::answer::{Refused, gif, success};
use super::auth::{Customers, WriteKeys, basic};
use super::cors::{allow_origin, cors, preflight};
use super::query::{parameters, pixel_call, pixel_data};
use super::receive::Request;
use super::{BodyRoom, IntakeLimits, IntakeMetrics, Refusals, sdk_config};
use crate::enrich::Enrich;
use crate::shard::api::Core;
use crate::shard::clock::Clock;
use axum::Router;
use axum::extract::{Path, RawQuery, Request as HttpRequest, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
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
    /// Whose customers servers may name.
    pub customers: Arc<dyn Customers>,
    /// Device and place.
    pub enrich: Arc<Enrich>,
    /// Bounds.
    pub limits: IntakeLimits,
    /// How much may be received at the same time.
    pub room: Arc<BodyRoom>,
    /// Figures.
    pub metrics: Arc<IntakeMetrics>,
    /// What was refused.
    pub refusals: Arc<Refusals>,
    /// The receive time.
    pub clock: Arc<dyn Clock>,
    /// The address under which the public reaches us, without a slash at its end; for SDK settings.
    pub public_url: String,
}

/// Paths of single calls under `/v1/`, with their types: in full, and as analytics.js shortens them.
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

/// The routes.
pub fn router(state: IntakeState) -> Router {
    let state = Arc::new(state);
    // What comes by the thousand passes no layer: each costs a boxed future and a copy of the service.
    let mut busy = Router::new();
    for (path, kind) in TYPES {
        let handler = move |state: State<Arc<IntakeState>>, request| single(state, request, kind);
        busy = busy.route(&format!("/v1/{path}"), post(handler).options(preflight));
    }
    for path in ["/v1/batch", "/v1/b", "/v1/import", "/beacon/v1/batch"] {
        busy = busy.route(path, post(batch).options(preflight));
    }
    Router::new()
        // Figures of the browser SDK about itself.
        .route("/v1/m", post(|| async { success() }))
        .route("/v1/pixel/{kind}", get(segment_pixel))
        .route("/pixel/v1/{kind}", get(rudder_pixel))
        .route("/v1/projects/{key}/settings", get(segment_settings))
        .route("/sourceConfig", get(rudder_settings))
        .route("/sourceConfig/", get(rudder_settings))
        .route("/version", get(|| async { concat!("{\"version\":\"", env!("CARGO_PKG_VERSION"), "\"}") }))
        .route("/health", any(|| async { "{\"server\":\"UP\"}" }))
        .layer(middleware::from_fn_with_state(Arc::clone(&state), measured))
        .layer(middleware::from_fn(cors))
        .merge(busy)
        .with_state(state)
}

async fn measured(State(state): State<Arc<IntakeState>>, request: HttpRequest, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    measure(&state, began, &response);
    response
}

fn measure(state: &IntakeState, began: Instant, response: &Response) {
    state.metrics.requests.fetch_add(1, Ordering::Relaxed);
    if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        state.metrics.pushed_back.fetch_add(1, Ordering::Relaxed);
    }
    state.metrics.latency.add(began.elapsed());
}

fn answer(state: &IntakeState, outcome: Result<(), Refused>, accepted: fn() -> Response) -> Response {
    match outcome {
        Ok(()) => accepted(),
        Err(refused) => refused.answer(&state.refusals),
    }
}

async fn single(State(state): State<Arc<IntakeState>>, request: HttpRequest, kind: &'static str) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let request = Request { state: &state, headers: &head.headers, query: head.uri.query() };
    let response = answer(&state, request.single(body, kind).await, success);
    finish(&state, &head.headers, began, response)
}

async fn batch(State(state): State<Arc<IntakeState>>, request: HttpRequest) -> Response {
    let began = Instant::now();
    let (head, body) = request.into_parts();
    let request = Request { state: &state, headers: &head.headers, query: head.uri.query() };
    let response = answer(&state, request.batch(body).await, success);
    finish(&state, &head.headers, began, response)
}

/// What the layers do for other routes.
fn finish(state: &IntakeState, headers: &HeaderMap, began: Instant, mut response: Response) -> Response {
    measure(state, began, &response);
    allow_origin(headers, &mut response);
    response
}

async fn segment_pixel(
    State(state): State<Arc<IntakeState>>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let request = Request { state: &state, headers: &headers, query: query.as_deref() };
    let outcome = match pixel_data(&parameters(query.as_deref())) {
        Some(data) => request.single_bytes(data.into(), &kind).await,
        None => Err(Refused::NoCall("There is no data")),
    };
    answer(&state, outcome, gif)
}

async fn rudder_pixel(
    State(state): State<Arc<IntakeState>>,
    Path(kind): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let request = Request { state: &state, headers: &headers, query: query.as_deref() };
    let call = pixel_call(&parameters(query.as_deref()));
    answer(&state, request.single_bytes(call.into(), &kind).await, gif)
}

async fn segment_settings(State(state): State<Arc<IntakeState>>, Path(key): Path<String>) -> Response {
    if state.keys.find(&key).is_none_or(|source| !source.enabled) {
        return StatusCode::NOT_FOUND.into_response();
    }
    axum::Json(sdk_config::segment_settings(&key, &state.public_url)).into_response()
}

async fn rudder_settings(
    State(state): State<Arc<IntakeState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let key = basic(&headers).or_else(|| parameters(query.as_deref()).remove("writeKey")).unwrap_or_default();
    match state.keys.find(&key).filter(|source| source.enabled) {
        Some(entry) => {
            let (source, workspace) = (entry.source.id.as_str(), entry.workspace.as_str());
            axum::Json(sdk_config::rudder_source(&key, source, workspace, &state.public_url)).into_response()
        }
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
