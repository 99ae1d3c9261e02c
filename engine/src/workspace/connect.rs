//! Links identities and regroups people accordingly.

use super::Workspace;
use crate::identity::anchor::IDENTITIES_MAX;
use crate::identity::cluster::{Rules, components};
use crate::person::fact::Fact;
use crate::person::facts::Facts;
use crate::person::small_map::SmallMap;
use crate::person::{IDENTITY_LINKS_MAX, Node, PERSON_IDENTITIES_MAX, Person};
use crate::storage::{LinkRecord, PersonNo, Storage, StorageError};
use model::{Identity, IdentityKey, Time};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// What an event would change about who is who.
#[derive(Debug, Default)]
pub(super) struct Links<'a> {
    /// The identities with their keys.
    pub(super) keys: SmallVec<[(IdentityKey, &'a Identity); 4]>,
    /// The clusters that hold them now, in order.
    pub(super) holders: SmallVec<[PersonNo; 4]>,
    /// Identities that nobody holds yet.
    unknown: Vec<Identity>,
    /// Links that are new or earlier than known, both ways for strong pairs.
    links: Vec<(IdentityKey, LinkRecord)>,
}

impl Links<'_> {
    /// Whether clusters change.
    pub(super) fn is_structural(&self) -> bool {
        !self.unknown.is_empty() || !self.links.is_empty()
    }

    /// The key of one of the identities.
    pub(super) fn key(&self, identity: &Identity) -> IdentityKey {
        let known = self.keys.iter().find(|(_, known)| *known == identity);
        known.map_or_else(|| identity.key(), |(key, _)| *key)
    }

    /// The cluster that holds every one of them, if nothing changes.
    pub(super) fn holder(&self) -> Option<PersonNo> {
        let [no] = self.holders[..] else { return None };
        (!self.is_structural()).then_some(no)
    }
}

impl<S: Storage> Workspace<S> {
    /// Finds out what an event's identities would change. Loads their clusters. Of the first ones the keys are known.
    pub(super) fn plan_links<'a>(
        &mut self,
        identities: &'a [Identity],
        keys: &[IdentityKey],
        anchor: &Identity,
        time: Time,
    ) -> Result<Links<'a>, StorageError> {
        let mut plan = Links::default();
        for (place, identity) in identities.iter().take(IDENTITIES_MAX).enumerate() {
            let key = keys.get(place).copied().unwrap_or_else(|| identity.key());
            if plan.keys.iter().any(|(known, _)| *known == key) {
                continue;
            }
            match self.people.holder(&key)? {
                Some(no) if self.people.ensure(no, &self.words)? => {
                    if let Err(place) = plan.holders.binary_search(&no) {
                        plan.holders.insert(place, no);
                    }
                }
                _ => plan.unknown.push(identity.clone()),
            }
            plan.keys.push((key, identity));
        }
        for (from, left) in &plan.keys {
            for (to, right) in &plan.keys {
                let strong_pair = left.kind.is_strong() && right.kind.is_strong();
                let to_anchor = !left.kind.is_strong() && anchor.kind.is_strong() && *right == anchor;
                if from != to && (strong_pair || to_anchor) {
                    if self.has_links_enough(from)? || self.has_links_enough(to)? {
                        continue;
                    }
                    let known = self.link_time(from, to)?;
                    if known.is_none_or(|known| !strong_pair && time < known) {
                        let (kind, canonical) = (right.kind, right.canonical());
                        plan.links.push((*from, LinkRecord { key: *to, kind, time, canonical }));
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Whether an identity has so many links that no more is kept. More than that change nothing:
    /// an address is long since crowded, and nothing else can have as many.
    fn has_links_enough(&self, key: &IdentityKey) -> Result<bool, StorageError> {
        let Some(no) = self.people.holder(key)? else { return Ok(false) };
        let node = self.people.get(no).and_then(|person| person.nodes.get(key));
        Ok(node.is_some_and(|node| node.links.len() >= IDENTITY_LINKS_MAX))
    }

    fn link_time(&self, from: &IdentityKey, to: &IdentityKey) -> Result<Option<Time>, StorageError> {
        let Some(no) = self.people.holder(from)? else { return Ok(None) };
        let node = self.people.get(no).and_then(|person| person.nodes.get(from));
        Ok(node.and_then(|node| node.links.get(to)).map(|link| link.time))
    }

    /// Whether a plan would give a person more identities than one may have.
    pub(super) fn grows_too_big(&self, plan: &Links<'_>) -> bool {
        let held = plan.holders.iter().filter_map(|no| self.people.get(*no)).map(|person| person.nodes.len());
        plan.is_structural() && held.sum::<usize>() + plan.unknown.len() > PERSON_IDENTITIES_MAX
    }

    /// New weak identities that an event of one known person names stay with that person: nobody
    /// is regrouped for them, which would cost as much as the person's history is long.
    pub(super) fn adopt(&mut self, plan: &Links<'_>) -> Option<BTreeSet<PersonNo>> {
        let no = *plan.holders.first().filter(|_| plan.holders.len() == 1)?;
        let new: BTreeMap<IdentityKey, &Identity> = plan.unknown.iter().map(|one| (one.key(), one)).collect();
        let linked = plan.links.len() == new.len() && plan.links.iter().all(|(from, _)| new.contains_key(from));
        if !linked || plan.unknown.iter().any(|identity| identity.kind.is_strong()) {
            return None;
        }
        for (from, link) in &plan.links {
            let identity = (*new.get(from)?).clone();
            self.people.adopt(no, Node { identity, links: SmallMap::from_iter([(link.key, link.clone())]) });
        }
        Some(BTreeSet::from([no]))
    }

    /// Carries a plan out; returns the clusters that came of it.
    pub(super) fn link(&mut self, plan: Links<'_>) -> Result<BTreeSet<PersonNo>, StorageError> {
        let mut involved: BTreeSet<PersonNo> = plan.holders.into_iter().collect();
        for identity in plan.unknown {
            let no = self.next_person;
            self.next_person += 1;
            self.people.put(Person::new(no, identity));
            involved.insert(no);
        }
        for (from, link) in plan.links {
            let Some(no) = self.people.holder(&from)? else { continue };
            if let Some(node) = self.people.get_mut(no).and_then(|person| person.nodes.get_mut(&from)) {
                node.links.insert(link.key, link);
            }
        }
        self.regroup(involved)
    }

    /// Forms clusters anew out of the identities of some clusters, and moves their history along.
    pub(super) fn regroup(&mut self, involved: BTreeSet<PersonNo>) -> Result<BTreeSet<PersonNo>, StorageError> {
        let mut old: BTreeMap<PersonNo, Person> = BTreeMap::new();
        for no in involved {
            if self.people.ensure(no, &self.words)?
                && let Some(person) = self.people.take(no)
            {
                old.insert(no, person);
            }
        }
        let mut nodes: BTreeMap<IdentityKey, Node> = BTreeMap::new();
        let mut came_from: BTreeMap<IdentityKey, PersonNo> = BTreeMap::new();
        for (no, person) in &mut old {
            came_from.extend(person.nodes.keys().map(|key| (*key, *no)));
            nodes.extend(std::mem::take(&mut person.nodes));
        }
        let rules = Rules { crowded_links_max: self.settings.crowded_links_max, unlinked: &self.unlinked };
        let groups = components(&nodes, rules);
        let numbers = self.number_groups(&groups, &came_from, &old);
        let mut new: BTreeMap<PersonNo, Person> = BTreeMap::new();
        let mut goes_to: BTreeMap<IdentityKey, PersonNo> = BTreeMap::new();
        for (group, no) in groups.iter().zip(&numbers) {
            let members = group.iter().filter_map(|key| Some((*key, nodes.remove(key)?))).collect();
            goes_to.extend(group.iter().map(|key| (*key, *no)));
            new.insert(*no, Person { no: *no, nodes: members, ..Person::default() });
        }
        self.move_history(old, &mut new, &goes_to, &came_from);
        let numbers = new.keys().copied().collect();
        for (_, mut person) in new {
            person.index(&self.words);
            self.people.put(person);
        }
        Ok(numbers)
    }

    /// A number for each group: that of the old cluster with the longest history in it, or a new one.
    fn number_groups(
        &mut self,
        groups: &[BTreeSet<IdentityKey>],
        came_from: &BTreeMap<IdentityKey, PersonNo>,
        old: &BTreeMap<PersonNo, Person>,
    ) -> Vec<PersonNo> {
        let mut taken: BTreeSet<PersonNo> = BTreeSet::new();
        let numbers = groups.iter().map(|group| {
            let free = group.iter().filter_map(|key| came_from.get(key)).filter(|no| !taken.contains(no));
            let weight = |no: &&PersonNo| (old.get(no).map_or(0, |person| person.facts.len()), std::cmp::Reverse(**no));
            let no = free.max_by_key(weight).copied().unwrap_or_else(|| {
                self.next_person += 1;
                self.next_person - 1
            });
            taken.insert(no);
            no
        });
        let numbers: Vec<PersonNo> = numbers.collect();
        for no in old.keys().filter(|no| !taken.contains(no)) {
            self.people.drop_number(*no);
        }
        numbers
    }

    /// Chunks stay as they are where a whole cluster goes to one place; else its facts go with
    /// their anchors and are chunked again.
    fn move_history(
        &mut self,
        old: BTreeMap<PersonNo, Person>,
        new: &mut BTreeMap<PersonNo, Person>,
        goes_to: &BTreeMap<IdentityKey, PersonNo>,
        came_from: &BTreeMap<IdentityKey, PersonNo>,
    ) {
        let mut tails: BTreeMap<PersonNo, Vec<Fact>> = BTreeMap::new();
        for (no, mut person) in old {
            let keys = came_from.iter().filter(|(_, from)| **from == no).map(|(key, _)| key);
            let targets: BTreeSet<PersonNo> = keys.filter_map(|key| goes_to.get(key)).copied().collect();
            let Some(first) = targets.first().copied() else { continue };
            let (closed, tail) = person.split_tail();
            if targets.len() == 1 {
                if let Some(target) = new.get_mut(&first) {
                    target.chunks.append(&mut person.chunks);
                    target.facts.extend(closed);
                }
                tails.entry(first).or_default().extend(tail);
            } else {
                for (id, _) in person.chunks {
                    self.people.dropped_chunks.fresh.insert(id, ());
                }
                for fact in closed.into_iter().chain(tail) {
                    let target = goes_to.get(&fact.anchor()).copied().unwrap_or(first);
                    tails.entry(target).or_default().push(fact);
                }
            }
        }
        for (no, tail) in tails {
            if let Some(target) = new.get_mut(&no) {
                target.facts.extend(tail);
            }
        }
    }

    /// Takes facts out of a cluster; its remaining history is chunked again.
    pub(super) fn take_facts(&mut self, no: PersonNo, goes: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        let Some(mut person) = self.people.take(no) else { return Vec::new() };
        for (id, _) in std::mem::take(&mut person.chunks) {
            self.people.dropped_chunks.fresh.insert(id, ());
        }
        let (gone, stays) = person.facts.take().into_iter().partition(|fact| goes(fact));
        person.facts = Facts::from(stays);
        person.index(&self.words);
        self.people.put(person);
        gone
    }
}
