//! Versions in force that hold of somebody of whom nothing is known: their members are kept as differences.

use super::Workspace;
use super::segments::{Segments, Version};
use crate::eval::Tri;
use crate::given::Given;
use crate::storage::{BitmapKey, BitmapKind, Storage};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Segments {
    /// What a version holds of everybody but for some: one in force that is evaluated, and looks at the person alone.
    fn of_everybody(&self, bitmap: u32, version: &Version) -> Tri {
        let evaluated = version.built_to.is_none() && !version.is_held();
        if evaluated { self.index.of_nobody(bitmap) } else { Tri::False }
    }
}

impl<S: Storage> Workspace<S> {
    /// Brings everything up to date with the versions, which have changed.
    pub(super) fn index(&mut self) {
        self.segments.index_versions();
        let Segments { versions, index, .. } = &self.segments;
        let in_building = versions.iter().filter(|(_, version)| version.built_to.is_some() && !version.is_held());
        let of_nobody = in_building.map(|(bitmap, _)| (*bitmap, index.of_nobody(*bitmap)));
        self.segments.given_in_building = of_nobody.filter(|(_, value)| *value != Tri::False).collect();
        self.turn_bits();
        self.write_rules();
    }

    /// Has each version keep its people as differences from what holds of everybody.
    fn turn_bits(&mut self) {
        let wanted = self.segments.versions.iter().filter_map(|(bitmap, version)| {
            let value = self.segments.of_everybody(*bitmap, version);
            let is = (version.members.of_everybody(), version.unknown.of_everybody());
            ((value == Tri::True, value == Tri::Unknown) != is).then_some((*bitmap, value))
        });
        let wanted: Vec<(u32, Tri)> = wanted.collect();
        let Segments { versions, people, .. } = &mut self.segments;
        for (bitmap, value) in wanted {
            let Some(version) = versions.get_mut(&bitmap) else { continue };
            let both = [
                (BitmapKind::Members, &mut version.members, value == Tri::True),
                (BitmapKind::Unknown, &mut version.unknown, value == Tri::Unknown),
            ];
            for (kind, bits, of_everybody) in both {
                let mut uppers: BTreeSet<u16> = bits.uppers().collect();
                bits.turn(of_everybody, people);
                uppers.extend(bits.uppers());
                self.dirty_bitmaps.extend(uppers.into_iter().map(|upper| BitmapKey { kind, bitmap, upper }));
            }
            self.definitions_changed = true;
        }
    }

    /// Keeps since when, and until when, a version held of everybody.
    fn write_rules(&mut self) {
        let of_everybody =
            |bitmap: &u32| self.segments.versions.get(bitmap).is_some_and(|version| version.members.of_everybody());
        let open = self.segments.given.open();
        let ended: Vec<u32> = open.iter().copied().filter(|bitmap| !of_everybody(bitmap)).collect();
        let all = self.segments.versions.iter();
        let begun = all.filter(|(bitmap, version)| version.members.of_everybody() && !open.contains(bitmap));
        let begun: Vec<_> =
            begun.map(|(bitmap, version)| (version.segment.clone(), version.version, *bitmap)).collect();
        if ended.is_empty() && begun.is_empty() {
            return;
        }
        let (given, position) = (Arc::make_mut(&mut self.segments.given), self.position);
        ended.into_iter().for_each(|bitmap| given.end(bitmap, position));
        for (segment, version, bitmap) in begun {
            given.begin(&segment, version, bitmap, position);
        }
        self.definitions_changed = true;
    }

    /// Which versions hold, and held, of everybody: what a [`crate::effect::Presence`] stands for.
    pub fn given(&self) -> &Arc<Given> {
        &self.segments.given
    }
}
