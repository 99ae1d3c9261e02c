//! What happens to a list as a whole: emptied, forgotten, sent elsewhere; and how it is shown.

use super::list::List;
use super::record::{Compare, Confirmed, Member};
use super::settings::ListStatus;
use crate::store::db::StoreError;

/// Why a list waits after a restore.
pub(super) const RESTORED: &str =
    "the store was restored from a copy: resync compares the list and sends it whole, release sends it as it is";
/// Why a list sends nothing yet to a destination that is new.
const READING: &str = "the members that are there already are read first";
/// Identifiers shown of what would be sent next.
const SAMPLE_MAX: usize = 10;

impl List {
    /// Wants nobody any more: what the destination holds is to be removed.
    pub(super) fn empty(&mut self, sequence: u64) -> Result<(), StoreError> {
        self.in_flight = None;
        self.snapshot.clear();
        for entry in self.entries() {
            let (identifier, _) = entry?;
            self.amend(&identifier, |member| {
                member.desired = false;
                member.refusal = None;
                member.sequence = member.sequence.max(sequence);
            })?;
        }
        let mut record = self.record.clone();
        (record.emptying, record.sequence, record.removals_held) = (true, sequence, None);
        std::mem::swap(&mut self.record, &mut record);
        if let Err(why) = self.save() {
            self.record = record;
            return Err(why);
        }
        // An add-only list had no removals planned.
        self.plan_anew()
    }

    /// Forgets all members, and keeps of the list only that it is gone.
    pub(super) fn forget(&mut self, sequence: u64) -> Result<(), StoreError> {
        for key in self.tree.scan_prefix(&self.prefix).keys() {
            let key = key.map_err(|why| self.db.failed(why))?;
            self.tree.remove(key).map_err(|why| self.db.failed(why))?;
        }
        let mut record = super::record::ListRecord::new(
            self.record.workspace.clone(),
            self.record.definition.clone(),
            self.record.sequence.max(sequence),
        );
        record.removed = true;
        let bytes = record.encode()?;
        self.lists_tree.insert(&self.prefix, bytes).map_err(|why| self.db.failed(why))?;
        (self.record, self.destination, self.in_flight) = (record, None, None);
        Ok(())
    }

    /// Another destination: nothing is known of what it holds.
    pub(super) fn move_to(&mut self, destination: String) -> Result<(), StoreError> {
        if self.record.destination.as_ref() == Some(&destination) {
            return Ok(());
        }
        let moved = self.record.destination.replace(destination).is_some();
        if moved {
            self.record.first_sync = true;
            self.record.started = false;
            self.in_flight = None;
            self.snapshot.clear();
            self.set_confirmed(Confirmed::Out)?;
            self.disown()?;
        }
        self.ask_comparison(Compare::First);
        self.save()
    }

    /// A snapshot is to be sent; this survives a restart.
    pub(super) fn want_snapshot(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.record.snapshot_due, true) { Ok(()) } else { self.save() }
    }

    /// The store was restored from a copy: what the destination holds by now is not known. The
    /// list waits for the operator's word, and then everything is sent again.
    pub(super) fn restored(&mut self, at: u64) -> Result<(), StoreError> {
        self.send_all_again()?;
        (self.record.restored, self.record.snapshot_due) = (at, true);
        self.ask_comparison(Compare::First);
        if !self.record.emptying {
            self.record.held = Some(RESTORED.to_owned());
        }
        self.save()
    }

    /// Whether it is held because the store was restored.
    pub(super) fn is_held_as_restored(&self) -> bool {
        self.record.held.as_deref() == Some(RESTORED)
    }

    /// Sends everything again that is or was a member.
    pub(super) fn send_all_again(&mut self) -> Result<(), StoreError> {
        self.in_flight = None;
        self.set_confirmed(Confirmed::Unknown)
    }

    /// Nobody was made a member by us at a destination that is new.
    fn disown(&mut self) -> Result<(), StoreError> {
        for entry in self.entries() {
            let (identifier, member) = entry?;
            if member.was_ours() {
                self.amend(&identifier, |member| member.confirmed_sequence = 0)?;
            }
        }
        Ok(())
    }

    fn set_confirmed(&mut self, confirmed: Confirmed) -> Result<(), StoreError> {
        for entry in self.entries() {
            let (identifier, member) = entry?;
            // Who left by themselves stays out.
            if member.confirmed != Confirmed::Left && (member.desired || member.may_be_held()) {
                self.amend(&identifier, |member| {
                    member.confirmed = confirmed;
                    member.refusal = None;
                })?;
            }
        }
        Ok(())
    }

    /// A checkpoint is about to be written: members that were over before the last one go.
    /// Those that are over since may still come back in a replay. Where members can be read back,
    /// whom we had added stays known until a read shows that they are gone.
    pub(super) fn forget_over(&mut self) -> Result<(), StoreError> {
        let gone = std::mem::take(&mut self.over.1);
        self.over.1 = std::mem::take(&mut self.over.0);
        let before = self.record.forgotten_sequence;
        for over in gone {
            let member = self.member(&over.identifier)?;
            if member == Member::default() || !member.is_over() {
                continue;
            }
            if !over.seen && self.is_to_be_seen_gone(&member) {
                // Whether its members can be read is known once there is a destination.
                if self.destination.is_none() {
                    self.over.0.push(over);
                }
                continue;
            }
            self.record.forgotten_sequence = self.record.forgotten_sequence.max(member.sequence);
            let key = [self.prefix.as_slice(), over.identifier.as_bytes()].concat();
            self.tree.remove(key).map_err(|why| self.db.failed(why))?;
        }
        if self.record.forgotten_sequence == before { Ok(()) } else { self.save() }
    }

    /// Why it does not go on by itself, if it does not.
    fn reason(&self) -> Option<String> {
        let waits = || self.waits.values().next().cloned();
        let removals_held = || self.record.removals_held.clone().filter(|_| self.removals_wait);
        let braked = || {
            let (removals, confirmed) = (self.work.to_remove(), self.confirmed);
            self.removals_wait.then(|| format!("{removals} of {confirmed} members would be removed"))
        };
        let asked = self.record.stopped.clone().or_else(|| self.record.held.clone());
        let reading = || self.reads_first().then(|| READING.to_owned());
        let leaving = || self.reads.leaving.reason();
        asked.or_else(waits).or_else(reading).or_else(removals_held).or_else(braked).or_else(leaving)
    }

    /// What is shown of it.
    pub(super) fn status(&self) -> ListStatus {
        let millis = |wait: std::time::Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        ListStatus {
            workspace: self.record.workspace.to_string(),
            list: self.record.definition.id.to_string(),
            segment: self.record.definition.segment.to_string(),
            state: self.state(),
            reason: self.reason(),
            desired: self.desired,
            confirmed: self.confirmed,
            to_add: self.work.to_add(),
            to_remove: self.work.to_remove() + self.work.to_erase(),
            sample: self.work.next(true).take(SAMPLE_MAX).map(|(identifier, _)| identifier.to_string()).collect(),
            oldest_pending_ms: millis(self.work.oldest()),
            first_sync: self.record.first_sync,
            failures: self.failures.max(self.reads.failures),
            last_error: self.last_error.clone().or_else(|| self.reads.error.clone()),
            next_attempt_ms: self.pace.blocked_for().or_else(|| self.reads.waits()).map(millis),
            refused: self.refused.clone(),
            refused_count: self.refused_count,
            delivered: self.delivered,
            snapshot_parts_left: self.snapshot.len() as u64,
            last_snapshot: self.last_snapshot.clone(),
            last_reconciled: self.reads.last.clone(),
            reconciling: self.reads_back() && self.record.compare != Compare::No,
            drift_found: self.reads.found,
            drift_repaired: self.reads.repaired,
            strangers: self.reads.strangers,
            left: self.reads.leaving.found,
            mode: self.record.definition.mode,
            identifier: self.record.definition.identifier.clone(),
            consent: self.record.definition.consent,
        }
    }
}
