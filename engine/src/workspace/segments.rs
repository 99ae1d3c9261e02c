//! Segment versions with their members, and the index from what an event says to the versions
//! it could change.

use super::Workspace;
use super::backfill::Entering;
use super::references::refers_to;
use crate::person::fact::Fact;
use crate::person::view::Held;
use crate::plan::Plan;
use crate::storage::{PersonNo, Storage};
use model::{Event, EventKind, SegmentDefinition, SegmentId, names};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, BTreeSet};

/// One version of a definition with the people it holds.
pub(super) struct Version {
    pub(super) segment: SegmentId,
    pub(super) version: u32,
    pub(super) definition: SegmentDefinition,
    /// The segments that it refers to, directly.
    refers_to: BTreeSet<SegmentId>,
    /// Why it can't be compiled any more, after an upgrade: then it keeps its members as they are.
    pub(super) plan: Result<Plan, String>,
    pub(super) members: RoaringBitmap,
    pub(super) unknown: RoaringBitmap,
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
            members: RoaringBitmap::new(),
            unknown: RoaringBitmap::new(),
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
        Some(active.is_some_and(|version| version.members.contains(no)))
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
    pub(super) versions: BTreeMap<u32, Version>,
    pub(super) next_bitmap: u32,
    by_event: BTreeMap<String, Vec<u32>>,
    by_any_event: Vec<u32>,
    by_order: Vec<u32>,
    by_property: BTreeMap<String, Vec<u32>>,
    /// Versions whose answer can change by time alone.
    pub(super) timed: Vec<u32>,
    /// Versions in force whose members are held as they are.
    pub(super) held: Vec<u32>,
    /// Whether a version asks for consent.
    pub(super) asks_consent: bool,
    /// Whether a version asks for money spent.
    pub(super) asks_money: bool,
}

impl Segments {
    /// No segments; bitmaps are numbered after `next_bitmap`.
    pub(super) fn starting_at(next_bitmap: u32) -> Segments {
        Segments { next_bitmap, ..Segments::default() }
    }

    /// Builds the index anew.
    pub(super) fn index(&mut self) {
        self.by_event.clear();
        self.by_any_event.clear();
        self.by_order.clear();
        self.by_property.clear();
        self.timed.clear();
        self.held.clear();
        self.asks_consent = false;
        self.asks_money = false;
        for (bitmap, version) in &self.versions {
            if version.is_held() {
                self.held.extend(version.built_to.is_none().then_some(*bitmap));
                continue;
            }
            let Ok(plan) = &version.plan else { continue };
            let touched = plan.touched_by();
            for name in &touched.events {
                self.by_event.entry(name.clone()).or_default().push(*bitmap);
            }
            self.asks_money |= touched.orders;
            if touched.any_event {
                self.by_any_event.push(*bitmap);
            }
            if touched.orders || touched.any_event || touched.events.contains(names::ORDER_COMPLETED) {
                self.by_order.push(*bitmap);
            }
            for property in &touched.properties {
                self.asks_consent |= property.starts_with("consent_");
                self.by_property.entry(top_level(property).to_owned()).or_default().push(*bitmap);
            }
            if touched.timed {
                self.timed.push(*bitmap);
            }
        }
    }

    /// The version in force of a segment.
    pub(super) fn active(&self, segment: &SegmentId) -> Option<(u32, &Version)> {
        let bitmap = self.slots.get(segment)?.active?;
        Some((bitmap, self.versions.get(&bitmap)?))
    }

    /// Whether a version is in force (and not being built).
    pub(super) fn is_active(&self, bitmap: u32) -> bool {
        self.versions.get(&bitmap).is_some_and(|version| version.built_to.is_none())
    }

    /// The version of a segment that is being built and can be.
    pub(super) fn building(&self, slots: &Slots) -> Option<u32> {
        let can_be = |bitmap: &u32| self.versions.get(bitmap).is_some_and(|version| version.plan.is_ok());
        slots.building.filter(can_be)
    }

    fn extend_by_property(&self, property: &str, into: &mut Vec<u32>) {
        into.extend(self.by_property.get(property).into_iter().flatten());
    }
}

fn top_level(property: &str) -> &str {
    property.split_once('.').map_or(property, |(head, _)| head)
}

impl<S: Storage> Workspace<S> {
    /// The versions whose answer an event could change for its person, when clusters stay as they are.
    pub(super) fn affected(&self, event: &Event, fact: &Fact) -> Vec<u32> {
        let segments = &self.segments;
        let mut affected = Vec::new();
        if let EventKind::Activity(name) = &event.kind {
            affected.extend(segments.by_any_event.iter());
            affected.extend(segments.by_event.get(name).into_iter().flatten());
            if fact.name.is_some_and(|name| self.words.is_order(name)) {
                affected.extend(segments.by_order.iter());
            }
        }
        for name in event.traits.keys() {
            segments.extend_by_property(top_level(name), &mut affected);
            if name == "email" {
                segments.extend_by_property("email_domain", &mut affected);
            }
            if name == "birthday" {
                segments.extend_by_property("age", &mut affected);
            }
        }
        if !event.consent.is_empty() || event.traits.contains_key("email") || event.traits.contains_key("phone") {
            segments.extend_by_property("consent_email", &mut affected);
            segments.extend_by_property("consent_sms", &mut affected);
        }
        segments.extend_by_property("first_seen", &mut affected);
        affected.sort_unstable();
        affected.dedup();
        affected
    }
}
