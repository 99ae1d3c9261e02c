//! Lists: what follows a segment, where it is sent, and the operator's word.

use super::auth::{Caller, apply};
use super::input::{Asked, Body, Named};
use super::workspaces::checked_id;
use super::{AdminState, Problem, limits};
use crate::control::{Destination, Scope};
use crate::shard::api::{AsOf, Items};
use crate::sync::commands::CommandError;
use crate::sync::{ListState, ListStatus, SyncService, SyncSettings};
use axum::Json;
use axum::extract::State;
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

/// How often it is looked whether a list is emptied.
const EMPTIED_LOOK: Duration = Duration::from_millis(200);

/// A list as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListIn {
    /// The segment that it follows.
    pub segment: String,
    /// `person`, `email`, `phone`, or `{"user": "SOURCE"}`.
    #[serde(default = "person")]
    #[schema(value_type = serde_json::Value)]
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

/// A list as it is shown.
#[derive(Serialize, ToSchema)]
pub struct ListShown {
    /// Where it stands. `sample` and `refused` are empty for a key without the scope `people`.
    #[serde(flatten)]
    pub status: ListStatus,
    /// Where it is sent; absent when no destination is set.
    pub webhook: Option<WebhookShown>,
}

/// Where a list is sent, without secrets.
#[derive(Serialize, ToSchema)]
pub struct WebhookShown {
    /// The address: whole for a key that may write, else without its path, which may be a secret.
    pub url: String,
    /// How it is sent.
    pub sync: SyncSettings,
    /// Signing secrets in use: two during a rotation.
    pub secrets: usize,
    /// When the old secrets of a rotation are dropped, RFC 3339.
    pub old_secrets_until: Option<String>,
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

/// Builds a destination and hands it to sync. `set` tells that somebody set it just now.
pub(crate) fn connect(
    sync: &Arc<SyncService>,
    (workspace, list): (&WorkspaceId, &ListId),
    destination: &Destination,
    (started, allow_private, set): (bool, bool, bool),
) -> Result<(), String> {
    let config = WebhookConfig::new(&destination.url, &destination.secrets, allow_private);
    let built = Arc::new(config.and_then(WebhookDestination::new).map_err(|why| why.to_string())?);
    let settings = destination.sync.clone();
    let done = match set {
        true => sync.put_destination(workspace, list, settings, built, started),
        false => sync.resume_destination(workspace, list, settings, built, started),
    };
    done.map_err(|why| why.to_string())
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
    let webhook = known.map(|(_, _, destination, _)| WebhookShown {
        url: if writes { destination.url } else { origin(&destination.url) },
        sync: destination.sync,
        secrets: destination.secrets.len(),
        old_secrets_until: until.map(|until| until.to_string()),
    });
    Ok(ListShown { status: masked(status, sees_people), webhook })
}

/// Scheme and host.
fn origin(url: &str) -> String {
    reqwest::Url::parse(url).map_or_else(|_| String::new(), |url| url.origin().ascii_serialization())
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
    let mut body = body;
    let segment = SegmentId(body.segment);
    state.core.segment(&workspace, &segment).await?;
    let known = state.control.destination(&workspace, &list)?;
    if known.is_none() {
        let there = state.sync.statuses().into_iter().filter(|status| status.workspace == workspace.as_str()).count();
        limits::room(there, limits::LISTS_MAX, "lists in this workspace")?;
    }
    known_identifier(&state, &workspace, &body.identifier)?;
    if body.webhook.secrets.is_empty() {
        body.webhook.secrets = known.as_ref().map(|(_, _, known, _)| known.secrets.clone()).unwrap_or_default();
    }
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if body.webhook.secrets.is_empty() {
        let (_, text) = Secret::generate().map_err(|why| wrong(why.to_string()))?;
        body.webhook.secrets.push(text);
    }
    if body.webhook.secrets.len() > limits::SECRETS_MAX || body.webhook.url.len() > limits::ADDRESS_BYTES_MAX {
        let (secrets, bytes) = (limits::SECRETS_MAX, limits::ADDRESS_BYTES_MAX);
        return Err(wrong(format!("webhook: at most {secrets} secrets, and an address of at most {bytes} bytes")));
    }
    let schedule = &body.webhook.sync.snapshot_schedule;
    crate::sync::check_schedule(schedule).map_err(|why| wrong(format!("webhook.sync.snapshot_schedule: {why}")))?;
    // Tried before anything is kept: a destination that can't be used changes nothing.
    let config = WebhookConfig::new(&body.webhook.url, &body.webhook.secrets, state.allow_private);
    config.and_then(WebhookDestination::new).map_err(|why| wrong(format!("webhook: {why}")))?;
    // Another destination has a first sync of its own.
    let same = known.filter(|(_, _, known, _)| known.url == body.webhook.url);
    let started = same.is_some_and(|(_, _, _, started)| started) || !body.webhook.sync.dry_run_first;
    state.control.put_destination(&workspace, &list, &body.webhook, started)?;
    let (identifier, consent, mode) = (body.identifier, body.consent, body.mode);
    let definition = ListDefinition { id: list.clone(), segment, identifier, consent, mode };
    apply(&state, &workspace, vec![Command::ListPut(definition)]).await?;
    let status = known_list(&state, &workspace, &list).await?;
    let place = (&workspace, &list);
    connect(&state.sync, place, &body.webhook, (started, state.allow_private, true)).map_err(wrong)?;
    let status = state.sync.status(&workspace, &list).unwrap_or(status);
    let status = masked(status, caller.sees_people(&workspace, "list"));
    Ok(Json(ListOut { status, secrets: body.webhook.secrets }))
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

/// A list by the ids of a source needs one that is there.
fn known_identifier(state: &AdminState, workspace: &WorkspaceId, identifier: &ListIdentifier) -> Result<(), Problem> {
    let ListIdentifier::User(source) = identifier else { return Ok(()) };
    let known = state.control.sources(workspace)?;
    if known.iter().any(|(record, _)| record.id == source.as_str()) {
        return Ok(());
    }
    let why = format!("identifier.user: there is no source {source}");
    Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why))
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
        false => drop(state.control.delete_destination(&workspace, &list)?),
        // Its secrets are needed until the last member is gone.
        true => drop(tokio::spawn(forget_emptied(state, workspace, list))),
    }
    Ok(StatusCode::NO_CONTENT)
}
