//! The worker of one connection: reads it, fetches, and registers, side by side, until it is told to end or a
//! person has to act. It delays no other connection.

use super::keys::Scope;
use super::service::Shared;
use super::slot::Slot;
use super::{fetch, life, registration};
use crate::store::db::StoreError;
use kit::backoff::random;
use kit::failure::Failure;
use model::Time;
use std::sync::Arc;
use std::time::Duration;

/// So many failures in a row raise an alert, where trying again may help.
const FAILURES_ALERT: u32 = 10;

/// Why a worker ends by itself: a person has to act.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ended(pub(super) String);

/// Runs until it is told to end. Whatever is under way then is cut, and made again by the next run.
pub(super) async fn run(shared: Arc<Shared>, slot: Arc<Slot>) {
    let ended = tokio::select! {
        ended = life::run(&shared, &slot) => ended,
        ended = fetch::run(&shared, &slot) => ended,
        ended = registration::run(&shared, &slot) => ended,
        () = slot.cancel.cancelled() => return,
        () = shared.stop.cancelled() => return,
    };
    let (workspace, source) = (&slot.scope.workspace, &slot.scope.source);
    tracing::warn!(%workspace, %source, why = ended.0, "a connection waits for a person");
    slot.shown().paused = Some(ended.0.clone());
    shared.callbacks.keeper.needs_authorization(workspace, source, &ended.0);
}

/// Whether a failure needs a person.
pub(super) fn ends(failure: &Failure) -> Option<Ended> {
    match failure {
        Failure::NeedsAuthorization(_) | Failure::Gone(_) => Some(Ended(failure.to_string())),
        _ => None,
    }
}

/// How long to wait after so many failures in a row.
pub(super) fn wait_after(shared: &Shared, failures: u32, failure: &Failure) -> Duration {
    let asked = if let Failure::Retry { after, .. } = failure { *after } else { None };
    shared.settings.backoff.wait(failures, asked, random())
}

/// Tells a person: at once of what is refused, and of the rest when it lasts.
pub(super) fn alert_of(shared: &Shared, scope: &Scope, kind: &str, subject: &str, failures: u32, failure: &Failure) {
    let (workspace, source) = (&scope.workspace, &scope.source);
    tracing::debug!(%workspace, %source, kind, failures, %failure, "a call to a platform failed");
    if matches!(failure, Failure::Retry { .. }) && failures < FAILURES_ALERT {
        return;
    }
    let to_do = match failure {
        Failure::Blocked(_) => "see what the platform asks for; it is tried again",
        Failure::Refused(_) => "see what the app may do on the platform; it is tried again",
        Failure::PlatformChanged(_) => "look for a newer version; it is tried again",
        _ => "look at the platform; it is tried again",
    };
    shared.alerts.raise(kind, subject, Some(workspace.as_str()), &failure.to_string(), to_do);
}

/// Tells a person when polls find what deliveries should have told of, and these tell of nothing.
pub(super) fn listen(shared: &Shared, slot: &Slot) {
    let (scope, now) = (&slot.scope, shared.clock.now());
    if slot.connector.receive.is_none() {
        return;
    }
    let (subject, workspace) = (scope.source.as_str(), Some(scope.workspace.as_str()));
    match shared.inbox.completeness().silence(scope, now) {
        Ok(Some(share)) => {
            let what = format!("polls found {} changes of which no delivery told", share.found);
            let to_do = "see whether the platform still sends what it is to send, and to which address; polls go on";
            shared.alerts.raise("silent", subject, workspace, &what, to_do);
        }
        Ok(None) => shared.alerts.clear("silent", subject, workspace),
        Err(why) => tracing::warn!(%why, source = %scope.source, "how complete deliveries are can't be told"),
    }
}

/// From when on polls tell how complete deliveries are.
pub(super) fn counts_from(shared: &Shared, scope: &Scope) -> Result<Time, StoreError> {
    let backfilled = shared.inbox.cursors.connection(scope)?.and_then(|record| record.backfilled);
    let settle = i64::try_from(shared.settings.settle.as_micros()).unwrap_or(i64::MAX);
    Ok(backfilled.map_or(Time::MAX, |at| at.plus_micros(settle)))
}
