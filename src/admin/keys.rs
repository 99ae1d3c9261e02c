//! Keys of this API.

use super::auth::Caller;
use super::input::{Body, Named};
use super::{AdminState, Problem, limits};
use crate::control::{ApiKey, Scope};
use crate::shard::api::Items;
use axum::Json;
use axum::extract::State;
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

/// Every key, without its text.
#[utoipa::path(get, path = "/keys", responses((status = 200, description = "keys", body = Items<ApiKey>)))]
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Items<ApiKey>>, Problem> {
    caller.may(Scope::Admin, None)?;
    Ok(Json(Items { items: state.control.api_keys()? }))
}

/// Makes a key. Its text is shown this once.
#[utoipa::path(post, path = "/keys", request_body = KeyIn,
    responses((status = 201, description = "the new key", body = KeyOut)))]
pub(super) async fn create(
    State(state): State<AdminState>,
    caller: Caller,
    Body(body): Body<KeyIn>,
) -> Result<(StatusCode, Json<KeyOut>), Problem> {
    caller.may(Scope::Admin, None)?;
    limits::checked_name(&body.name)?;
    if body.scopes.is_empty() {
        let why = "scopes: expected some of read, write, people, admin";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why));
    }
    let mut body = body;
    body.scopes.sort_unstable();
    body.scopes.dedup();
    if let Some(workspace) = &body.workspace {
        state.core.as_of(&workspace.as_str().into()).await?;
    }
    limits::room(state.control.api_keys()?.len(), limits::KEYS_MAX, "keys")?;
    let (key, text) = state.control.create_api_key(&body.name, body.scopes, body.workspace)?;
    Ok((StatusCode::CREATED, Json(KeyOut { key, text })))
}

/// Revokes a key at once.
#[utoipa::path(delete, path = "/keys/{key}", params(("key" = String, Path)),
    responses((status = 204, description = "revoked")))]
pub(super) async fn delete(
    State(state): State<AdminState>,
    caller: Caller,
    Named(key): Named<String>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, None)?;
    let rules = |key: &&ApiKey| key.workspace.is_none() && key.scopes.contains(&Scope::Admin);
    let keys = state.control.api_keys()?;
    let rulers: Vec<&ApiKey> = keys.iter().filter(rules).collect();
    if rulers.len() == 1 && rulers.iter().any(|ruler| ruler.id == key) {
        let why = "it is the last key that may administer everything; make another one first";
        return Err(Problem::new(StatusCode::CONFLICT, why));
    }
    match state.control.delete_api_key(&key)? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(StatusCode::NOT_FOUND, "there is no such key")),
    }
}
