//! A tree does what a list does.

use super::*;
use proptest::prelude::*;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Weight(u32);

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Total(u64);

impl Sum for Total {
    fn add(&mut self, other: &Self) {
        self.0 += other.0;
    }
}

impl Item for Weight {
    type Sum = Total;

    fn sum(&self) -> Total {
        Total(u64::from(self.0))
    }
}

fn total(list: &[Weight]) -> Total {
    Total(list.iter().map(|weight| u64::from(weight.0)).sum())
}

/// Asks a tree and a list the same.
fn agree(tree: &Tree<Weight>, list: &[Weight], (one, other): (usize, usize), amount: u64) {
    assert_eq!(tree.len(), list.len());
    assert_eq!(tree.last(), list.last());
    let (from, to) = (one.min(other) % (list.len() + 1), one.max(other) % (list.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    assert_eq!(tree.get(one), list.get(one));
    assert!(tree.from(from).eq(&list[from..]));
    assert_eq!(tree.sum(from, to), total(&list[from..to]));
    let wanted = (from..=to).rev().find(|start| total(&list[*start..to]).0 >= amount);
    assert_eq!(tree.enough(from, to, &|sum: &Total| sum.0 >= amount), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_does_what_a_list_does(
        begins_with in 0usize..3_000,
        steps in proptest::collection::vec((0u8..6, any::<u16>(), any::<u16>(), 0u32..50), 0..400),
    ) {
        let mut list: Vec<Weight> = (0..begins_with as u32).map(|number| Weight(number % 7)).collect();
        let mut tree: Tree<Weight> = list.iter().cloned().collect();
        let kept = (tree.clone(), list.clone());
        for (step, one, other, weight) in steps {
            let place = usize::from(one) % (list.len() + 1);
            match step {
                0 | 1 => {
                    list.insert(place, Weight(weight));
                    tree.insert(place, Weight(weight));
                }
                2 => {
                    list.push(Weight(weight));
                    tree.insert(tree.len(), Weight(weight));
                }
                3 => {
                    let removed = (place < list.len()).then(|| list.remove(place));
                    prop_assert_eq!(tree.remove(place), removed);
                }
                4 => {
                    let changed = list.get_mut(place).map(|item| item.0 = weight);
                    prop_assert_eq!(tree.change(place, |item| item.0 = weight), changed);
                }
                _ => agree(&tree, &list, (usize::from(one), usize::from(other)), u64::from(weight) * 20),
            }
        }
        prop_assert!(tree.iter().eq(&list));
        prop_assert!(kept.0.iter().eq(&kept.1), "a copy stays as it was");
    }

    #[test]
    fn a_place_is_found_in_order(
        mut numbers in proptest::collection::vec(any::<u16>(), 0..2_000),
        limit in any::<u16>(),
    ) {
        let mut tree: Tree<u32> = Tree::default();
        for number in &numbers {
            let place = tree.partition_point(|other| *other < u32::from(*number));
            tree.insert(place, u32::from(*number));
        }
        numbers.sort_unstable();
        prop_assert!(tree.iter().copied().eq(numbers.iter().map(|number| u32::from(*number))));
        let wanted = numbers.partition_point(|number| *number < limit);
        prop_assert_eq!(tree.partition_point(|number| *number < u32::from(limit)), wanted);
    }
}
