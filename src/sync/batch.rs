//! What goes out in one call, and what its answer means.

use super::list::{InFlight, List};
use super::record::{Confirmed, Member};
use super::work::Task;
use crate::store::db::StoreError;
use kit::sync::{Batch, Change, SyncCapabilities};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Fewer changes than these never wait for others.
const FILL_CHANGES_MIN: u64 = 50;
/// Changes are coming as long as the newest is younger than this.
const FILL_STILL_COMES: Duration = Duration::from_millis(50);
/// No change waits longer for others.
const FILL_WAIT_MAX: Duration = Duration::from_secs(1);

impl List {
    /// The batch to send: the one that was begun, or a new one of the oldest changes. The caller
    /// makes it durable before anything is sent.
    pub(super) fn begin(&mut self) -> Result<Option<Arc<Batch>>, StoreError> {
        let wait = self.no_removals_now();
        if let Some(sent) = self.in_flight.as_ref().filter(|sent| !(sent.stale || sent.removes && wait)) {
            return Ok(Some(Arc::clone(&sent.batch)));
        }
        self.in_flight = None;
        let next = self.next_identifiers();
        let mut changes = Vec::with_capacity(next.len());
        let mut removals = 0;
        for (identifier, task) in next {
            removals += u64::from(task == Task::Remove);
            let before = self.member(&identifier)?;
            changes.push(Change {
                person: before.person.clone(),
                member: task == Task::Add,
                sequence: self.sequence_base + before.sequence,
                at: before.at.to_string(),
                cause: before.cause_text().to_owned(),
                identifier: identifier.to_string(),
                fields: BTreeMap::new(),
            });
            let after = Member { confirmed: Confirmed::Unknown, ..before.clone() };
            if after != before {
                self.write(&identifier, &before, &after)?;
            }
        }
        if changes.is_empty() {
            return Ok(None);
        }
        self.brake.removed(removals, Instant::now());
        let identifiers = changes.iter().map(|change| change.identifier.clone()).collect();
        let batch = Arc::new(Batch {
            id: format!("msg_{}", uuid::Uuid::now_v7().simple()),
            list: self.record.definition.id.to_string(),
            segment: self.record.definition.segment.to_string(),
            first_sync: self.record.first_sync,
            changes,
        });
        let sent = Arc::clone(&batch);
        self.in_flight = Some(InFlight { batch, identifiers, removes: removals > 0, stale: false, durable: false });
        Ok(Some(sent))
    }

    /// Whether removals wait for the operator, or until a comparison has found all that are to be made.
    fn no_removals_now(&self) -> bool {
        self.removals_wait || self.reads.finding
    }

    fn batch_changes_max(&self, can: &SyncCapabilities) -> usize {
        match self.settings.batch_changes_max {
            0 => can.batch_changes_max,
            asked => asked.min(can.batch_changes_max),
        }
    }

    /// Whether a call that takes additions beside removals is better sent a moment later: both sides of it are
    /// filling just now. A few changes go at once, and nothing waits for longer than [`FILL_WAIT_MAX`].
    pub(super) fn is_filling(&self) -> bool {
        let Some(can) = self.destination.as_ref().map(|destination| destination.capabilities()) else { return false };
        let side = can.batch_side_max;
        if self.in_flight.is_some() || side == 0 || self.batch_changes_max(&can) <= side {
            return false;
        }
        let removals = if self.no_removals_now() { 0 } else { self.work.to_remove() };
        let (adding, leaving) = (self.work.to_add(), removals + self.work.to_erase());
        let full = adding.min(leaving) >= side as u64;
        let comes = self.work.newest().is_some_and(|newest| newest < FILL_STILL_COMES);
        adding + leaving >= FILL_CHANGES_MIN && !full && comes && self.work.oldest() < FILL_WAIT_MAX
    }

    /// The next identifiers that fit into one call.
    fn next_identifiers(&self) -> Vec<(Arc<str>, Task)> {
        let Some(can) = self.destination.as_ref().map(|destination| destination.capabilities()) else {
            return Vec::new();
        };
        let limit = self.batch_changes_max(&can);
        /// A person's stable id and its place in the message, about.
        const PERSON_BYTES: usize = 40;
        let mut bytes = 0;
        let fits = |(identifier, _): &(Arc<str>, Task)| {
            bytes += identifier.len() + PERSON_BYTES + kit::sync::CHANGE_FRAME_BYTES;
            can.batch_bytes_max == 0 || bytes <= can.batch_bytes_max
        };
        let side = if can.batch_side_max == 0 { usize::MAX } else { can.batch_side_max };
        let first = self.work.next(!self.no_removals_now()).take(1);
        let oldest = self.work.next_by_side(!self.no_removals_now(), side);
        let fitting: Vec<_> = oldest.take(limit.max(1)).take_while(fits).collect();
        if fitting.is_empty() { first.collect() } else { fitting }
    }

    /// The destination took the changes, but for the refused ones. What was desired otherwise in
    /// the meantime stays to be sent.
    pub(super) fn confirm(&mut self, batch: &Batch, refused: &BTreeMap<String, String>) -> Result<(), StoreError> {
        if self.in_flight.as_ref().is_some_and(|sent| sent.batch.id == batch.id) {
            self.in_flight = None;
        }
        for change in &batch.changes {
            let before = self.member(&change.identifier)?;
            let mut after = before.clone();
            let sequence = change.sequence.saturating_sub(self.sequence_base);
            let as_sent = if change.member { Confirmed::In } else { Confirmed::Out };
            match refused.get(&change.identifier) {
                Some(reason) if after.sequence == sequence => {
                    after.refusal = Some(reason.clone());
                    self.passing.refused(&change.identifier, reason);
                    after.confirmed = if change.member { Confirmed::Out } else { Confirmed::In };
                }
                // Refused what is no longer desired: what the destination holds is still not known.
                Some(_) => {}
                None => (after.confirmed, after.confirmed_sequence) = (as_sent, sequence),
            }
            self.write(&change.identifier, &before, &after)?;
        }
        if self.record.first_sync && self.work.is_empty() {
            self.record.first_sync = false;
            self.save()?;
        }
        Ok(())
    }
}
