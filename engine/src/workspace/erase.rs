//! Erasure, redaction, and cutting two identities apart.

use super::scope::Scope;
use super::settle::Touched;
use super::{Applied, When, Workspace};
use crate::effect::Effect;
use crate::identity::cluster::pair;
use crate::person::bag::Bag;
use crate::person::consent::{ADDRESS_TRAITS, address_of};
use crate::person::fact::Fact;
use crate::storage::{PersonNo, Storage, StorageError};
use hmac::{Hmac, KeyInit, Mac};
use model::{Identity, IdentityKey, SourceId};
use sha2::Sha256;
use std::collections::BTreeSet;

impl<S: Storage> Workspace<S> {
    /// The keyed hash under which an erased identity is remembered.
    pub(super) fn tombstone(&self, identity: &Identity) -> [u8; 16] {
        let mut out = [0u8; 16];
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.tombstone_key) else { return out };
        mac.update(&identity.key().0);
        for (to, from) in out.iter_mut().zip(mac.finalize().into_bytes()) {
            *to = from;
        }
        out
    }

    /// Removes a person and everything known of them. Facts not newer than now are refused from now on.
    pub(super) fn erase(
        &mut self,
        identity: &Identity,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let Some(no) = self.people.holder(&identity.key())? else {
            let tombstone = self.tombstone(identity);
            self.tombstones.insert(tombstone, when.found);
            self.definitions_changed = true;
            return Ok(Applied::Changed { person: None });
        };
        let mut touched = Touched::new(true);
        self.capture(no, &mut touched)?;
        let neighbours = self.neighbours(no, &mut touched)?;
        let Some(person) = self.people.take(no) else { return Ok(Applied::Refused("no_such_person")) };
        for (key, node) in person.nodes.iter() {
            let tombstone = self.tombstone(&node.identity);
            self.tombstones.insert(tombstone, when.found);
            self.people.holders.fresh.insert(*key, None);
        }
        for (id, _) in &person.chunks {
            self.people.dropped_chunks.fresh.insert(*id, ());
        }
        self.forget_orders(person.facts.iter());
        self.people.drop_number(no);
        self.definitions_changed = true;
        self.forget_links(&neighbours, &person.nodes.keys().copied().collect(), &mut touched)?;
        self.settle(touched, Scope::All, when, effects)?;
        Ok(Applied::Changed { person: None })
    }

    /// Orders whose facts are gone belong to nobody: all facts of an order go together.
    fn forget_orders<'a>(&mut self, gone: impl Iterator<Item = &'a Fact>) {
        for order in gone.filter_map(|fact| fact.order_key(&self.words)) {
            self.people.orders.fresh.insert(order, None);
        }
    }

    /// Identities outside a cluster that its own are linked to. Their clusters, and those that they
    /// may be grouped with anew, are remembered as they are.
    fn neighbours(&mut self, no: PersonNo, touched: &mut Touched) -> Result<BTreeSet<IdentityKey>, StorageError> {
        let Some(person) = self.people.get(no) else { return Ok(BTreeSet::new()) };
        let linked = person.nodes.values().flat_map(|node| node.links.keys());
        let neighbours: BTreeSet<IdentityKey> =
            linked.filter(|key| !person.nodes.contains_key(*key)).copied().collect();
        for key in &neighbours {
            let Some(holder) = self.people.holder(key)? else { continue };
            self.capture(holder, touched)?;
            let node = self.people.get(holder).and_then(|person| person.nodes.get(key));
            for other in node.map(|node| node.links.keys().copied().collect::<Vec<_>>()).unwrap_or_default() {
                if let Some(other) = self.people.holder(&other)? {
                    self.capture(other, touched)?;
                }
            }
        }
        Ok(neighbours)
    }

    /// Removes links to erased identities from those who were linked to them, and regroups them.
    fn forget_links(
        &mut self,
        neighbours: &BTreeSet<IdentityKey>,
        gone: &BTreeSet<IdentityKey>,
        touched: &mut Touched,
    ) -> Result<(), StorageError> {
        let mut involved = BTreeSet::new();
        for key in neighbours {
            let Some(no) = self.people.holder(key)? else { continue };
            if let Some(node) = self.people.get_mut(no).and_then(|person| person.nodes.get_mut(key)) {
                node.links.retain(|other, _| !gone.contains(other));
                for other in node.links.keys().copied().collect::<Vec<_>>() {
                    involved.extend(self.people.holder(&other)?);
                }
                involved.insert(no);
            }
            self.forget_address(no, gone);
        }
        for no in self.regroup(involved)? {
            touched.insert_new(no);
        }
        Ok(())
    }

    /// Removes an erased address from what a person, from whom it was cut, gave as their own.
    fn forget_address(&mut self, no: PersonNo, gone: &BTreeSet<IdentityKey>) {
        let traits = ADDRESS_TRAITS.map(|(channel, name)| (channel, name, self.names.number(name)));
        let is_gone = |channel, value| address_of(channel, &value).is_some_and(|address| gone.contains(&address.key()));
        let names_it = |fact: &Fact| {
            traits.iter().any(|(channel, _, number)| {
                number.and_then(|number| fact.traits().get(number)).is_some_and(|value| is_gone(*channel, value))
            })
        };
        if !self.people.get(no).is_some_and(|person| person.facts.iter().any(names_it)) {
            return;
        }
        for mut fact in self.take_facts(no, names_it) {
            let mut map = fact.traits().decode(&self.names);
            for (channel, name, _) in traits {
                if map.get(name).is_some_and(|value| is_gone(channel, value.clone())) {
                    map.remove(name);
                }
            }
            fact.set_traits(Bag::encode(&map, &mut self.names).0);
            self.people.push(no, fact, &self.words);
        }
    }

    /// Removes what came from one source about one person.
    pub(super) fn redact(
        &mut self,
        source: &SourceId,
        identity: &Identity,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let number = self.sources.iter().position(|known| known.id == *source);
        let (Some(number), Some(no)) = (number, self.people.holder(&identity.key())?) else {
            return Ok(Applied::Refused("no_such_person"));
        };
        let mut touched = Touched::new(true);
        self.capture(no, &mut touched)?;
        // What a cut address said holds for all who give it.
        let addresses: Vec<Identity> = self.people.get(no).map_or_else(Vec::new, |person| {
            let identities = person.nodes.values().map(|node| &node.identity);
            identities.filter(|identity| identity.kind.is_address()).cloned().collect()
        });
        for address in addresses {
            for other in self.sharing(no, &address)? {
                self.capture(other, &mut touched)?;
            }
        }
        let gone = self.take_facts(no, |fact| fact.source == number as u32);
        self.forget_orders(gone.iter());
        self.settle(touched, Scope::All, when, effects)?;
        Ok(Applied::Changed { person: None })
    }

    /// Cuts the link between two identities for good.
    pub(super) fn unlink(
        &mut self,
        left: &Identity,
        right: &Identity,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        self.unlinked.insert(pair(left.key(), right.key()));
        self.definitions_changed = true;
        let mut touched = Touched::new(true);
        let mut involved = BTreeSet::new();
        for identity in [left, right] {
            let Some(no) = self.people.holder(&identity.key())? else { continue };
            involved.insert(no);
            // An address may cease to be crowded: then its other links hold again.
            self.people.ensure(no, &self.words)?;
            let node = self.people.get(no).and_then(|person| person.nodes.get(&identity.key()));
            for other in node.map(|node| node.links.keys().copied().collect::<Vec<_>>()).unwrap_or_default() {
                involved.extend(self.people.holder(&other)?);
            }
        }
        for no in &involved {
            self.capture(*no, &mut touched)?;
        }
        for no in self.regroup(involved)? {
            touched.insert_new(no);
        }
        self.settle(touched, Scope::All, when, effects)?;
        Ok(Applied::Changed { person: None })
    }
}
