//! Members who leave a destination by themselves: where that is how people unsubscribe there, it is heeded.
//!
//! First it is told in the connection's name, durably, that they withdrew their consent; when every effect of that is
//! known, it is noted of the member. Whatever is cut off in between is found again by the next read: until it is noted
//! they count as members, and are not added. A large part of a list that is missing at once may as well be somebody's
//! mistake: it waits for the operator's word, and until then nobody is added or told of.

use super::list::List;
use super::people::Departure;
use super::record::{Confirmed, DRIFT, Member};
use super::service::{Slot, SyncService};
use super::settings::SyncDefaults;
use crate::store::db::StoreError;
use kit::failure::Failure;
use model::{Channel, ListIdentifier};
use std::sync::Arc;

/// So many may leave between two reads, whatever the size of the list.
const FEW: u64 = 10;
/// Told of in one go.
const TOLD_AT_ONCE: usize = 100;
const TO_DO: &str = "if they left by themselves, confirm (segmentd sync confirm LIST); if not, resync adds them again";

/// What is known of those who left, since the start.
#[derive(Default)]
pub(super) struct Leaving {
    /// How many.
    pub(super) found: u64,
    /// Missing, of so many: they wait for the operator.
    waiting: Option<(u64, u64)>,
    /// The operator's word that they left; holds for the next comparison.
    confirmed: bool,
}

impl Leaving {
    /// Whether some wait for the operator.
    pub(super) fn waits(&self) -> bool {
        self.waiting.is_some()
    }

    /// Why they wait.
    pub(super) fn reason(&self) -> Option<String> {
        self.waiting.map(|(missing, held)| format!("{missing} of {held} members are missing there"))
    }

    /// The operator's word; false if nobody waits for it.
    pub(super) fn confirm(&mut self) -> bool {
        self.confirmed |= self.waiting.is_some();
        self.waiting.is_some()
    }

    /// So many are missing: whether that has to wait.
    fn is_too_much(&mut self, missing: u64, held: u64, defaults: &SyncDefaults) -> bool {
        let part = missing.saturating_mul(100) > held.saturating_mul(u64::from(defaults.brake_percent));
        let all = missing > 1 && missing >= held;
        let much = !self.confirmed && (all || (missing > FEW && part));
        self.waiting = much.then_some((missing, held));
        much
    }
}

/// Who left, as one comparison found it.
#[derive(Default)]
pub(super) struct Gone {
    /// Identifiers, each with the sequence of its newest change.
    members: Vec<(String, u64)>,
    /// How many more are missing that were not asked for again.
    pub(super) unasked: u64,
}

impl Gone {
    /// One more.
    pub(super) fn found(&mut self, identifier: &str, sequence: u64) {
        self.members.push((identifier.to_owned(), sequence));
    }
}

impl List {
    /// The channel on which members of this list withdraw their consent by leaving.
    fn leaving_withdraws(&self) -> Option<Channel> {
        self.destination.as_ref().and_then(|destination| destination.leaving_withdraws())
    }

    /// Whether a member who is missing there has left by itself. Of who was erased nothing is told, and who was only
    /// found there is none of ours.
    pub(super) fn has_left(&self, member: &Member) -> bool {
        let ours = member.was_ours() && member.cause != DRIFT && !member.is_erased();
        ours && !self.record.emptying && self.leaving_withdraws().is_some()
    }

    /// Whether who has withdrawn the consent is not desired on this list anyway.
    pub(super) fn consent_decides(&self) -> bool {
        self.record.definition.consent.is_some() && self.record.definition.consent == self.leaving_withdraws()
    }

    /// Everything is to be sent again, but whoever may have left meanwhile is not: a read tells. Those who are known
    /// to be missing are put back: it was the operator's answer to the question whether they left.
    pub(super) fn put_back_or_keep(&mut self) -> Result<(), StoreError> {
        let keeps = self.leaving_withdraws().is_some() && !self.reads.leaving.waits();
        self.reads.leaving.waiting = None;
        if keeps {
            self.in_flight = None;
            return Ok(());
        }
        self.send_all_again()
    }

    fn departures(&self, gone: &[(String, u64)]) -> Vec<Departure> {
        let (Some(channel), Some(source)) = (self.leaving_withdraws(), &self.connection) else { return Vec::new() };
        let definition = &self.record.definition;
        if !matches!(
            (channel, &definition.identifier),
            (Channel::Email, ListIdentifier::Email) | (Channel::Sms, ListIdentifier::Phone)
        ) {
            return Vec::new();
        }
        let one = |(identifier, sequence): &(String, u64)| Departure {
            source: source.clone(),
            list: definition.id.clone(),
            channel,
            address: identifier.clone(),
            membership: self.sequence_base + sequence,
        };
        gone.iter().map(one).collect()
    }

    /// It was told that they left, and every effect of it is known.
    fn note_left(&mut self, gone: &[(String, u64)]) -> Result<(), StoreError> {
        let decides = self.consent_decides();
        for (identifier, sequence) in gone {
            let before = self.member(identifier)?;
            if before.confirmed != Confirmed::In || before.is_erased() {
                continue;
            }
            // Where consent decides, a change of meanwhile has heeded it: they are not desired, or consented anew.
            let decided = decides && (!before.desired || before.sequence != *sequence);
            let mut after = before.clone();
            after.leave(if decided { Confirmed::Out } else { Confirmed::Left });
            self.write(identifier, &before, &after)?;
            self.reads.leaving.found += 1;
        }
        Ok(())
    }
}

impl SyncService {
    /// Those whom a comparison found to have left: tells of them and notes it, unless they are too many.
    pub(super) async fn heed_leaving(self: &Arc<Self>, slot: &Slot, gone: &mut Gone) -> Result<(), Failure> {
        let store = |why: StoreError| Failure::retry(why.to_string(), None);
        if !self.may_heed(slot, gone) {
            return Ok(());
        }
        while !gone.members.is_empty() {
            let some: Vec<(String, u64)> = gone.members.iter().take(TOLD_AT_ONCE).cloned().collect();
            let (workspace, departures) = {
                let list = slot.lock();
                (list.record.workspace.clone(), list.departures(&some))
            };
            if let Some(people) = self.people.get().filter(|_| !departures.is_empty()) {
                let told = people.left(&workspace, departures).await;
                told.map_err(|why| Failure::retry(format!("that members left can't be told now: {why}"), None))?;
            }
            self.settled().await.map_err(store)?;
            slot.lock().note_left(&some).map_err(store)?;
            gone.members.drain(..some.len());
        }
        self.durable.flush().await.map_err(store)?;
        if gone.unasked > 0 {
            let mut list = slot.lock();
            list.ask_comparison(super::record::Compare::Due);
            list.save().map_err(store)?;
        }
        Ok(())
    }

    /// Whether it may be heeded that they left; an alert if not.
    fn may_heed(&self, slot: &Slot, gone: &Gone) -> bool {
        let mut list = slot.lock();
        let missing = gone.members.len() as u64 + gone.unasked;
        let held = list.confirmed.max(missing);
        let waits = list.reads.leaving.is_too_much(missing, held, &self.defaults);
        // A word holds until everybody who is missing was asked for.
        list.reads.leaving.confirmed &= gone.unasked > 0;
        let (workspace, id) = (list.record.workspace.as_str(), list.record.definition.id.as_str());
        match list.reads.leaving.reason() {
            Some(why) => self.alerts.raise("leaving", id, Some(workspace), &why, TO_DO),
            None => self.alerts.clear("leaving", id, Some(workspace)),
        }
        !waits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_may_leave_and_much_of_a_list_waits_for_a_word() {
        let defaults = SyncDefaults::default();
        let mut leaving = Leaving::default();
        assert!(!leaving.is_too_much(0, 0, &defaults) && !leaving.is_too_much(1, 1, &defaults));
        assert!(!leaving.is_too_much(10, 12, &defaults), "few");
        assert!(!leaving.is_too_much(20, 100, &defaults), "a fifth");
        assert!(leaving.is_too_much(2, 2, &defaults), "nobody is left");
        assert!(leaving.is_too_much(21, 100, &defaults) && leaving.waits());
        assert!(leaving.confirm() && !leaving.is_too_much(21, 100, &defaults) && !leaving.waits());
        assert!(!leaving.confirm(), "nobody waits any more");
    }
}
