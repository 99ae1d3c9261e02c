//! Sees to what is registered on the platform: subscriptions die there without a word.

use super::service::Shared;
use super::slot::{Pulse, Slot, watched};
use super::worker::{self, Ended};
use crate::schedule::Schedule;
use chrono::Utc;
use kit::install::Registered;
use std::time::Duration;
use tokio::time::sleep;

/// Registers at once, then on the schedule, until the connection needs a person.
pub(super) async fn run(shared: &Shared, slot: &Slot) -> Ended {
    let Some(install) = slot.connector.install else { return std::future::pending().await };
    let mut schedule = match Schedule::new(&shared.settings.register_schedule, Utc::now()) {
        Ok(schedule) => schedule,
        Err(why) => {
            tracing::error!(why, "the schedule of registrations");
            return std::future::pending().await;
        }
    };
    let (scope, mut failures, mut due) = (&slot.scope, 0_u32, true);
    loop {
        let mut wait = schedule.wait(Utc::now());
        if due {
            let pulse = Pulse::new();
            let registering = async {
                let registered = install.register(&slot.connection).await?;
                shared.callbacks.keeper.registered(&scope.workspace, &scope.source, &registered).await?;
                Ok(registered)
            };
            match watched(registering, &pulse, shared.settings.fetch_max).await {
                Ok(registered) => {
                    (failures, due) = (0, false);
                    shared.alerts.clear("registration", scope.source.as_str(), Some(scope.workspace.as_str()));
                    show(shared, slot, &registered);
                }
                Err(failure) => {
                    if let Some(ended) = worker::ends(&failure) {
                        return ended;
                    }
                    failures = failures.saturating_add(1);
                    slot.shown().registration.last_error = Some(failure.to_string());
                    worker::alert_of(shared, scope, "registration", scope.source.as_str(), failures, &failure);
                    wait = worker::wait_after(shared, failures, &failure);
                }
            }
        }
        tokio::select! {
            () = sleep(wait.max(Duration::from_millis(1))) => {}
            () = slot.register_word.notified() => due = true,
        }
        due |= schedule.due(Utc::now());
    }
}

fn show(shared: &Shared, slot: &Slot, registered: &Registered) {
    let now = shared.clock.now().to_string();
    let (workspace, source) = (&slot.scope.workspace, &slot.scope.source);
    let mut shown = slot.shown();
    let first = shown.registration.checked.is_none();
    if !registered.made.is_empty() {
        let made = registered.made.join(", ");
        tracing::info!(%workspace, %source, made, first, "what was missing on the platform was registered");
        shown.registration.last_repair = Some(now.clone());
    }
    if !registered.refused.is_empty() && registered.refused != shown.registration.refused {
        tracing::warn!(%workspace, %source, refused = registered.refused.join(", "), "the platform does not allow");
    }
    shown.registration.checked = Some(now);
    shown.registration.repaired = registered.made.clone();
    shown.registration.kept = registered.kept;
    shown.registration.refused = registered.refused.clone();
    shown.registration.last_error = None;
}
