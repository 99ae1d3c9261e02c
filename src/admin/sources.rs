//! Tracking sources.

use super::auth::{Caller, apply};
use super::workspaces::checked_id;
use super::{AdminState, Problem};
use crate::control::{Scope, SourceRecord};
use crate::shard::api::Items;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
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

#[utoipa::path(get, path = "/workspaces/{workspace}/sources", params(("workspace" = String, Path)),
    responses((status = 200, body = Items<SourceOut>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Json<Items<SourceOut>>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let items = state.control.sources(&workspace)?.into_iter().map(out).collect();
    Ok(Json(Items { items }))
}

#[utoipa::path(put, path = "/workspaces/{workspace}/sources/{source}",
    params(("workspace" = String, Path), ("source" = String, Path)),
    request_body = SourceIn, responses((status = 200, body = SourceOut)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, source)): Path<(WorkspaceId, SourceId)>,
    body: Result<Json<SourceIn>, JsonRejection>,
) -> Result<Json<SourceOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(source.as_str())?;
    let Json(body) = body?;
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

#[utoipa::path(delete, path = "/workspaces/{workspace}/sources/{source}",
    params(("workspace" = String, Path), ("source" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, source)): Path<(WorkspaceId, SourceId)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    match state.control.delete_source(&workspace, &source)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::NOT_FOUND, format!("there is no source {source}"))),
    }
}
