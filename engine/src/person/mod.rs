//! A cluster of identities with its history, and what follows from it.

pub mod bag;
pub mod carts;
pub mod consent;
pub mod derived;
pub mod fact;
pub mod facts;
pub mod glance;
pub mod lines;
pub mod names;
pub mod orders;
pub mod past;
pub mod properties;
pub mod retention;
pub mod small_map;
pub mod tree;
pub mod view;

use crate::person::fact::{Fact, from_chunk, to_chunk};
use crate::person::facts::Facts;
use crate::person::small_map::SmallMap;
use crate::person::tree::{Item, Tree};
use crate::storage::{ChunkRecord, LinkRecord, NodeRecord, PersonNo, PersonRecord, Storage, StorageError};
use model::{Identity, IdentityKey, IdentityKind, SourceId, Time};
use std::sync::Arc;

/// Facts in the tail after which it is closed into a chunk.
pub const TAIL_FACTS_MAX: usize = 32;

/// Facts of one person; events beyond it are refused and counted.
pub const PERSON_FACTS_MAX: usize = 250_000;
/// Identities of one person; what an event names beyond it is left out and counted.
pub const PERSON_IDENTITIES_MAX: usize = 1_000;
/// Links of one identity: an address that is linked to so many is cut from all of them anyway.
pub const IDENTITY_LINKS_MAX: usize = 10_000;

/// Rough bytes of an identity in memory.
pub(crate) const NODE_BYTES: usize = 256;

/// An identity of a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The identity.
    pub identity: Identity,
    /// Its links, by the other side.
    pub links: SmallMap<IdentityKey, LinkRecord>,
}

/// A fact among others of its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Named {
    /// Its time: what is asked most is told without a look at the fact.
    pub time: Time,
    /// Its place.
    pub place: u32,
}

impl Item for Named {
    type Sum = ();

    fn sum(&self) {}
}

/// A cluster of identities. It is a person if one of them is strong.
#[derive(Clone, Debug, Default)]
pub struct Person {
    /// Its number.
    pub no: PersonNo,
    /// Its identities.
    pub nodes: SmallMap<IdentityKey, Node>,
    /// `p_` and the key of the smallest canonical strong identity. Follows from `nodes`.
    pub(crate) id: Option<Arc<str>>,
    /// Closed chunks, oldest first: id and number of facts. They are the first of `facts`.
    pub chunks: Vec<(u64, u32)>,
    /// All facts: those in chunks, then the tail, in order of arrival.
    pub facts: Facts,
    /// Facts by name, in order of time; order completions are not here but in `counted`.
    pub by_name: SmallMap<u32, Tree<Named>>,
    /// Facts of each order, in order of their keys.
    pub orders: Tree<orders::OrderFacts>,
    /// Counted orders in order of time.
    pub counted: Tree<orders::Counted>,
    /// Carts, if there are any.
    pub carts: Option<Box<carts::Carts>>,
    /// For each trait, the newest fact of each source that has it: number of the source and fact.
    pub by_trait: SmallMap<u32, Vec<(u32, u32)>>,
    /// Earliest event time of anything known; `None` while there is nothing.
    pub first_seen: Option<Time>,
    /// Earliest time of what retention takes in the end; `Time::MAX` while there is nothing.
    pub oldest_passing: Time,
    /// Facts with statements of consent.
    pub with_consent: Vec<u32>,
    /// Rough bytes in memory.
    pub bytes: usize,
    /// What matches conditions, when there is much to go through.
    pub(crate) lines: lines::Lines,
}

fn stable_id(nodes: &SmallMap<IdentityKey, Node>) -> Option<Arc<str>> {
    let mut strong = nodes.iter().filter(|(_, node)| node.identity.kind.is_strong());
    let first = strong.next()?;
    let (key, _) = match strong.next() {
        None => first,
        Some(second) => [first, second].into_iter().chain(strong).min_by_key(|(_, node)| node.identity.canonical())?,
    };
    Some(format!("p_{key}").into())
}

impl Person {
    /// A new cluster of one identity.
    pub fn new(no: PersonNo, identity: Identity) -> Person {
        let node = Node { identity, links: SmallMap::default() };
        let nodes = SmallMap::from_iter([(node.identity.key(), node)]);
        let id = stable_id(&nodes);
        Person { no, id, nodes, bytes: 512, oldest_passing: Time::MAX, ..Person::default() }
    }

    /// Reads a cluster with all its history. The caller calls [`Person::index`] after.
    pub fn load<S: Storage>(no: PersonNo, record: PersonRecord, storage: &S) -> Result<Person, StorageError> {
        let mut facts = Vec::new();
        for (id, _) in &record.chunks {
            let chunk = storage.chunk(*id)?.ok_or_else(|| StorageError(format!("chunk {id} is missing")))?;
            from_chunk(chunk, &mut facts);
        }
        from_chunk(record.tail, &mut facts);
        let nodes = record
            .nodes
            .into_iter()
            .map(|node| {
                let links = node.links.into_iter().map(|link| (link.key, link)).collect();
                (node.identity.key(), Node { identity: node.identity, links })
            })
            .collect();
        Ok(Person { no, nodes, chunks: record.chunks, facts: facts.into(), ..Person::default() })
    }

    /// Looks at what a change looks at first.
    pub(crate) fn touch(&self) -> usize {
        self.facts.len() + self.by_name.len() + self.nodes.len() + usize::from(self.first_seen.is_some())
    }

    /// Looks at what it looks at next.
    pub(crate) fn touch_history(&self) -> usize {
        let id = self.id.as_ref().map_or(0, |id| id.len() + usize::from(id.ends_with('0')));
        let newest = self.facts.last().map_or(0, |fact| fact.source as usize);
        id + newest + self.by_name.values().map(Tree::len).sum::<usize>()
    }

    /// Whether so much is in the tail that it is to be closed into chunks.
    pub fn tail_is_long(&self) -> bool {
        self.facts.len() - self.tail_start() >= TAIL_FACTS_MAX
    }

    /// Closes the tail into chunks with ids from `next_chunk`.
    pub fn close_tail(&mut self, next_chunk: &mut u64) {
        while self.tail_is_long() {
            self.chunks.push((*next_chunk, TAIL_FACTS_MAX as u32));
            *next_chunk += 1;
        }
    }

    /// What is written of it: its record, and its chunks with ids from `new_chunks` on.
    pub fn save(&self, new_chunks: u64) -> (PersonRecord, Vec<(u64, ChunkRecord)>) {
        let mut closed = Vec::new();
        let mut start = 0;
        for (id, facts) in &self.chunks {
            let end = start + *facts as usize;
            if *id >= new_chunks {
                closed.push((*id, to_chunk(self.facts.range(start, end))));
            }
            start = end;
        }
        let nodes = self
            .nodes
            .values()
            .map(|node| NodeRecord { identity: node.identity.clone(), links: node.links.values().cloned().collect() })
            .collect();
        let tail = to_chunk(self.facts.range(self.tail_start(), self.facts.len()));
        (PersonRecord { nodes, chunks: self.chunks.clone(), tail }, closed)
    }

    fn tail_start(&self) -> usize {
        self.chunks.iter().map(|(_, facts)| *facts as usize).sum::<usize>().min(self.facts.len())
    }

    /// Takes all facts out, the closed ones apart from the tail.
    pub fn split_tail(&mut self) -> (Vec<Fact>, Vec<Fact>) {
        let start = self.tail_start();
        let mut closed = self.facts.take();
        let tail = closed.split_off(start);
        (closed, tail)
    }

    /// Whether it holds a strong identity.
    pub fn is_person(&self) -> bool {
        self.nodes.values().any(|node| node.identity.kind.is_strong())
    }

    /// The person's stable id; `None` without a strong identity.
    pub fn stable_id(&self) -> Option<Arc<str>> {
        self.id.clone()
    }

    /// The smallest identity of a kind, of one scope if one is given.
    pub fn smallest(&self, kind: IdentityKind, scope: Option<&str>) -> Option<&str> {
        let of_kind = self.nodes.values().map(|node| &node.identity).filter(|identity| identity.kind == kind);
        let in_scope = of_kind.filter(|identity| scope.is_none_or(|scope| identity.scope == scope));
        in_scope.map(|identity| identity.value.as_str()).min()
    }

    /// The smallest identity of a kind whose scope is a source.
    pub(crate) fn smallest_of(&self, kind: IdentityKind, source: &SourceId) -> Option<String> {
        self.smallest(kind, Some(source.as_str())).map(str::to_owned)
    }

    /// Rebuilds everything that follows from the facts.
    pub fn index(&mut self, words: &orders::Words) {
        self.id = stable_id(&self.nodes);
        self.lines.clear();
        self.by_name.clear();
        self.orders = Tree::default();
        self.carts = None;
        self.by_trait.clear();
        self.with_consent.clear();
        self.first_seen = None;
        self.oldest_passing = Time::MAX;
        self.bytes = 512 + self.nodes.len() * NODE_BYTES;
        for place in 0..self.facts.len() as u32 {
            self.note(place, words);
        }
        let facts = &self.facts;
        let key = |named: &Named| (named.time, facts.get(named.place as usize).map(|fact| fact.message));
        // Most came in order.
        for places in self.by_name.values_mut().filter(|places| !places.iter().is_sorted_by_key(key)) {
            let mut sorted: Vec<Named> = places.iter().copied().collect();
            sorted.sort_by_key(key);
            *places = sorted.into_iter().collect();
        }
        self.count_orders(words);
        self.count_carts(words);
    }

    /// Adds a fact and everything that follows from it.
    pub fn push(&mut self, fact: Fact, words: &orders::Words) {
        let (name, key) = (fact.name, (fact.time, Some(fact.message)));
        let (order, cart) = (fact.order_key(words), fact.cart_key(words));
        let place = self.facts.len() as u32;
        self.facts.push(fact);
        self.note(place, words);
        if let Some(places) = name.and_then(|name| self.by_name.get_mut(&name))
            && let Some(named) = places.last().copied().filter(|named| named.place == place)
        {
            let facts = &self.facts;
            let message = |other: &Named| facts.get(other.place as usize).map(|fact| fact.message);
            let later = |other: &Named| other.time > key.0 || (other.time == key.0 && message(other) > key.1);
            // Most come in order.
            if places.len().checked_sub(2).and_then(|before| places.get(before)).is_some_and(later) {
                places.remove(places.len() - 1);
                let earlier = |other: &Named| other.time < key.0 || (other.time == key.0 && message(other) < key.1);
                places.insert(places.partition_point(earlier), named);
            }
        }
        self.lines.note(|| lines::Came::Fact(place));
        if let Some(order) = order {
            let counted = self.count_order(order, words);
            self.lines.note(|| lines::Came::Order(counted));
        }
        if let Some(cart) = cart {
            let changes = self.count_last_cart(cart, words);
            self.lines.note(|| lines::Came::Cart(changes));
        }
    }

    fn note(&mut self, place: u32, words: &orders::Words) {
        let Some(fact) = self.facts.get(place as usize) else { return };
        self.bytes += fact.bytes();
        if let Some(order) = fact.order_key(words) {
            orders::note(&mut self.orders, order, place);
        } else if let Some(cart) = fact.cart_key(words) {
            self.carts.get_or_insert_default().note(cart, place);
        }
        if let Some(name) = fact.name.filter(|name| *name != words.completed) {
            let named = Named { time: fact.time, place };
            self.by_name.change(name, |places| places.insert(places.len(), named));
        }
        self.first_seen = Some(self.first_seen.map_or(fact.time, |first| first.min(fact.time)));
        if retention::passes(fact, words) {
            self.oldest_passing = self.oldest_passing.min(fact.time);
        }
        for name in fact.traits().names() {
            let facts = &self.facts;
            let keep = |newest: &mut _| properties::keep_newest(newest, facts, name, (fact.source, place));
            self.by_trait.change(name, keep);
        }
        if !fact.consent().is_empty() {
            self.with_consent.push(place);
        }
    }
}
