//! Signed snapshots on a schedule, from which receivers that can't be read back repair themselves.

use super::service::Slot;
use super::worker::Step;
use chrono::{DateTime, Utc};
use cron::Schedule as Cron;
use kit::sync::{Destination, SnapshotPart};
use std::str::FromStr;

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

/// Sends a snapshot if one is due or wanted.
pub(super) async fn step(slot: &Slot, destination: &dyn Destination, schedule: &mut Schedule) -> Step {
    let size = destination.capabilities().snapshot_members_max;
    let parts = {
        let mut list = slot.lock();
        let due = schedule.due(&list.settings.snapshot_schedule.clone(), Utc::now()) || list.snapshot_wanted;
        if size == 0 || !due {
            return Step::idle();
        }
        list.snapshot_wanted = true;
        match list.members() {
            Ok(members) => parts(&list, members, size),
            Err(why) => {
                tracing::error!(%why, "a list can't be read");
                return Step::Wait(std::time::Duration::from_secs(5));
            }
        }
    };
    let count = parts.len();
    for part in parts {
        if let Err(failure) = destination.snapshot(&part).await {
            let mut list = slot.lock();
            list.failures = list.failures.saturating_add(1);
            list.last_error = Some(format!("snapshot part {} of {count}: {failure}", part.part));
            return Step::Wait(std::time::Duration::from_secs(u64::from(list.failures.min(60))));
        }
    }
    let mut list = slot.lock();
    list.snapshot_wanted = false;
    list.failures = 0;
    list.last_error = None;
    list.last_snapshot = Some(Utc::now().to_rfc3339());
    Step::Sent
}

fn parts(list: &super::list::List, members: Vec<(String, u64)>, size: usize) -> Vec<SnapshotPart> {
    let snapshot = format!("snap_{}", uuid::Uuid::now_v7().simple());
    let as_of = Utc::now().to_rfc3339();
    let chunks: Vec<&[(String, u64)]> = if members.is_empty() { vec![&[]] } else { members.chunks(size).collect() };
    let count = chunks.len();
    let part = |(place, chunk): (usize, &&[(String, u64)])| SnapshotPart {
        id: format!("{snapshot}_{}", place + 1),
        snapshot: snapshot.clone(),
        list: list.definition.id.to_string(),
        segment: list.definition.segment.to_string(),
        as_of: as_of.clone(),
        sequence: list.newest_sequence,
        part: place + 1,
        parts: count,
        members: chunk.to_vec(),
    };
    chunks.iter().enumerate().map(part).collect()
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
