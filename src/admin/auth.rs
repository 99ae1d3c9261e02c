//! Who asks, and what they may do.

use super::{AdminState, Problem};
use crate::control::{ApiKey, Scope};
use crate::shard::api::Accepted;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use model::{Command, WorkspaceId};

/// The key of a request.
pub(super) struct Caller(ApiKey);

impl FromRequestParts<AdminState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Caller, Problem> {
        let refused = || Problem::new(StatusCode::UNAUTHORIZED, "expected a known key: Authorization: Bearer sk_...");
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, key) = value.and_then(|value| value.split_once(' ')).ok_or_else(refused)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refused());
        }
        state.control.find_api_key(key.trim())?.map(Caller).ok_or_else(refused)
    }
}

impl Caller {
    /// Checks that the key has a scope, for a workspace if one is meant.
    pub(super) fn may(&self, scope: Scope, workspace: Option<&WorkspaceId>) -> Result<(), Problem> {
        let bound = self.0.workspace.as_deref();
        let fits = match (bound, workspace) {
            (None, _) => true,
            (Some(bound), Some(workspace)) => bound == workspace.as_str(),
            (Some(_), None) => false,
        };
        if fits && self.0.scopes.contains(&scope) {
            return Ok(());
        }
        let wanted = format!("{scope:?}").to_lowercase();
        Err(Problem::new(StatusCode::FORBIDDEN, format!("the key lacks the scope \"{wanted}\" here")))
    }

    /// Checks the scope for personal data, and notes the reading.
    pub(super) fn may_see_people(&self, workspace: &WorkspaceId, what: &str) -> Result<(), Problem> {
        self.may(Scope::People, Some(workspace))?;
        tracing::info!(target: "audit", key = %self.0.id, %workspace, what, "personal data read");
        Ok(())
    }
}

/// Submits commands and waits until they are applied, so that whoever reads next sees them.
pub(super) async fn apply(
    state: &AdminState,
    workspace: &WorkspaceId,
    commands: Vec<Command>,
) -> Result<Accepted, Problem> {
    let accepted = state.core.submit(workspace, commands).await?;
    state.core.applied(workspace, accepted.position).await?;
    Ok(accepted)
}
