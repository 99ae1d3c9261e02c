//! Fills new versions of segments in the background, and puts them in force in one step.

use super::bits::Bits;
use super::scope::Scope;
use super::segments::{Slots, Version};
use super::{Applied, When, Workspace};
use crate::effect::Effect;
use crate::eval::{Memo, Outcome, Tri, evaluate_bounded};
use crate::person::consent::Foreign;
use crate::person::view::View;
use crate::plan::Plan;
use crate::storage::{BitmapKey, BitmapKind, PersonNo, Storage, StorageError};
use model::{ListDefinition, SegmentDefinition, SegmentId};
use roaring::RoaringBitmap;
use std::collections::BTreeSet;

impl<S: Storage> Workspace<S> {
    pub(super) fn put_segment(&mut self, definition: &SegmentDefinition, held: bool) -> Applied {
        let Ok(plan) = self.allowed(&definition.id, &definition.definition) else {
            return Applied::Refused("bad_definition");
        };
        self.put_version(definition, plan, held);
        self.index();
        Applied::Changed { person: None }
    }

    /// A version that is to be built, in place of another that is.
    pub(super) fn put_version(&mut self, definition: &SegmentDefinition, plan: Plan, held: bool) {
        let slots = self.segments.slots.get(&definition.id).copied().unwrap_or_default();
        let newest = [slots.active, slots.building].into_iter().flatten();
        let newest = newest.filter_map(|bitmap| self.segments.versions.get(&bitmap)).map(|version| version.version);
        let last = self.segments.histories.get(&definition.id).map_or(0, |history| history.last_version);
        let version = newest.max().unwrap_or(0).max(last) + 1;
        let history = self.history(&definition.id);
        (history.last_version, history.held, history.paused) = (version, held, None);
        if let Some(bitmap) = slots.building {
            self.drop_version(bitmap);
        }
        self.segments.next_bitmap += 1;
        let bitmap = self.segments.next_bitmap;
        let built = Version::new(version, definition.clone(), Ok(plan), Some(0));
        self.segments.versions.insert(bitmap, Box::new(built));
        self.segments.slots.insert(definition.id.clone(), Slots { building: Some(bitmap), ..slots });
        self.definitions_changed = true;
    }

    /// Evaluates up to `people` more people for the versions being built of which no survey is under way, and no
    /// more than `unbuilt_max` people are left; returns the versions that are complete and wait for their
    /// `SegmentActivate`.
    pub fn build_near(&mut self, people: usize, unbuilt_max: u64) -> Result<Vec<(SegmentId, u32)>, StorageError> {
        let building = self.segments.slots.values().filter_map(|slots| self.segments.building(slots));
        let near = building.filter(|bitmap| {
            let Some(version) = self.segments.versions.get(bitmap) else { return false };
            let from = version.built_to.unwrap_or(PersonNo::MAX);
            from >= version.entering.surveyed_to && self.segments.people.range_cardinality(from..) <= unbuilt_max
        });
        let near: Vec<u32> = near.collect();
        let mut complete = Vec::new();
        for bitmap in near {
            let held = self.segments.waits(bitmap);
            if self.build(bitmap, people)?
                && let Some(version) = self.segments.versions.get_mut(&bitmap)
            {
                if held {
                    // From now on it holds everybody, whoever comes.
                    version.built_to = Some(PersonNo::MAX);
                } else {
                    complete.push((version.segment.clone(), version.version));
                }
            }
        }
        Ok(complete)
    }

    /// Whether a version is being built.
    pub fn is_building(&self) -> bool {
        self.segments.slots.values().any(|slots| self.segments.building(slots).is_some())
    }

    fn build(&mut self, bitmap: u32, people: usize) -> Result<bool, StorageError> {
        let Some(from) = self.segments.versions.get(&bitmap).and_then(|version| version.built_to) else {
            return Ok(true);
        };
        let batch: Vec<PersonNo> = self.segments.people.range(from..).take(people).collect();
        let to = if batch.len() < people { self.next_person } else { batch.last().map_or(from, |last| last + 1) };
        if let Some(version) = self.segments.versions.get_mut(&bitmap) {
            version.built_to = Some(to.max(from));
        }
        for no in batch {
            if !self.build_one(bitmap, no)? {
                return Ok(false);
            }
        }
        Ok(to >= self.next_person)
    }

    /// False when it takes too many steps: then it is stopped.
    pub(super) fn build_one(&mut self, bitmap: u32, no: PersonNo) -> Result<bool, StorageError> {
        let outcome = match self.people.get(no) {
            Some(_) => {
                let foreign = self.foreign_consent(no)?;
                self.evaluate(no, std::iter::once(bitmap), &foreign).pop().map(|(_, outcome)| outcome)
            }
            None if self.segments.index.asks_consent() => {
                self.people.ensure(no, &self.words)?;
                let foreign = self.foreign_consent(no)?;
                let outcome = self.evaluate(no, std::iter::once(bitmap), &foreign).pop().map(|(_, outcome)| outcome);
                self.people.evict();
                outcome
            }
            None => self.evaluate_unkept(bitmap, no)?,
        };
        if let Some(outcome) = outcome {
            if outcome.is_overrun() {
                let person = self.with_person(no, |person, _| person.stable_id())?.flatten();
                self.stop_version(bitmap, no, &person.unwrap_or_default());
                return Ok(false);
            }
            self.set_value_of(bitmap, no, outcome.value);
            self.people.forget_waits(no);
            self.timers.lower(no, outcome.until);
        }
        Ok(true)
    }

    /// Evaluates somebody who is not in memory without keeping them there.
    fn evaluate_unkept(&self, bitmap: u32, no: PersonNo) -> Result<Option<crate::eval::Outcome>, StorageError> {
        let Some(person) = self.people.read(no, &self.words)? else { return Ok(None) };
        let (Some(stable_id), Some(version)) = (person.stable_id(), self.segments.versions.get(&bitmap)) else {
            return Ok(None);
        };
        let Ok(plan) = &version.plan else { return Ok(None) };
        let view = View {
            person: &person,
            context: self.context(),
            now: self.now,
            foreign: Foreign::NONE,
            stable_id: &stable_id,
        };
        let outcome = evaluate_bounded(self.steps_max, plan, &view, self.now, &mut Memo::default());
        Ok(Some(outcome.unwrap_or(Outcome::OVERRUN)))
    }

    /// Puts a version in force. Whatever is not built yet is built now, so that a replay, which
    /// builds at another pace, comes to the same.
    pub(super) fn activate(
        &mut self,
        id: &SegmentId,
        version: u32,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let slots = self.segments.slots.get(id).copied().unwrap_or_default();
        let wanted = |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|built| built.version == version);
        let can_be = |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|version| version.plan.is_ok());
        let building = slots.building.filter(wanted).filter(can_be);
        let Some(bitmap) = building else { return Ok(Applied::Refused("no_such_version")) };
        // It is tried once more whether it costs too much: a replay builds at another pace.
        self.history(id).paused = None;
        while !self.build(bitmap, 1_024)? {
            if self.segments.histories.get(id).is_some_and(|history| history.paused.is_some()) {
                return Ok(Applied::Refused("costs_too_much"));
            }
        }
        self.settle_build(bitmap)?;
        let new = self.segments.versions.get(&bitmap).map(|version| version.members.all(&self.segments.people));
        let new = new.unwrap_or_default();
        self.segments.slots.insert(id.clone(), Slots { active: Some(bitmap), building: None });
        self.switch(id, Some(bitmap), slots.active, &new, when, effects)?;
        let old = slots.active.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let changed = old.map_or_else(|| new.clone(), |old| old.members.all(&self.segments.people) ^ &new);
        self.keep_past_version(id, slots.active, when);
        if let Some(old) = slots.active {
            self.drop_version(old);
        }
        self.index();
        self.follow(id, &changed, when, effects)?;
        self.definitions_changed = true;
        Ok(Applied::Changed { person: None })
    }

    /// What a version holds when it comes into force is what holds then, also of those for whom a timer is due
    /// in this very instant. Of whom it can't be decided then are no members of a frozen one for good.
    fn settle_build(&mut self, bitmap: u32) -> Result<(), StorageError> {
        for no in self.timers.at(self.now, usize::MAX) {
            let _costs = self.build_one(bitmap, no)?;
        }
        let Some(version) = self.segments.versions.get(&bitmap) else { return Ok(()) };
        if version.plan.as_ref().is_ok_and(|plan| plan.frozen) {
            for no in version.unknown.all(&self.segments.people) {
                self.set_value_of(bitmap, no, Tri::False);
            }
        }
        Ok(())
    }

    /// Exchanges what a segment holds and tells who entered and who left.
    fn switch(
        &mut self,
        id: &SegmentId,
        new_bitmap: Option<u32>,
        old_bitmap: Option<u32>,
        new: &RoaringBitmap,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let old = old_bitmap.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let old = old.map(|version| version.members.all(&self.segments.people)).unwrap_or_default();
        let lists: Vec<ListDefinition> = self.lists.values().filter(|list| list.segment == *id).cloned().collect();
        if let Some(version) = new_bitmap.and_then(|bitmap| self.segments.versions.get_mut(&bitmap)) {
            version.built_to = None;
        }
        let entering = new_bitmap.and_then(|bitmap| self.segments.versions.get_mut(&bitmap));
        let entering = entering.map(|version| std::mem::take(&mut version.entering)).unwrap_or_default();
        for (no, entered) in (&old - new).iter().map(|no| (no, false)).chain((new - &old).iter().map(|no| (no, true))) {
            let Some(person) = self.entering_id(&entering, no)? else { continue };
            let bitmap = if entered { new_bitmap } else { new_bitmap.or(old_bitmap) };
            self.transition(bitmap.unwrap_or_default(), &person, entered, when, effects);
            if !lists.is_empty() {
                let wants = self.wants(no)?;
                let wanted =
                    lists.iter().filter_map(|list| wants.get(&list.id).map(|id| (list.id.clone(), id.clone())));
                let wanted: BTreeSet<_> = wanted.map(|(list, id)| (list, id, person.clone())).collect();
                let none = BTreeSet::new();
                let (before, after) = if entered { (&none, &wanted) } else { (&wanted, &none) };
                self.desire(before, after, when, effects)?;
            }
            self.people.evict();
        }
        entering.watch.map(|watch| self.people.watches.end(watch));
        Ok(())
    }

    pub(super) fn delete_segment(
        &mut self,
        id: &SegmentId,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let Some(slots) = self.segments.slots.get(id).copied() else { return Ok(Applied::Refused("no_such_segment")) };
        let referred_to = self.referring(id).iter().any(|other| other != id);
        if referred_to || self.lists.values().any(|list| list.segment == *id) {
            return Ok(Applied::Refused("segment_in_use"));
        }
        self.switch(id, None, slots.active, &RoaringBitmap::new(), when, effects)?;
        for bitmap in [slots.active, slots.building].into_iter().flatten() {
            self.drop_version(bitmap);
        }
        self.segments.slots.remove(id);
        self.drop_history(id);
        self.index();
        self.definitions_changed = true;
        Ok(Applied::Changed { person: None })
    }

    pub(super) fn drop_version(&mut self, bitmap: u32) {
        let Some(version) = self.segments.versions.remove(&bitmap) else { return };
        version.entering.watch.map(|watch| self.people.watches.end(watch));
        self.drop_bits(bitmap, (version.members, version.unknown));
    }

    /// A version that is being built begins again.
    pub(super) fn build_again(&mut self, bitmap: u32) {
        // What a survey finds out is about what it was before.
        self.void_surveys();
        let Some(version) = self.segments.versions.get_mut(&bitmap) else { return };
        version.built_to = Some(0);
        let entering = std::mem::take(&mut version.entering);
        let bits = (std::mem::take(&mut version.members), std::mem::take(&mut version.unknown));
        entering.watch.map(|watch| self.people.watches.end(watch));
        self.drop_bits(bitmap, bits);
    }

    fn drop_bits(&mut self, bitmap: u32, (members, unknown): (Bits, Bits)) {
        for (kind, bits) in [(BitmapKind::Members, members), (BitmapKind::Unknown, unknown)] {
            self.dirty_bitmaps.extend(bits.uppers().map(|upper| BitmapKey { kind, bitmap, upper }));
        }
    }

    /// Evaluates every version for everybody: after the zone, a rate or a source changed.
    pub(super) fn reevaluate_all(&mut self, when: When, effects: &mut Vec<Effect>) -> Result<(), StorageError> {
        self.void_surveys();
        let everybody: Vec<PersonNo> = self.segments.people.iter().collect();
        for no in everybody {
            let mut touched = super::settle::Touched::new(true);
            self.capture(no, &mut touched)?;
            self.settle(touched, Scope::All, when, effects)?;
            self.people.evict();
        }
        Ok(())
    }
}
