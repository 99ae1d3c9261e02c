//! Workspaces, their rates, and what needs a person.

use super::auth::{Caller, apply};
use super::{AdminState, Problem};
use crate::alerts::Alert;
use crate::control::Scope;
use crate::intake::RefusedEvent;
use crate::shard::api::{AsOf, Items, WorkspaceInfo};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use model::{Command, WorkspaceId};
use serde::Deserialize;
use utoipa::ToSchema;

/// Days for which events can be kept at most: a century.
const RETENTION_DAYS_MAX: u32 = 36_525;

/// Settings of a workspace.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceIn {
    /// Shown name.
    pub name: String,
    /// IANA time zone.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// ISO 4217 code.
    #[serde(default = "usd")]
    pub currency: String,
    /// Days for which events other than orders are kept.
    #[serde(default = "three_years")]
    pub retention_days: u32,
    /// Links beyond which an address is crowded; can't be changed later.
    #[serde(default = "ten")]
    pub crowded_links_max: u32,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn usd() -> String {
    "USD".to_owned()
}

fn three_years() -> u32 {
    1_095
}

fn ten() -> u32 {
    10
}

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

/// An id that can stand in a path.
pub(super) fn checked_id(id: &str) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        let why = "an id has 1 to 64 letters, digits, hyphens, underscores or dots";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    Ok(())
}

#[utoipa::path(get, path = "/workspaces", responses((status = 200, body = Items<WorkspaceInfo>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Json<Items<WorkspaceInfo>>, Problem> {
    caller.may(Scope::Admin, None)?;
    Ok(Json(Items { items: state.core.workspaces().await }))
}

#[utoipa::path(get, path = "/workspaces/{workspace}", params(("workspace" = String, Path)),
    responses((status = 200, body = AsOf<WorkspaceInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Json<AsOf<WorkspaceInfo>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(state.core.workspace(&workspace).await?))
}

#[utoipa::path(put, path = "/workspaces/{workspace}", params(("workspace" = String, Path)),
    request_body = WorkspaceIn, responses((status = 200, body = AsOf<WorkspaceInfo>)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
    body: Result<Json<WorkspaceIn>, JsonRejection>,
) -> Result<Json<AsOf<WorkspaceInfo>>, Problem> {
    caller.may(Scope::Admin, Some(&workspace))?;
    checked_id(workspace.as_str())?;
    let Json(body) = body?;
    let wrong = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if jiff::tz::TimeZone::get(&body.time_zone).is_err() {
        return Err(wrong("time_zone: expected an IANA name such as America/Mexico_City"));
    }
    if body.currency.len() != 3 || !body.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err(wrong("currency: expected an ISO 4217 code such as MXN"));
    }
    if body.retention_days == 0 || body.crowded_links_max == 0 {
        return Err(wrong("retention_days and crowded_links_max must be at least 1"));
    }
    if body.retention_days > RETENTION_DAYS_MAX {
        return Err(wrong(&format!("retention_days: at most {RETENTION_DAYS_MAX}")));
    }
    let command = Command::WorkspacePut {
        name: body.name,
        time_zone: body.time_zone,
        currency: body.currency,
        retention_days: body.retention_days,
        crowded_links_max: body.crowded_links_max,
    };
    apply(&state, &workspace, vec![command]).await?;
    Ok(Json(state.core.workspace(&workspace).await?))
}

#[utoipa::path(post, path = "/workspaces/{workspace}/rates", params(("workspace" = String, Path)),
    request_body = RateIn, responses((status = 204)))]
pub(super) async fn put_rate(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
    body: Result<Json<RateIn>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let Json(RateIn { from, to, date, rate }) = body?;
    let number =
        rust_decimal::Decimal::from_str_exact(&rate).ok().filter(|rate| !rate.is_sign_negative() && !rate.is_zero());
    if number.is_none() || date.parse::<jiff::civil::Date>().is_err() {
        let why = "expected a date YYYY-MM-DD and a rate above 0, as text";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let (from, to) = (from.to_uppercase(), to.to_uppercase());
    apply(&state, &workspace, vec![Command::RatePut { from, to, date, rate }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(get, path = "/workspaces/{workspace}/refused-events", params(("workspace" = String, Path)),
    responses((status = 200, body = Items<RefusedEvent>)))]
pub(super) async fn refused(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Json<Items<RefusedEvent>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(Items { items: state.refusals.newest(&workspace) }))
}

#[utoipa::path(get, path = "/alerts", responses((status = 200, body = Items<Alert>)))]
pub(super) async fn alerts(State(state): State<AdminState>, caller: Caller) -> Result<Json<Items<Alert>>, Problem> {
    caller.may(Scope::Admin, None)?;
    Ok(Json(Items { items: state.alerts.list() }))
}
