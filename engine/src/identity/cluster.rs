//! Connected components over the links that hold.

use crate::person::Node;
use model::{IdentityKey, IdentityKind};
use std::collections::{BTreeMap, BTreeSet};

/// What decides whether a link holds.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// An address linked to more user or platform ids than this is cut from everything.
    pub crowded_links_max: u32,
    /// Pairs cut by an operator, the smaller key first.
    pub unlinked: &'a BTreeSet<(IdentityKey, IdentityKey)>,
}

/// Whether an address is linked to too many user or platform ids.
pub fn is_crowded(node: &Node, rules: Rules<'_>) -> bool {
    let ids = |kind: IdentityKind| matches!(kind, IdentityKind::User | IdentityKind::Platform);
    if !node.identity.kind.is_address() || node.links.len() <= rules.crowded_links_max as usize {
        return false;
    }
    let key = node.identity.key();
    let holds = |other| !rules.unlinked.contains(&pair(key, other));
    // One more than there may be is enough to know.
    node.links.values().filter(|link| ids(link.kind) && holds(link.key)).nth(rules.crowded_links_max as usize).is_some()
}

/// A pair in the order in which `unlinked` holds it.
pub fn pair(left: IdentityKey, right: IdentityKey) -> (IdentityKey, IdentityKey) {
    if left <= right { (left, right) } else { (right, left) }
}

/// Splits identities into clusters, each with its strong and its weak members.
///
/// Links to identities outside `nodes` are ignored: they are cut ones, or belong to weak
/// identities that are owned elsewhere.
pub fn components(nodes: &BTreeMap<IdentityKey, Node>, rules: Rules<'_>) -> Vec<BTreeSet<IdentityKey>> {
    let crowded: BTreeSet<IdentityKey> =
        nodes.iter().filter(|(_, node)| is_crowded(node, rules)).map(|(key, _)| *key).collect();
    let mut place: BTreeMap<IdentityKey, usize> = BTreeMap::new();
    let mut found: Vec<BTreeSet<IdentityKey>> = Vec::new();
    for (key, node) in nodes.iter().filter(|(_, node)| node.identity.kind.is_strong()) {
        if place.contains_key(key) {
            continue;
        }
        let mut component = BTreeSet::from([*key]);
        let mut waiting = vec![(*key, node)];
        while let Some((from, node)) = waiting.pop() {
            if crowded.contains(&from) {
                continue;
            }
            for to in node.links.keys() {
                let Some(next) = nodes.get(to) else { continue };
                let cut = crowded.contains(to) || rules.unlinked.contains(&pair(from, *to));
                if !cut && next.identity.kind.is_strong() && component.insert(*to) {
                    waiting.push((*to, next));
                }
            }
        }
        place.extend(component.iter().map(|key| (*key, found.len())));
        found.push(component);
    }
    for (key, node) in nodes.iter().filter(|(_, node)| !node.identity.kind.is_strong()) {
        let owner = node.links.values().min_by(|a, b| (a.time, &a.canonical).cmp(&(b.time, &b.canonical)));
        match owner.and_then(|link| place.get(&link.key)).and_then(|place| found.get_mut(*place)) {
            Some(component) => {
                component.insert(*key);
            }
            None => found.push(BTreeSet::from([*key])),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::LinkRecord;
    use model::{Identity, Time};

    fn link(nodes: &mut BTreeMap<IdentityKey, Node>, a: &Identity, b: &Identity, time: i64) {
        for (from, to) in [(a, b), (b, a)] {
            let entry = nodes.entry(from.key());
            let node = entry.or_insert_with(|| Node { identity: from.clone(), links: Default::default() });
            if to.kind.is_strong() {
                let (kind, canonical) = (to.kind, to.canonical());
                node.links.insert(to.key(), LinkRecord { key: to.key(), kind, time: Time(time), canonical });
            }
        }
    }

    fn user(n: u32) -> Identity {
        Identity::user("web", &format!("u{n}"))
    }

    #[test]
    fn a_crowded_address_is_cut_from_everyone() {
        let unlinked = BTreeSet::new();
        let rules = Rules { crowded_links_max: 2, unlinked: &unlinked };
        let mail = Identity::email("info@example.com");
        let mut nodes = BTreeMap::new();
        link(&mut nodes, &user(1), &mail, 1);
        link(&mut nodes, &user(2), &mail, 1);
        assert_eq!(components(&nodes, rules).len(), 1);
        link(&mut nodes, &user(3), &mail, 1);
        assert_eq!(components(&nodes, rules).len(), 4);
    }

    #[test]
    fn a_shared_device_belongs_to_its_earliest_owner_and_joins_nobody() {
        let unlinked = BTreeSet::new();
        let rules = Rules { crowded_links_max: 10, unlinked: &unlinked };
        let device = Identity::anonymous("web", "a1");
        let mut nodes = BTreeMap::new();
        link(&mut nodes, &user(1), &device, 20);
        link(&mut nodes, &user(2), &device, 10);
        let found = components(&nodes, rules);
        assert_eq!(found.len(), 2);
        assert!(found.contains(&BTreeSet::from([user(2).key(), device.key()])));
    }

    #[test]
    fn an_unlinked_pair_stays_apart() {
        let unlinked = BTreeSet::from([pair(user(1).key(), user(2).key())]);
        let rules = Rules { crowded_links_max: 10, unlinked: &unlinked };
        let mut nodes = BTreeMap::new();
        link(&mut nodes, &user(1), &user(2), 1);
        assert_eq!(components(&nodes, rules).len(), 2);
    }
}
