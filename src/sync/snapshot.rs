//! Signed snapshots on a schedule, from which receivers that can't be read back repair themselves.

use super::list::List;
use super::service::{Slot, SyncService};
use super::settings::ListState;
use super::worker::{self, Step};
use crate::store::db::StoreError;
use chrono::{DateTime, Utc};
use cron::Schedule as Cron;
use kit::sync::{SnapshotMember, SnapshotPart};
use std::collections::VecDeque;
use std::str::FromStr;
use std::sync::Arc;

/// When the next snapshot of a list is due.
#[derive(Default)]
pub(super) struct Schedule {
    text: String,
    next: Option<DateTime<Utc>>,
}

/// Checks a cron expression: seconds first, and it must come true one day.
pub fn check(expression: &str) -> Result<(), String> {
    if expression.is_empty() {
        return Ok(());
    }
    let cron = Cron::from_str(expression).map_err(|why| format!("not a cron expression (seconds first): {why}"))?;
    match cron.after(&Utc::now()).next() {
        Some(_) => Ok(()),
        None => Err("this schedule never comes true".to_owned()),
    }
}

impl Schedule {
    /// Whether a snapshot is due by now; the next one is worked out when it was.
    fn due(&mut self, expression: &str, now: DateTime<Utc>) -> bool {
        let next = || Cron::from_str(expression).ok().and_then(|cron| cron.after(&now).next());
        if self.text != expression {
            self.text = expression.to_owned();
            self.next = next();
        }
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = next();
        }
        due
    }
}

/// Makes the parts of a snapshot if one is due or wanted and none is under way.
pub(super) async fn prepare(
    service: &SyncService,
    slot: &Arc<Slot>,
    schedule: &mut Schedule,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_that_never_come_true_are_refused() {
        assert!(check("0 17 * * * *").is_ok());
        assert!(check("").is_ok());
        assert!(check("*/5 * * * *").is_err());
        assert!(check("0 0 0 30 2 *").is_err());
    }

    #[test]
    fn a_schedule_is_due_once_for_each_of_its_instants() {
        let mut schedule = Schedule::default();
        let start = DateTime::parse_from_rfc3339("2026-03-01T10:00:30Z").unwrap().with_timezone(&Utc);
        assert!(!schedule.due("0 * * * * *", start));
        let later = start + chrono::TimeDelta::seconds(31);
        assert!(schedule.due("0 * * * * *", later));
        assert!(!schedule.due("0 * * * * *", later));
    }
}
