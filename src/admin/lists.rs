//! Lists: what follows a segment, where it is sent, and the operator's word.

use super::auth::{Caller, apply};
use super::input::{Asked, Body, Named};
use super::list_shapes::{ListIn, ListOut, ListShown};
use super::workspaces::checked_id;
use super::{AdminState, Problem, limits};
use crate::control::{Destination, Scope};
use crate::shard::api::{AsOf, Items};
use crate::sync::commands::CommandError;
use crate::sync::{ListState, ListStatus};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{Command, ListDefinition, ListId, ListIdentifier, SegmentId, WorkspaceId};
use serde::Deserialize;
use std::time::{Duration, Instant};
use utoipa::IntoParams;

/// Longest wait for sync to know a list that the shard has applied.
const KNOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether a list is emptied.
const EMPTIED_LOOK: Duration = Duration::from_millis(200);

/// What becomes of the members of a list that is unlinked.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct UnlinkQuery {
    /// `leave` (the default): the destination keeps its members. `empty`: they are removed there first.
    members: Option<String>,
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Problem {
        let status = match error {
            CommandError::NoSuchList(_) => StatusCode::NOT_FOUND,
            CommandError::BadSetting(_) => StatusCode::UNPROCESSABLE_ENTITY,
            CommandError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Problem::new(status, error.to_string())
    }
}

/// Takes personal data out of a state for a key that may not see it.
pub(super) fn masked(mut status: ListStatus, sees_people: bool) -> ListStatus {
    if !sees_people {
        status.sample.clear();
        status.refused.clear();
    }
    status
}

fn shown(
    state: &AdminState,
    caller: &Caller,
    workspace: &WorkspaceId,
    status: ListStatus,
    sees_people: bool,
) -> Result<ListShown, Problem> {
    let list = ListId(status.list.clone());
    let known = state.control.destination(workspace, &list)?;
    let writes = caller.has(Scope::Write, Some(workspace));
    let until = state.control.old_secrets_until(workspace, &list)?;
    let until = until.map(|until| until.to_string());
    let destination = known.map(|(_, _, destination, _)| destination);
    Ok(ListShown::of(masked(status, sees_people), destination, writes, until))
}

/// Every list of a workspace, with where it stands.
#[utoipa::path(get, path = "/workspaces/{workspace}/lists", params(("workspace" = String, Path)),
    responses((status = 200, description = "lists", body = AsOf<Items<ListShown>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<AsOf<Items<ListShown>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let as_of = state.core.as_of(&workspace).await?.to_string();
    let mut statuses = state.sync.statuses();
    statuses.retain(|status| status.workspace == workspace.as_str());
    let sees = caller.sees_people(&workspace, "lists");
    let one = |status| shown(&state, &caller, &workspace, status, sees);
    let items = statuses.into_iter().map(one).collect::<Result<_, _>>()?;
    Ok(Json(AsOf { as_of, answer: Items { items } }))
}

/// One list: where it stands, what waits and why, who was refused.
#[utoipa::path(get, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path)),
    responses((status = 200, description = "the list", body = AsOf<ListShown>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list)): Named<(WorkspaceId, ListId)>,
) -> Result<Json<AsOf<ListShown>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let as_of = state.core.as_of(&workspace).await?.to_string();
    let status = state.sync.status(&workspace, &list);
    let status = status.ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
    let sees = caller.sees_people(&workspace, "list");
    Ok(Json(AsOf { as_of, answer: shown(&state, &caller, &workspace, status, sees)? }))
}

/// Creates a list or changes it: to another segment, identifier, mode or destination.
///
/// With another address the list begins again with a first sync. The answer has the signing secrets.
#[utoipa::path(put, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path)),
    request_body = ListIn, responses((status = 200, description = "the list with its secrets", body = ListOut)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list)): Named<(WorkspaceId, ListId)>,
    Body(body): Body<ListIn>,
) -> Result<Json<ListOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(list.as_str())?;
    let segment = SegmentId(body.segment.clone());
    state.core.segment(&workspace, &segment).await?;
    let known = state.control.destination(&workspace, &list)?;
    if known.is_none() {
        let there = state.sync.statuses().into_iter().filter(|status| status.workspace == workspace.as_str()).count();
        limits::room(there, limits::LISTS_MAX, "lists in this workspace")?;
    }
    let (identifier, consent) = body.members()?;
    known_identifier(&state, &workspace, &identifier)?;
    let destination = body.destination(known.as_ref().map(|(_, _, known, _)| known))?;
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let place = if destination.connection.is_some() { "platform" } else { "webhook" };
    let sync = &destination.sync;
    for (name, schedule) in
        [("snapshot_schedule", &sync.snapshot_schedule), ("reconcile_schedule", &sync.reconcile_schedule)]
    {
        crate::schedule::check(schedule).map_err(|why| wrong(format!("{place}.sync.{name}: {why}")))?;
    }
    // Tried before anything is kept: a destination that can't be used changes nothing.
    let tried = state.connections.destination(&workspace, &destination);
    tried.map_err(|why| wrong(format!("{place}: {why}")))?;
    // Another destination has a first sync of its own.
    let where_to =
        |one: &Destination| (one.connector.clone(), one.url.clone(), one.connection.clone(), one.settings.clone());
    let same = known.filter(|(_, _, known, _)| where_to(known) == where_to(&destination));
    let started = same.is_some_and(|(_, _, _, started)| started) || !destination.sync.dry_run_first;
    state.control.put_destination(&workspace, &list, &destination, started)?;
    let definition = ListDefinition { id: list.clone(), segment, identifier, consent, mode: body.mode };
    apply(&state, &workspace, vec![Command::ListPut(definition)]).await?;
    let status = known_list(&state, &workspace, &list).await?;
    state.connections.attach((&workspace, &list), &destination, (started, true)).map_err(wrong)?;
    let status = state.sync.status(&workspace, &list).unwrap_or(status);
    let status = masked(status, caller.sees_people(&workspace, "list"));
    Ok(Json(ListOut { status, secrets: destination.secrets }))
}

/// Waits until a list is emptied and forgets its destination then, unless it was linked again.
async fn forget_emptied(state: AdminState, workspace: WorkspaceId, list: ListId) {
    loop {
        match state.sync.status(&workspace, &list).map(|status| status.state) {
            Some(ListState::Emptying) => {}
            Some(_) => return,
            None => break,
        }
        tokio::select! {
            () = tokio::time::sleep(EMPTIED_LOOK) => {}
            () = state.stop.cancelled() => return,
        }
    }
    if let Err(why) = state.control.delete_destination(&workspace, &list) {
        tracing::error!(%why, %list, "the destination of an unlinked list can't be forgotten");
    }
}

/// Lists follow the shard on a thread of their own: whoever asks after the answer finds it gone.
async fn until_gone(state: &AdminState, workspace: &WorkspaceId, list: &ListId) {
    let began = tokio::time::Instant::now();
    while state.sync.status(workspace, list).is_some() && began.elapsed() < KNOWN_WAIT_MAX {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A list by the ids of a source needs one that is there.
fn known_identifier(state: &AdminState, workspace: &WorkspaceId, identifier: &ListIdentifier) -> Result<(), Problem> {
    let (known, why) = match identifier {
        ListIdentifier::User(source) => {
            let known = state.control.sources(workspace)?.iter().any(|(record, _)| record.id == source.as_str());
            (known, format!("identifier.user: there is no source {source}"))
        }
        ListIdentifier::Platform(id) => {
            let known = state.control.connection(workspace, id)?.is_some();
            (known, format!("identifier.platform: there is no connection {id}"))
        }
        ListIdentifier::Person | ListIdentifier::Email | ListIdentifier::Phone => return Ok(()),
    };
    if known { Ok(()) } else { Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)) }
}

/// The shard has applied the list; sync hears of it a moment later.
async fn known_list(state: &AdminState, workspace: &WorkspaceId, list: &ListId) -> Result<ListStatus, Problem> {
    let began = Instant::now();
    loop {
        if let Some(status) = state.sync.status(workspace, list) {
            return Ok(status);
        }
        if began.elapsed() > KNOWN_WAIT_MAX {
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the list is not known to sync yet; try again"));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Unlinks a list; its members at the destination stay or are removed first.
#[utoipa::path(delete, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path), UnlinkQuery),
    responses((status = 204, description = "unlinked")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list)): Named<(WorkspaceId, ListId)>,
    Asked(query): Asked<UnlinkQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let empty = match query.members.as_deref() {
        None | Some("leave") => false,
        Some("empty") => true,
        Some(_) => return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "members: expected leave or empty")),
    };
    state.sync.status(&workspace, &list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
    apply(&state, &workspace, vec![Command::ListDelete { id: list.clone(), empty }]).await?;
    match empty {
        false => {
            until_gone(&state, &workspace, &list).await;
            let _was_there = state.control.delete_destination(&workspace, &list)?;
        }
        // Its secrets are needed until the last member is gone.
        true => drop(tokio::spawn(forget_emptied(state, workspace, list))),
    }
    Ok(StatusCode::NO_CONTENT)
}
