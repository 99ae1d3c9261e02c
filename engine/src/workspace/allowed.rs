//! Whether a definition may be put: beside all that is in force, is being built or waits, whatever of it comes into
//! force first.

use super::Workspace;
use super::references::{Others, refers_to};
use super::segments::Version;
use crate::language::Definition;
use crate::plan::{Extent, Kind, Node, Plan};
use crate::storage::Storage;
use model::SegmentId;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A definition that is to be put.
struct Put<'a> {
    id: &'a SegmentId,
    text: &'a str,
    refers_to: BTreeSet<SegmentId>,
    /// The segments that refer to its own, directly or through others.
    followed_by: BTreeSet<SegmentId>,
}

impl<S: Storage> Workspace<S> {
    /// Compiles a definition of a segment as the others are now; an error if it, or one that refers to the segment,
    /// could not be evaluated with the versions of others that are in force, or with those that are being built or
    /// wait.
    pub(super) fn allowed(&self, id: &SegmentId, text: &str) -> Result<Plan, String> {
        self.check_references(id, text)?;
        let plan = self.compile(text)?;
        let followers = self.followers(id);
        let followers = followers.iter().filter_map(|bitmap| self.segments.versions.get(bitmap));
        let followed_by: BTreeSet<SegmentId> = followers.map(|version| version.segment.clone()).collect();
        let put = Put { id, text, refers_to: refers_to(text), followed_by };
        let mut most = Others::new();
        for id in self.in_order(&put) {
            let extent = self.most_of(&id, &put, &most)?;
            let node = extent.map(|extent| Arc::new(stand_in(&id, extent)));
            most.insert(id, node);
        }
        Ok(plan)
    }

    /// The segment, those that refer to it, and all that these refer to: each after those that it refers to.
    fn in_order(&self, put: &Put<'_>) -> Vec<SegmentId> {
        let (mut order, mut met) = (Vec::new(), BTreeSet::new());
        let mut left: Vec<(SegmentId, bool)> = put.followed_by.iter().map(|id| (id.clone(), false)).collect();
        left.push((put.id.clone(), false));
        while let Some((id, is_next)) = left.pop() {
            if is_next {
                order.push(id);
            } else if met.insert(id.clone()) {
                let others = self.asked(&id, put).into_iter().flat_map(|(_, version)| version.refers_to());
                let others = others.chain(put.refers_to.iter().filter(|_| id == *put.id));
                let others: Vec<_> = others.map(|other| (other.clone(), false)).collect();
                left.push((id, true));
                left.extend(others);
            }
        }
        order
    }

    /// The versions of a segment that matter beside a new one, each with whether its members are held whatever it says:
    /// then it is looked at where it refers to the new one alone.
    fn asked(&self, id: &SegmentId, put: &Put<'_>) -> Vec<(bool, &Version)> {
        let slots = self.segments.slots.get(id).copied().unwrap_or_default();
        // The new version takes the place of the one that is being built.
        let building = slots.building.filter(|_| id != put.id);
        let versions = [slots.active, building].into_iter().flatten();
        let versions = versions.filter_map(|bitmap| self.segments.versions.get(&bitmap).map(Box::as_ref));
        let stopped = |version: &Version| version.built_to.is_none() && version.plan.is_err();
        let versions = versions.filter(|version| !stopped(version));
        let held = versions.map(|version| (version.plan.as_ref().is_ok_and(|plan| plan.frozen), version));
        held.filter(|(held, _)| !held || put.followed_by.contains(id)).collect()
    }

    /// How much a segment can come to be by any of its versions; `None` if its members are held by each.
    fn most_of(&self, id: &SegmentId, put: &Put<'_>, most: &Others) -> Result<Option<Extent>, String> {
        let mut all: Option<Extent> = None;
        for (held, version) in self.asked(id, put) {
            let extent = match &version.plan {
                Ok(plan) if version.refers_to().is_empty() => Ok(plan.root.extent),
                _ => self.compile_with(&version.definition.definition, most).map(|plan| plan.root.extent),
            };
            match extent {
                Ok(extent) if !held => all = Some(extent.or(all)),
                Err(why) if version.plan.is_ok() && put.followed_by.contains(id) => {
                    return Err(format!("\"{}\", which refers to this segment: {why}", id.as_str()));
                }
                // What can't be built as it is does not get worse.
                _ => {}
            }
        }
        if id == put.id {
            let why = |why| format!("{why}, by a version that is being built or waits");
            let plan = self.compile_with(put.text, most).map_err(why)?;
            all = if plan.frozen { all } else { Some(plan.root.extent.or(all)) };
        }
        Ok(all)
    }
}

/// What stands for a segment where it matters alone how much it is.
fn stand_in(id: &SegmentId, extent: Extent) -> Node {
    let (source, kind) = (Definition::Segment(id.0.clone()), Kind::Any(Vec::new()));
    Node { source, kind, asks_history: true, fingerprint: 0, extent }
}

impl Extent {
    /// The greater of both in each respect.
    fn or(self, other: Option<Extent>) -> Extent {
        let other = other.unwrap_or_default();
        Extent {
            nodes: self.nodes.max(other.nodes),
            depth: self.depth.max(other.depth),
            entries: self.entries || other.entries,
        }
    }
}
