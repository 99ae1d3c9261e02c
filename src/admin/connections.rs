//! Connections to merchants' accounts.

use super::auth::Caller;
use super::input::{Asked, Body, Named};
use super::workspaces::checked_id;
use super::{AdminState, Problem};
use crate::connections::{self, ConnectError, ConnectionShown};
use crate::control::Scope;
use crate::shard::api::{AsOf, Items};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::{SourceId, WorkspaceId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// Bytes of a connector's own settings, as JSON.
const SETTINGS_BYTES_MAX: usize = 16_384;
/// Bytes of an account's name or of a key.
const TEXT_BYTES_MAX: usize = 1_024;

impl From<ConnectError> for Problem {
    fn from(error: ConnectError) -> Problem {
        Problem::new(error.status(), error.to_string())
    }
}

/// A connection that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionIn {
    /// The connector: `shopify`, `mailchimp`, ...
    pub connector: String,
    /// The account there, where it has to be named first: `acme.myshopify.com`.
    #[serde(default)]
    pub account: Option<String>,
    /// A key, for platforms that are connected by one. Absent: the merchant agrees on the platform.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Region of phone numbers without a country code, ISO 3166 alpha-2.
    #[serde(default)]
    pub region: Option<String>,
    /// The connector's own settings; see its README.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
}

/// What of a connection is changed; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConnectionChange {
    /// A new key, where it is connected by one.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Region of phone numbers without a country code.
    #[serde(default)]
    pub region: Option<String>,
    /// The connector's own settings, all of them.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
}

/// A connection that was made.
#[derive(Serialize, ToSchema)]
pub struct ConnectionMade {
    /// How it stands.
    pub connection: ConnectionShown,
    /// Where the merchant agrees, in a browser, within a week; absent where a key was given.
    pub connect_url: Option<String>,
}

/// Where a merchant agrees.
#[derive(Serialize, ToSchema)]
pub struct Invitation {
    /// Open it in the merchant's browser, within a week.
    pub connect_url: String,
}

/// What becomes of what a connection brought.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct DisconnectQuery {
    /// `keep` (the default): what it brought stays. `withdraw`: it is taken out, person by person, and the connection
    /// is forgotten; what lists lose by it passes their brake.
    data: Option<String>,
}

fn wrong(why: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why)
}

fn checked_region(region: Option<&str>) -> Result<(), Problem> {
    match region {
        Some(code) if code.len() != 2 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) => {
            Err(wrong("region: expected an ISO 3166 alpha-2 code such as MX"))
        }
        _ => Ok(()),
    }
}

fn checked_settings(settings: &Map<String, Value>) -> Result<(), Problem> {
    match serde_json::to_string(settings) {
        Ok(text) if text.len() <= SETTINGS_BYTES_MAX => Ok(()),
        _ => Err(wrong(format!("settings: at most {SETTINGS_BYTES_MAX} bytes"))),
    }
}

fn checked_text(name: &str, text: Option<&String>) -> Result<(), Problem> {
    match text {
        Some(text) if text.len() > TEXT_BYTES_MAX => Err(wrong(format!("{name}: at most {TEXT_BYTES_MAX} bytes"))),
        Some(text) if text.trim().is_empty() => Err(wrong(format!("{name}: it is empty"))),
        _ => Ok(()),
    }
}

/// Connections of a workspace: where each stands, its token, how far its past is read, how complete deliveries are.
#[utoipa::path(get, path = "/workspaces/{workspace}/connections", params(("workspace" = String, Path)),
    responses((status = 200, description = "connections", body = AsOf<Items<ConnectionShown>>)))]
pub(super) async fn list(
    State(state): State<AdminState>,
    caller: Caller,
    Named(workspace): Named<WorkspaceId>,
) -> Result<Json<AsOf<Items<ConnectionShown>>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let as_of = state.core.as_of(&workspace).await?.to_string();
    Ok(Json(AsOf { as_of, answer: Items { items: state.connections.list(&workspace)? } }))
}

/// One connection.
#[utoipa::path(get, path = "/workspaces/{workspace}/connections/{connection}",
    params(("workspace" = String, Path), ("connection" = String, Path)),
    responses((status = 200, description = "the connection", body = AsOf<ConnectionShown>)))]
pub(super) async fn show(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
) -> Result<Json<AsOf<ConnectionShown>>, Problem> {
    caller.may(Scope::Read, Some(&workspace))?;
    let as_of = state.core.as_of(&workspace).await?.to_string();
    Ok(Json(AsOf { as_of, answer: state.connections.show(&workspace, &connection)? }))
}

/// Makes a connection. The merchant agrees at the address of the answer; with a key it is checked at once.
#[utoipa::path(post, path = "/workspaces/{workspace}/connections/{connection}",
    params(("workspace" = String, Path), ("connection" = String, Path)), request_body = ConnectionIn,
    responses((status = 201, description = "made", body = ConnectionMade)))]
pub(super) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
    Body(body): Body<ConnectionIn>,
) -> Result<(StatusCode, Json<ConnectionMade>), Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_id(connection.as_str())?;
    checked_region(body.region.as_deref())?;
    checked_settings(&body.settings)?;
    checked_text("account", body.account.as_ref())?;
    checked_text("api_key", body.api_key.as_ref())?;
    state.core.as_of(&workspace).await?;
    let asked = connections::Asked {
        id: connection,
        connector: body.connector,
        account: body.account,
        api_key: body.api_key.map(|key| key.trim().to_owned().into()),
        region: body.region,
        settings: body.settings,
    };
    let made = state.connections.make(&workspace, asked).await?;
    Ok((StatusCode::CREATED, Json(ConnectionMade { connection: made.shown, connect_url: made.connect_url })))
}

/// Changes a connection's settings or region, or gives it a new key.
#[utoipa::path(patch, path = "/workspaces/{workspace}/connections/{connection}",
    params(("workspace" = String, Path), ("connection" = String, Path)), request_body = ConnectionChange,
    responses((status = 200, description = "the connection", body = ConnectionShown)))]
pub(super) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
    Body(body): Body<ConnectionChange>,
) -> Result<Json<ConnectionShown>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    checked_region(body.region.as_deref())?;
    body.settings.as_ref().map_or(Ok(()), checked_settings)?;
    checked_text("api_key", body.api_key.as_ref())?;
    let mut shown = state.connections.set(&workspace, &connection, (body.settings, body.region))?;
    if let Some(key) = body.api_key {
        shown = state.connections.new_key(&workspace, &connection, key.trim().to_owned().into()).await?;
    }
    Ok(Json(shown))
}

/// Gives an address at which the merchant agrees again.
#[utoipa::path(post, path = "/workspaces/{workspace}/connections/{connection}/reauthorize",
    params(("workspace" = String, Path), ("connection" = String, Path)),
    responses((status = 200, description = "the address", body = Invitation)))]
pub(super) async fn reauthorize(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
) -> Result<Json<Invitation>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    Ok(Json(Invitation { connect_url: state.connections.invitation(&workspace, &connection)? }))
}

/// Tries at once what waits: the next step, and a poll.
#[utoipa::path(post, path = "/workspaces/{workspace}/connections/{connection}/retry",
    params(("workspace" = String, Path), ("connection" = String, Path)),
    responses((status = 200, description = "the connection", body = ConnectionShown)))]
pub(super) async fn retry(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
) -> Result<Json<ConnectionShown>, Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    Ok(Json(state.connections.retry(&workspace, &connection)?))
}

/// Takes a connection down: what was registered on the platform is taken back, then its tokens are forgotten. Refused
/// while lists use it.
#[utoipa::path(delete, path = "/workspaces/{workspace}/connections/{connection}",
    params(("workspace" = String, Path), ("connection" = String, Path), DisconnectQuery),
    responses((status = 202, description = "it is being taken down", body = ConnectionShown)))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named((workspace, connection)): Named<(WorkspaceId, SourceId)>,
    Asked(query): Asked<DisconnectQuery>,
) -> Result<(StatusCode, Json<ConnectionShown>), Problem> {
    caller.may(Scope::Write, Some(&workspace))?;
    let withdraw = match query.data.as_deref() {
        None | Some("keep") => false,
        Some("withdraw") => {
            caller.may(Scope::People, Some(&workspace))?;
            caller.changed_people(&workspace, "connection withdrawn");
            true
        }
        Some(_) => return Err(wrong("data: expected keep or withdraw")),
    };
    Ok((StatusCode::ACCEPTED, Json(state.connections.take_down(&workspace, &connection, withdraw)?)))
}
