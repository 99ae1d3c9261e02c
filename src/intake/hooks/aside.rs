//! Deliveries that are rightly signed and can't be read: the newest ones, and how many.

use crate::poll::Scope;
use model::{SourceId, Time, WorkspaceId};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// Deliveries kept of one connection.
const KEPT_MAX: usize = 20;
/// Bytes kept of a body.
const BODY_BYTES_MAX: usize = 8 << 10;
/// Connections of which some are kept.
const CONNECTIONS_MAX: usize = 500;
/// They are shown this long, microseconds: a day.
const SHOWN_MICROS: i64 = 86_400_000_000;

/// A delivery that was kept aside. Its `Debug` does not show the body: it may hold personal data.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct KeptAside {
    /// When it came, RFC 3339.
    pub at: String,
    /// Why it can't be read.
    pub why: String,
    /// Bytes of its body.
    pub bytes: usize,
    /// The beginning of its body; what is not UTF-8 is replaced.
    pub body: String,
    #[serde(skip)]
    received: Time,
}

impl fmt::Debug for KeptAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("KeptAside");
        shown.field("at", &self.at).field("why", &self.why).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Kept {
    newest: VecDeque<KeptAside>,
    count: u64,
}

/// What was kept aside since the start.
#[derive(Default)]
pub struct Aside(Mutex<BTreeMap<Scope, Kept>>);

impl Aside {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Scope, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keep(&self, scope: Scope, why: &str, body: &[u8], received: Time) {
        let beginning = body.get(..BODY_BYTES_MAX).unwrap_or(body);
        let one = KeptAside {
            at: received.to_string(),
            why: why.to_owned(),
            bytes: body.len(),
            body: String::from_utf8_lossy(beginning).into_owned(),
            received,
        };
        let mut all = self.lock();
        if all.len() >= CONNECTIONS_MAX && !all.contains_key(&scope) {
            return;
        }
        let kept = all.entry(scope).or_default();
        kept.count += 1;
        if kept.newest.len() >= KEPT_MAX {
            kept.newest.pop_front();
        }
        kept.newest.push_back(one);
    }

    /// What a person may be told of in it has to go.
    pub(super) fn forget(&self, scope: &Scope) {
        if let Some(kept) = self.lock().get_mut(scope) {
            kept.newest.clear();
        }
    }

    /// Those of a connection in the last day, the newest first, and how many there were since the start.
    pub fn of(&self, workspace: &WorkspaceId, source: &SourceId, now: Time) -> (Vec<KeptAside>, u64) {
        let mut all = self.lock();
        let Some(kept) = all.get_mut(&Scope::new(workspace, source)) else { return (Vec::new(), 0) };
        kept.newest.retain(|one| now.0.saturating_sub(one.received.0) <= SHOWN_MICROS);
        (kept.newest.iter().rev().cloned().collect(), kept.count)
    }

    /// Forgets a connection.
    pub fn drop_connection(&self, workspace: &WorkspaceId, source: &SourceId) {
        self.lock().remove(&Scope::new(workspace, source));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_for_a_day_with_the_beginning_of_their_bodies() {
        let (aside, workspace, source) = (Aside::default(), WorkspaceId::from("w"), SourceId::from("s"));
        let scope = Scope::new(&workspace, &source);
        for number in 0..30 {
            aside.keep(scope.clone(), "no JSON", &vec![b'x'; 10_000 + number], Time(number as i64));
        }
        let (kept, count) = aside.of(&workspace, &source, Time(30));
        assert_eq!((kept.len(), count), (KEPT_MAX, 30));
        assert_eq!((kept[0].bytes, kept[0].body.len()), (10_029, BODY_BYTES_MAX));
        assert!(!format!("{kept:?}").contains("xxx"));
        assert_eq!(aside.of(&workspace, &source, Time(SHOWN_MICROS + 20)).0.len(), 10);
        aside.forget(&scope);
        assert_eq!(aside.of(&workspace, &source, Time(30)), (Vec::new(), 30));
    }
}
