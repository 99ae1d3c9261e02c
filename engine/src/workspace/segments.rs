//! Segment versions with their members, and the index from what an event says to the versions
//! it could change.

use super::Workspace;
use super::backfill::Entering;
use super::bits::Bits;
use super::index::Index;
use super::references::refers_to;
use super::versions::History;
use crate::eval::Tri;
use crate::given::Given;
use crate::person::fact::Fact;
use crate::person::view::Held;
use crate::plan::Plan;
use crate::storage::{PersonNo, Storage};
use model::{Event, EventKind, SegmentDefinition, SegmentId};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One version of a definition with the people it holds.
pub(super) struct Version {
    pub(super) segment: SegmentId,
    pub(super) version: u32,
    pub(super) definition: SegmentDefinition,
    /// The segments that it refers to, directly.
    refers_to: BTreeSet<SegmentId>,
    /// Why it can't be compiled any more, after an upgrade: then it keeps its members as they are.
    pub(super) plan: Result<Plan, String>,
    pub(super) members: Bits,
    pub(super) unknown: Bits,
    /// While it is being built: people below this number are evaluated.
    pub(super) built_to: Option<PersonNo>,
    /// While it is being built: what its activation asks for.
    pub(super) entering: Entering,
}

impl Version {
    /// A version that holds nobody yet. `built_to` is `None` when it is in force.
    pub(super) fn new(
        version: u32,
        definition: SegmentDefinition,
        plan: Result<Plan, String>,
        built_to: Option<PersonNo>,
    ) -> Version {
        Version {
            segment: definition.id.clone(),
            version,
            refers_to: refers_to(&definition.definition),
            definition,
            plan,
            members: Bits::default(),
            unknown: Bits::default(),
            built_to,
            entering: Entering::default(),
        }
    }

    /// Whether a person is to be evaluated for it now.
    pub(super) fn covers(&self, no: PersonNo) -> bool {
        !self.is_held() && self.built_to.is_none_or(|built_to| no < built_to)
    }

    /// Whether its members are held as they are: it is frozen, or can't be evaluated.
    pub(super) fn is_held(&self) -> bool {
        self.plan.as_ref().map_or(true, |plan| plan.frozen && self.built_to.is_none())
    }

    /// The segments that it refers to, directly.
    pub(super) fn refers_to(&self) -> &BTreeSet<SegmentId> {
        &self.refers_to
    }
}

impl Held for Segments {
    fn holds(&self, segment: &str, no: PersonNo) -> Option<bool> {
        let slots = self.slots.get(&SegmentId::from(segment))?;
        let active = slots.active.and_then(|bitmap| self.versions.get(&bitmap));
        Some(active.is_some_and(|version| version.members.contains(no, &self.people)))
    }
}

/// The versions of one segment, by number of bitmap.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Slots {
    pub(super) active: Option<u32>,
    pub(super) building: Option<u32>,
}

/// All segments.
#[derive(Default)]
pub(super) struct Segments {
    pub(super) slots: BTreeMap<SegmentId, Slots>,
    pub(super) versions: BTreeMap<u32, Box<Version>>,
    pub(super) next_bitmap: u32,
    pub(super) histories: BTreeMap<SegmentId, History>,
    /// Clusters that are people.
    pub(super) people: RoaringBitmap,
    /// Segments with a version that can't be evaluated, and why.
    pub(super) failed: BTreeMap<SegmentId, String>,
    /// By what could change them.
    pub(super) index: Index,
    /// Versions in force whose members are held as they are.
    pub(super) held: Vec<u32>,
    /// Which versions hold, and held, of everybody.
    pub(super) given: Arc<Given>,
    /// Versions in building that hold of somebody of whom nothing is known, or may.
    pub(super) given_in_building: Vec<(u32, Tri)>,
}

impl Segments {
    /// No segments; bitmaps are numbered after `next_bitmap`.
    pub(super) fn starting_at(next_bitmap: u32) -> Segments {
        Segments { next_bitmap, ..Segments::default() }
    }

    /// Brings the index up to date with the versions.
    pub(super) fn index_versions(&mut self) {
        let held = self.versions.iter().filter(|(_, version)| version.is_held() && version.built_to.is_none());
        self.held = held.map(|(bitmap, _)| *bitmap).collect();
        self.failed = self.failures();
        let evaluated = self.versions.iter().filter(|(_, version)| !version.is_held());
        self.index.update(evaluated.filter_map(|(bitmap, version)| Some((*bitmap, version.plan.as_ref().ok()?))));
    }

    /// The version in force of a segment.
    pub(super) fn active(&self, segment: &SegmentId) -> Option<(u32, &Version)> {
        let bitmap = self.slots.get(segment)?.active?;
        Some((bitmap, self.versions.get(&bitmap)?))
    }

    /// Who is in a segment's version in force.
    pub(super) fn members(&self, segment: &SegmentId) -> Option<RoaringBitmap> {
        Some(self.active(segment)?.1.members.all(&self.people))
    }

    /// Whether a version is in force (and not being built).
    pub(super) fn is_active(&self, bitmap: u32) -> bool {
        self.versions.get(&bitmap).is_some_and(|version| version.built_to.is_none())
    }

    /// The version of a segment that is being built and can be.
    pub(super) fn building(&self, slots: &Slots) -> Option<u32> {
        let can_be = |bitmap: &u32| {
            self.versions.get(bitmap).is_some_and(|version| {
                let history = self.histories.get(&version.segment);
                let waits = version.built_to == Some(PersonNo::MAX) && history.is_some_and(|history| history.held);
                version.plan.is_ok() && !waits && history.is_none_or(|history| history.paused.is_none())
            })
        };
        slots.building.filter(can_be)
    }

    /// Whether the version being built waits for the operator once it is built.
    pub(super) fn waits(&self, bitmap: u32) -> bool {
        let history = self.versions.get(&bitmap).and_then(|version| self.histories.get(&version.segment));
        history.is_some_and(|history| history.held)
    }

    /// Whether a version in force was stopped: for its cost, or because it could not be compiled.
    pub(super) fn is_stopped(&self, bitmap: u32) -> bool {
        let Some(version) = self.versions.get(&bitmap).filter(|version| version.built_to.is_none()) else {
            return false;
        };
        self.histories.get(&version.segment).is_some_and(|history| history.stopped.is_some())
    }

    /// Which segments have a version that can't be evaluated.
    fn failures(&self) -> BTreeMap<SegmentId, String> {
        let why = |version: &Version| {
            let paused = self.histories.get(&version.segment).and_then(|history| history.paused.as_ref());
            let paused = paused.filter(|_| version.built_to.is_some());
            let why = version.plan.as_ref().err().or(paused)?;
            Some((version.segment.clone(), format!("version {}: {why}", version.version)))
        };
        self.versions.values().filter_map(|version| why(version)).collect()
    }
}

impl<S: Storage> Workspace<S> {
    /// The versions whose answer an event could change for its person, when clusters stay as they are.
    /// `earliest` says whether nothing as early was known of somebody whom it touches.
    pub(super) fn affected(&self, event: &Event, fact: &Fact, earliest: bool) -> Vec<u32> {
        let index = &self.segments.index;
        let mut affected = Vec::new();
        if let EventKind::Activity(name) = &event.kind {
            let is_order = fact.name.is_some_and(|name| self.words.is_order(name));
            index.extend_by_event(name, is_order, &mut affected);
        }
        event.traits.keys().for_each(|name| index.extend_by_trait(name, &mut affected));
        if !event.consent.is_empty() || event.traits.contains_key("email") || event.traits.contains_key("phone") {
            index.extend_by_consent(&mut affected);
        }
        if earliest {
            index.extend_by_property("first_seen", &mut affected);
        }
        affected.sort_unstable();
        affected.dedup();
        affected
    }
}
