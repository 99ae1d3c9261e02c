//! The operator's exchange rates.

use super::auth::{Caller, apply};
use super::input::{Body, Named};
use super::{AdminState, Problem, limits};
use crate::control::Scope;
use crate::shard::api::{AsOf, Items, RateInfo};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, WorkspaceId};
use serde::Deserialize;
use utoipa::ToSchema;

/// A rate for a day and those after it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateIn {
    /// ISO 4217 code.
    pub from: String,
    /// ISO 4217 code.
    pub to: String,
    /// `YYYY-MM-DD`.
    pub date: String,
    /// What one `from` is worth, a decimal as text.
    pub rate: String,
}

/// Every rate of a workspace.
#[utoipa::path(get, path = "/workspaces/{workspace}/rates", params(("workspace" = String, Path)),
    responses((status = 200, description = "rates", body = AsOf<Items<RateInfo>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<AsOf<Items<RateInfo>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(state.core.rates(&workspace).await?))
}

/// Sets a rate; every amount that it concerns is converted anew.
#[utoipa::path(post, path = "/workspaces/{workspace}/rates", params(("workspace" = String, Path)),
    request_body = RateIn, responses((status = 204, description = "set")))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Body(body): Body<RateIn>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let RateIn { from, to, date, rate } = body;
    let wrong = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let number =
        rust_decimal::Decimal::from_str_exact(&rate).ok().filter(|rate| !rate.is_sign_negative() && !rate.is_zero());
    if number.is_none() || date.parse::<jiff::civil::Date>().is_err() {
        return Err(wrong("expected a date YYYY-MM-DD and a rate above 0, as text"));
    }
    let (from, to) = (from.to_uppercase(), to.to_uppercase());
    if ![&from, &to].into_iter().all(|code| super::workspaces::is_currency(code)) || from == to {
        return Err(wrong("from and to: expected two ISO 4217 codes such as USD and MXN"));
    }
    let known = state.core.rates(&workspace).await?.answer.items;
    let same = |known: &RateInfo| known.from == from && known.to == to && known.date == date;
    if !known.iter().any(same) {
        limits::room(known.len(), limits::RATES_MAX, "rates in this workspace")?;
    }
    apply(&state, &workspace, vec![Command::RatePut { from, to, date, rate }]).await?;
    Ok(StatusCode::NO_CONTENT)
}
