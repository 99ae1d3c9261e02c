//! Removals of all lists wait after a leap of the clock, until a person has looked at it.

use super::service::SyncService;
use crate::store::db::StoreError;

/// What an alert about the clock asks for.
pub(super) const TO_DO: &str = "check the clock, then confirm it: segmentd sync confirm-clock, or POST /clock/confirm";

impl SyncService {
    /// The wall clock leapt: holds removals on every list there is and raises an alert, until the
    /// operator confirms the clock or each list. Survives a restart.
    pub fn clock_leapt(&self, what: &str) {
        self.alerts.raise("clock", "wall", None, what, TO_DO);
        for slot in self.slots() {
            let mut list = slot.lock();
            list.record.removals_held = Some(what.to_owned());
            if let Err(why) = list.save() {
                tracing::error!(%why, list = %list.record.definition.id, "a hold of removals can't be kept");
            }
            slot.bell.notify_one();
        }
        if let Err(why) = self.db.make_durable() {
            tracing::error!(%why, "a hold of removals can't be made durable");
        }
    }

    /// The operator's word that the clock is right: what waits on its account goes on. Returns
    /// how many lists it held. A brake stays a brake.
    pub fn confirm_clock(&self) -> Result<u64, StoreError> {
        let mut held = 0;
        for slot in self.slots() {
            let mut list = slot.lock();
            if list.record.removals_held.take().is_some() {
                held += 1;
                list.save()?;
            }
            slot.word.notify_one();
        }
        self.db.make_durable()?;
        self.alerts.clear("clock", "wall", None);
        Ok(held)
    }

    /// Takes the alert down once no list is held any more.
    pub(super) fn clock_may_be_calm(&self) {
        if self.slots().iter().all(|slot| slot.lock().record.removals_held.is_none()) {
            self.alerts.clear("clock", "wall", None);
        }
    }
}
