//! What a platform allows one account, shared by all connections to it.

use crate::connector::Limits;
use crate::pace::Pace;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The paces of one account's calls. Connections of several workspaces to one account share it; each of them stands in
/// line with one call at a time, so that they get their turns in order, however much one of them has to do.
#[derive(Debug)]
pub struct Quota {
    pace: Arc<Pace>,
    lanes: Mutex<BTreeMap<&'static str, Arc<Pace>>>,
}

impl Quota {
    /// With nothing used of it.
    pub fn new(limits: Limits) -> Arc<Quota> {
        Arc::new(Quota { pace: Arc::new(Pace::new(limits.calls_per_second)), lanes: Mutex::default() })
    }

    /// The pace of all calls.
    pub(crate) fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// The pace of calls that are counted apart. The first who asks for it sets its gap.
    pub(crate) fn lane(&self, name: &'static str, gap: Duration) -> Arc<Pace> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(name).or_insert_with(|| Arc::new(Pace::every(gap))))
    }
}
