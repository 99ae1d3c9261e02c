//! What needs a person.

use super::auth::Caller;
use super::{AdminState, Problem};
use crate::alerts::Alert;
use crate::control::Scope;
use crate::shard::api::Items;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

/// Every alert that is up, with what to do. A key for one workspace sees those of that workspace.
#[utoipa::path(get, path = "/alerts", responses((status = 200, description = "alerts", body = Items<Alert>)))]
pub(super) async fn list(State(state): State<AdminState>, caller: Caller) -> Result<Json<Items<Alert>>, Problem> {
    let mut items = state.alerts.list();
    match caller.bound_to() {
        None => caller.may(Scope::Read, None)?,
        Some(bound) => {
            caller.may(Scope::Read, Some(&bound.into()))?;
            items.retain(|alert| alert.workspace.as_deref() == Some(bound));
        }
    }
    Ok(Json(Items { items }))
}

/// The operator's word that the clock is right: removals that waited since it leapt may go, on all lists.
#[utoipa::path(post, path = "/clock/confirm", responses((status = 204, description = "confirmed")))]
pub(super) async fn confirm_clock(State(state): State<AdminState>, caller: Caller) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin, None)?;
    let sync = state.sync.clone();
    let confirmed = tokio::task::spawn_blocking(move || sync.confirm_clock()).await;
    let unavailable = |why: String| Problem::new(StatusCode::SERVICE_UNAVAILABLE, why);
    confirmed.map_err(|why| unavailable(why.to_string()))?.map_err(|why| unavailable(why.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}
