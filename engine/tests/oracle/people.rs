//! Who is who: clusters of identities as a function of the set of links, and to whom a fact belongs.

use super::orders::{OrderKey, order_key};
use model::{Event, Identity, IdentityKind, Time, names};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// The identity at which an event is kept: of the strongest kind, the smallest text.
pub fn anchor(event: &Event) -> Option<&Identity> {
    event.identities.iter().min_by_key(|identity| (identity.kind, identity.canonical()))
}

/// Identities that are one and the same person, or one weak identity of nobody.
#[derive(Clone, Default)]
pub struct Cluster {
    pub identities: BTreeSet<Identity>,
}

impl Cluster {
    /// `None` when nothing in it is strong: then it is no person.
    pub fn person_id(&self) -> Option<String> {
        let strong = self.identities.iter().filter(|identity| identity.kind.is_strong());
        let smallest = strong.min_by_key(|identity| identity.canonical())?;
        Some(format!("p_{}", smallest.key()))
    }

    /// The smallest value of the identities of one kind and scope.
    pub fn smallest(&self, kind: IdentityKind, scope: &str) -> Option<String> {
        let of_kind = self.identities.iter().filter(|identity| identity.kind == kind && identity.scope == scope);
        of_kind.map(|identity| identity.value.clone()).min()
    }
}

/// All clusters.
#[derive(Clone)]
pub struct Clusters {
    pub all: Vec<Cluster>,
}

impl Clusters {
    pub fn of(facts: &[&Event], unlinked: &BTreeSet<(Identity, Identity)>, crowded_links_max: u32) -> Clusters {
        let links = strong_links(facts, unlinked);
        let crowded = crowded(&links, crowded_links_max);
        let mut clusters = Clusters { all: Vec::new() };
        for identity in facts.iter().flat_map(|fact| &fact.identities).filter(|identity| identity.kind.is_strong()) {
            if clusters.find(identity).is_none() {
                let mut cluster = Cluster::default();
                gather(identity, &links, &crowded, &mut cluster.identities);
                clusters.all.push(cluster);
            }
        }
        for (weak, owner) in weak_owners(facts) {
            match owner.and_then(|(_, _, owner)| clusters.find(&owner)) {
                Some(index) => drop(clusters.all[index].identities.insert(weak)),
                None => clusters.all.push(Cluster { identities: BTreeSet::from([weak]) }),
            }
        }
        clusters
    }

    /// The cluster that holds an identity.
    pub fn find(&self, identity: &Identity) -> Option<usize> {
        self.all.iter().position(|cluster| cluster.identities.contains(identity))
    }
}

/// Strong identities that one event names are linked, each with each, both ways.
fn strong_links(facts: &[&Event], unlinked: &BTreeSet<(Identity, Identity)>) -> BTreeMap<Identity, BTreeSet<Identity>> {
    let mut links: BTreeMap<Identity, BTreeSet<Identity>> = BTreeMap::new();
    for fact in facts {
        for left in fact.identities.iter().filter(|identity| identity.kind.is_strong()) {
            for right in fact.identities.iter().filter(|identity| identity.kind.is_strong()) {
                if left != right && !unlinked.contains(&(left.clone(), right.clone())) {
                    links.entry(left.clone()).or_default().insert(right.clone());
                }
            }
        }
    }
    links
}

/// Addresses that are linked to more user and platform ids than is believable.
fn crowded(links: &BTreeMap<Identity, BTreeSet<Identity>>, crowded_links_max: u32) -> BTreeSet<Identity> {
    let is_id = |identity: &&Identity| matches!(identity.kind, IdentityKind::User | IdentityKind::Platform);
    let too_many = |(address, others): &(&Identity, &BTreeSet<Identity>)| {
        address.kind.is_address() && others.iter().filter(is_id).count() > crowded_links_max as usize
    };
    links.iter().filter(too_many).map(|(address, _)| address.clone()).collect()
}

fn gather(
    from: &Identity,
    links: &BTreeMap<Identity, BTreeSet<Identity>>,
    crowded: &BTreeSet<Identity>,
    into: &mut BTreeSet<Identity>,
) {
    if into.insert(from.clone()) && !crowded.contains(from) {
        for next in links.get(from).into_iter().flatten().filter(|next| !crowded.contains(next)) {
            gather(next, links, crowded, into);
        }
    }
}

/// Each weak identity with its earliest link to a strong anchor: time, the anchor's text, the anchor.
fn weak_owners(facts: &[&Event]) -> BTreeMap<Identity, Option<(Time, String, Identity)>> {
    let mut owners: BTreeMap<Identity, Option<(Time, String, Identity)>> = BTreeMap::new();
    for fact in facts {
        for weak in fact.identities.iter().filter(|identity| !identity.kind.is_strong()) {
            let owner = owners.entry(weak.clone()).or_default();
            let strong = anchor(fact).filter(|anchor| anchor.kind.is_strong());
            let link = strong.map(|anchor| (fact.time, anchor.canonical(), anchor.clone()));
            *owner = [owner.take(), link].into_iter().flatten().min();
        }
    }
    owners
}

/// For each fact the cluster to which it belongs: that of its anchor (a cart's snapshots name nothing
/// but the cart); facts of an order all belong to the person of its earliest completion, else of its
/// earliest fact.
pub fn belonging(facts: &[Rc<Event>], clusters: &Clusters) -> Vec<Option<usize>> {
    let mut first: BTreeMap<OrderKey, &Event> = BTreeMap::new();
    let standing = |fact: &Event| {
        let completes = fact.kind == model::EventKind::Activity(names::ORDER_COMPLETED.to_owned());
        (!completes, fact.time, fact.message_id.clone())
    };
    for fact in facts {
        if let Some(key) = order_key(fact) {
            let best = first.entry(key).or_insert(fact);
            if standing(fact) < standing(best) {
                *best = fact;
            }
        }
    }
    let kept_at = |fact: &Event| {
        let fact = order_key(fact).and_then(|key| first.get(&key).copied()).unwrap_or(fact);
        anchor(fact).and_then(|anchor| clusters.find(anchor))
    };
    facts.iter().map(|fact| kept_at(fact)).collect()
}
