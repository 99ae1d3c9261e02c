//! Tracking sources.

use super::auth::{Caller, apply};
use super::input::{Body, Named};
use super::workspaces::checked_id;
use super::{AdminState, Problem, limits};
use crate::control::{Scope, SourceRecord};
use crate::shard::api::Items;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, OrderPolicy, Source, SourceId, SourceKind, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A source as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SourceIn {
    /// `browser` (its key is public) or `server`.
    #[schema(value_type = String)]
    pub kind: SourceKind,
    /// `auto`, `count` or `match`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub orders: OrderPolicy,
    /// Whether its events are accepted.
    #[serde(default = "enabled")]
    pub enabled: bool,
    /// Region of phone numbers without a country code, ISO 3166 alpha-2.
    #[serde(default)]
    pub region: Option<String>,
}

fn enabled() -> bool {
    true
}

/// A source as it is shown.
#[derive(Serialize, ToSchema)]
pub struct SourceOut {
    /// Its id.
    pub id: String,
    /// What kind of sender.
    #[schema(value_type = String)]
    pub kind: SourceKind,
    /// What its orders mean.
    #[schema(value_type = String)]
    pub orders: OrderPolicy,
    /// Whether its events are accepted.
    pub enabled: bool,
    /// Region of phone numbers without a country code.
    pub region: Option<String>,
    /// What SDKs send to be known.
    pub write_key: String,
}

fn out((record, write_key): (SourceRecord, String)) -> SourceOut {
    SourceOut {
        id: record.id,
        kind: record.kind,
        orders: record.orders,
        enabled: record.enabled,
        region: record.region,
        write_key,
    }
}

/// Tracking sources of a workspace with their write keys.
#[utoipa::path(get, path = "/workspaces/{workspace}/sources", params(("workspace" = String, Path)),
    responses((status = 200, description = "sources", body = Items<SourceOut>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<Items<SourceOut>>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    state.core.as_of(&workspace).await?;
    let items = state.control.sources(&workspace)?.into_iter().map(out).collect();
    Ok(Json(Items { items }))
}

/// Creates a source or changes it; a new one gets a write key.
#[utoipa::path(put, path = "/workspaces/{workspace}/sources/{source}",
    params(("workspace" = String, Path), ("source" = String, Path)),
    request_body = SourceIn, responses((status = 200, description = "the source", body = SourceOut)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, source)): Named<(WorkspaceId, SourceId)>,
    Body(body): Body<SourceIn>,
) -> Result<Json<SourceOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(source.as_str())?;
    let known = state.control.sources(&workspace)?;
    if !known.iter().any(|(record, _)| record.id == source.as_str()) {
        limits::room(known.len(), limits::SOURCES_MAX, "sources in this workspace")?;
    }
    if body.region.as_deref().is_some_and(|code| code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()))
    {
        let why = "region: expected an ISO 3166 alpha-2 code such as MX";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    if body.kind == SourceKind::Platform {
        let why = "kind: expected \"browser\" or \"server\"; a platform comes with its connection";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let definition = Source { id: source.clone(), kind: body.kind, orders: body.orders };
    // The engine knows the source before anybody can send under its key.
    apply(&state, &workspace, vec![Command::SourcePut(definition)]).await?;
    let record = SourceRecord {
        workspace: workspace.to_string(),
        id: source.to_string(),
        kind: body.kind,
        orders: body.orders,
        enabled: body.enabled,
        region: body.region,
        write_key: String::new(),
    };
    let write_key = state.control.put_source(record.clone())?;
    Ok(Json(out((record, write_key))))
}

/// Revokes a source: its write key is refused from now on. What it sent stays.
#[utoipa::path(delete, path = "/workspaces/{workspace}/sources/{source}",
    params(("workspace" = String, Path), ("source" = String, Path)),
    responses((status = 204, description = "revoked")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, source)): Named<(WorkspaceId, SourceId)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    match state.control.delete_source(&workspace, &source)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no source {source}"))),
    }
}

/// Gives a source a new write key; the old one is refused from now on.
#[utoipa::path(post, path = "/workspaces/{workspace}/sources/{source}/rotate-key",
    params(("workspace" = String, Path), ("source" = String, Path)),
    responses((status = 200, description = "the source", body = SourceOut)))]
pub(super) async fn rotate(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, source)): Named<(WorkspaceId, SourceId)>,
) -> Result<Json<SourceOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let rotated = state.control.rotate_write_key(&workspace, &source)?;
    let unknown = || Problem::new(StatusCode::NOT_FOUND, format!("there is no source {source}"));
    Ok(Json(out(rotated.ok_or_else(unknown)?)))
}
