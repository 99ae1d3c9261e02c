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
    /// Seconds after which another try makes sense; sent as `Retry-After`.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

impl Problem {
    /// A problem of a status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Problem {
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Problem { status: status.as_u16(), title, detail: detail.into(), retry_after_s: None }
    }

    /// A problem that may be over after some seconds.
    pub fn retry(status: StatusCode, detail: impl Into<String>, after_s: u32) -> Problem {
        Problem { retry_after_s: Some(after_s), ..Problem::new(status, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        let may_pass = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        let retry_after = self.retry_after_s.or(may_pass.then_some(RETRY_S)).map(HeaderValue::from);
        let challenge = (status == StatusCode::UNAUTHORIZED).then(|| HeaderValue::from_static("Bearer"));
        response.headers_mut().extend(
            [(header::RETRY_AFTER, retry_after), (header::WWW_AUTHENTICATE, challenge)]
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        );
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
        let (status, after) = match error {
            SubmitError::Overloaded { retry_after_s } | SubmitError::WorkspaceBusy { retry_after_s } => {
                (StatusCode::TOO_MANY_REQUESTS, Some(retry_after_s))
            }
            SubmitError::UnknownWorkspace(_) => (StatusCode::NOT_FOUND, None),
            SubmitError::NotDurable { retry_after_s, .. } => (StatusCode::SERVICE_UNAVAILABLE, Some(retry_after_s)),
            SubmitError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, None),
        };
        Problem { retry_after_s: after, ..Problem::new(status, error.to_string()) }
    }
}

impl From<ControlError> for Problem {
    fn from(error: ControlError) -> Problem {
        tracing::error!(%error, "the control plane failed");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

pub(super) async fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no such resource; see /api/v1/openapi.json")
}

pub(super) async fn method_not_allowed() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this resource has no such method; see /api/v1/openapi.json")
}
