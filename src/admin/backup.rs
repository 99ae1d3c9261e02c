//! A consistent copy of everything, taken while the daemon runs.

use super::auth::Caller;
use super::input::Body;
use super::{AdminState, Problem};
use crate::control::Scope;
use crate::store::backup;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use utoipa::ToSchema;

/// Where the copy goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupIn {
    /// An absolute path on the daemon's machine, where no file is yet.
    pub path: String,
}

/// What was copied.
#[derive(Serialize, ToSchema)]
pub struct BackupOut {
    /// Entries of the store.
    pub entries: u64,
    /// Records of the log after the checkpoint.
    pub records: u64,
}

/// Writes a consistent copy of everything to a file on the daemon's machine.
#[utoipa::path(post, path = "/backup", request_body = BackupIn,
    responses((status = 200, description = "what was copied", body = BackupOut)))]
pub(super) async fn take(
    State(state): State<AdminState>,
    caller: Caller,
    Body(body): Body<BackupIn>,
) -> Result<Json<BackupOut>, Problem> {
    caller.may(Scope::Admin, None)?;
    let BackupIn { path } = body;
    let path = PathBuf::from(path);
    let wrong = |why: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, why);
    if !path.is_absolute() || path.exists() {
        return Err(wrong("path: expected an absolute path where no file is yet".to_owned()));
    }
    let Some(shards) = state.shards.clone() else {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "there is no store to copy"));
    };
    let taken = tokio::task::spawn_blocking(move || backup::write(&Arc::clone(&shards), &path)).await;
    match taken {
        Ok(Ok(summary)) => Ok(Json(BackupOut { entries: summary.entries, records: summary.records })),
        Ok(Err(why)) => Err(wrong(why.to_string())),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "the copy was not finished")),
    }
}
