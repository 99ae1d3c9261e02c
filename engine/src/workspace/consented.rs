//! Which changes a statement of consent made: those that would not have come without it.

use super::scope::Scope;
use super::settle::Touched;
use super::{When, Workspace};
use crate::effect::{Cause, Effect};
use crate::eval::line::{Lined, Wanted};
use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::eval::{Memo, Tri, evaluate_bounded};
use crate::person::consent::Foreign;
use crate::person::view::{View, consent_value};
use crate::plan::Without;
use crate::storage::{PersonNo, Storage, StorageError};
use model::{Channel, ConsentState, SegmentId, Time, Value};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What people's addresses had said by e-mail and by text message.
pub(super) type Said = [Option<ConsentState>; 2];

/// What the people of a record had said before it, by their ids.
pub(super) type SaidBefore = BTreeMap<Arc<str>, (PersonNo, Said)>;

/// A person whose consent is still what it was.
struct Unsaid<'a, 'b> {
    view: &'b View<'a>,
    said: Said,
}

impl Subject for Unsaid<'_, '_> {
    fn property(&self, name: &str) -> Option<Value> {
        let [email, sms] = self.said;
        let said = match name {
            "consent_email" => email,
            "consent_sms" => sms,
            _ => return self.view.property(name),
        };
        said.map(consent_value)
    }

    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool) {
        self.view.happenings(name, from, until, visit);
    }

    fn spent(&self, from: Time, until: Time, without: Without, visit: &mut dyn FnMut(&Spent)) {
        self.view.spent(from, until, without, visit);
    }

    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        self.view.rate(from, to, at)
    }

    fn line(&self, wanted: Wanted<'_>) -> Option<Lined<'_>> {
        self.view.line(wanted)
    }

    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time> {
        // What had been said at earlier instants stays as it is known.
        self.view.walk(reach, visit)
    }

    fn stable_id(&self) -> &str {
        self.view.stable_id()
    }

    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.view.in_segment(segment)
    }
}

impl<S: Storage> Workspace<S> {
    /// Settles an event, and gives what consent made its cause.
    pub(super) fn settle_event(
        &mut self,
        touched: Touched,
        scope: Scope,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let (said_before, first) = (touched.said_before(), effects.len());
        self.settle(touched, scope, when, effects)?;
        match (when.cause, effects.get_mut(first..)) {
            (Cause::Event, Some(effects)) if !said_before.is_empty() => self.name_consent(&said_before, effects),
            _ => Ok(()),
        }
    }

    /// What a person's addresses say now.
    pub(super) fn said(&mut self, no: PersonNo) -> Result<Said, StorageError> {
        let foreign = self.foreign_consent(no)?;
        let Some(person) = self.people.get(no) else { return Ok([None, None]) };
        let stable_id = person.stable_id().unwrap_or_default();
        let view = View { person, context: self.context(), now: self.now, foreign: &foreign, stable_id: &stable_id };
        Ok([view.consent(Channel::Email), view.consent(Channel::Sms)])
    }

    /// Gives the effects of a record that carried statements of consent their cause: a transition that would
    /// not have come if consent had stayed as it was, and what lists hold by it or by consent itself.
    fn name_consent(&mut self, before: &SaidBefore, effects: &mut [Effect]) -> Result<(), StorageError> {
        let (mut by_consent, mut by_other, mut present) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for effect in effects.iter_mut() {
            if let Effect::Presence(presence) = effect {
                present.push(presence.clone());
            }
            let Effect::Transition(transition) = effect else { continue };
            let Some((no, said)) = before.get(transition.person.as_str()) else { continue };
            let of = (transition.segment.clone(), transition.person.clone());
            if self.holds_unsaid(&transition.segment, *no, *said) == Some(!transition.entered) {
                transition.cause = Cause::Consent;
                by_consent.insert(of);
            } else {
                by_other.insert(of);
            }
        }
        for effect in effects {
            let Effect::Desired(desired) = effect else { continue };
            let Some(list) = self.lists.get(&desired.list) else { continue };
            let (channel, of) = (list.consent, (list.segment.clone(), desired.person.clone()));
            let Some((no, [email, sms])) = before.get(desired.person.as_str()) else { continue };
            let changed = |now: Said| match channel {
                Some(Channel::Email) => *email != now[0],
                Some(Channel::Sms) => *sms != now[1],
                None => false,
            };
            // Who comes or goes does so in whatever holds of everybody.
            let given = &self.segments.given;
            let comes = present.iter().any(|one| one.person == desired.person && given.moves(one, &list.segment));
            let asked = channel.is_some() && !by_other.contains(&of) && !comes;
            if by_consent.contains(&of) || (asked && changed(self.said(*no)?)) {
                desired.cause = Cause::Consent;
            }
        }
        Ok(())
    }

    /// Whether a person would be in a segment now if consent had stayed as it was; `None` when the
    /// segment's version in force does not ask.
    fn holds_unsaid(&self, segment: &SegmentId, no: PersonNo, said: Said) -> Option<bool> {
        let (_, version) = self.segments.active(segment)?;
        let (plan, person) = (version.plan.as_ref().ok()?, self.people.get(no)?);
        let stable_id = person.stable_id()?;
        let view =
            View { person, context: self.context(), now: self.now, foreign: Foreign::NONE, stable_id: &stable_id };
        // What costs too much without the statement is taken for another cause.
        let outcome =
            evaluate_bounded(self.steps_max, plan, &Unsaid { view: &view, said }, self.now, &mut Memo::default())?;
        Some(outcome.value == Tri::True)
    }
}
