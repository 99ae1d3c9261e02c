//! One event as it is kept in a person's history.

use crate::person::bag::Bag;
use crate::person::orders::Words;
use crate::storage::{ChunkRecord, FactRecord, MessageKey, OrderKey};
use model::{ConsentChange, IdentityKey, Time};
use std::collections::BTreeMap;

/// An event, anchored at one identity.
#[derive(Clone, PartialEq, Debug)]
pub struct Fact {
    /// The identity at which it is kept.
    pub anchor: IdentityKey,
    /// The anchor of its own identities (differs for facts of someone else's order).
    pub own_anchor: IdentityKey,
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
    /// Traits.
    pub traits: Bag,
    /// Statements of consent.
    pub consent: Box<[ConsentChange]>,
    /// For facts of an order or a cart: its key and the message id.
    pub order: Option<Box<(OrderKey, String)>>,
}

impl Fact {
    /// The order that it is a fact of.
    pub fn order_key(&self, words: &Words) -> Option<OrderKey> {
        self.order.as_ref().filter(|_| self.is_of_order(words)).map(|order| order.0)
    }

    /// The cart that it is a snapshot of, be it past its retention.
    pub fn cart_key(&self, words: &Words) -> Option<OrderKey> {
        self.order.as_ref().filter(|_| !self.is_of_order(words)).map(|cart| cart.0)
    }

    fn is_of_order(&self, words: &Words) -> bool {
        self.name.is_some_and(|name| words.is_order(name))
    }

    /// Rough bytes in memory.
    pub fn bytes(&self) -> usize {
        136 + self.properties.bytes().len() + self.traits.bytes().len() + self.consent.len() * 96
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
            anchor: number(fact.anchor),
            own_anchor: number(fact.own_anchor),
            message: fact.message,
            source: fact.source,
            name: fact.name,
            time: fact.time.0,
            delay: fact.received.0.wrapping_sub(fact.time.0),
            properties: fact.properties.bytes().to_vec(),
            traits: fact.traits.bytes().to_vec(),
            consent: fact.consent.to_vec(),
            order: fact.order.as_deref().cloned(),
        })
        .collect();
    ChunkRecord { anchors, facts }
}

/// Reads facts from a chunk; facts whose anchor is not in it can't be placed and are left out.
pub fn from_chunk(chunk: ChunkRecord, into: &mut Vec<Fact>) {
    let ChunkRecord { anchors, facts } = chunk;
    into.extend(facts.into_iter().filter_map(|fact| {
        Some(Fact {
            anchor: *anchors.get(fact.anchor as usize)?,
            own_anchor: *anchors.get(fact.own_anchor as usize)?,
            message: fact.message,
            source: fact.source,
            name: fact.name,
            time: Time(fact.time),
            received: Time(fact.time.wrapping_add(fact.delay)),
            properties: Bag::from_bytes(fact.properties),
            traits: Bag::from_bytes(fact.traits),
            consent: fact.consent.into_boxed_slice(),
            order: fact.order.map(Box::new),
        })
    }));
}
