//! The journal: who entered and left which segment, when, and why.

use super::auth::Caller;
use super::input::{Asked, Named};
use super::segments::{instant, limit};
use super::{AdminState, Problem};
use crate::shard::api::{AsOf, JournalAsk, Place, TransitionPage};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{SegmentId, WorkspaceId};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which part of the journal.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct JournalQuery {
    /// Position of the log from which on.
    from: Option<u64>,
    /// What became true at or after this instant, RFC 3339.
    since: Option<String>,
    /// What became true before this instant, RFC 3339.
    until: Option<String>,
    /// What the page before called `next`.
    after: Option<String>,
    /// How many, at most 1,000; 100 if absent.
    limit: Option<usize>,
}

/// Reads what a page called `next`, or an item of a stream its id.
pub(super) fn place(after: &str) -> Result<Place, Problem> {
    let read = after
        .split_once('.')
        .and_then(|(position, seen)| Some(Place { position: position.parse().ok()?, seen: seen.parse().ok()? }));
    let why = "after: expected the `next` of the page before";
    read.ok_or_else(|| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
}

impl JournalQuery {
    fn asked(&self) -> Result<JournalAsk, Problem> {
        let from = match &self.after {
            Some(after) => place(after)?,
            None => Place { position: self.from.unwrap_or(0), seen: 0 },
        };
        let read = |name: &str, text: &Option<String>| text.as_deref().map(|text| instant(name, text)).transpose();
        let (since, until) = (read("since", &self.since)?, read("until", &self.until)?);
        Ok(JournalAsk { from, since, until, limit: limit(self.limit), ..JournalAsk::default() })
    }
}

/// Who entered and left a segment, oldest first; also of a segment that was deleted.
#[utoipa::path(get, path = "/workspaces/{workspace}/segments/{segment}/transitions",
    params(("workspace" = String, Path), ("segment" = String, Path), JournalQuery),
    responses((status = 200, description = "a page", body = AsOf<TransitionPage>)))]
pub(super) async fn of_segment(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, segment)): Named<(WorkspaceId, SegmentId)>,
    Asked(query): Asked<JournalQuery>,
) -> Result<Json<AsOf<TransitionPage>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    let asked = JournalAsk { segment: Some(segment), ..query.asked()? };
    Ok(Json(state.core.transitions(&workspace, asked).await?))
}

/// What a person entered and left, oldest first, under every id that they are or were known by.
///
/// A page goes through the journal of the workspace until it is full.
#[utoipa::path(get, path = "/workspaces/{workspace}/people/{person}/transitions",
    params(("workspace" = String, Path), ("person" = String, Path), JournalQuery),
    responses((status = 200, description = "a page", body = AsOf<TransitionPage>)))]
pub(super) async fn of_person(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, person)): Named<(WorkspaceId, String)>,
    Asked(query): Asked<JournalQuery>,
) -> Result<Json<AsOf<TransitionPage>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    let asked = JournalAsk { person: Some(super::people::key(&person)?), ..query.asked()? };
    Ok(Json(state.core.transitions(&workspace, asked).await?))
}

/// Who entered and left any segment of a workspace, oldest first.
#[utoipa::path(get, path = "/workspaces/{workspace}/transitions", params(("workspace" = String, Path), JournalQuery),
    responses((status = 200, description = "a page", body = AsOf<TransitionPage>)))]
pub(super) async fn all(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
    Asked(query): Asked<JournalQuery>,
) -> Result<Json<AsOf<TransitionPage>>, Problem> {
    caller.may_see_people(&workspace, "transitions")?;
    Ok(Json(state.core.transitions(&workspace, query.asked()?).await?))
}
