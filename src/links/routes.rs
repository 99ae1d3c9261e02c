//! `GET /l/CODE`.

use super::click::{is_automatic, visit};
use super::{ClickQueue, LinkStore};
use crate::enrich::Enrich;
use crate::shard::clock::Clock;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;

/// Everything the route needs. Clones share it.
#[derive(Clone)]
pub struct LinkState {
    /// The links.
    pub store: LinkStore,
    /// Where clicks go.
    pub queue: ClickQueue,
    /// Device and place.
    pub enrich: Arc<Enrich>,
    /// When a click happens.
    pub clock: Arc<dyn Clock>,
}

/// The public route.
pub fn router(state: LinkState) -> Router {
    Router::new().route("/l/{code}", get(follow)).with_state(state)
}

/// Leads on to where the link was made for, and nowhere else: nothing of the request is in the answer.
async fn follow(
    State(state): State<LinkState>,
    Path(code): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let link = match state.store.get(&code) {
        Ok(Some(link)) => link,
        Ok(None) => return (StatusCode::NOT_FOUND, "There is no such link.\n").into_response(),
        Err(error) => {
            tracing::warn!(%error, "a short link can't be read");
            let wait = [(header::RETRY_AFTER, "5")];
            return (StatusCode::SERVICE_UNAVAILABLE, wait, "Try again in a moment.\n").into_response();
        }
    };
    let Ok(target) = HeaderValue::from_str(&link.url) else {
        return (StatusCode::NOT_FOUND, "There is no such link.\n").into_response();
    };
    let automatic = is_automatic(&method, &headers);
    state.queue.put(visit(&link, automatic, state.clock.now(), &headers, &state.enrich));
    let headers = [
        (header::LOCATION, target),
        // Each click has to come here, and search engines have no business with it.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        // The model of a phone is in no user agent any more: asked for, it comes with the next click.
        (HeaderName::from_static("accept-ch"), HeaderValue::from_static("Sec-CH-UA-Model")),
        (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex, nofollow")),
    ];
    (StatusCode::FOUND, headers).into_response()
}
