//! People who come and go: told once, for all that holds of everybody.

use super::settle::Held;
use super::{When, Workspace};
use crate::effect::{Effect, Presence};
use crate::storage::Storage;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A cluster that came to be a person, ceased to be one, or is known by another id.
pub(super) struct Anew {
    pub(super) before: Option<Arc<str>>,
    pub(super) after: Option<Arc<str>>,
    /// The versions that were looked at, in order.
    pub(super) looked_at: Vec<u32>,
}

impl<S: Storage> Workspace<S> {
    /// Tells who came and who went. Versions that were looked at for one of them are told of apart, for each: then it
    /// shows who passed from one cluster to another.
    pub(super) fn presences(
        &self,
        anew: &[Anew],
        (held_before, held_after): (&mut Held, &mut Held),
        when: When,
        effects: &mut Vec<Effect>,
    ) {
        if anew.is_empty() {
            return;
        }
        let given = &self.segments.given;
        let looked_at = anew.iter().flat_map(|one| &one.looked_at).copied();
        let but: BTreeSet<u32> = looked_at.filter(|bitmap| given.holds(*bitmap, when.position)).collect();
        for one in anew {
            for bitmap in but.iter().filter(|bitmap| one.looked_at.binary_search(bitmap).is_err()) {
                held_before.extend(one.before.iter().map(|id| (*bitmap, Arc::clone(id))));
                held_after.extend(one.after.iter().map(|id| (*bitmap, Arc::clone(id))));
            }
        }
        let but: Vec<u32> = but.into_iter().collect();
        if !given.holds_more(when.position, &but) {
            return;
        }
        let before: BTreeSet<&Arc<str>> = anew.iter().filter_map(|one| one.before.as_ref()).collect();
        let after: BTreeSet<&Arc<str>> = anew.iter().filter_map(|one| one.after.as_ref()).collect();
        let (went, came) = (before.difference(&after), after.difference(&before));
        for (person, came) in went.map(|id| (id, false)).chain(came.map(|id| (id, true))) {
            effects.push(Effect::Presence(Presence {
                person: person.to_string(),
                came,
                at: when.at,
                found: when.found,
                cause: when.cause,
                position: when.position,
                but: but.clone(),
            }));
        }
    }
}
