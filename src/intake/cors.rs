//! Browsers may send from any origin: a write key in a page is public and can only add events.

use axum::extract::Request;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Bytes of a list of requested headers that is answered as it came.
const REQUESTED_BYTES_MAX: usize = 1_024;
/// What SDKs are known to send.
const KNOWN: HeaderValue =
    HeaderValue::from_static("authorization, content-type, content-encoding, x-retry-count, anonymousid");

/// Answers preflights, and lets browsers read the answers.
pub(super) async fn cors(request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        return preflight(request.headers().clone()).await;
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    if let Some(origin) = origin {
        allow(response.headers_mut(), origin);
    }
    response
}

/// Answers a preflight.
pub(super) async fn preflight(asked: HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(origin) = asked.get(header::ORIGIN) {
        allow(response.headers_mut(), origin.clone());
        let requested = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned();
        allow_preflight(response.headers_mut(), requested);
    }
    response
}

/// Lets the browser that asked read an answer.
pub(super) fn allow_origin(asked: &HeaderMap, response: &mut Response) {
    if let Some(origin) = asked.get(header::ORIGIN) {
        allow(response.headers_mut(), origin.clone());
    }
}

/// Beacons come with credentials, for which `*` would not do.
fn allow(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    let exposed = HeaderValue::from_static("retry-after, x-ratelimit-reset");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
}

fn allow_preflight(headers: &mut HeaderMap, requested: Option<HeaderValue>) {
    let named = |requested: &HeaderValue| {
        let fits = requested.len() <= REQUESTED_BYTES_MAX;
        fits && requested.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_, ".contains(byte))
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST, GET, OPTIONS"));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.filter(named).unwrap_or(KNOWN));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
}
