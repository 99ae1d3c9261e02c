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
        let covered = versions.filter_map(|bitmap| Some((bitmap, self.segments.versions.get(&bitmap)?)));
        let mut memo = Memo::default();
        covered
            .filter(|(_, version)| version.covers(no))
            .filter_map(|(bitmap, version)| Some((bitmap, version.plan.as_ref().ok()?)))
            .map(|(bitmap, plan)| {
                let outcome = evaluate_bounded(self.steps_max, plan, &view, self.now, &mut memo);
                let outcome = outcome.unwrap_or(Outcome::OVERRUN);
                waits.push(Wait { bitmap, until: outcome.until, steady: memo.steady() });
                (bitmap, outcome)
            })
            .collect()
    }

    /// Stops the versions that took too many steps for a person, and leaves them out.
    pub(super) fn stop_overruns(&mut self, no: PersonNo, id: Option<&Arc<str>>, outcomes: &mut Vec<(u32, Outcome)>) {
        for (bitmap, _) in outcomes.extract_if(.., |(_, outcome)| outcome.is_overrun()) {
            self.stop_version(bitmap, no, id.map_or("", |id| id));
        }
    }
}
