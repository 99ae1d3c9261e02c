//! Building versions of segments from surveys.

use super::Workspace;
use super::survey::{Asked, Part, Survey, VERSIONS_MAX};
use crate::storage::{BitmapKey, BitmapKind, PersonNo, Storage, StorageError};
use model::{IdentityKey, SegmentId};
use roaring::RoaringBitmap;
use std::sync::Arc;

/// Who enters or leaves with a version that is being built: its activation need not read them again.
#[derive(Default)]
pub(super) struct Entering {
    /// The keys in their ids, in order of number.
    pub(super) ids: Vec<(PersonNo, IdentityKey)>,
    /// Who changed since they were looked at.
    pub(super) watch: Option<u64>,
    /// A survey goes on for people below this.
    pub(super) surveyed_to: PersonNo,
}

/// What came of a part of a survey.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Its versions hold for these people now, and are kept up to date.
    Built,
    /// Things have changed for everybody, or nothing of it is being built any more: begin another survey.
    Void,
}

impl<S: Storage> Workspace<S> {
    /// Begins to ask everybody for the versions that are being built; `None` when none is. Who changes
    /// meanwhile is noted until [`Workspace::drop_survey`].
    pub fn begin_build(&mut self) -> Option<Survey> {
        let building: Vec<u32> =
            self.segments.slots.values().filter_map(|slots| self.segments.building(slots)).collect();
        let unbuilt = building.into_iter().filter_map(|bitmap| {
            let version = self.segments.versions.get(&bitmap)?;
            let unbuilt = version.built_to.is_some_and(|built_to| built_to < self.next_person);
            let plan = version.plan.as_ref().ok().filter(|_| unbuilt)?.clone();
            let before =
                self.segments.active(&version.segment).map(|(_, before)| before.members.all(&self.segments.people));
            Some((version.built_to, Asked { bitmap, plan, before: before.unwrap_or_default() }))
        });
        let mut unbuilt: Vec<(Option<PersonNo>, Asked)> = unbuilt.take(VERSIONS_MAX).collect();
        // Those at one place go together, the hindmost first.
        let from = unbuilt.iter().map(|(from, _)| *from).min()??;
        unbuilt.retain(|(at, _)| *at == Some(from));
        let mut survey = self.survey(unbuilt.into_iter().map(|(_, asked)| asked).collect(), false);
        survey.from = from;
        // One watch for all of them: until the last is activated or dropped.
        let watch = self.people.watches.begin(false);
        for asked in &survey.asked {
            if let Some(version) = self.segments.versions.get_mut(&asked.bitmap) {
                version.entering.surveyed_to = self.next_person;
                if version.entering.watch.is_none() {
                    version.entering.watch = Some(watch);
                    self.people.watches.hold(watch);
                }
            }
        }
        self.people.watches.end(watch);
        Some(survey)
    }

    /// Takes what a survey found out about the people next in turn, and looks anew at those who changed
    /// since it began, or whose answers ended.
    pub fn take_part(&mut self, survey: &Survey, part: Part) -> Result<Taken, StorageError> {
        let Some(changed) = self.people.watches.changed(survey.id) else { return Ok(Taken::Void) };
        let mut again: RoaringBitmap = changed.range(part.people.clone()).collect();
        again |= survey.left(&part);
        again.extend(part.until.iter().filter(|(_, until)| *until <= self.now).map(|(no, _)| *no));
        let mut taken = Taken::Void;
        let again_in_order: Vec<PersonNo> = again.iter().collect();
        for (place, asked) in survey.asked.iter().enumerate() {
            let Some(version) = self.segments.versions.get_mut(&asked.bitmap) else { continue };
            if version.built_to != Some(part.people.start) {
                continue;
            }
            taken = Taken::Built;
            version.built_to = Some(part.people.end);
            version.entering.ids.extend(&part.ids);
            let (Some(matches), Some(unknown)) = (part.matches(place), part.unknown(place)) else { continue };
            let found = [(BitmapKind::Members, matches), (BitmapKind::Unknown, unknown)];
            for (kind, found) in found {
                self.add_bits(kind, asked.bitmap, &(found - &again));
            }
            for no in &again_in_order {
                if self.segments.people.contains(*no) && !self.build_one(asked.bitmap, *no)? {
                    break;
                }
            }
        }
        if taken == Taken::Built {
            for (no, until) in part.until {
                if until > self.now && !again.contains(no) {
                    self.people.forget_waits(no);
                    self.timers.lower(no, until);
                }
            }
        }
        Ok(taken)
    }

    /// Sets bits that were not set.
    fn add_bits(&mut self, kind: BitmapKind, bitmap: u32, found: &RoaringBitmap) {
        let Some(version) = self.segments.versions.get_mut(&bitmap) else { return };
        match kind {
            BitmapKind::Unknown => version.unknown.add(found),
            _ => version.members.add(found),
        }
        let (Some(first), Some(last)) = (found.min(), found.max()) else { return };
        let uppers = (first >> 16) as u16..=(last >> 16) as u16;
        self.dirty_bitmaps.extend(uppers.map(|upper| BitmapKey { kind, bitmap, upper }));
    }

    /// How many people are still to be looked at for the versions that are being built.
    pub fn unbuilt(&self) -> u64 {
        let building = self.segments.slots.values().filter_map(|slots| self.segments.building(slots));
        let from = building.filter_map(|bitmap| self.segments.versions.get(&bitmap)?.built_to).min();
        from.map_or(0, |from| self.segments.people.range_cardinality(from..))
    }

    /// How many people are still to be looked at for a version; 0 if it is not being built.
    pub fn unbuilt_of(&self, id: &SegmentId, version: u32) -> u64 {
        let building = self.segments.slots.get(id).and_then(|slots| self.segments.building(slots));
        let building = building.and_then(|bitmap| self.segments.versions.get(&bitmap));
        let from = building.filter(|building| building.version == version).and_then(|building| building.built_to);
        from.map_or(0, |from| self.segments.people.range_cardinality(from..))
    }

    /// Whom a survey's next part has to begin with; `None` when everybody has been taken, or it is void.
    pub fn next_of(&self, survey: &Survey) -> Option<PersonNo> {
        self.people.watches.changed(survey.id)?;
        let built_to = |asked: &Asked| self.segments.versions.get(&asked.bitmap)?.built_to;
        survey.asked.iter().filter_map(built_to).filter(|built_to| *built_to < survey.range().end).min()
    }

    /// The id of somebody who enters or leaves with a version: known from its survey unless they changed since.
    pub(super) fn entering_id(&mut self, entering: &Entering, no: PersonNo) -> Result<Option<Arc<str>>, StorageError> {
        if let Some(id) = self.stable_id(no) {
            return Ok(Some(id));
        }
        let changed = entering.watch.and_then(|watch| self.people.watches.changed(watch));
        if changed.is_some_and(|changed| !changed.contains(no))
            && let Ok(place) = entering.ids.binary_search_by_key(&no, |(of, _)| *of)
            && let Some((_, key)) = entering.ids.get(place)
        {
            return Ok(Some(format!("p_{key}").into()));
        }
        Ok(if self.people.ensure(no, &self.words)? { self.stable_id(no) } else { None })
    }

    /// What is known of everybody has another meaning from now on: surveys for building are void.
    pub(super) fn void_surveys(&mut self) {
        self.people.watches.void_builds();
    }
}
