//! The operator's word to a list.

use super::auth::Caller;
use super::input::{Body, Named};
use super::lists::masked;
use super::{AdminState, Problem, limits};
use crate::control::Scope;
use crate::sync::ListStatus;
use crate::sync::commands::{CommandError, ListCommand};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use kit::standard_webhooks::Secret;
use model::{ListId, Time, WorkspaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a comparison with the segment found.
#[derive(Serialize, ToSchema)]
pub struct ResyncOut {
    /// Identifiers that were missing in the books of the list.
    pub added: u64,
    /// Identifiers that were too many.
    pub removed: u64,
    /// Where the list stands.
    pub status: ListStatus,
}

/// How long the old secret stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RotateIn {
    /// Seconds for which messages are signed with both; a day if absent, 0 drops the old one at once.
    #[serde(default = "day")]
    pub overlap_s: u64,
}

fn day() -> u64 {
    86_400
}

/// Secrets after a rotation.
#[derive(Serialize, ToSchema)]
pub struct RotateOut {
    /// The newest first.
    pub secrets: Vec<String>,
    /// When the old ones are dropped, RFC 3339; absent when there is none.
    pub old_secrets_until: Option<String>,
}

/// Tells a list something: `hold` (send nothing), `release` (go on), `confirm` (removals that wait may go),
/// `start` (begin the first sync), `snapshot` (send one now), `retry` (try now what waits for its next try),
/// `reconcile` (read the members back and mend what differs).
#[utoipa::path(post, path = "/workspaces/{workspace}/lists/{list}/{command}",
    params(("workspace" = String, Path), ("list" = String, Path),
        ("command" = String, Path, description = "hold, release, confirm, start, snapshot, retry or reconcile")),
    responses((status = 200, description = "where the list stands", body = ListStatus)))]
pub(super) async fn command(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list, command)): Named<(WorkspaceId, ListId, String)>,
) -> Result<Json<ListStatus>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let command = match command.as_str() {
        "hold" => ListCommand::Hold,
        "release" => ListCommand::Release,
        "confirm" => ListCommand::ConfirmBrake,
        "start" => ListCommand::Start,
        "snapshot" => ListCommand::Snapshot,
        "retry" => ListCommand::Retry,
        "reconcile" => ListCommand::Reconcile,
        _ => {
            let why = "expected hold, release, confirm, start, snapshot, retry, reconcile, resync or rotate-secret";
            return Err(Problem::new(StatusCode::NOT_FOUND, why));
        }
    };
    let status = state.sync.command(&workspace, &list, command)?;
    if command == ListCommand::Start {
        state.control.start_destination(&workspace, &list)?;
    }
    Ok(Json(masked(status, caller.sees_people(&workspace, "list"))))
}

/// Compares the books of a list with its segment, sends every member again and a snapshot. Releases a list that
/// is held because the store was restored.
#[utoipa::path(post, path = "/workspaces/{workspace}/lists/{list}/resync",
    params(("workspace" = String, Path), ("list" = String, Path)),
    responses((status = 200, description = "what was found", body = ResyncOut)))]
pub(super) async fn resync(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list)): Named<(WorkspaceId, ListId)>,
) -> Result<Json<ResyncOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let found = state.sync.resync(state.core.as_ref(), &workspace, &list).await?;
    let status = state.sync.status(&workspace, &list).ok_or_else(|| CommandError::NoSuchList(list.to_string()))?;
    let status = masked(status, caller.sees_people(&workspace, "list"));
    Ok(Json(ResyncOut { added: found.added, removed: found.removed, status }))
}

/// Makes a new signing secret. Messages are signed with the old one too until the overlap is over.
#[utoipa::path(post, path = "/workspaces/{workspace}/lists/{list}/rotate-secret",
    params(("workspace" = String, Path), ("list" = String, Path)), request_body = RotateIn,
    responses((status = 200, description = "the secrets in use", body = RotateOut)))]
pub(super) async fn rotate(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, list)): Named<(WorkspaceId, ListId)>,
    Body(body): Body<RotateIn>,
) -> Result<Json<RotateOut>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if body.overlap_s > limits::OVERLAP_S_MAX {
        return Err(wrong(format!("overlap_s: at most {}", limits::OVERLAP_S_MAX)));
    }
    let (_, text) = Secret::generate().map_err(|why| wrong(why.to_string()))?;
    let overlap = i64::try_from(body.overlap_s).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let until = (overlap > 0).then(|| Time(crate::control::rotation::now().0.saturating_add(overlap)));
    let on_platform =
        state.control.destination(&workspace, &list)?.is_some_and(|(_, _, known, _)| known.secrets.is_empty());
    if on_platform {
        return Err(wrong("a list on a platform has no signing secret".to_owned()));
    }
    let rotated = state.control.rotate_secret(&workspace, &list, text, until)?;
    let Some((_, _, destination, started)) = rotated else {
        return Err(CommandError::NoSuchList(list.to_string()).into());
    };
    state.connections.attach((&workspace, &list), &destination, (started, false)).map_err(wrong)?;
    let old_secrets_until = until.map(|until| until.to_string());
    Ok(Json(RotateOut { secrets: destination.secrets, old_secrets_until }))
}
