//! Which versions are looked at for a person.

use super::Workspace;
use super::index::for_good;
use super::waits::Wait;
use crate::eval::Outcome;
use crate::person::consent::Foreign;
use crate::storage::{PersonNo, Storage};
use model::Time;

/// Which versions to evaluate.
pub(super) enum Scope {
    /// Every version.
    All,
    /// Those that can concern the person: for somebody new, or with another history than before.
    Concerning,
    /// These, by number of bitmap, in order.
    Some(Vec<u32>),
    /// These, and they are all that time can change.
    Timed(Vec<u32>),
    /// These, of all that time can change; the others want to be asked at an instant.
    Due(Vec<u32>, Time),
}

/// The versions that were looked at, in order, what came of those that can be evaluated, and what that waits for.
pub(super) type LookedAt = (Vec<u32>, Vec<(u32, Outcome)>, Vec<Wait>);

impl<S: Storage> Workspace<S> {
    /// The versions that time alone can change for a person in memory.
    pub(super) fn timed_for(&mut self, no: PersonNo) -> Vec<u32> {
        let Some(person) = self.people.get(no) else { return Vec::new() };
        self.segments.index.concern(person, &self.names, &self.words).timed.clone()
    }

    /// Looks at all versions that may say something else of a person than of everybody, or did if they were a person
    /// before. Of those in building also at those that hold of everybody.
    pub(super) fn look_anew(
        &mut self,
        no: PersonNo,
        (was_person, is_person): (bool, bool),
        foreign: &Foreign,
    ) -> LookedAt {
        let mut looked_at = self.segments.held.clone();
        let (mut outcomes, mut waits) = (Vec::new(), Vec::new());
        if was_person {
            let held = self.segments.versions.iter();
            let held = held.filter(|(_, version)| version.members.is_odd(no) || version.unknown.is_odd(no));
            looked_at.extend(held.map(|(bitmap, _)| *bitmap));
        }
        if is_person && let Some(person) = self.people.get(no) {
            let mut asked = self.segments.index.concern(person, &self.names, &self.words).all.clone();
            asked.extend(&looked_at);
            asked.sort_unstable();
            asked.dedup();
            let given = self.segments.given_in_building.iter();
            let given = given.filter(|(bitmap, _)| asked.binary_search(bitmap).is_err());
            let covered = |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|version| version.covers(no));
            outcomes
                .extend(given.filter(|(bitmap, _)| covered(bitmap)).map(|(bitmap, value)| (*bitmap, for_good(*value))));
            looked_at.extend(outcomes.iter().map(|(bitmap, _)| *bitmap));
            looked_at.extend(&asked);
            outcomes.extend(self.evaluate_noting(no, asked.into_iter(), foreign, &mut waits));
            outcomes.sort_unstable_by_key(|(bitmap, _)| *bitmap);
        }
        looked_at.sort_unstable();
        looked_at.dedup();
        (looked_at, outcomes, waits)
    }
}
