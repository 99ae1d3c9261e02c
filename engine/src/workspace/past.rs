//! What is known today of an earlier instant: who was in a segment then, and why.

use super::Workspace;
use super::query::{AskError, Reasons};
use crate::eval::{Memo, Outcome, Tri, evaluate_counted};
use crate::person::Person;
use crate::person::consent::Foreign;
use crate::person::past::Past;
use crate::person::view::View;
use crate::plan::Plan;
use crate::storage::{PersonNo, Storage, StorageError};
use model::{Channel, SegmentId, Time};

/// People and facts looked at for one page: a shard must not be held up.
const PEOPLE_LOOKED_AT_MAX: usize = 1_024;
const FACTS_LOOKED_AT_MAX: usize = 50_000;

/// Who was a member: stable ids, and where to go on. A page may be short or empty and not the last.
pub type PastMembers = (Vec<String>, Option<PersonNo>);

/// Why somebody was or was not a member, and whether anything is known of them by then.
pub type PastReasons = (Reasons, bool);

impl<S: Storage> Workspace<S> {
    /// What happened after this instant is known; of what happened before, orders, properties and
    /// consent alone.
    pub fn events_known_after(&self) -> Time {
        self.forgotten()
    }

    /// Up to `limit` people after a number who were in a segment at an instant not after now, by its
    /// definition in force and what is known today. Looks at 1,024 people or some 50,000 facts at most, and takes
    /// about as many steps as one evaluation may take.
    pub fn members_at(
        &self,
        id: &SegmentId,
        at: Time,
        after: Option<PersonNo>,
        limit: usize,
    ) -> Result<Option<PastMembers>, AskError> {
        let Some((_, version)) = self.segments.active(id) else { return Ok(None) };
        let Ok(plan) = &version.plan else { return Ok(None) };
        // Of what is frozen no instant is told from the past: whoever is held now is.
        if plan.frozen {
            return Ok(self.members(id, after, limit)?);
        }
        let (mut found, mut facts, mut steps) = (Vec::new(), 0, 0);
        let from = after.map_or(0, |after| after.saturating_add(1));
        for (looked_at, no) in self.segments.people.range(from..).enumerate() {
            let full = looked_at >= PEOPLE_LOOKED_AT_MAX || facts >= FACTS_LOOKED_AT_MAX || steps >= self.steps_max;
            if full || found.len() >= limit {
                return Ok(Some((found, no.checked_sub(1))));
            }
            let looked = self.with_person(no, |person, workspace| {
                let is_member =
                    |_: &View<'_>, outcome: Outcome, steps| (person.was_there(at) && outcome.value == Tri::True, steps);
                let then = workspace.then(plan, person, at, is_member);
                then.map(|(is_member, steps)| (person.facts.len(), is_member, steps, person.stable_id()))
            })?;
            let Some((had, is_member, took, stable_id)) = looked.transpose()? else { continue };
            facts += had;
            steps += took;
            found.extend(stable_id.filter(|_| is_member).map(|id| id.to_string()));
        }
        Ok(Some((found, None)))
    }

    /// Why a person was or was not in a segment at an instant, by its definition in force and what is
    /// known today; `None` without a definition in force that can be evaluated, or without the person.
    pub fn explain_at(&self, id: &SegmentId, no: PersonNo, at: Time) -> Result<Option<PastReasons>, AskError> {
        let Some((bitmap, version)) = self.segments.active(id) else { return Ok(None) };
        let Ok(plan) = &version.plan else { return Ok(None) };
        if plan.frozen {
            let held = self.with_person(no, |person, workspace| {
                Some((workspace.explain_held(bitmap, person)?, person.was_there(at)))
            })?;
            return Ok(held.flatten());
        }
        let told = self.with_person(no, |person, workspace| {
            let Some(stable_id) = person.stable_id() else { return Ok::<_, AskError>(None) };
            let tell = |view: &View<'_>, outcome: Outcome, _| {
                let value = if person.was_there(at) { outcome.value } else { Tri::False };
                (workspace.reasons(plan, view), value, workspace.next_change(plan, view, outcome))
            };
            let (tree, value, changes) = workspace.then(plan, person, at, tell)?;
            let tree = tree.ok_or_else(|| workspace.too_many_steps(&stable_id))?;
            Ok(Some(((stable_id.to_string(), value, changes, tree), person.was_there(at))))
        })?;
        Ok(told.transpose()?.flatten())
    }

    /// What `tell` makes of a person at an instant, of what a plan says of them and the steps that this took.
    /// Who was not there yet is no member of anything, whatever the plan says.
    fn then<T>(
        &self,
        plan: &Plan,
        person: &Person,
        at: Time,
        tell: impl FnOnce(&View<'_>, Outcome, u64) -> T,
    ) -> Result<T, AskError> {
        let mut past = Past::new(person, &self.words);
        let then = past.advance(at);
        let stable_id = person.stable_id().unwrap_or_default();
        let foreign = self.foreign_consent_at(plan, then)?;
        // What has passed its retention by now is gone for every instant.
        let view = View { person: then, context: self.context(), now: at, foreign: &foreign, stable_id: &stable_id };
        let (outcome, steps) = evaluate_counted(self.steps_max, plan, &view, at, &mut Memo::default());
        let outcome = outcome.ok_or_else(|| self.too_many_steps(&stable_id))?;
        Ok(tell(&view, outcome, steps))
    }

    /// What addresses said that a person had given by then and another cluster holds.
    pub(super) fn foreign_consent_at(&self, plan: &Plan, then: &Person) -> Result<Foreign, StorageError> {
        let mut foreign = Foreign::default();
        if !plan.touched_by().properties.iter().any(|name| name.starts_with("consent_")) {
            return Ok(foreign);
        }
        for channel in [Channel::Email, Channel::Sms] {
            for identity in then.foreign_addresses(channel, &self.context()) {
                if let Some(holder) = self.people.holder(&identity.key())? {
                    self.with_person(holder, |holder, _| foreign.add(channel, &identity.value, holder, true))?;
                }
            }
        }
        Ok(foreign)
    }
}
