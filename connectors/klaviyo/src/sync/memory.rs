//! What is remembered of a list for as long as the process runs. It spares calls; after a restart whatever was under
//! way is done again. An import that was begun before may still end, which [`Memory::suspect_earlier`] minds.

use super::READ_LAG_S;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;
use tokio::time::Instant;

/// Profiles whose ids are remembered, about 130 bytes each; then it begins anew.
const IDS_MAX: usize = 250_000;
/// Profiles that were imported lately.
const FRESH_MAX: usize = 100_000;
/// Before the first look at an import, when nothing is known of how long one takes.
const FIRST_LOOK: Duration = Duration::from_millis(200);

/// An import that is under way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) job: String,
    /// What was sent, in its order.
    pub(super) identifiers: Vec<String>,
    pub(super) begun: Instant,
}

/// How far a batch is.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) batch: String,
    /// Parts of it that were sent, by what is in them.
    pub(super) sent: BTreeSet<u64>,
    pub(super) running: Vec<Running>,
    /// Who is not taken, and why.
    pub(super) refused: BTreeMap<String, String>,
}

/// An import whose answer was lost, or of before a restart: it may be under way.
#[derive(Clone, Copy)]
pub(super) struct Unanswered {
    /// How many were sent; `None` when that is not known.
    pub(super) profiles: Option<usize>,
    pub(super) since: Instant,
}

/// See the module.
pub(super) struct Memory {
    pub(super) progress: Progress,
    pub(super) unanswered: Option<Unanswered>,
    /// Whether imports of before are minded already.
    earlier: bool,
    /// How long the last import took.
    pub(super) takes: Duration,
    ids: HashMap<Box<str>, Box<str>>,
    fresh: HashMap<Box<str>, Instant>,
    order: VecDeque<(Instant, Box<str>)>,
}

impl Default for Memory {
    fn default() -> Memory {
        let (progress, unanswered, takes) = (Progress::default(), None, FIRST_LOOK);
        let (ids, fresh, order) = (HashMap::new(), HashMap::new(), VecDeque::new());
        Memory { progress, unanswered, earlier: false, takes, ids, fresh, order }
    }
}

impl Memory {
    /// Before the first removals: an import that was begun before all this was forgotten may be under way, and would
    /// bring back who is taken out now.
    pub(super) fn suspect_earlier(&mut self, now: Instant) {
        if !self.earlier {
            self.earlier = true;
            self.unanswered = Some(Unanswered { profiles: None, since: now });
        }
    }

    /// The id of a profile, if it is remembered.
    pub(super) fn id(&self, identifier: &str) -> Option<String> {
        self.ids.get(identifier).map(|id| String::from(&**id))
    }

    pub(super) fn learn(&mut self, identifier: &str, id: &str) {
        if self.ids.len() >= IDS_MAX {
            self.ids.clear();
        }
        self.ids.insert(identifier.into(), id.into());
    }

    pub(super) fn unlearn(&mut self, identifier: &str) {
        self.ids.remove(identifier);
    }

    /// It was imported just now: what is read may not show it for a while.
    pub(super) fn imported(&mut self, identifier: &str, now: Instant) {
        while self.order.front().is_some_and(|(at, _)| is_old(*at, now)) || self.order.len() >= FRESH_MAX {
            let Some((at, old)) = self.order.pop_front() else { break };
            if self.fresh.get(&old) == Some(&at) {
                self.fresh.remove(&old);
            }
        }
        self.fresh.insert(identifier.into(), now);
        self.order.push_back((now, identifier.into()));
    }

    /// Whether it was imported so lately that what is read may not show it.
    pub(super) fn is_fresh(&self, identifier: &str, now: Instant) -> bool {
        self.fresh.get(identifier).is_some_and(|at| !is_old(*at, now))
    }
}

fn is_old(at: Instant, now: Instant) -> bool {
    now.saturating_duration_since(at) > Duration::from_secs(u64::from(READ_LAG_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_imported_is_fresh_for_as_long_as_a_read_may_lag() {
        let (mut memory, start) = (Memory::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        memory.imported("a", at(0));
        memory.imported("a", at(200));
        assert!(memory.is_fresh("a", at(500)) && !memory.is_fresh("a", at(501)) && !memory.is_fresh("b", at(0)));
        memory.imported("b", at(600));
        assert_eq!((memory.fresh.len(), memory.order.len()), (1, 1));
    }
}
