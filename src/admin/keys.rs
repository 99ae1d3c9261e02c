//! Keys of this API.

use super::auth::Caller;
use super::{AdminState, Problem};
use crate::control::{ApiKey, Scope};
use crate::shard::api::Items;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A key to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyIn {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The one workspace it is for; absent for all.
    #[serde(default)]
    pub workspace: Option<String>,
}

/// A new key. Its text is shown this once.
#[derive(Serialize, ToSchema)]
pub struct KeyOut {
    /// As it is kept.
    pub key: ApiKey,
    /// What to send: `Authorization: Bearer TEXT`.
    pub text: String,
}

#[utoipa::path(get, path = "/keys", responses((status = 200, body = Items<ApiKey>)))]
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Items<ApiKey>>, Problem> {
    caller.may(Scope::Admin, None)?;
    Ok(Json(Items { items: state.control.api_keys()? }))
}

#[utoipa::path(post, path = "/keys", request_body = KeyIn, responses((status = 201, body = KeyOut)))]
pub(super) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    body: Result<Json<KeyIn>, JsonRejection>,
) -> Result<(StatusCode, Json<KeyOut>), Problem> {
    caller.may(Scope::Admin, None)?;
    let Json(body) = body?;
    let (key, text) = state.control.create_api_key(&body.name, body.scopes, body.workspace)?;
    Ok((StatusCode::CREATED, Json(KeyOut { key, text })))
}

#[utoipa::path(delete, path = "/keys/{key}", params(("key" = String, Path)), responses((status = 204)))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Path(key): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, None)?;
    match state.control.delete_api_key(&key)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::NOT_FOUND, "there is no such key")),
    }
}
