//! The versions of a segment: what a change would do, putting a waiting one in force, cancelling it.

use super::auth::{Caller, apply};
use super::input::{Body, Named};
use super::segments::{DefinitionIn, shown, written};
use super::{AdminState, Problem};
use crate::control::Scope;
use crate::shard::api::{AsOf, ChangePreview, Items, NextVersion, SegmentInfo, VersionInfo};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, SegmentId, WorkspaceId};
use serde::Deserialize;
use utoipa::ToSchema;

/// A definition that a segment might have.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeIn {
    /// The definition, in JSON or as text.
    #[schema(value_type = DefinitionIn)]
    pub definition: serde_json::Value,
}

/// Every version of a segment that is kept, oldest first: those that were in force (the newest 100, and of their
/// definitions at most 1 MiB), the one that is, and the one that is being built or waits.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/versions",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    responses((status = 200, description = "versions", body = AsOf<Items<VersionInfo>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
) -> Result<Json<AsOf<Items<VersionInfo>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let mut versions = state.core.versions(&workspace, &segment).await?;
    versions.answer.items.iter_mut().for_each(VersionInfo::write_text);
    Ok(Json(versions))
}

/// Who would enter, leave and stay if the segment had this definition, exact at one instant. Nothing is kept of it.
///
/// The samples are empty for a key without the scope `people`.
#[utoipa::path(post, path = "/workspaces/{workspace}/segments/{segment}/preview",
    params(("workspace" = String, Path), ("segment" = String, Path)), request_body = ChangeIn,
    responses((status = 200, description = "the change", body = AsOf<ChangePreview>)))]
pub(super) async fn preview(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Body(body): Body<ChangeIn>,
) -> Result<Json<AsOf<ChangePreview>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let mut change = state.core.preview_change(&workspace, &segment, &written(&body.definition)?).await?;
    if !caller.sees_people(&workspace, "preview") {
        change.answer.enter_sample.clear();
        change.answer.leave_sample.clear();
    }
    Ok(Json(change))
}

/// The version of a segment that is not in force yet, if it is this one.
async fn next(
    state: &AdminState,
    (workspace, segment, version): &(WorkspaceId, SegmentId, u32),
) -> Result<NextVersion, Problem> {
    let next = state.core.segment(workspace, segment).await?.answer.next;
    let none = || {
        let why = format!("no version {version} of segment {segment} is being built or waits");
        Problem::new(StatusCode::NOT_FOUND, why)
    };
    next.filter(|next| next.version == *version).ok_or_else(none)
}

/// Puts a version that waits in force, in one step. Refused while it is being built.
#[utoipa::path(post, path = "/workspaces/{workspace}/segments/{segment}/versions/{version}/activate",
    params(("workspace" = String, Path), ("segment" = String, Path), ("version" = u32, Path)),
    responses((status = 200, description = "the segment", body = AsOf<SegmentInfo>)))]
pub(super) async fn activate(
    State(state): State<AdminState>,
    caller: Caller,
    Named(named): Named<(WorkspaceId, SegmentId, u32)>,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    caller.may(Scope::Write, Some(&named.0))?;
    let next = next(&state, &named).await?;
    if next.state != "waiting" {
        let why = match next.reason {
            Some(reason) => format!("version {} can't be put in force: {reason}", next.version),
            None => format!("version {} is still being built: see `build_done`", next.version),
        };
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    let (workspace, id, version) = named;
    apply(&state, &workspace, vec![Command::SegmentActivate { id: id.clone(), version }]).await?;
    let answer = shown(&state, &caller, &workspace, &id).await?;
    if answer.answer.version != version {
        let why = "another version was put meanwhile, or this one costs too much: see the segment";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    Ok(answer)
}

/// Cancels a version that is not in force yet: nobody was in it and no list heard of it. Of a segment that has no
/// version in force nothing is left.
#[utoipa::path(delete, path = "/workspaces/{workspace}/segments/{segment}/versions/{version}",
    params(("workspace" = String, Path), ("segment" = String, Path), ("version" = u32, Path)),
    responses((status = 204, description = "cancelled")))]
pub(super) async fn cancel(
    State(state): State<AdminState>,
    caller: Caller,
    Named(named): Named<(WorkspaceId, SegmentId, u32)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&named.0))?;
    next(&state, &named).await?;
    let (workspace, id, version) = named.clone();
    apply(&state, &workspace, vec![Command::SegmentCancel { id, version }]).await?;
    match next(&state, &named).await {
        Ok(_) => Err(Problem::new(
            StatusCode::CONFLICT,
            "lists or segments use this segment: unlink the lists and change the segments first",
        )),
        Err(_) => Ok(StatusCode::NO_CONTENT),
    }
}
