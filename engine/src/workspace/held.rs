//! Segments whose members are held as they are: membership goes where the person goes.

use super::Workspace;
use super::settle::Touched;
use crate::eval::Tri;
use crate::storage::{PersonNo, Storage, StorageError};
use std::collections::{BTreeMap, BTreeSet};

/// Memberships in held versions that changed: version and person, with what it was.
pub(super) type HeldBefore = BTreeMap<(u32, PersonNo), bool>;

impl<S: Storage> Workspace<S> {
    /// After people were joined, divided or erased: who has the identity from which a member's id came is the
    /// member from now on.
    pub(super) fn pass_on(&mut self, touched: &Touched) -> Result<HeldBefore, StorageError> {
        let mut changed = HeldBefore::new();
        if self.segments.held.is_empty() {
            return Ok(changed);
        }
        let mut heirs = BTreeMap::new();
        for (no, id) in touched.people() {
            heirs.insert(no, self.people.holder(&id)?);
        }
        for bitmap in self.segments.held.clone() {
            let Some(version) = self.segments.versions.get(&bitmap) else { continue };
            let held = |no: &PersonNo| version.members.contains(*no, &self.segments.people);
            let after: BTreeSet<PersonNo> =
                heirs.iter().filter(|(no, _)| held(no)).filter_map(|(_, heir)| *heir).collect();
            let differ: Vec<PersonNo> = touched.all().filter(|no| held(no) != after.contains(no)).collect();
            for no in differ {
                let is = if after.contains(&no) { Tri::True } else { Tri::False };
                let was = self.set_value_of(bitmap, no, is);
                changed.insert((bitmap, no), was);
            }
        }
        Ok(changed)
    }
}
