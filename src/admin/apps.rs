//! Our apps on platforms: what their operator got there.

use super::auth::Caller;
use super::input::{Body, Named};
use super::{AdminState, Problem, limits};
use crate::control::{Scope, StoredApp};
use crate::oauth::flow::redirect_uri;
use crate::shard::api::Items;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An app as it is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppIn {
    /// The id that the platform gave it.
    pub client_id: String,
    /// Its secrets, the newest first: the newest is used, all of them verify. Absent: they stay.
    #[serde(default)]
    pub secrets: Option<Vec<String>>,
    /// The connector's own settings, such as `api_version`; see its README. Absent: they stay.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub settings: Option<Map<String, Value>>,
}

/// An app as it is shown, without its secrets.
#[derive(Serialize, ToSchema)]
pub struct AppShown {
    /// The connector that it is for.
    pub connector: String,
    /// The id that the platform gave it.
    pub client_id: String,
    /// How many secrets it has.
    pub secrets: usize,
    /// The connector's own settings.
    #[schema(value_type = Object)]
    pub settings: Map<String, Value>,
    /// The redirect address to register on the platform.
    pub redirect_url: String,
    /// The address of the app, for platforms that open it.
    pub app_url: String,
    /// The address for webhooks that are set for all accounts at once. Where the platform does not sign them it ends
    /// with a secret.
    pub hook_url: String,
}

fn shown(state: &AdminState, app: StoredApp) -> Result<AppShown, Problem> {
    let platform = state.connections.platform(&app.connector)?;
    Ok(AppShown {
        redirect_url: redirect_uri(&platform, &app.connector),
        app_url: format!("{}/install/{}", state.public_url, app.connector),
        hook_url: state.connections.app_hook_url(&app.connector)?,
        secrets: app.secrets.len(),
        connector: app.connector,
        client_id: app.client_id,
        settings: app.settings,
    })
}

/// Our apps.
#[utoipa::path(get, path = "/apps", responses((status = 200, description = "apps", body = Items<AppShown>)))]
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Items<AppShown>>, Problem> {
    caller.may(Scope::Admin, None)?;
    let apps = state.control.apps()?.into_iter();
    Ok(Json(Items { items: apps.map(|app| shown(&state, app)).collect::<Result<_, _>>()? }))
}

/// Sets our app on a platform; connections go on with it at once.
#[utoipa::path(put, path = "/apps/{connector}", params(("connector" = String, Path)), request_body = AppIn,
    responses((status = 200, description = "the app", body = AppShown)))]
pub(super) async fn put(
    State(state): State<AdminState>,
    caller: Caller,
    Named(connector): Named<String>,
    Body(body): Body<AppIn>,
) -> Result<Json<AppShown>, Problem> {
    caller.may(Scope::Admin, None)?;
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    let known = state.control.app(&connector)?;
    let (known, settings) = known.map(|app| (app.secrets, app.settings)).unwrap_or_default();
    let given =
        body.secrets.map(|secrets| secrets.into_iter().map(|secret| secret.trim().to_owned()).collect::<Vec<_>>());
    if given.iter().flatten().any(|secret| secret.is_empty() || secret.len() > limits::ADDRESS_BYTES_MAX) {
        return Err(wrong("secrets: one is empty or too long".to_owned()));
    }
    let secrets = given.map_or(known, |given| given.into_iter().map(Into::into).collect());
    if secrets.is_empty() || secrets.len() > limits::SECRETS_MAX {
        return Err(wrong(format!("secrets: expected 1 to {}", limits::SECRETS_MAX)));
    }
    let client_id = body.client_id.trim().to_owned();
    if client_id.is_empty() || client_id.len() > limits::ADDRESS_BYTES_MAX {
        return Err(wrong("client_id: it is empty or too long".to_owned()));
    }
    let app = StoredApp { connector, client_id, secrets, settings: body.settings.unwrap_or(settings) };
    state.connections.set_app(&app)?;
    Ok(Json(shown(&state, app)?))
}
