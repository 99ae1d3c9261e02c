//! Applies one event.

use super::ahead::Keys;
use super::scope::Scope;
use super::settle::Touched;
use super::{Applied, When, Workspace};
use crate::effect::{Cause, Effect};
use crate::identity::anchor::anchor;
use crate::person::PERSON_FACTS_MAX;
use crate::person::bag::Bag;
use crate::person::consent::{ADDRESS_TRAITS, address, address_of};
use crate::person::fact::{Anchors, Fact, share};
use crate::person::orders::{ORDER_FACTS_MAX, id_text};
use crate::storage::{MessageKey, OrderKey, OrderRecord, PersonNo, Storage, StorageError};
use model::names::CART_UPDATED;
use model::{Event, EventKind, Identity, IdentityKey, IdentityKind, Time};
use std::borrow::Cow;
use std::sync::Arc;

/// Every identity that an event names: also the addresses among its traits and of its consents.
fn identities(event: &Event) -> Cow<'_, [Identity]> {
    let mut identities = Cow::Borrowed(event.identities.as_slice());
    let traits = ADDRESS_TRAITS.iter().filter_map(|(channel, name)| address_of(*channel, event.traits.get(*name)?));
    let consents = event.consent.iter().map(|said| address(said.channel, &said.address));
    for identity in traits.chain(consents) {
        if !identities.contains(&identity) {
            identities.to_mut().push(identity);
        }
    }
    identities
}

/// Takes the traits out of a fact of an order, which may come to belong to somebody else; what it
/// says of the person stays with the identities that it names.
fn split_traits(fact: &mut Fact) -> Option<Fact> {
    if fact.traits().is_empty() {
        return None;
    }
    let mut said = fact.clone();
    fact.set_traits(Bag::default());
    (said.name, said.properties) = (None, Bag::default());
    Some(said)
}

/// The identity and the key of the cart of which an event is a snapshot: it names the cart's identity
/// at its source, and its id.
fn cart(event: &Event, identities: &[Identity]) -> Option<(IdentityKey, OrderKey)> {
    if !matches!(&event.kind, EventKind::Activity(name) if name == CART_UPDATED) {
        return None;
    }
    let source = event.source.as_str();
    let of_source = |one: &&Identity| one.kind == IdentityKind::Cart && one.scope == source;
    let identity = identities.iter().filter(of_source).min()?.key();
    let id = event.properties.get("cart_id").map(id_text).filter(|id| !id.is_empty())?;
    Some((identity, OrderKey::of_cart(source, &identity, &id)))
}

impl<S: Storage> Workspace<S> {
    pub(super) fn apply_event(
        &mut self,
        event: &Event,
        keys: &Keys,
        when: When,
        effects: &mut Vec<Effect>,
    ) -> Result<Applied, StorageError> {
        let Some(source) = self.sources.iter().position(|source| source.id == event.source) else {
            return Ok(Applied::Refused("unknown_source"));
        };
        let message = keys.message;
        if self.people.seen(&message)? {
            self.duplicates += 1;
            return Ok(Applied::Duplicate);
        }
        let identities = identities(event);
        let Some(anchor) = anchor(&identities) else { return Ok(Applied::Refused("no_identity")) };
        let time = event.time.min(event.received).min(when.found);
        if self.is_erased(&identities, anchor, time) {
            return Ok(Applied::Refused("erased"));
        }
        let mut plan = self.plan_links(&identities, &keys.identities, anchor, time)?;
        let (own_anchor, cart) = (plan.key(anchor), cart(event, &identities));
        // Who is known by all that the event names need not be found again.
        let known = plan.holder().map(|no| (own_anchor, no));
        for anchor in [Some(own_anchor), cart.map(|(cart, _)| cart)].into_iter().flatten() {
            if self.holds_too_much(self.holder_of(&anchor, known)?) {
                return Ok(Applied::Refused("too_many_facts"));
            }
        }
        if self.grows_too_big(&plan) {
            // The event stays at its anchor.
            self.count_refused("too_many_identities", identities.len() as u64 - 1);
            plan = self.plan_links(std::slice::from_ref(anchor), &[], anchor, time)?;
        }
        self.people.messages.fresh.insert(message, ());
        self.events += 1;

        let structural = plan.is_structural();
        let mut touched = Touched::of_event(event, structural);
        for no in &plan.holders {
            self.capture(*no, &mut touched)?;
        }
        // Who only gets one more weak identity stays who they are.
        let regrouped = structural && self.adopt(&plan).is_none();
        if regrouped {
            for no in self.link(plan)? {
                touched.insert_new(no);
            }
        }
        let mut fact = self.fact(event, (message, source as u32), self.anchors(own_anchor, known), time);
        let is_order = fact.name.is_some_and(|name| self.words.is_order(name));
        let said = if is_order || cart.is_some() { split_traits(&mut fact) } else { None };
        let moved = self.place_order(event, &mut fact, &mut touched)?;
        self.place_cart(event, &mut fact, cart, &mut touched)?;
        let earliest = !event.consent.is_empty() || self.is_earliest(&touched, time);
        let affected = self.affected(event, &fact, earliest);
        for fact in [Some(fact), said].into_iter().flatten() {
            if let Some(no) = self.holder_of(&fact.anchor(), known)? {
                self.people.push(no, fact, &self.words);
            }
        }
        self.keep_consent(event, source as u32, message, (own_anchor, time), &mut touched)?;
        let scope = if regrouped || moved { Scope::Concerning } else { Scope::Some(affected) };
        let cause = if regrouped && touched.before_count() > 1 { Cause::Merge } else { when.cause };
        self.settle_event(touched, scope, When { cause, ..when }, effects)?;
        let person = self.holder_of(&own_anchor, known)?.and_then(|no| self.stable_id(no));
        Ok(Applied::Changed { person })
    }

    /// The anchors of a fact, shared with the newest one of whoever is known.
    fn anchors(&self, own: IdentityKey, known: Option<(IdentityKey, PersonNo)>) -> Arc<Anchors> {
        let person = known.and_then(|(_, no)| self.people.get(no));
        let newest = person.and_then(|person| person.facts.last()).map(Fact::anchors);
        share(newest, Anchors { anchor: own, own })
    }

    /// Whether nothing as early is known of one of the touched.
    fn is_earliest(&self, touched: &Touched, time: Time) -> bool {
        let seen = |no: PersonNo| self.people.get(no).and_then(|person| person.first_seen);
        touched.all().any(|no| seen(no).is_none_or(|first| time < first))
    }

    /// The cluster that holds an identity, if one of them is known already.
    fn holder_of(
        &self,
        key: &IdentityKey,
        known: Option<(IdentityKey, PersonNo)>,
    ) -> Result<Option<PersonNo>, StorageError> {
        match known {
            Some((known, no)) if known == *key => Ok(Some(no)),
            _ => self.people.holder(key),
        }
    }

    /// Whether a person has so many facts that no more is kept.
    fn holds_too_much(&self, no: Option<PersonNo>) -> bool {
        let person = no.and_then(|no| self.people.get(no));
        person.is_some_and(|person| person.facts.len() >= PERSON_FACTS_MAX)
    }

    pub(super) fn count_refused(&mut self, reason: &str, count: u64) {
        *self.refused.entry(reason.to_owned()).or_default() += count;
    }

    fn fact(&mut self, event: &Event, (message, source): (MessageKey, u32), anchors: Arc<Anchors>, time: Time) -> Fact {
        let (properties, left_out) = Bag::encode(&event.properties, &mut self.names);
        let (traits, left_out_too) = Bag::encode(&event.traits, &mut self.names);
        let name = match &event.kind {
            EventKind::Activity(name) => self.names.intern(name),
            EventKind::Profile => None,
        };
        let nameless = matches!(event.kind, EventKind::Activity(_)) && name.is_none();
        let dropped = left_out + left_out_too + u64::from(nameless);
        if dropped > 0 {
            self.count_refused("too_many_names", dropped);
        }
        let mut fact = Fact::new(anchors, (message, source), name, time);
        (fact.received, fact.properties) = (event.received.max(time), properties);
        if !traits.is_empty() {
            fact.set_traits(traits);
        }
        fact
    }

    /// Finds the order that a fact belongs to and anchors the fact at the order's owner. Returns
    /// whether another cluster than the event's own is touched.
    fn place_order(&mut self, event: &Event, fact: &mut Fact, touched: &mut Touched) -> Result<bool, StorageError> {
        let Some(name) = fact.name.filter(|name| self.words.is_order(*name)) else { return Ok(false) };
        let source = event.source.as_str();
        let id = event.properties.get("order_id").map(id_text).filter(|id| !id.is_empty());
        let Some(id) = id else {
            if name == self.words.completed {
                let key = OrderKey::of_message(source, &event.message_id);
                fact.set_order(Some((key, event.message_id.clone())));
            }
            return Ok(false);
        };
        let key = OrderKey::new(source, &id);
        fact.set_order(Some((key, event.message_id.clone())));
        let incomplete = name != self.words.completed;
        let new = OrderRecord {
            incomplete,
            time: fact.time,
            message_id: event.message_id.clone(),
            anchor: fact.own_anchor(),
            others: Vec::new(),
        };
        let known = match self.people.order(&key)? {
            Some(known) => self.people.holder(&known.anchor)?.map(|no| (known, no)),
            None => None,
        };
        let Some((known, owner)) = known else {
            self.people.orders.fresh.insert(key, Some(new));
            return Ok(false);
        };
        self.people.ensure(owner, &self.words)?;
        let facts = self.people.get(owner).map_or(0, |person| person.facts_of_order(&key));
        if facts >= ORDER_FACTS_MAX {
            fact.set_order(None);
            self.count_refused("too_many_facts_of_an_order", 1);
            return Ok(false);
        }
        let earlier = (new.incomplete, new.time, &new.message_id) < (known.incomplete, known.time, &known.message_id);
        if known.anchor == new.anchor {
            if earlier {
                self.people.orders.fresh.insert(key, Some(new));
            }
            return Ok(false);
        }
        self.capture(owner, touched)?;
        if !earlier {
            fact.set_anchor(known.anchor);
            return Ok(true);
        }
        let target = self.people.holder(&new.anchor)?;
        let moved = self.take_facts(owner, |fact| fact.order().is_some_and(|order| order.0 == key));
        for mut other in moved {
            other.set_anchor(new.anchor);
            if let Some(target) = target {
                self.people.push(target, other, &self.words);
            }
        }
        self.people.orders.fresh.insert(key, Some(new));
        Ok(true)
    }

    /// Keeps a snapshot at its cart's identity, whoever else the event names.
    fn place_cart(
        &mut self,
        event: &Event,
        fact: &mut Fact,
        cart: Option<(IdentityKey, OrderKey)>,
        touched: &mut Touched,
    ) -> Result<(), StorageError> {
        let Some((identity, key)) = cart.filter(|_| fact.name == Some(self.words.cart_updated)) else { return Ok(()) };
        // An identity that was left out may have no holder: then it is an activity and no more.
        if let Some(no) = self.people.holder(&identity)? {
            self.capture(no, touched)?;
            fact.set_anchor(identity);
            fact.set_order(Some((key, event.message_id.clone())));
        }
        Ok(())
    }

    /// Keeps each statement of consent at its address, whoever made it.
    fn keep_consent(
        &mut self,
        event: &Event,
        source: u32,
        message: MessageKey,
        (own_anchor, time): (IdentityKey, Time),
        touched: &mut Touched,
    ) -> Result<(), StorageError> {
        for said in &event.consent {
            let identity = address(said.channel, &said.address);
            let Some(no) = self.people.holder(&identity.key())? else { continue };
            self.capture(no, touched)?;
            for other in self.sharing(no, &identity)? {
                self.capture(other, touched)?;
            }
            let mut said = said.clone();
            said.address = identity.value.clone();
            said.time = said.time.min(time);
            let anchors = Arc::new(Anchors { anchor: identity.key(), own: own_anchor });
            let mut fact = Fact::new(anchors, (message, source), None, time);
            fact.received = event.received.max(time);
            fact.set_consent(Box::new([said]));
            self.people.push(no, fact, &self.words);
        }
        Ok(())
    }

    /// Other clusters that were linked to an address which is cut from them.
    pub(super) fn sharing(&mut self, no: PersonNo, address: &Identity) -> Result<Vec<PersonNo>, StorageError> {
        let node = self.people.get(no).and_then(|person| person.nodes.get(&address.key()));
        let linked: Vec<IdentityKey> = node.map(|node| node.links.keys().copied().collect()).unwrap_or_default();
        let mut others = Vec::new();
        for key in linked {
            match self.people.holder(&key)? {
                Some(other) if other != no && !others.contains(&other) => others.push(other),
                _ => {}
            }
        }
        Ok(others)
    }

    /// Whether the anchor or a strong identity was erased at or after the time of a fact.
    fn is_erased(&self, identities: &[Identity], anchor: &Identity, time: Time) -> bool {
        let asked = |identity: &&Identity| identity.kind.is_strong() || *identity == anchor;
        let erased = |identity: &Identity| self.tombstones.get(&self.tombstone(identity)).copied();
        !self.tombstones.is_empty()
            && identities.iter().filter(asked).any(|identity| erased(identity).is_some_and(|erased| time <= erased))
    }
}
