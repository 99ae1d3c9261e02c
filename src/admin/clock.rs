//! The simulated clock of demonstrations and tests; refused on a daemon with a real clock.

use super::auth::Caller;
use super::input::Body;
use super::{AdminState, Problem};
use crate::control::Scope;
use axum::Json;
use axum::extract::State;
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
    /// Whether it counts as a leap, as if the machine's clock had been set: removals wait for the operator.
    #[serde(default)]
    pub leap: bool,
}

/// Where the clock stands.
#[derive(Serialize, ToSchema)]
pub struct ClockOut {
    /// RFC 3339.
    pub now: String,
}

/// Moves the simulated clock forward; refused on a daemon that runs on the machine's clock.
#[utoipa::path(post, path = "/clock", request_body = AdvanceIn,
    responses((status = 200, description = "where the clock stands", body = ClockOut)))]
pub(super) async fn advance(
    State(state): State<AdminState>,
    caller: Caller,
    Body(body): Body<AdvanceIn>,
) -> Result<Json<ClockOut>, Problem> {
    caller.may(Scope::Admin, None)?;
    let Some(clock) = &state.clock else {
        return Err(Problem::new(StatusCode::CONFLICT, "this daemon runs on the machine's clock"));
    };
    if body.leap {
        state.sync.clock_leapt(&format!("the wall clock leapt by {} s", body.advance_ms / 1_000));
    }
    Ok(Json(ClockOut { now: clock.advance(Duration::from_millis(body.advance_ms)).to_string() }))
}
