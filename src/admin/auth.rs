//! Who asks, and what they may do.

use super::{AdminState, Problem};
use crate::control::{ApiKey, Scope};
use crate::ops::PEER_ADDRESS;
use crate::shard::api::Accepted;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use model::{Command, WorkspaceId};
use std::num::NonZeroU32;

/// Refused keys of one address: so many at once, and one more each second.
const FAILURES_BURST: u32 = 30;
/// Addresses remembered before those that were long quiet are forgotten.
const ADDRESSES_MAX: usize = 10_000;

/// Counts refused keys by address. A good key is never refused on account of bad ones: behind a
/// proxy everybody may share an address.
pub struct Failures(DefaultKeyedRateLimiter<String>);

impl Default for Failures {
    fn default() -> Failures {
        let burst = NonZeroU32::new(FAILURES_BURST).unwrap_or(NonZeroU32::MIN);
        Failures(RateLimiter::keyed(Quota::per_second(NonZeroU32::MIN).allow_burst(burst)))
    }
}

impl Failures {
    /// The answer to a refused key: 401, or 429 to an address that sends too many.
    fn refuse(&self, address: &str) -> Problem {
        if self.0.len() > ADDRESSES_MAX {
            self.0.retain_recent();
        }
        if self.0.check_key(&address.to_owned()).is_err() {
            tracing::warn!(address, "too many refused keys");
            return Problem::retry(StatusCode::TOO_MANY_REQUESTS, "too many refused keys; try again later", 1);
        }
        Problem::new(StatusCode::UNAUTHORIZED, "expected a known key: Authorization: Bearer sk_...")
    }
}

/// The key of a request.
pub(super) struct Caller(ApiKey);

impl FromRequestParts<AdminState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &AdminState) -> Result<Caller, Problem> {
        let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let given = text(header::AUTHORIZATION).and_then(|value| value.split_once(' '));
        let key = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, key)| key.trim());
        let known = match key {
            Some(key) => state.control.find_api_key(key)?,
            None => None,
        };
        known.map(Caller).ok_or_else(|| state.failures.refuse(text(PEER_ADDRESS).unwrap_or_default()))
    }
}

impl Caller {
    /// Whether the key has a scope, for a workspace if one is meant.
    pub(super) fn has(&self, scope: Scope, workspace: Option<&WorkspaceId>) -> bool {
        let bound = self.0.workspace.as_deref();
        let fits = match (bound, workspace) {
            (None, _) => true,
            (Some(bound), Some(workspace)) => bound == workspace.as_str(),
            (Some(_), None) => false,
        };
        fits && self.0.scopes.contains(&scope)
    }

    /// The one workspace that the key is for.
    pub(super) fn bound_to(&self) -> Option<&str> {
        self.0.workspace.as_deref()
    }

    /// Checks that the key has a scope, for a workspace if one is meant.
    pub(super) fn may(&self, scope: Scope, workspace: Option<&WorkspaceId>) -> Result<(), Problem> {
        if self.has(scope, workspace) {
            return Ok(());
        }
        let wanted = format!("{scope:?}").to_lowercase();
        Err(Problem::new(StatusCode::FORBIDDEN, format!("the key lacks the scope \"{wanted}\" here")))
    }

    /// Checks the scope for personal data, and notes the reading.
    pub(super) fn may_see_people(&self, workspace: &WorkspaceId, what: &str) -> Result<(), Problem> {
        self.may(Scope::People, Some(workspace))?;
        self.note(workspace, what);
        Ok(())
    }

    /// Whether personal data may be shown beside other things; notes the reading if so.
    pub(super) fn sees_people(&self, workspace: &WorkspaceId, what: &str) -> bool {
        let sees = self.has(Scope::People, Some(workspace));
        if sees {
            self.note(workspace, what);
        }
        sees
    }

    fn note(&self, workspace: &WorkspaceId, what: &str) {
        tracing::info!(target: "audit", key = %self.0.id, %workspace, what, "personal data read");
    }

    /// Notes a change to personal data.
    pub(super) fn changed_people(&self, workspace: &WorkspaceId, what: &str) {
        tracing::info!(target: "audit", key = %self.0.id, %workspace, what, "personal data changed");
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
