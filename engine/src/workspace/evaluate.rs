//! What versions say of a person in memory, now.

use super::Workspace;
use super::waits::Wait;
use crate::eval::{Memo, Outcome, evaluate_bounded};
use crate::person::consent::Foreign;
use crate::person::view::View;
use crate::storage::{PersonNo, Storage};
use std::sync::Arc;

impl<S: Storage> Workspace<S> {
    /// Evaluates versions for one person in memory, now.
    pub(super) fn evaluate(
        &self,
        no: PersonNo,
        versions: impl Iterator<Item = u32>,
        foreign: &Foreign,
    ) -> Vec<(u32, Outcome)> {
        self.evaluate_noting(no, versions, foreign, &mut Vec::new())
    }

    /// The same, noting what the answers wait for.
    pub(super) fn evaluate_noting(
        &self,
        no: PersonNo,
        versions: impl Iterator<Item = u32>,
        foreign: &Foreign,
        waits: &mut Vec<Wait>,
    ) -> Vec<(u32, Outcome)> {
        let Some(person) = self.people.get(no) else { return Vec::new() };
        let Some(stable_id) = person.stable_id() else { return Vec::new() };
        let view = View { person, context: self.context(), now: self.now, foreign, stable_id: &stable_id };
        let (most, _) = versions.size_hint();
        let (mut memo, mut outcomes) = (Memo::with_room_for(most), Vec::with_capacity(most));
        waits.reserve_exact(most);
        for bitmap in versions {
            let version = self.segments.versions.get(&bitmap).filter(|version| version.covers(no));
            let Some(plan) = version.and_then(|version| version.plan.as_ref().ok()) else { continue };
            let outcome = evaluate_bounded(self.steps_max, plan, &view, self.now, &mut memo);
            let outcome = outcome.unwrap_or(Outcome::OVERRUN);
            waits.push(Wait { bitmap, until: outcome.until, steady: memo.steady() });
            outcomes.push((bitmap, outcome));
        }
        outcomes
    }

    /// Stops the versions that took too many steps for a person, and leaves them out.
    pub(super) fn stop_overruns(&mut self, no: PersonNo, id: Option<&Arc<str>>, outcomes: &mut Vec<(u32, Outcome)>) {
        for (bitmap, _) in outcomes.extract_if(.., |(_, outcome)| outcome.is_overrun()) {
            self.stop_version(bitmap, no, id.map_or("", |id| id));
        }
    }
}
