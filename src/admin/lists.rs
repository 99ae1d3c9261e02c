//! Lists: what follows a segment, where it is sent, and the operator's word.

use super::auth::{Caller, apply};
use super::workspaces::checked_id;
use super::{AdminState, Problem};
use crate::control::{Destination, Scope};
use crate::shard::api::Items;
use crate::sync::commands::{CommandError, ListCommand};
use crate::sync::{ListStatus, SyncService};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use connector_webhook::{WebhookConfig, WebhookDestination};
use kit::standard_webhooks::Secret;
use model::{Channel, Command, ListDefinition, ListId, ListIdentifier, ListMode, SegmentId, WorkspaceId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::{Duration, Instant};
use utoipa::{IntoParams, ToSchema};

/// Longest wait for sync to know a list that the shard has applied.
const KNOWN_WAIT_MAX: Duration = Duration::from_secs(5);

/// A list as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    /// The segment that it follows.
    pub segment: String,
    /// `person`, `email`, `phone`, or `{"user": "SOURCE"}`.
    #[serde(default = "person")]
    #[schema(value_type = Object)]
    pub identifier: ListIdentifier,
    /// `email` or `sms`: only who agreed to it is a member. Absent: nobody is asked.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub consent: Option<Channel>,
    /// `add_only`, `mirror` or `own`.
    #[serde(default = "mirror")]
    #[schema(value_type = String)]
    pub mode: ListMode,
    /// Where it is sent.
    pub webhook: Destination,
}

fn person() -> ListIdentifier {
    ListIdentifier::Person
}

fn mirror() -> ListMode {
    ListMode::Mirror
}

/// A list as it is shown after it was set: with its signing secrets.
#[derive(Serialize, ToSchema)]
pub struct ListOut {
    /// Where it stands.
    pub status: ListStatus,
    /// Signing secrets, the newest first.
    pub secrets: Vec<String>,
}

/// What becomes of the members of a list that is unlinked.
#[derive(Deserialize, IntoParams)]
pub struct UnlinkQuery {
    /// `leave` (the default) or `empty`.
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

/// Builds a destination and hands it to sync.
pub(crate) fn connect(
    sync: &Arc<SyncService>,
    (workspace, list): (&WorkspaceId, &ListId),
    destination: &Destination,
    (started, allow_private): (bool, bool),
) -> Result<(), String> {
    let config = WebhookConfig::new(&destination.url, &destination.secrets, allow_private);
    let built = config.and_then(WebhookDestination::new).map_err(|why| why.to_string())?;
    let set = sync.put_destination(workspace, list, destination.sync.clone(), Arc::new(built), started);
    set.map_err(|why| why.to_string())
}

#[utoipa::path(get, path = "/workspaces/{workspace}/lists", params(("workspace" = String, Path)),
    responses((status = 200, body = Items<ListStatus>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Path(workspace): Path<WorkspaceId>,
) -> Result<Json<Items<ListStatus>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let mut items = state.sync.statuses();
    items.retain(|status| status.workspace == workspace.as_str());
    Ok(Json(Items { items }))
}

#[utoipa::path(get, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path)), responses((status = 200, body = ListStatus)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, list)): Path<(WorkspaceId, ListId)>,
) -> Result<Json<ListStatus>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let status = state.sync.status(&workspace, &list);
    Ok(Json(status.ok_or_else(|| CommandError::NoSuchList(list.to_string()))?))
}

#[utoipa::path(put, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path)),
    request_body = ListIn, responses((status = 200, body = ListOut)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, list)): Path<(WorkspaceId, ListId)>,
    body: Result<Json<ListIn>, JsonRejection>,
) -> Result<Json<ListOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(list.as_str())?;
    let Json(mut body) = body?;
    let segment = SegmentId(body.segment);
    state.core.segment(&workspace, &segment).await?;
    let known = state.control.destination(&workspace, &list)?;
    if body.webhook.secrets.is_empty() {
        body.webhook.secrets = known.as_ref().map(|(_, _, known, _)| known.secrets.clone()).unwrap_or_default();
    }
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if body.webhook.secrets.is_empty() {
        let (_, text) = Secret::generate().map_err(|why| wrong(why.to_string()))?;
        body.webhook.secrets.push(text);
    }
    // Tried before anything is kept: a destination that can't be used changes nothing.
    let config = WebhookConfig::new(&body.webhook.url, &body.webhook.secrets, state.allow_private);
    config.and_then(WebhookDestination::new).map_err(|why| wrong(format!("webhook: {why}")))?;
    let started = known.is_some_and(|(_, _, _, started)| started) || !body.webhook.sync.dry_run_first;
    state.control.put_destination(&workspace, &list, &body.webhook, started)?;
    let (identifier, consent, mode) = (body.identifier, body.consent, body.mode);
    let definition = ListDefinition { id: list.clone(), segment, identifier, consent, mode };
    apply(&state, &workspace, vec![Command::ListPut(definition)]).await?;
    let status = known_list(&state, &workspace, &list).await?;
    let place = (&workspace, &list);
    connect(&state.sync, place, &body.webhook, (started, state.allow_private)).map_err(wrong)?;
    let status = state.sync.status(&workspace, &list).unwrap_or(status);
    Ok(Json(ListOut { status, secrets: body.webhook.secrets }))
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

#[utoipa::path(delete, path = "/workspaces/{workspace}/lists/{list}",
    params(("workspace" = String, Path), ("list" = String, Path), UnlinkQuery), responses((status = 204)))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, list)): Path<(WorkspaceId, ListId)>,
    Query(query): Query<UnlinkQuery>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let empty = match query.members.as_deref() {
        None | Some("leave") => false,
        Some("empty") => true,
        Some(_) => return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "members: expected leave or empty")),
    };
    state.sync.status(&workspace, &list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
    apply(&state, &workspace, vec![Command::ListDelete { id: list.clone(), empty }]).await?;
    if !empty {
        state.control.delete_destination(&workspace, &list)?;
    }
    Ok(StatusCode::NO_CONTENT)
}

#[utoipa::path(post, path = "/workspaces/{workspace}/lists/{list}/{command}",
    params(("workspace" = String, Path), ("list" = String, Path),
        ("command" = String, Path, description = "hold, release, confirm, start or snapshot")),
    responses((status = 200, body = ListStatus)))]
pub(super) async fn command(
    State(state): State<AdminState>,
    caller: Caller,
    Path((workspace, list, command)): Path<(WorkspaceId, ListId, String)>,
) -> Result<Json<ListStatus>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let command = match command.as_str() {
        "hold" => ListCommand::Hold,
        "release" => ListCommand::Release,
        "confirm" => ListCommand::ConfirmBrake,
        "start" => ListCommand::Start,
        "snapshot" => ListCommand::Snapshot,
        _ => {
            let why = "expected hold, release, confirm, start or snapshot";
            return Err(Problem::new(StatusCode::NOT_FOUND, why));
        }
    };
    let status = state.sync.command(&workspace, &list, command)?;
    if command == ListCommand::Start {
        state.control.start_destination(&workspace, &list)?;
    }
    Ok(Json(status))
}
