//! The worker of one list: sends the difference between desired and confirmed, in batches, at
//! its own pace, and waits as long as it takes. It delays no other list.

use super::compare::Reader;
use super::list::List;
use super::service::{Slot, SyncService};
use super::settings::{ListState, SyncDefaults};
use super::snapshot;
use crate::schedule::Changing;
use crate::store::db::StoreError;
use futures_util::FutureExt;
use kit::backoff::{Backoff, random};
use kit::failure::Failure;
use kit::sync::{Batch, Destination, SnapshotPart};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A worker looks at its list at least this often, whatever bell it missed.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// Rest when the store fails.
const STORE_REST: Duration = Duration::from_secs(2);
/// What an alert about a destination that is gone asks for.
pub(super) const STOPPED_TO_DO: &str = "mend the destination, then set it again";
/// So many failures in a row raise an alert.
pub(super) const FAILURES_ALERT: u32 = 10;
/// A call that is filling is looked at again after this.
const FILL_LOOK: Duration = Duration::from_millis(10);

/// What a step came to.
pub(super) enum Step {
    /// Something was sent; perhaps there is more.
    Sent,
    /// Nothing to do.
    Idle,
    /// A call is filling.
    Soon,
    /// It failed; nothing is sent for this long, unless the operator says so.
    Wait(Duration),
    /// The list is emptied and can be forgotten.
    Emptied,
}

/// What there is to send.
enum Choice {
    Batch(Arc<Batch>),
    Part(Arc<SnapshotPart>),
    Nothing(Step),
}

pub(super) async fn run(service: Weak<SyncService>, slot: Arc<Slot>) {
    let (mut schedule, mut reader) = (Changing::default(), Reader::default());
    // Parts of snapshots and reads take turns with changes.
    let mut part_next = false;
    loop {
        let pace = Arc::clone(&slot.lock().pace);
        if let Some(wait) = pace.blocked_for()
            && timeout(wait, slot.word.notified()).await.is_ok()
        {
            pace.unblock();
        }
        let Some(strong) = service.upgrade() else { return };
        // A word given before this step is heeded by it, and must not cut short a wait that the
        // step comes to; one given from here on does.
        let _ = slot.word.notified().now_or_never();
        part_next = !part_next;
        let mut step = step(&strong, &slot, &mut schedule, part_next).await;
        if part_next || matches!(step, Step::Idle) {
            match reader.advance(&strong, &slot).await {
                Some(read) if !matches!(step, Step::Wait(_) | Step::Emptied) => step = read,
                _ => {}
            }
        }
        drop(strong);
        match step {
            Step::Sent => {}
            Step::Soon => sleep(FILL_LOOK).await,
            Step::Idle => {
                let _ = timeout(LOOK_AT_LEAST_EVERY, async {
                    tokio::select! {
                        () = slot.bell.notified() => {}
                        () = slot.word.notified() => {}
                    }
                })
                .await;
            }
            Step::Wait(wait) => slot.lock().pace.block_for(wait),
            Step::Emptied => {
                let Some(service) = service.upgrade() else { return };
                match service.drop_emptied(&slot) {
                    Ok(true) => return,
                    // It was defined anew in between.
                    Ok(false) => {}
                    Err(why) => {
                        store_failed(&why);
                        sleep(STORE_REST).await;
                    }
                }
            }
        }
    }
}

async fn step(service: &Arc<SyncService>, slot: &Arc<Slot>, schedule: &mut Changing, part_next: bool) -> Step {
    if let Err(why) = snapshot::prepare(service, slot, schedule).await {
        return store_failed(&why);
    }
    let choice = {
        let mut list = slot.lock();
        if let Some(destination) = list.destination.clone()
            && let Err(why) = list.pass_refusals(destination.as_ref(), Instant::now())
        {
            return store_failed(&why);
        }
        let choice = choose(service, &mut list, part_next);
        list.destination.clone().map(|destination| (choice, destination, Arc::clone(&list.pace)))
    };
    let Some((choice, destination, pace)) = choice else { return Step::Idle };
    match choice {
        Choice::Nothing(step) => step,
        Choice::Part(part) => {
            pace.turn().await;
            let answer = destination.snapshot(&part).await;
            snapshot::sent(service, &mut slot.lock(), &part, answer)
        }
        Choice::Batch(batch) => match ready(service, slot, destination.as_ref(), batch).await {
            Ok(Some(batch)) => {
                pace.turn().await;
                deliver(service, slot, destination.as_ref(), &batch).await
            }
            // The list was emptied or moved meanwhile: look again.
            Ok(None) => Step::Sent,
            Err(step) => step,
        },
    }
}

/// Makes a batch ready to be sent: it has the properties that the list asks for, and its intent survives a crash.
async fn ready(
    service: &SyncService,
    slot: &Slot,
    destination: &dyn Destination,
    batch: Arc<Batch>,
) -> Result<Option<Arc<Batch>>, Step> {
    let workspace = {
        let list = slot.lock();
        if list.in_flight.as_ref().is_some_and(|sent| sent.durable) {
            return Ok(Some(batch));
        }
        list.record.workspace.clone()
    };
    let names = if destination.capabilities().fields { destination.fields() } else { Vec::new() };
    let batch = match names.is_empty() {
        true => batch,
        false => Arc::new(service.with_fields(&workspace, &batch, &names).await.map_err(|why| {
            tracing::warn!(%why, list = %batch.list, "the properties of people can't be looked up now");
            Step::Wait(STORE_REST)
        })?),
    };
    service.durable.flush().await.map_err(|why| store_failed(&why))?;
    let mut list = slot.lock();
    let Some(sent) = list.in_flight.as_mut().filter(|sent| sent.batch.id == batch.id) else { return Ok(None) };
    (sent.durable, sent.batch) = (true, Arc::clone(&batch));
    Ok(Some(batch))
}

fn choose(service: &SyncService, list: &mut List, part_next: bool) -> Choice {
    if !matches!(list.state(), ListState::Active | ListState::Emptying | ListState::Braked) {
        return Choice::Nothing(Step::Idle);
    }
    if list.record.emptying && list.work.is_empty() {
        return Choice::Nothing(Step::Emptied);
    }
    look_at_brake(service, list);
    let part = list.snapshot.front().filter(|_| !list.record.emptying).cloned();
    if let Some(part) = part.clone().filter(|_| part_next) {
        return Choice::Part(part);
    }
    if list.is_filling() {
        return part.map_or(Choice::Nothing(Step::Soon), Choice::Part);
    }
    match list.begin() {
        Ok(Some(batch)) => Choice::Batch(batch),
        Ok(None) => part.map_or(Choice::Nothing(Step::Idle), Choice::Part),
        Err(why) => Choice::Nothing(store_failed(&why)),
    }
}

/// Works out whether removals wait, and tells when that changes.
fn look_at_brake(service: &SyncService, list: &mut List) {
    let held = list.record.removals_held.clone();
    let brakes = list.brakes(&service.defaults);
    let waited = list.removals_wait;
    list.removals_wait = brakes || (held.is_some() && list.work.to_remove() > 0);
    if list.removals_wait == waited {
        return;
    }
    // A snapshot that is under way was made for the other case.
    if !list.snapshot.is_empty() {
        list.snapshot.clear();
        if let Err(why) = list.want_snapshot() {
            tracing::error!(%why, "that a snapshot is wanted can't be kept");
        }
    }
    let status = list.status();
    if list.removals_wait {
        let what = match held {
            Some(why) => format!("removals are held: {why}"),
            None => format!("{} of {} members would be removed", status.to_remove, status.confirmed),
        };
        service.alerts.raise("brake", &status.list, Some(&status.workspace), &what, "look at the list and confirm");
    } else {
        service.alerts.clear("brake", &status.list, Some(&status.workspace));
    }
}

pub(super) fn store_failed(why: &StoreError) -> Step {
    tracing::error!(%why, "a list can't be written");
    Step::Wait(STORE_REST)
}

async fn deliver(service: &SyncService, slot: &Slot, destination: &dyn Destination, batch: &Batch) -> Step {
    let reads_back = destination.capabilities().read_back;
    let sending = |list: &mut List| {
        if reads_back {
            let (identifiers, lag) = (batch.changes.iter().map(|change| change.identifier.as_str()), list.lag());
            list.reads.recent.sent(identifiers, Instant::now(), lag);
        }
        list.authorizations
    };
    let authorizations = sending(&mut slot.lock());
    let answer = destination.push(batch).await;
    let mut list = slot.lock();
    let anew = sending(&mut list) != authorizations;
    // The answer of a destination that was replaced meanwhile says nothing of the new one.
    if list.record.destination.as_ref() != Some(&super::commands::identity(destination)) {
        return Step::Sent;
    }
    match answer {
        Ok(refusals) => {
            let refused: BTreeMap<String, String> =
                refusals.into_iter().map(|refusal| (refusal.identifier, refusal.reason)).collect();
            if let Err(why) = list.confirm(batch, &refused) {
                return store_failed(&why);
            }
            succeeded(service, &mut list);
            Step::Sent
        }
        // Refused with what was granted before: it may be accepted by now.
        Err(Failure::NeedsAuthorization(_)) if anew => Step::Sent,
        Err(failure) => failed(service, &mut list, &failure, "changes"),
    }
}

/// A call got through.
pub(super) fn succeeded(service: &SyncService, list: &mut List) {
    if list.failures > 0 {
        let (workspace, id) = (&list.record.workspace, &list.record.definition.id);
        service.alerts.clear("destination", id.as_str(), Some(workspace.as_str()));
    }
    list.failures = 0;
    list.last_error = None;
    list.delivered += 1;
}

/// What a failure means for the list: wait, or stop until a person acts.
pub(super) fn failed(service: &SyncService, list: &mut List, failure: &Failure, what: &str) -> Step {
    list.failures = list.failures.saturating_add(1);
    list.last_error = Some(format!("{what}: {failure}"));
    let (workspace, id) = (list.record.workspace.to_string(), list.record.definition.id.to_string());
    tracing::debug!(%workspace, list = %id, failures = list.failures, %failure, "a call to a destination failed");
    let raise = |to_do| service.alerts.raise("destination", &id, Some(&workspace), &failure.to_string(), to_do);
    let wait = |after| Step::Wait(backoff(&service.defaults).wait(list.failures, after, random()));
    match failure {
        Failure::Gone(_) | Failure::NeedsAuthorization(_) => {
            list.record.stopped = Some(failure.to_string());
            list.record.unauthorized = matches!(failure, Failure::NeedsAuthorization(_));
            if let Err(why) = list.save().and_then(|()| service.db.make_durable()) {
                tracing::error!(%why, "that a list is stopped can't be kept");
            }
            raise(STOPPED_TO_DO);
            return Step::Idle;
        }
        Failure::Blocked(_) => raise("see what the platform asks for; it is tried again"),
        _ if list.failures >= FAILURES_ALERT => raise("look at the destination; it is tried again"),
        _ => {}
    }
    match failure {
        Failure::Retry { after, .. } => wait(*after),
        _ => wait(None),
    }
}

pub(super) fn backoff(defaults: &SyncDefaults) -> Backoff {
    Backoff {
        first: Duration::from_millis(defaults.retry_first_ms.max(1)),
        longest: Duration::from_millis(defaults.retry_longest_ms.max(1)),
    }
}
