//! The worker of one list: sends the difference between desired and confirmed, in batches, at
//! its own pace, and waits as long as it takes.

use super::service::{Slot, SyncService};
use super::settings::{ListState, SyncDefaults};
use super::snapshot;
use kit::backoff::{Backoff, random};
use kit::failure::Failure;
use kit::sync::{Batch, Destination};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// A worker looks at its list at least this often, whatever bell it missed.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);

pub(super) enum Step {
    /// Something was sent; perhaps there is more.
    Sent,
    /// Nothing to do.
    Idle,
    /// It failed; wait.
    Wait(Duration),
    /// The list is emptied and can be forgotten.
    Emptied,
    /// The daemon stops.
    End,
}

pub(super) async fn run(service: Weak<SyncService>, slot: Arc<Slot>) {
    let mut schedule = snapshot::Schedule::default();
    let mut next_call = Instant::now();
    loop {
        sleep_until(next_call).await;
        let step = match service.upgrade() {
            Some(service) => step(&service, &slot, &mut schedule).await,
            None => Step::End,
        };
        match step {
            Step::Sent => {
                let pace = slot.lock().settings.calls_per_second.clamp(1, 1_000);
                next_call = Instant::now() + Duration::from_secs(1) / pace;
            }
            Step::Idle => {
                let _ = timeout(LOOK_AT_LEAST_EVERY, slot.bell.notified()).await;
            }
            Step::Wait(wait) => sleep(wait).await,
            Step::Emptied => {
                let (workspace, list) = {
                    let list = slot.lock();
                    (list.workspace.clone(), list.definition.id.clone())
                };
                if let Some(service) = service.upgrade()
                    && let Err(why) = service.drop_list(&workspace, &list)
                {
                    tracing::error!(%why, %list, "an emptied list can't be forgotten");
                }
                return;
            }
            Step::End => return,
        }
    }
}

/// What a look at the list came to.
enum Choice {
    Send(Batch, Arc<dyn Destination>),
    Snapshot(Arc<dyn Destination>),
    Nothing(Step),
}

async fn step(service: &Arc<SyncService>, slot: &Slot, schedule: &mut snapshot::Schedule) -> Step {
    let (batch, destination) = match choose(service, slot) {
        Choice::Send(batch, destination) => (batch, destination),
        Choice::Snapshot(destination) => return snapshot::step(slot, destination.as_ref(), schedule).await,
        Choice::Nothing(step) => return step,
    };
    let db = service.db.clone();
    match tokio::task::spawn_blocking(move || db.make_durable()).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return store_failed(&why),
        Err(_) => return Step::End,
    }
    deliver(service, slot, destination.as_ref(), &batch).await
}

fn choose(service: &SyncService, slot: &Slot) -> Choice {
    let held = service.removals_held();
    let mut list = slot.lock();
    let Some(destination) = list.destination.clone() else { return Choice::Nothing(Step::Idle) };
    if !matches!(list.state(), ListState::Active | ListState::Emptying | ListState::Braked) {
        return Choice::Nothing(Step::Idle);
    }
    if list.emptying && !list.has_work() {
        return Choice::Nothing(Step::Emptied);
    }
    let was_braked = list.braked;
    let removes = !list.brake(&service.defaults) && held.is_none();
    if !removes && list.removes_something() && !was_braked {
        brake_alert(service, &list.status(), held.as_deref());
    }
    list.braked |= held.is_some() && list.removes_something();
    if !list.has_work() {
        return Choice::Snapshot(destination);
    }
    match list.begin(destination.capabilities().batch_changes_max, removes) {
        // Additions go on; what is left waits for the operator's word.
        Ok(changes) if changes.is_empty() => Choice::Nothing(Step::Idle),
        Ok(changes) => {
            let batch = Batch {
                id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
                list: list.definition.id.to_string(),
                segment: list.definition.segment.to_string(),
                changes,
            };
            Choice::Send(batch, destination)
        }
        Err(why) => Choice::Nothing(store_failed(&why)),
    }
}

fn brake_alert(service: &SyncService, status: &super::settings::ListStatus, held: Option<&str>) {
    let what = match held {
        Some(why) => format!("removals are held: {why}"),
        None => format!("{} of {} members would be removed", status.to_remove, status.confirmed),
    };
    service.alerts.raise("brake", &status.list, Some(&status.workspace), &what, "look at the list and confirm");
}

fn store_failed(why: &crate::store::db::StoreError) -> Step {
    tracing::error!(%why, "a list can't be written");
    Step::Wait(Duration::from_secs(5))
}

async fn deliver(service: &SyncService, slot: &Slot, destination: &dyn Destination, batch: &Batch) -> Step {
    let answer = destination.push(batch).await;
    let mut list = slot.lock();
    match answer {
        Ok(refusals) => {
            let refused: BTreeMap<String, String> =
                refusals.into_iter().map(|refusal| (refusal.identifier, refusal.reason)).collect();
            if let Err(why) = list.confirm(&batch.changes, &refused) {
                return store_failed(&why);
            }
            list.failures = 0;
            list.last_error = None;
            list.delivered += 1;
            Step::Sent
        }
        Err(failure) => {
            list.failures = list.failures.saturating_add(1);
            list.last_error = Some(failure.to_string());
            failed(service, &mut list, &failure)
        }
    }
}

/// What a failure means for the list: wait, or stop until a person acts.
pub(super) fn failed(service: &SyncService, list: &mut super::list::List, failure: &Failure) -> Step {
    let (workspace, id) = (list.workspace.to_string(), list.definition.id.to_string());
    match failure {
        Failure::Gone(_) | Failure::NeedsAuthorization(_) => {
            list.stopped = Some(failure.to_string());
            let what_to_do = "mend the destination, then set it again";
            service.alerts.raise("destination", &id, Some(&workspace), &failure.to_string(), what_to_do);
            Step::Idle
        }
        Failure::Retry { after, .. } => Step::Wait(backoff(&service.defaults).wait(list.failures, *after, random())),
        Failure::Refused(_) | Failure::PlatformChanged(_) => {
            Step::Wait(backoff(&service.defaults).wait(list.failures, None, random()))
        }
    }
}

fn backoff(defaults: &SyncDefaults) -> Backoff {
    Backoff {
        first: Duration::from_millis(defaults.retry_first_ms.max(1)),
        longest: Duration::from_millis(defaults.retry_longest_ms.max(1)),
    }
}

impl Step {
    pub(super) fn idle() -> Step {
        Step::Idle
    }
}
