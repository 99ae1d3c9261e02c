//! Exports that answer a platform's data request, for the merchant to hand on.

use super::auth::Caller;
use super::input::Named;
use super::{AdminState, Problem};
use crate::connections::ExportShown;
use crate::control::Scope;
use crate::shard::api::Items;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::WorkspaceId;

fn unknown(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("there is no export {id}"))
}

/// Exports that wait to be handed on.
#[utoipa::path(get, path = "/workspaces/{workspace}/exports", params(("workspace" = String, Path)),
    responses((status = 200, description = "exports", body = Items<ExportShown>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<Items<ExportShown>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    state.core.as_of(&workspace).await?;
    Ok(Json(Items { items: state.connections.exports(&workspace) }))
}

/// Everything known of the person who asked.
#[utoipa::path(get, path = "/workspaces/{workspace}/exports/{export}",
    params(("workspace" = String, Path), ("export" = String, Path)),
    responses((status = 200, description = "the export", body = serde_json::Value)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, export)): Named<(WorkspaceId, String)>,
) -> Result<Response, Problem> {
    caller.may_see_people(&workspace, "export")?;
    state.core.as_of(&workspace).await?;
    let text = state.connections.read_export(&workspace, &export).ok_or_else(|| unknown(&export))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Forgets an export that was handed on.
#[utoipa::path(delete, path = "/workspaces/{workspace}/exports/{export}",
    params(("workspace" = String, Path), ("export" = String, Path)),
    responses((status = 204, description = "forgotten")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, export)): Named<(WorkspaceId, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::People, Some(&workspace))?;
    state.core.as_of(&workspace).await?;
    match state.connections.delete_export(&workspace, &export) {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(unknown(&export)),
    }
}
