//! The simulated clock of demonstrations and tests; refused on a daemon with a real clock.

use super::auth::Caller;
use super::{AdminState, Problem};
use crate::control::Scope;
use axum::Json;
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How far to move.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdvanceIn {
    /// Milliseconds to add.
    pub advance_ms: u64,
}

/// Where the clock stands.
#[derive(Serialize, ToSchema)]
pub struct ClockOut {
    /// RFC 3339.
    pub now: String,
}

#[utoipa::path(post, path = "/clock", request_body = AdvanceIn,
    responses((status = 200, body = ClockOut), (status = 409)))]
pub(super) async fn advance(
    State(state): State<AdminState>,
    caller: Caller,
    body: Result<Json<AdvanceIn>, JsonRejection>,
) -> Result<Json<ClockOut>, Problem> {
    caller.may(Scope::Admin, None)?;
    let Json(body) = body?;
    let Some(clock) = &state.clock else {
        return Err(Problem::new(StatusCode::CONFLICT, "this daemon runs on the machine's clock"));
    };
    Ok(Json(ClockOut { now: clock.advance(Duration::from_millis(body.advance_ms)).to_string() }))
}
