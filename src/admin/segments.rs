//! Segments: definitions, members, reasons, journal.

use super::auth::{Caller, apply};
use super::input::{Asked, Body, Named};
use super::workspaces::checked_id;
use super::{AdminState, PAGE_MAX, Problem, limits};
use crate::control::Scope;
use crate::shard::api::{AsOf, Explanation, Items, MemberPage, PastAsk, PastView, PersonKey, Preview, SegmentInfo};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, SegmentDefinition, SegmentId, Time, WorkspaceId};
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
pub(super) fn written(definition: &serde_json::Value) -> Result<String, Problem> {
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

/// How a definition is put.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct PutQuery {
    /// Whether the version waits, once it is built, until it is activated; no if absent.
    hold: Option<bool>,
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

pub(super) async fn shown(
    state: &AdminState,
    caller: &Caller,
    workspace: &WorkspaceId,
    segment: &SegmentId,
) -> Result<Json<AsOf<SegmentInfo>>, Problem> {
    let mut shown = state.core.segment(workspace, segment).await?;
    shown.answer.write_text();
    if shown.answer.next.is_some() && !caller.sees_people(workspace, "segment") {
        shown.answer.without_people();
    }
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
    shown(&state, &caller, &workspace, &segment).await
}

/// Creates a segment, or begins a new version of it.
///
/// It is built in the background and takes effect in one step; until then the version before stays in force. With
/// `hold=true` it waits once it is built: `next` of the segment says who would enter and leave, and it takes effect
/// when it is activated, or goes when it is deleted. A version that was not in force yet is replaced by a newer one.
#[utoipa::path(put, path = "/workspaces/{workspace}/segments/{segment}",
    params(("workspace" = String, Path), ("segment" = String, Path), PutQuery),
    request_body = SegmentIn, responses((status = 200, description = "the segment", body = AsOf<SegmentInfo>)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Asked(asked): Asked<PutQuery>,
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
    let command = match asked.hold {
        Some(true) => Command::SegmentPrepare(put),
        _ => Command::SegmentPut(put),
    };
    apply(&state, &workspace, vec![command]).await?;
    shown(&state, &caller, &workspace, &segment).await
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

/// A page of members, and of which instant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct MembersQuery {
    /// What the page before called `next`.
    after: Option<String>,
    /// How many, at most 1,000; 100 if absent.
    limit: Option<usize>,
    /// A past instant, RFC 3339; now if absent.
    at: Option<String>,
    /// With `at`: `now` (if absent), what is known today of that instant, or `recorded`, what the segment held then.
    view: Option<String>,
}

/// Of which instant the reasons are.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    /// A past instant, RFC 3339; now if absent.
    at: Option<String>,
    /// With `at`: `now` (if absent), what is known today of that instant, or `recorded`, what the segment held then.
    view: Option<String>,
}

/// The past instant that is asked for, if one is.
fn past(at: Option<&str>, view: Option<&str>) -> Result<Option<PastAsk>, Problem> {
    let refused = |why: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let view = match view {
        None | Some("now") => PastView::Now,
        Some("recorded") => PastView::Recorded,
        Some(_) => return Err(refused("view: expected now or recorded")),
    };
    match (at, view) {
        (Some(at), view) => Ok(Some(PastAsk { at: instant("at", at)?, view })),
        (None, PastView::Recorded) => Err(refused("view: recorded is of a past instant: give it as `at`")),
        (None, PastView::Now) => Ok(None),
    }
}

/// An instant in a query.
pub(super) fn instant(name: &str, text: &str) -> Result<Time, Problem> {
    let why = format!("{name}: expected an instant with its offset, such as 2026-03-01T12:00:00Z");
    Time::parse(text).ok_or_else(|| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
}

/// A page of a segment's members, in a stable order: who stays a member is on exactly one page.
///
/// With `at`, who was a member at an earlier instant. What is known today of it is worked out person by person: a page
/// looks at some 60,000 people or 3 million events at most, may be short or empty, and is the last one when it has no
/// `next`. A definition that takes too many steps for one of them is refused (422) with the person's id. What was
/// recorded is read from the journal of transitions, all of it up to that instant for every page.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/members",
    params(("workspace" = String, Path), ("segment" = String, Path), MembersQuery),
    responses((status = 200, description = "a page", body = AsOf<MemberPage>)))]
pub(super) async fn members(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Asked(asked): Asked<MembersQuery>,
) -> Result<Json<AsOf<MemberPage>>, Problem> {
    caller.may_see_people(&workspace, "members")?;
    let limit = limit(asked.limit);
    Ok(Json(match past(asked.at.as_deref(), asked.view.as_deref())? {
        None => state.core.members(&workspace, &segment, asked.after, limit).await?,
        Some(past) => state.core.members_past(&workspace, &segment, past, (asked.after, limit)).await?,
    }))
}

/// Why a person is or is not a member.
///
/// Every condition with its value, what is behind it, and when it changes by itself. With `at`, whether the person was
/// a member at an earlier instant: by what is known today of it, or by the journal of transitions. A definition that
/// takes too many steps for the person is refused (422).
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/explain/{person}",
    params(("workspace" = String, Path), ("segment" = String, Path), ("person" = String, Path), ExplainQuery),
    responses((status = 200, description = "the reasons", body = AsOf<Explanation>)))]
pub(super) async fn explain(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment, person)): Named<(WorkspaceId, SegmentId, String)>,
    Asked(asked): Asked<ExplainQuery>,
) -> Result<Json<AsOf<Explanation>>, Problem> {
    caller.may_see_people(&workspace, "explain")?;
    let person: PersonKey = super::people::key(&person)?;
    Ok(Json(match past(asked.at.as_deref(), asked.view.as_deref())? {
        None => state.core.explain(&workspace, &segment, &person).await?,
        Some(past) => state.core.explain_past(&workspace, &segment, &person, past).await?,
    }))
}
