//! A look at a stored person for what some plans ask, and at nothing else.

use crate::eval::reach::Reach;
use crate::person::Node;
use crate::person::Person;
use crate::person::bag::{Bag, numbers_in};
use crate::person::fact::{Anchors, Fact, share};
use crate::person::names::Names;
use crate::person::orders::Words;
use crate::person::small_map::SmallMap;
use crate::plan::{Kind, Node as PlanNode, Plan, TouchedBy};
use crate::storage::PersonNo;
use crate::stored::{StoredChunk, StoredFact, StoredPerson};
use model::{Identity, IdentityKey, Time, names};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Which parts of a history some plans look at. What is not named here can't change their answers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Needs {
    /// Everything that is known.
    pub(crate) everything: bool,
    /// Everything that happened.
    every_event: bool,
    /// Names of what happened.
    events: BTreeSet<u32>,
    /// The facts of orders.
    orders: bool,
    /// The facts of carts.
    carts: bool,
    /// Names of traits.
    traits: BTreeSet<u32>,
    /// Statements of consent.
    pub(crate) consent: bool,
    /// The identities.
    identities: bool,
}

/// Properties that follow from a person's addresses.
const OF_ADDRESSES: [&str; 5] = ["email", "phone", "email_domain", "consent_email", "consent_sms"];

impl Needs {
    /// Of plans of one workspace.
    pub(crate) fn of<'a>(plans: impl Iterator<Item = &'a Plan>, names: &Names) -> Needs {
        let mut needs = Needs::default();
        for plan in plans {
            needs.add(plan, names);
        }
        needs
    }

    fn add(&mut self, plan: &Plan, names: &Names) {
        // Entries are looked for in all of the past.
        self.everything |= plan.root.extent.entries;
        self.add_touched(plan.touched_by(), &plan.root, names);
    }

    /// Of a condition at earlier instants.
    pub(crate) fn of_past(reach: &Reach<'_>, names: &Names) -> Needs {
        let mut needs = Needs::default();
        needs.add_touched(&reach.touched, reach.asked, names);
        needs
    }

    fn add_touched(&mut self, touched: &TouchedBy, asked: &PlanNode, names: &Names) {
        self.every_event |= touched.any_event;
        self.events.extend(touched.events.iter().filter_map(|name| names.number(name)));
        self.orders |= touched.orders || touched.events.contains(names::ORDER_COMPLETED);
        self.carts |= touched.events.contains(names::CART_UPDATED);
        self.identities |= asks_who(asked);
        for property in &touched.properties {
            self.consent |= property.starts_with("consent_");
            if OF_ADDRESSES.contains(&property.as_str()) {
                self.identities = true;
                self.traits.extend(["email", "phone"].into_iter().filter_map(|name| names.number(name)));
            }
            let heads = property.match_indices('.').filter_map(|(dot, _)| property.get(..dot));
            self.traits.extend(heads.chain([property.as_str()]).filter_map(|name| names.number(name)));
        }
    }

    /// The same but for what happened.
    pub(crate) fn of_characteristics(&self) -> Needs {
        Needs { every_event: false, events: BTreeSet::new(), orders: false, carts: false, ..self.clone() }
    }

    fn fact(&self, fact: &StoredFact<'_>, words: &Words) -> bool {
        self.everything
            || self.activity(fact.name, fact.order.is_some(), words)
            || (self.consent && fact.has_consent())
            || (!fact.traits.is_empty() && self.any_trait(numbers_in(fact.traits)))
    }

    /// Whether something that happened is looked at, or its order or cart.
    pub(crate) fn activity(&self, name: Option<u32>, has_order: bool, words: &Words) -> bool {
        let of_order = name.is_some_and(|name| words.is_order(name));
        self.every_event
            || name.is_some_and(|name| self.events.contains(&name))
            || (self.orders && of_order)
            || (self.carts && !of_order && has_order)
    }

    /// Whether what an event says of the person is looked at.
    pub(crate) fn said(&self, fact: &Fact) -> bool {
        (self.consent && !fact.consent().is_empty()) || self.any_trait(fact.traits().names())
    }

    fn any_trait(&self, mut names: impl Iterator<Item = u32>) -> bool {
        !self.traits.is_empty() && names.any(|number| self.traits.contains(&number))
    }
}

/// Whether a plan asks who a person is: of kinds of conditions that are not known here, rather yes.
fn asks_who(node: &PlanNode) -> bool {
    match &node.kind {
        Kind::All(children) | Kind::Any(children) => children.iter().any(asks_who),
        Kind::Not(child) => asks_who(child),
        kind => !matches!(kind, Kind::Property(..) | Kind::Activity(_) | Kind::Spent(..)),
    }
}

/// Shows a stored person, of whom all closed chunks are there in their order, as far as it is needed. `None`: it can't
/// be read.
pub(crate) fn glance(
    no: PersonNo,
    stored: StoredPerson<'_>,
    chunks: &[StoredChunk<'_>],
    needs: &Needs,
    words: &Words,
) -> Option<Person> {
    let mut person = Person { no, ..Person::default() };
    if needs.identities {
        let node = |identity: Identity| (identity.key(), Node { identity, links: SmallMap::default() });
        person.nodes = stored.identities()?.into_iter().map(node).collect();
    }
    let (mut first_seen, mut anchors) = (None, None);
    for chunk in chunks.iter().chain([&stored.tail()]) {
        chunk.each(|fact| {
            // Facts whose anchor is not there can't be placed and are left out, as they are when they are loaded.
            let Some((anchor, own)) = chunk.anchor(fact.anchor).zip(chunk.anchor(fact.own_anchor)) else { return };
            first_seen = Some(first_seen.map_or(fact.time, |first: i64| first.min(fact.time)));
            if needs.fact(fact, words) {
                let shared = share(anchors.as_ref(), Anchors { anchor, own });
                person.facts.push(copied(fact, Arc::clone(&shared), needs));
                anchors = Some(shared);
            }
        })?;
    }
    person.index(words);
    person.first_seen = first_seen.map(Time);
    Some(person)
}

/// The key in a stored person's id: of its smallest strong identity.
pub(crate) fn id_of(stored: &StoredPerson<'_>) -> Option<IdentityKey> {
    let mut strong = stored.identities()?;
    strong.retain(|identity| identity.kind.is_strong());
    strong.into_iter().min_by_key(Identity::canonical).map(|identity| identity.key())
}

fn copied(fact: &StoredFact<'_>, anchors: Arc<Anchors>, needs: &Needs) -> Fact {
    let mut copy = Fact::new(anchors, (fact.message, fact.source), fact.name, Time(fact.time));
    copy.received = Time(fact.time.wrapping_add(fact.delay));
    copy.properties = Bag::from_bytes(fact.properties);
    if !fact.traits.is_empty() {
        copy.set_traits(match needs.everything {
            true => Bag::from_bytes(fact.traits),
            false => Bag::of_names(fact.traits, |name| needs.traits.contains(&name)),
        });
    }
    if fact.has_consent() {
        copy.set_consent(fact.consent().into_boxed_slice());
    }
    if let Some((key, message)) = fact.order {
        copy.set_order(Some((key, message.to_owned())));
    }
    copy
}
