//! Segments: definitions, members, reasons, journal.

use super::auth::{Caller, apply};
use super::input::{Asked, Body, Named};
use super::workspaces::checked_id;
use super::{AdminState, PAGE_MAX, Problem, limits};
use crate::control::Scope;
use crate::shard::api::{AsOf, Explanation, Items, MemberPage, PersonKey, Place, Preview, SegmentInfo, TransitionPage};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, SegmentDefinition, SegmentId, WorkspaceId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// A definition in JSON, or its text form.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it says to the document what may be sent")]
pub enum DefinitionIn {
    /// The JSON form.
    Json(serde_json::Map<String, serde_json::Value>),
    /// The text form.
    Text(String),
}

/// A definition as the engine reads it.
fn written(definition: &serde_json::Value) -> Result<String, Problem> {
    match definition {
        serde_json::Value::String(text) => Ok(text.clone()),
        serde_json::Value::Object(_) => Ok(definition.to_string()),
        _ => {
            let why = "definition: expected an object (the JSON form) or text (\"purchased in the last 30 days\")";
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
        }
    }
}

/// A segment as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentIn {
    /// Shown name.
    pub name: String,
    /// The definition, in JSON or as text.
    #[schema(value_type = DefinitionIn)]
    pub definition: serde_json::Value,
}

/// A definition to count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewIn {
    /// The definition, in JSON or as text.
    #[schema(value_type = DefinitionIn)]
    pub definition: serde_json::Value,
    /// Whether to look at everybody, which takes seconds where there are many people; false if absent.
    #[serde(default)]
    pub exact: bool,
}

/// Where a page begins.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// What the page before called `next`.
    pub(super) after: Option<String>,
    /// How many, at most 1,000; 100 if absent.
    pub(super) limit: Option<usize>,
}

/// Where the journal begins.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct JournalQuery {
    /// Position of the log from which on.
    from: Option<u64>,
    /// What the page before called `next`.
    after: Option<String>,
    /// How many, at most 1,000; 100 if absent.
    limit: Option<usize>,
}

impl JournalQuery {
    fn place(&self) -> Result<Place, Problem> {
        let Some(after) = &self.after else { return Ok(Place { position: self.from.unwrap_or(0), seen: 0 }) };
        let read = after
            .split_once('.')
            .and_then(|(position, seen)| Some(Place { position: position.parse().ok()?, seen: seen.parse().ok()? }));
        let why = "after: expected the `next` of the page before";
        read.ok_or_else(|| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
    }
}

pub(super) fn limit(asked: Option<usize>) -> usize {
    asked.unwrap_or(100).clamp(1, PAGE_MAX)
}

/// Every segment of a workspace with its counts.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments", params(("workspace" = String, Path)),
    responses((status = 200, description = "segments", body = AsOf<Items<SegmentInfo>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<AsOf<Items<SegmentInfo>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let mut segments = state.core.segments(&workspace).await?;
    segments.answer.items.iter_mut().for_each(SegmentInfo::write_text);
    Ok(Json(segments))
}

async fn shown(
    state: &AdminState,
    workspace: &WorkspaceId,
    segment: &SegmentId,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    let mut shown = state.core.segment(workspace, segment).await?;
    shown.answer.write_text();
    Ok(Json(shown))
}

/// One segment.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    responses((status = 200, description = "the segment", body = AsOf<SegmentInfo>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    shown(&state, &workspace, &segment).await
}

/// Creates a segment, or begins a new version of it.
///
/// It is built in the background and takes effect in one step; until then the version before stays in force.
#[utoipa::path(put, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    request_body = SegmentIn, responses((status = 200, description = "the segment", body = AsOf<SegmentInfo>)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Body(body): Body<SegmentIn>,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(segment.as_str())?;
    limits::checked_name(&body.name)?;
    let known = state.core.segments(&workspace).await?.answer.items;
    if !known.iter().any(|known| known.id == segment.as_str()) {
        limits::room(known.len(), limits::SEGMENTS_MAX, "segments in this workspace")?;
    }
    let definition = state.core.check_definition(&workspace, &segment, &written(&body.definition)?).await?;
    let put = SegmentDefinition { id: segment.clone(), name: body.name, definition };
    apply(&state, &workspace, vec![Command::SegmentPut(put)]).await?;
    shown(&state, &workspace, &segment).await
}

/// Deletes a segment. People and the journal of its transitions stay. Refused while a list or another segment
/// uses it.
#[utoipa::path(delete, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path)),
    responses((status = 204, description = "deleted"),
        (status = 409, description = "lists or segments use it", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
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
    let segments = state.core.segments(&workspace).await?.answer.items;
    let refers =
        |other: &&SegmentInfo| other.id != segment.as_str() && other.refers_to.iter().any(|id| id == segment.as_str());
    let referring: Vec<&str> = segments.iter().filter(refers).map(|other| other.id.as_str()).collect();
    if !referring.is_empty() {
        let why = format!("segments refer to this one: {}; change or delete them first", referring.join(", "));
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    apply(&state, &workspace, vec![Command::SegmentDelete { id: segment }]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Counts who would match a definition now, without keeping it.
///
/// Answers within a moment: with the exact count where there are few people, else with an estimate from a
/// sample and the bounds within which the count lies in 95 of 100 cases. Ask again with `"exact": true` for
/// the count itself; it waits until everybody was looked at. `as_of` is the instant that is counted.
/// `sample` is empty for a key without the scope `people`.
#[utoipa::path(post, path = "/workspaces/{workspace}/preview", params(("workspace" = String, Path)),
    request_body = PreviewIn, responses((status = 200, description = "the count", body = AsOf<Preview>)))]
pub(super) async fn preview(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Body(body): Body<PreviewIn>,
) -> Result<Json<AsOf<Preview>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let mut preview = state.core.preview(&workspace, &written(&body.definition)?, body.exact).await?;
    if !caller.sees_people(&workspace, "preview") {
        preview.answer.sample.clear();
    }
    Ok(Json(preview))
}

/// A page of a segment's members, in a stable order: who stays a member is on exactly one page.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/members",
    params(("workspace" = String, Path), ("segment" = String, Path), PageQuery),
    responses((status = 200, description = "a page", body = AsOf<MemberPage>)))]
pub(super) async fn members(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<AsOf<MemberPage>>, Problem> {
    caller.may_see_people(&workspace, "members")?;
    Ok(Json(state.core.members(&workspace, &segment, page.after, limit(page.limit)).await?))
}

/// Why a person is or is not a member.
///
/// Every condition with its value, what is behind it, and when it changes by itself.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/explain/{person}",
    params(("workspace" = String, Path), ("segment" = String, Path), ("person" = String, Path)),
    responses((status = 200, description = "the reasons", body = AsOf<Explanation>)))]
pub(super) async fn explain(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment, person)): Named<(WorkspaceId, SegmentId, String)>,
) -> Result<Json<AsOf<Explanation>>, Problem> {
    caller.may_see_people(&workspace, "explain")?;
    let person: PersonKey = super::people::key(&person)?;
    Ok(Json(state.core.explain(&workspace, &segment, &person).await?))
}

/// Who entered and left a segment, oldest first; also of a segment that was deleted.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/transitions",
    params(("workspace" = String, Path), ("segment" = String, Path), JournalQuery),
    responses((status = 200, description = "a page", body = AsOf<TransitionPage>)))]
pub(super) async fn transitions(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Asked(query): Asked<JournalQuery>,
) -> Result<Json<AsOf<TransitionPage>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    Ok(Json(state.core.transitions(&workspace, Some(&segment), query.place()?, limit(query.limit)).await?))
}

/// Who entered and left any segment of a workspace, oldest first.
#[utoipa::path(get, path = "/workspaces/{workspace}/transitions", params(("workspace" = String, Path), JournalQuery),
    responses((status = 200, description = "a page", body = AsOf<TransitionPage>)))]
pub(super) async fn all_transitions(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Asked(query): Asked<JournalQuery>,
) -> Result<Json<AsOf<TransitionPage>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    Ok(Json(state.core.transitions(&workspace, None, query.place()?, limit(query.limit)).await?))
}
