//! What a sender is told: SDKs decide by the status alone whether they drop or send again.

use super::Refusals;
use super::json::Malformed;
use crate::shard::api::SubmitError;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

/// Seconds after which a sender tries again while the daemon restarts.
const STOPPING_RETRY_S: u32 = 2;
/// Seconds after which bodies that are being received are mostly through.
const NO_ROOM_RETRY_S: u32 = 1;
/// In seconds, as `Retry-After`; some SDKs read this one.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Why a request as a whole is refused. A bad event alone never is a reason.
#[derive(Debug)]
pub(super) enum Refused {
    /// Not JSON, from this byte on.
    BadJson(Malformed),
    /// JSON, but no call.
    NoCall(&'static str),
    /// Damaged gzip, or not UTF-8.
    BadEncoding(&'static str),
    /// One event alone is over its limit.
    EventTooLarge,
    /// Over the limit of a body.
    BodyTooLarge,
    /// The body did not come, or not in time.
    BodyLost,
    /// Too many bodies are being received.
    NoRoom,
    /// No write key anywhere.
    NoKey,
    /// A key that nobody has.
    UnknownKey,
    /// The source is switched off.
    Disabled,
    /// The log does not take it.
    Submit(SubmitError),
}

impl Refused {
    /// The reason under which it is counted.
    fn reason(&self) -> &'static str {
        match self {
            Refused::BadJson(_) => "bad_json",
            Refused::NoCall(_) => "no_call",
            Refused::BadEncoding(_) => "bad_encoding",
            Refused::EventTooLarge => "event_too_large",
            Refused::BodyTooLarge => "body_too_large",
            Refused::BodyLost => "body_lost",
            Refused::NoRoom => "bodies_over_limit",
            Refused::NoKey => "no_write_key",
            Refused::UnknownKey => "unknown_write_key",
            Refused::Disabled => "source_disabled",
            Refused::Submit(SubmitError::Overloaded { .. }) => "overloaded",
            Refused::Submit(SubmitError::WorkspaceBusy { .. }) => "workspace_busy",
            Refused::Submit(SubmitError::NotDurable { .. }) => "not_durable",
            Refused::Submit(SubmitError::Stopping) => "stopping",
            Refused::Submit(SubmitError::UnknownWorkspace(_)) => "unknown_workspace",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Refused::BadJson(_) | Refused::NoCall(_) | Refused::BadEncoding(_) | Refused::EventTooLarge => {
                StatusCode::BAD_REQUEST
            }
            Refused::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            // A timeout, which SDKs answer by sending again.
            Refused::BodyLost => StatusCode::REQUEST_TIMEOUT,
            Refused::NoKey | Refused::UnknownKey => StatusCode::UNAUTHORIZED,
            Refused::Disabled | Refused::Submit(SubmitError::UnknownWorkspace(_)) => StatusCode::NOT_FOUND,
            Refused::NoRoom | Refused::Submit(SubmitError::Overloaded { .. } | SubmitError::WorkspaceBusy { .. }) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Refused::Submit(SubmitError::NotDurable { .. } | SubmitError::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn message(&self) -> String {
        match self {
            Refused::BadJson(Malformed { at }) => format!("Invalid JSON at byte {at}"),
            Refused::NoCall(what) | Refused::BadEncoding(what) => (*what).to_owned(),
            Refused::EventTooLarge => "Event size exceeds max limit".to_owned(),
            Refused::BodyTooLarge => "Request size exceeds max limit".to_owned(),
            Refused::BodyLost => "The body did not arrive".to_owned(),
            Refused::NoKey => "Failed to read writeKey from header, body or query".to_owned(),
            Refused::UnknownKey => "Invalid Write Key".to_owned(),
            Refused::Disabled | Refused::Submit(SubmitError::UnknownWorkspace(_)) => "Source is disabled".to_owned(),
            Refused::NoRoom | Refused::Submit(SubmitError::Overloaded { .. } | SubmitError::WorkspaceBusy { .. }) => {
                "Max Requests Limit reached".to_owned()
            }
            // The reason is for the operator.
            Refused::Submit(SubmitError::NotDurable { .. }) => "Can't be made durable now".to_owned(),
            Refused::Submit(SubmitError::Stopping) => "Stopping".to_owned(),
        }
    }

    fn retry_after_s(&self) -> Option<u32> {
        match self {
            Refused::Submit(SubmitError::Overloaded { retry_after_s })
            | Refused::Submit(SubmitError::WorkspaceBusy { retry_after_s })
            | Refused::Submit(SubmitError::NotDurable { retry_after_s, .. }) => Some((*retry_after_s).max(1)),
            Refused::NoRoom => Some(NO_ROOM_RETRY_S),
            Refused::Submit(SubmitError::Stopping) => Some(STOPPING_RETRY_S),
            _ => None,
        }
    }

    /// The answer; the refusal is counted.
    pub(super) fn answer(self, refusals: &Refusals) -> Response {
        refusals.count(self.reason());
        let body = serde_json::json!({"success": false, "message": self.message()}).to_string();
        let mut response = (self.status(), [(header::CONTENT_TYPE, "application/json")], body).into_response();
        if let Some(seconds) = self.retry_after_s() {
            let seconds = HeaderValue::from(seconds);
            if self.status() == StatusCode::TOO_MANY_REQUESTS {
                response.headers_mut().insert(RATE_LIMIT_RESET, seconds.clone());
            }
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// What every accepted call gets.
pub(super) fn success() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], "{\"success\":true}").into_response()
}

/// One transparent pixel.
pub(super) fn gif() -> Response {
    const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff\x21\xf9\x04\x01\x00\x00\x00\x00\
        \x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b";
    ([(header::CONTENT_TYPE, "image/gif"), (header::CACHE_CONTROL, "no-store")], GIF).into_response()
}
