//! Errors as `application/problem+json` (RFC 9457).

use crate::control::ControlError;
use crate::shard::api::{QueryError, SubmitError};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// What callers are told to wait when the daemon can't now, seconds.
const RETRY_S: u32 = 5;

/// What went wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// What kind of error it is, in a few words.
    pub title: String,
    /// What is wrong here and what to do.
    pub detail: String,
}

impl Problem {
    /// A problem of a status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Problem { status: status.as_u16(), title, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(RETRY_S));
        }
        response
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Problem {
        let status = match error {
            QueryError::NotFound { .. } => StatusCode::NOT_FOUND,
            QueryError::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            QueryError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, error.to_string())
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        let status = match error {
            SubmitError::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
            SubmitError::UnknownWorkspace(_) => StatusCode::NOT_FOUND,
            SubmitError::NotDurable { .. } | SubmitError::Stopping => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, error.to_string())
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        tracing::error!(%error, "the control plane failed");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<axum::extract::rejection::JsonRejection> for Problem {
    fn from(error: axum::extract::rejection::JsonRejection) -> Problem {
        Problem::new(error.status(), error.body_text())
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such resource; see /api/v1/openapi.json")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this resource has no such method; see /api/v1/openapi.json")
}
