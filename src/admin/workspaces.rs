//! Workspaces.

use super::auth::{Caller, apply};
use super::input::{Body, Named};
use super::{AdminState, Problem, limits};
use crate::control::Scope;
use crate::intake::RefusedEvent;
use crate::shard::api::{AsOf, Items, WorkspaceInfo};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::ids::{PLAIN_ID, is_plain_id};
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

/// Whether it looks like an ISO 4217 code.
pub(super) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// An id that can stand in a path.
pub(super) fn checked_id(id: &str) -> Result<(), Problem> {
    match is_plain_id(id) {
        true => Ok(()),
        false => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, PLAIN_ID)),
    }
}

/// Every workspace; for a key of one workspace, that one.
#[utoipa::path(get, path = "/workspaces",
    responses((status = 200, description = "workspaces", body = Items<WorkspaceInfo>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
) -> Result<Json<Items<WorkspaceInfo>>, Problem> {
    let bound = caller.bound_to().map(WorkspaceId::from);
    caller.may(Scope::Read, bound.as_ref())?;
    let mut items = state.core.workspaces().await;
    items.retain(|workspace| bound.as_ref().is_none_or(|bound| bound.as_str() == workspace.id));
    Ok(Json(Items { items }))
}

/// One workspace: its settings and sizes.
#[utoipa::path(get, path = "/workspaces/{workspace}", params(("workspace" = String, Path)),
    responses((status = 200, description = "the workspace", body = AsOf<WorkspaceInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<AsOf<WorkspaceInfo>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(state.core.workspace(&workspace).await?))
}

/// Creates a workspace or changes its settings. `crowded_links_max` can't be changed later.
#[utoipa::path(put, path = "/workspaces/{workspace}", params(("workspace" = String, Path)),
    request_body = WorkspaceIn, responses((status = 200, description = "the workspace", body = AsOf<WorkspaceInfo>)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Body(body): Body<WorkspaceIn>,
) -> Result<Json<AsOf<WorkspaceInfo>>, Problem> {
    caller.may(Scope::Admin, Some(&workspace))?;
    checked_id(workspace.as_str())?;
    limits::checked_name(&body.name)?;
    let wrong = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if jiff::tz::TimeZone::get(&body.time_zone).is_err() {
        return Err(wrong("time_zone: expected an IANA name such as America/Mexico_City"));
    }
    if !is_currency(&body.currency) {
        return Err(wrong("currency: expected an ISO 4217 code such as MXN"));
    }
    if body.retention_days == 0 || body.crowded_links_max == 0 {
        return Err(wrong("retention_days and crowded_links_max must be at least 1"));
    }
    if body.retention_days > RETENTION_DAYS_MAX {
        return Err(wrong(&format!("retention_days: at most {RETENTION_DAYS_MAX}")));
    }
    match state.core.workspace(&workspace).await {
        Ok(known) if known.answer.crowded_links_max != body.crowded_links_max => {
            let why = format!("crowded_links_max is {} and can't be changed", known.answer.crowded_links_max);
            return Err(Problem::new(StatusCode::CONFLICT, why));
        }
        Ok(_) => {}
        Err(_) => limits::room(state.core.workspaces().await.len(), limits::WORKSPACES_MAX, "workspaces")?,
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

/// The newest events that were refused, with their reasons.
#[utoipa::path(get, path = "/workspaces/{workspace}/refused-events", params(("workspace" = String, Path)),
    responses((status = 200, description = "refused events", body = Items<RefusedEvent>)))]
pub(super) async fn refused(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<Items<RefusedEvent>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(Items { items: state.refusals.newest(&workspace) }))
}
