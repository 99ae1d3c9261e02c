//! Signed snapshots on a schedule, from which receivers that can't be read back repair themselves.

use super::list::List;
use super::service::{Slot, SyncService};
use super::settings::ListState;
use super::worker::{self, Step};
use crate::schedule::Changing;
use crate::store::db::StoreError;
use chrono::Utc;
use kit::sync::{SnapshotMember, SnapshotPart};
use std::collections::VecDeque;
use std::sync::Arc;

/// Makes the parts of a snapshot if one is due or wanted and none is under way.
pub(super) async fn prepare(
    service: &SyncService,
    slot: &Arc<Slot>,
    schedule: &mut Changing,
) -> Result<(), StoreError> {
    {
        let mut list = slot.lock();
        let expression = list.settings.snapshot_schedule.clone();
        let active = matches!(list.state(), ListState::Active | ListState::Braked);
        if schedule.due(&expression, Utc::now()) && active {
            list.want_snapshot()?;
        }
        let size = list.destination.as_ref().map_or(0, |to| to.capabilities().snapshot_members_max);
        if size == 0 || !active || !list.record.snapshot_due || !list.snapshot.is_empty() {
            return Ok(());
        }
    }
    // Reading a large list takes a while: not on a thread that others need.
    let slot = Arc::clone(slot);
    let made = service.workers.spawn_blocking(move || {
        let mut list = slot.lock();
        let members = list.snapshot_members()?;
        list.snapshot = parts(&list, &members);
        Ok(())
    });
    made.await.unwrap_or_else(|why| Err(StoreError::Unreadable { what: "list", why: why.to_string() }))
}

/// A part was sent, or not: it is tried again then, with the same id.
pub(super) fn sent(
    service: &SyncService,
    list: &mut List,
    part: &SnapshotPart,
    answer: Result<(), kit::failure::Failure>,
) -> Step {
    let current = list.snapshot.front().is_some_and(|front| front.id == part.id);
    match answer {
        Ok(()) => {
            worker::succeeded(service, list);
            if current {
                list.snapshot.pop_front();
                if list.snapshot.is_empty() {
                    list.last_snapshot = Some(Utc::now().to_rfc3339());
                    list.record.snapshot_due = false;
                    if let Err(why) = list.save() {
                        return worker::store_failed(&why);
                    }
                }
            }
            Step::Sent
        }
        Err(failure) => worker::failed(service, list, &failure, "snapshot"),
    }
}

fn parts(list: &List, members: &[SnapshotMember]) -> VecDeque<Arc<SnapshotPart>> {
    let size = list.destination.as_ref().map_or(1, |to| to.capabilities().snapshot_members_max).max(1);
    let snapshot = format!("snap_{}", uuid::Uuid::now_v7().simple());
    let as_of = Utc::now().to_rfc3339();
    let count = members.len().div_ceil(size).max(1);
    let part = |place: usize| SnapshotPart {
        id: format!("{snapshot}_{}", place + 1),
        snapshot: snapshot.clone(),
        list: list.record.definition.id.to_string(),
        segment: list.record.definition.segment.to_string(),
        as_of: as_of.clone(),
        sequence: list.sequence_base + list.newest_sequence,
        part: place + 1,
        parts: count,
        members: members.iter().skip(place * size).take(size).cloned().collect(),
    };
    (0..count).map(|place| Arc::new(part(place))).collect()
}
