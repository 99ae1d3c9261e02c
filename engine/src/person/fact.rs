//! One event as it is kept in a person's history.

use crate::person::bag::Bag;
use crate::person::orders::Words;
use crate::storage::{ChunkRecord, FactRecord, MessageKey, OrderKey};
use model::{ConsentChange, IdentityKey, Time};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The identities of an event: facts of one person share them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Anchors {
    /// The identity at which it is kept.
    pub anchor: IdentityKey,
    /// The anchor of its own identities (differs for facts of someone else's order).
    pub own: IdentityKey,
}

/// An event, anchored at one identity. There are many: what most of them don't have stands apart.
#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    /// Deduplication key.
    pub message: MessageKey,
    /// Number of its source.
    pub source: u32,
    /// Number of its name; `None` for changes of profile.
    pub name: Option<u32>,
    /// Event time.
    pub time: Time,
    /// Receive time.
    pub received: Time,
    /// Properties.
    pub properties: Bag,
    anchors: Arc<Anchors>,
    more: Option<Box<More>>,
}

/// What few facts have.
#[derive(Clone, PartialEq, Debug, Default)]
struct More {
    traits: Bag,
    consent: Box<[ConsentChange]>,
    order: Option<(OrderKey, String)>,
}

static NO_TRAITS: Bag = Bag::NONE;

impl Fact {
    /// An event with nothing but its properties.
    pub fn new(anchors: Arc<Anchors>, (message, source): (MessageKey, u32), name: Option<u32>, time: Time) -> Fact {
        Fact { message, source, name, time, received: time, properties: Bag::default(), anchors, more: None }
    }

    /// The identity at which it is kept.
    pub fn anchor(&self) -> IdentityKey {
        self.anchors.anchor
    }

    /// The anchor of its own identities.
    pub fn own_anchor(&self) -> IdentityKey {
        self.anchors.own
    }

    /// Both anchors, to be shared.
    pub fn anchors(&self) -> &Arc<Anchors> {
        &self.anchors
    }

    /// Keeps it at another identity.
    pub fn set_anchor(&mut self, anchor: IdentityKey) {
        self.anchors = Arc::new(Anchors { anchor, ..*self.anchors });
    }

    /// Traits.
    pub fn traits(&self) -> &Bag {
        self.more.as_ref().map_or(&NO_TRAITS, |more| &more.traits)
    }

    /// Statements of consent.
    pub fn consent(&self) -> &[ConsentChange] {
        self.more.as_ref().map_or(&[], |more| &more.consent)
    }

    /// For facts of an order or a cart: its key and the message id.
    pub fn order(&self) -> Option<&(OrderKey, String)> {
        self.more.as_ref()?.order.as_ref()
    }

    /// Sets the traits.
    pub fn set_traits(&mut self, traits: Bag) {
        self.change(|more| more.traits = traits);
    }

    /// Sets the statements of consent.
    pub fn set_consent(&mut self, consent: Box<[ConsentChange]>) {
        self.change(|more| more.consent = consent);
    }

    /// Sets the order or cart.
    pub fn set_order(&mut self, order: Option<(OrderKey, String)>) {
        self.change(|more| more.order = order);
    }

    fn change(&mut self, change: impl FnOnce(&mut More)) {
        let mut more = self.more.take().unwrap_or_default();
        change(&mut more);
        let empty = more.traits.is_empty() && more.consent.is_empty() && more.order.is_none();
        self.more = (!empty).then_some(more);
    }

    /// The order that it is a fact of.
    pub fn order_key(&self, words: &Words) -> Option<OrderKey> {
        self.order().filter(|_| self.is_of_order(words)).map(|order| order.0)
    }

    /// The cart that it is a snapshot of, be it past its retention.
    pub fn cart_key(&self, words: &Words) -> Option<OrderKey> {
        self.order().filter(|_| !self.is_of_order(words)).map(|cart| cart.0)
    }

    fn is_of_order(&self, words: &Words) -> bool {
        self.name.is_some_and(|name| words.is_order(name))
    }

    /// Rough bytes in memory.
    pub fn bytes(&self) -> usize {
        88 + self.properties.bytes().len() + self.more.as_ref().map_or(0, |more| more.bytes())
    }
}

impl More {
    fn bytes(&self) -> usize {
        96 + self.traits.bytes().len() + self.consent.len() * 96
    }
}

/// Writes facts as a chunk.
pub fn to_chunk<'a>(facts: impl Iterator<Item = &'a Fact>) -> ChunkRecord {
    let mut anchors: Vec<IdentityKey> = Vec::new();
    let mut numbers: BTreeMap<IdentityKey, u32> = BTreeMap::new();
    let mut number = |key: IdentityKey| {
        *numbers.entry(key).or_insert_with(|| {
            anchors.push(key);
            anchors.len() as u32 - 1
        })
    };
    let facts = facts
        .map(|fact| FactRecord {
            anchor: number(fact.anchor()),
            own_anchor: number(fact.own_anchor()),
            message: fact.message,
            source: fact.source,
            name: fact.name,
            time: fact.time.0,
            delay: fact.received.0.wrapping_sub(fact.time.0),
            properties: fact.properties.bytes().to_vec(),
            traits: fact.traits().bytes().to_vec(),
            consent: fact.consent().to_vec(),
            order: fact.order().cloned(),
        })
        .collect();
    ChunkRecord { anchors, facts }
}

/// Reads facts from a chunk; facts whose anchor is not in it can't be placed and are left out.
pub fn from_chunk(chunk: ChunkRecord, into: &mut Vec<Fact>) {
    let ChunkRecord { anchors, facts } = chunk;
    let mut shared: Option<Arc<Anchors>> = None;
    into.extend(facts.into_iter().filter_map(|kept| {
        let (anchor, own) = (*anchors.get(kept.anchor as usize)?, *anchors.get(kept.own_anchor as usize)?);
        let anchors = share(shared.as_ref(), Anchors { anchor, own });
        shared = Some(Arc::clone(&anchors));
        let mut fact = Fact::new(anchors, (kept.message, kept.source), kept.name, Time(kept.time));
        fact.received = Time(kept.time.wrapping_add(kept.delay));
        fact.properties = Bag::from_bytes(&kept.properties);
        let (traits, consent) = (Bag::from_bytes(&kept.traits), kept.consent.into_boxed_slice());
        if !traits.is_empty() || !consent.is_empty() || kept.order.is_some() {
            fact.more = Some(Box::new(More { traits, consent, order: kept.order }));
        }
        Some(fact)
    }));
}

/// Anchors that are there already, if they are the same.
pub fn share(known: Option<&Arc<Anchors>>, anchors: Anchors) -> Arc<Anchors> {
    known.filter(|known| ***known == anchors).cloned().unwrap_or_else(|| Arc::new(anchors))
}
