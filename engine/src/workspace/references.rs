//! Segments that refer to segments: no cycles, and those that refer follow at once.

use super::scope::Scope;
use super::segments::Version;
use super::settle::Touched;
use super::{When, Workspace};
use crate::effect::Effect;
use crate::language::{self, Definition, DefinitionError};
use crate::plan::{Node, Plan, Referred, compile};
use crate::storage::{PersonNo, Storage, StorageError};
use model::SegmentId;
use roaring::RoaringBitmap;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// Which segments refer to which, by their definitions in force and those being built.
type References = BTreeMap<SegmentId, BTreeSet<SegmentId>>;

/// Other plans of segments.
pub(super) type Others = BTreeMap<SegmentId, Option<Arc<Node>>>;

impl<S: Storage> Workspace<S> {
    /// Compiles a definition for this workspace as its segments are now.
    pub(super) fn compile(&self, definition: &str) -> Result<Plan, String> {
        self.compile_with(definition, &BTreeMap::new())
    }

    /// The same with other definitions of some segments; `None` for those whose members are held.
    pub(super) fn compile_with(&self, definition: &str, others: &Others) -> Result<Plan, String> {
        let parsed = language::parse(definition).map_err(|error| error.to_string())?;
        let (currency, retention_days) = (&self.settings.currency, self.settings.retention_days);
        let refer = |id: &str| match others.get(&SegmentId::from(id)) {
            Some(Some(root)) => Ok(Referred::Plan(Arc::clone(root))),
            Some(None) => Ok(Referred::Held),
            None => self.refer(id),
        };
        compile(&parsed, self.zone.clone(), currency, retention_days, &refer).map_err(|error| error.to_string())
    }

    fn refer(&self, id: &str) -> Result<Referred, DefinitionError> {
        let Some(slots) = self.segments.slots.get(&SegmentId::from(id)) else {
            let known: Vec<&str> = self.segments.slots.keys().map(SegmentId::as_str).collect();
            return Err(DefinitionError::unknown("segment", "segment", id, &known));
        };
        let active = slots.active.and_then(|bitmap| self.segments.versions.get(&bitmap));
        Ok(match active.map(|version| &version.plan) {
            Some(Ok(plan)) if !plan.frozen => Referred::Plan(Arc::clone(&plan.root)),
            _ => Referred::Held,
        })
    }

    /// Whether a segment with this definition would, through others, refer to itself: the error shows how.
    pub(super) fn check_references(&self, id: &SegmentId, definition: &str) -> Result<(), String> {
        let parsed = language::parse(definition).map_err(|error| error.to_string())?;
        let new: BTreeSet<SegmentId> = parsed.refers_to().into_iter().map(SegmentId::from).collect();
        if new.is_empty() {
            return Ok(());
        }
        let mut references = self.references();
        references.entry(id.clone()).or_default().extend(new);
        match path(&references, id, id) {
            None => Ok(()),
            Some(way) => {
                let way: Vec<&str> = way.iter().map(SegmentId::as_str).collect();
                Err(format!("the segment would refer to itself: {} -> {}", id.as_str(), way.join(" -> ")))
            }
        }
    }

    fn references(&self) -> References {
        let mut references = References::new();
        for version in self.segments.versions.values().filter(|version| !version.refers_to().is_empty()) {
            references.entry(version.segment.clone()).or_default().extend(version.refers_to().iter().cloned());
        }
        references
    }

    /// The segments that refer to a segment directly, in force or being built.
    pub fn referring(&self, id: &SegmentId) -> BTreeSet<SegmentId> {
        let referring = self.segments.versions.values().filter(|version| version.refers_to().contains(id));
        referring.map(|version| version.segment.clone()).collect()
    }

    /// Compiles versions anew, each after those that it refers to.
    pub(super) fn recompile(&mut self, bitmaps: &BTreeSet<u32>) {
        let refers =
            |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|version| !version.refers_to().is_empty());
        // Most refer to none.
        let (mut waiting, mut first): (BTreeSet<u32>, BTreeSet<u32>) =
            bitmaps.iter().filter(|bitmap| !self.segments.is_stopped(**bitmap)).partition(|bitmap| refers(bitmap));
        while let Some(bitmap) = first.pop_first().or_else(|| self.next_to_compile(&waiting)) {
            waiting.remove(&bitmap);
            let text = self.segments.versions.get(&bitmap).map(|version| version.definition.definition.clone());
            let plan = text.map(|text| self.compile(&text));
            if let (Some(plan), Some(version)) = (plan, self.segments.versions.get_mut(&bitmap)) {
                version.plan = plan;
            }
        }
    }

    /// One of the waiting that refers to nothing that waits to be compiled; there are no cycles.
    fn next_to_compile(&self, waiting: &BTreeSet<u32>) -> Option<u32> {
        let in_force: BTreeSet<&SegmentId> = waiting
            .iter()
            .filter(|bitmap| self.segments.is_active(**bitmap))
            .filter_map(|bitmap| self.segments.versions.get(bitmap))
            .map(|version| &version.segment)
            .collect();
        let ready = |version: &Version| !version.refers_to().iter().any(|other| in_force.contains(other));
        let first =
            waiting.iter().find(|bitmap| self.segments.versions.get(bitmap).is_none_or(|version| ready(version)));
        first.or_else(|| waiting.first()).copied()
    }

    /// The versions that refer to a segment, directly or through others.
    pub(super) fn followers(&self, id: &SegmentId) -> BTreeSet<u32> {
        let mut followers = BTreeSet::new();
        let mut met = BTreeSet::from([id.clone()]);
        let mut next = vec![id.clone()];
        while let Some(id) = next.pop() {
            for (bitmap, version) in &self.segments.versions {
                if version.refers_to().contains(&id) {
                    followers.insert(*bitmap);
                    if met.insert(version.segment.clone()) {
                        next.push(version.segment.clone());
                    }
                }
            }
        }
        followers
    }

    /// Another version of a segment is in force: those that refer to it are compiled anew, and looked at for
    /// everybody for whom it changed. Entries ask for its whole past: these are looked at for everyone. What
    /// is being built begins again.
    pub(super) fn follow(
        &mut self,
        id: &SegmentId,
        changed: &RoaringBitmap,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<(), StorageError> {
        let followers = self.followers(id);
        if followers.is_empty() {
            return Ok(());
        }
        let asks_more = |workspace: &Self| {
            let plans = followers.iter().filter_map(|bitmap| workspace.segments.versions.get(bitmap));
            plans.into_iter().any(|version| match &version.plan {
                Ok(plan) => plan.root.extent.entries,
                // One that could not be evaluated has members as they were then.
                Err(_) => true,
            })
        };
        let before = asks_more(self);
        self.recompile(&followers);
        let everyone = before || asks_more(self);
        let (in_force, building): (Vec<u32>, Vec<u32>) =
            followers.into_iter().partition(|bitmap| self.segments.is_active(*bitmap));
        if !building.is_empty() {
            self.void_surveys();
        }
        building.into_iter().for_each(|bitmap| self.build_again(bitmap));
        self.index();
        let people: Vec<PersonNo> =
            if everyone { self.segments.people.iter().collect() } else { changed.iter().collect() };
        for no in people {
            let mut touched = Touched::new(false);
            self.capture(no, &mut touched)?;
            self.settle(touched, Scope::Some(in_force.clone()), when, effects)?;
            self.people.evict();
        }
        Ok(())
    }
}

/// A shortest way from a segment to another by references.
fn path(references: &References, from: &SegmentId, to: &SegmentId) -> Option<Vec<SegmentId>> {
    let mut met: BTreeMap<&SegmentId, &SegmentId> = BTreeMap::new();
    let mut left = VecDeque::from([from]);
    while let Some(one) = left.pop_front() {
        for next in references.get(one).into_iter().flatten() {
            if next == to {
                let back = std::iter::successors(Some(one), |one| met.get(one).copied());
                let mut way: Vec<SegmentId> = back.take_while(|one| *one != from).cloned().collect();
                way.reverse();
                way.push(to.clone());
                return Some(way);
            }
            if let Entry::Vacant(entry) = met.entry(next) {
                entry.insert(one);
                left.push_back(next);
            }
        }
    }
    None
}

/// The segments that a definition refers to, directly; none if it can't be read.
pub(super) fn refers_to(definition: &str) -> BTreeSet<SegmentId> {
    let parsed: Option<Definition> = language::parse(definition).ok();
    parsed.iter().flat_map(Definition::refers_to).map(SegmentId::from).collect()
}
