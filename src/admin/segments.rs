//! Segments: definitions, members, reasons, journal.

use super::auth::{Caller, apply};
use super::workspaces::checked_id;
use super::{AdminState, PAGE_MAX, Problem};
use crate::control::Scope;
use crate::shard::api::{AsOf, Explanation, Items, MemberPage, PersonKey, Preview, SegmentInfo, TransitionInfo};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use model::{Command, SegmentDefinition, SegmentId, WorkspaceId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A segment as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentIn {
    /// Shown name.
    pub name: String,
    /// The definition, JSON form.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
}

/// A definition to count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewIn {
    /// The definition, JSON form.
    #[schema(value_type = Object)]
    pub definition: serde_json::Value,
}

/// Where a page begins.
#[derive(Deserialize, IntoParams)]
pub struct PageQuery {
    /// What the page before called `next`.
    after: Option<String>,
    /// How many, at most 1,000.
    limit: Option<usize>,
}

/// Where the journal begins.
#[derive(Deserialize, IntoParams)]
pub struct JournalQuery {
    /// Position of the log from which on.
    from: Option<u64>,
    /// How many, at most 1,000.
    limit: Option<usize>,
}

fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(100).clamp(1, PAGE_MAX)
}

#[utoipa::path(get, path = "/workspaces/{workspace}/segments", params(("workspace" = String, Path)),
    responses((status = 200, body = AsOf<Items<SegmentInfo>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Json<AsOf<Items<SegmentInfo>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(state.core.segments(&workspace).await?))
}

#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    responses((status = 200, body = AsOf<SegmentInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment)): Path<(WorkspaceId, SegmentId)>,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    Ok(Json(state.core.segment(&workspace, &segment).await?))
}

#[utoipa::path(put, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    request_body = SegmentIn, responses((status = 200, body = AsOf<SegmentInfo>)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment)): Path<(WorkspaceId, SegmentId)>,
    body: Result<Json<SegmentIn>, JsonRejection>,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(segment.as_str())?;
    let Json(body) = body?;
    let definition = state.core.check_definition(&workspace, &body.definition.to_string()).await?;
    let put = SegmentDefinition { id: segment.clone(), name: body.name, definition };
    apply(&state, &workspace, vec![Command::SegmentPut(put)]).await?;
    Ok(Json(state.core.segment(&workspace, &segment).await?))
}

#[utoipa::path(delete, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)), responses((status = 204), (status = 409)))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment)): Path<(WorkspaceId, SegmentId)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    state.core.segment(&workspace, &segment).await?;
    let uses = |list: &crate::sync::ListStatus| {
        list.workspace == workspace.as_str()
            && list.segment == segment.as_str()
            && list.state != crate::sync::ListState::Emptying
    };
    let used: Vec<String> =
        state.sync.statuses().iter().filter(|list| uses(list)).map(|list| list.list.clone()).collect();
    if !used.is_empty() {
        let why = format!("lists use this segment: {}; unlink them first", used.join(", "));
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    apply(&state, &workspace, vec![Command::SegmentDelete { id: segment }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/workspaces/{workspace}/preview", params(("workspace" = String, Path)),
    request_body = PreviewIn, responses((status = 200, body = AsOf<Preview>)))]
pub(super) async fn preview(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
    body: Result<Json<PreviewIn>, JsonRejection>,
) -> Result<Json<AsOf<Preview>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let Json(body) = body?;
    Ok(Json(state.core.preview(&workspace, &body.definition.to_string()).await?))
}

#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/members",
    params(("workspace" = String, Path), ("segment" = String, Path), PageQuery),
    responses((status = 200, body = AsOf<MemberPage>)))]
pub(super) async fn members(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment)): Path<(WorkspaceId, SegmentId)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<AsOf<MemberPage>>, Problem> {
    caller.may_see_people(&workspace, "members")?;
    Ok(Json(state.core.members(&workspace, &segment, page.after, limit(page.limit)).await?))
}

#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/explain/{person}",
    params(("workspace" = String, Path), ("segment" = String, Path), ("person" = String, Path)),
    responses((status = 200, body = AsOf<Explanation>)))]
pub(super) async fn explain(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment, person)): Path<(WorkspaceId, SegmentId, String)>,
) -> Result<Json<AsOf<Explanation>>, Problem> {
    caller.may_see_people(&workspace, "explain")?;
    let person: PersonKey = super::people::key(&person)?;
    Ok(Json(state.core.explain(&workspace, &segment, &person).await?))
}

#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/transitions",
    params(("workspace" = String, Path), ("segment" = String, Path), JournalQuery),
    responses((status = 200, body = AsOf<Items<TransitionInfo>>)))]
pub(super) async fn transitions(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, segment)): Path<(WorkspaceId, SegmentId)>,
    Query(query): Query<JournalQuery>,
) -> Result<Json<AsOf<Items<TransitionInfo>>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    let from = query.from.unwrap_or(0);
    Ok(Json(state.core.transitions(&workspace, Some(&segment), from, limit(query.limit)).await?))
}
