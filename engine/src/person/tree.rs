//! A list in which a place, the sum of a range and the end of a sum are found without going through all of it, and of
//! which a copy costs next to nothing: copies share what they have in common.
//!
//! A B-tree by place. Each branch knows how many items lie below it, and their sum. A short list is one leaf.

use crate::person::small_map::make_room;
use std::sync::Arc;

/// Items in a leaf, and branches of a node, after which it is split.
const LEAF_MAX: usize = 64;
const BRANCHES_MAX: usize = 32;

/// What stands in a tree.
pub trait Item: Clone {
    /// What is known of a range of them.
    type Sum: Sum + std::fmt::Debug;

    /// The sum of this one alone.
    fn sum(&self) -> Self::Sum;
}

/// What is known of a range.
pub trait Sum: Clone + Default {
    /// Adds another one. The order must make no difference.
    fn add(&mut self, other: &Self);
}

impl Sum for () {
    fn add(&mut self, _: &Self) {}
}

impl Item for u32 {
    type Sum = ();

    fn sum(&self) {}
}

/// A list of items.
#[derive(Clone, Debug)]
pub struct Tree<T: Item> {
    root: Node<T>,
    len: usize,
}

#[derive(Clone, Debug)]
enum Node<T: Item> {
    Leaf(Vec<T>),
    Inner(Vec<Branch<T>>),
}

#[derive(Clone, Debug)]
struct Branch<T: Item> {
    len: usize,
    sum: T::Sum,
    node: Arc<Node<T>>,
}

impl<T: Item> Default for Tree<T> {
    fn default() -> Self {
        Tree { root: Node::Leaf(Vec::new()), len: 0 }
    }
}

impl<T: Item> Branch<T> {
    fn new(node: Node<T>) -> Branch<T> {
        Branch { len: node.len(), sum: node.sum(), node: Arc::new(node) }
    }

    /// Changes what is below and what is known of it.
    fn change<R>(&mut self, change: impl FnOnce(&mut Node<T>) -> R) -> R {
        let node = Arc::make_mut(&mut self.node);
        let result = change(node);
        (self.len, self.sum) = (node.len(), node.sum());
        result
    }
}

impl<T: Item> Node<T> {
    fn len(&self) -> usize {
        match self {
            Node::Leaf(items) => items.len(),
            Node::Inner(branches) => branches.iter().map(|branch| branch.len).sum(),
        }
    }

    fn sum(&self) -> T::Sum {
        let mut sum = T::Sum::default();
        match self {
            Node::Leaf(items) => items.iter().for_each(|item| sum.add(&item.sum())),
            Node::Inner(branches) => branches.iter().for_each(|branch| sum.add(&branch.sum)),
        }
        sum
    }

    fn first(&self) -> Option<&T> {
        match self {
            Node::Leaf(items) => items.first(),
            Node::Inner(branches) => branches.first()?.node.first(),
        }
    }

    /// Puts an item at a place; the second half if it had to be split.
    fn insert(&mut self, place: usize, item: T) -> Option<Node<T>> {
        match self {
            Node::Leaf(items) => {
                make_room(items);
                items.insert(place.min(items.len()), item);
                (items.len() > LEAF_MAX).then(|| Node::Leaf(items.split_off(split(place, items.len()))))
            }
            Node::Inner(branches) => {
                let (at, place) = locate(branches, place, true);
                let second = branches.get_mut(at)?.change(|node| node.insert(place, item))?;
                branches.insert(at + 1, Branch::new(second));
                (branches.len() > BRANCHES_MAX).then(|| Node::Inner(branches.split_off(split(at + 1, branches.len()))))
            }
        }
    }

    fn remove(&mut self, place: usize) -> Option<T> {
        match self {
            Node::Leaf(items) => (place < items.len()).then(|| items.remove(place)),
            Node::Inner(branches) => {
                let (at, place) = locate(branches, place, false);
                let branch = branches.get_mut(at)?;
                let removed = branch.change(|node| node.remove(place));
                if branch.len == 0 {
                    branches.remove(at);
                }
                removed
            }
        }
    }

    fn change<R>(&mut self, place: usize, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        match self {
            Node::Leaf(items) => items.get_mut(place).map(change),
            Node::Inner(branches) => {
                let (at, place) = locate(branches, place, false);
                branches.get_mut(at)?.change(|node| node.change(place, change))
            }
        }
    }

    /// Adds the sum of a range.
    fn add(&self, from: usize, to: usize, sum: &mut T::Sum) {
        match self {
            Node::Leaf(items) => items.get(from..to).unwrap_or_default().iter().for_each(|item| sum.add(&item.sum())),
            Node::Inner(branches) => {
                let mut start = 0;
                for branch in branches {
                    let end = start + branch.len;
                    if from <= start && end <= to {
                        sum.add(&branch.sum);
                    } else if from < end && start < to {
                        branch.node.add(from.saturating_sub(start), to.min(end) - start, sum);
                    }
                    start = end;
                }
            }
        }
    }

    /// Goes back from the end of a range while the sum is not enough: the place at which it is.
    fn enough(&self, (from, to): (usize, usize), sum: &mut T::Sum, enough: &dyn Fn(&T::Sum) -> bool) -> Option<usize> {
        match self {
            Node::Leaf(items) => {
                let mut items = items.get(from..to)?.iter().rev();
                items.position(|item| suffices(&item.sum(), sum, enough)).map(|found| to - 1 - found)
            }
            Node::Inner(branches) => {
                let mut end = self.len();
                for branch in branches.iter().rev() {
                    let start = end - branch.len;
                    let whole = from <= start && end <= to;
                    if start < to && from < end && (!whole || suffices(&branch.sum, sum, enough)) {
                        let part = (from.saturating_sub(start), to.min(end) - start);
                        if let Some(found) = branch.node.enough(part, sum, enough) {
                            return Some(start + found);
                        }
                    }
                    end = start;
                }
                None
            }
        }
    }
}

/// Whether a sum is enough with one part more; if not, the part is added.
fn suffices<S: Sum>(part: &S, sum: &mut S, enough: &dyn Fn(&S) -> bool) -> bool {
    let mut more = sum.clone();
    more.add(part);
    let found = enough(&more);
    if !found {
        *sum = more;
    }
    found
}

/// Where to split after an insertion: what grows at its end leaves full nodes behind.
fn split(inserted: usize, len: usize) -> usize {
    if inserted + 1 >= len { len - 1 } else { len / 2 }
}

/// The branch in which a place is, and the place in it. An item that is added may stand behind all of a branch.
fn locate<T: Item>(branches: &[Branch<T>], mut place: usize, add: bool) -> (usize, usize) {
    for (at, branch) in branches.iter().enumerate() {
        if place < branch.len || (add && place == branch.len) {
            return (at, place);
        }
        place -= branch.len;
    }
    let last = branches.len().saturating_sub(1);
    (last, branches.last().map_or(0, |branch| branch.len))
}

impl<T: Item> Tree<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The item at a place.
    pub fn get(&self, mut place: usize) -> Option<&T> {
        let mut node = &self.root;
        loop {
            match node {
                Node::Leaf(items) => return items.get(place),
                Node::Inner(branches) => {
                    let (at, rest) = locate(branches, place, false);
                    node = &branches.get(at)?.node;
                    place = rest;
                }
            }
        }
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// How many items stand first of which `before` is true: it must be true of none behind them.
    pub fn partition_point(&self, mut before: impl FnMut(&T) -> bool) -> usize {
        if self.last().is_none_or(&mut before) {
            return self.len;
        }
        let (mut node, mut passed) = (&self.root, 0);
        loop {
            match node {
                Node::Leaf(items) => return passed + items.partition_point(before),
                Node::Inner(branches) => {
                    let after = branches.partition_point(|branch| branch.node.first().is_some_and(&mut before));
                    let Some(at) = after.checked_sub(1) else { return passed };
                    passed += branches.iter().take(at).map(|branch| branch.len).sum::<usize>();
                    let Some(branch) = branches.get(at) else { return passed };
                    node = &branch.node;
                }
            }
        }
    }

    /// Puts an item at a place, before what stands there.
    pub fn insert(&mut self, place: usize, item: T) {
        self.len += 1;
        if let Some(second) = self.root.insert(place, item) {
            let first = std::mem::replace(&mut self.root, Node::Leaf(Vec::new()));
            self.root = Node::Inner(vec![Branch::new(first), Branch::new(second)]);
        }
    }

    /// Takes the item at a place out.
    pub fn remove(&mut self, place: usize) -> Option<T> {
        let removed = self.root.remove(place)?;
        self.len -= 1;
        if self.len == 0 {
            *self = Tree::default();
        }
        Some(removed)
    }

    /// Changes the item at a place; what decides its place must stay.
    pub fn change<R>(&mut self, place: usize, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.root.change(place, change)
    }

    /// The sum of the items from a place on, before another.
    pub fn sum(&self, from: usize, to: usize) -> T::Sum {
        let mut sum = T::Sum::default();
        self.root.add(from, to.min(self.len), &mut sum);
        sum
    }

    /// Of all ranges that end before `to` and begin at `from` or later, where the shortest begins whose sum is
    /// enough: every longer one must be, too. `None` if not even the longest is.
    pub fn enough(&self, from: usize, to: usize, enough: &dyn Fn(&T::Sum) -> bool) -> Option<usize> {
        let to = to.min(self.len);
        if enough(&T::Sum::default()) {
            return Some(to);
        }
        self.root.enough((from, to), &mut T::Sum::default(), enough)
    }

    /// The items from a place on.
    pub fn from(&self, place: usize) -> Iter<'_, T> {
        let mut iter = Iter { above: Vec::new(), items: [].iter() };
        let (mut node, mut place) = (&self.root, place);
        loop {
            match node {
                Node::Leaf(items) => {
                    iter.items = items.get(place..).unwrap_or_default().iter();
                    return iter;
                }
                Node::Inner(branches) => {
                    let (at, rest) = locate(branches, place, true);
                    iter.above.push(branches.get(at + 1..).unwrap_or_default().iter());
                    let Some(branch) = branches.get(at) else { return iter };
                    node = &branch.node;
                    place = rest;
                }
            }
        }
    }

    /// All items.
    pub fn iter(&self) -> Iter<'_, T> {
        self.from(0)
    }
}

/// Goes through a tree.
pub struct Iter<'a, T: Item> {
    above: Vec<std::slice::Iter<'a, Branch<T>>>,
    items: std::slice::Iter<'a, T>,
}

impl<'a, T: Item> Iterator for Iter<'a, T> {
    type Item = &'a T;

    fn next(&mut self) -> Option<&'a T> {
        loop {
            if let Some(item) = self.items.next() {
                return Some(item);
            }
            let branch = loop {
                match self.above.last_mut()?.next() {
                    Some(branch) => break branch,
                    None => self.above.pop(),
                };
            };
            let mut node = &*branch.node;
            while let Node::Inner(branches) = node {
                let mut rest = branches.iter();
                let first = rest.next()?;
                self.above.push(rest);
                node = &first.node;
            }
            if let Node::Leaf(items) = node {
                self.items = items.iter();
            }
        }
    }
}

impl<T: Item> FromIterator<T> for Tree<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let items: Vec<T> = items.into_iter().collect();
        let len = items.len();
        if len <= LEAF_MAX {
            return Tree { root: Node::Leaf(items), len };
        }
        let mut nodes: Vec<Branch<T>> =
            packed(items, LEAF_MAX).into_iter().map(|items| Branch::new(Node::Leaf(items))).collect();
        while nodes.len() > BRANCHES_MAX {
            nodes = packed(nodes, BRANCHES_MAX).into_iter().map(|some| Branch::new(Node::Inner(some))).collect();
        }
        Tree { root: Node::Inner(nodes), len }
    }
}

/// Some at a time.
fn packed<T>(items: Vec<T>, most: usize) -> Vec<Vec<T>> {
    let mut packs = Vec::with_capacity(items.len() / most + 1);
    let mut items = items.into_iter();
    loop {
        let pack: Vec<T> = items.by_ref().take(most).collect();
        if pack.is_empty() {
            return packs;
        }
        packs.push(pack);
    }
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
