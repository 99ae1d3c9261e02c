//! People by number, kept as differences from what holds of everybody.

use crate::storage::PersonNo;
use roaring::RoaringBitmap;
use std::ops::{RangeBounds, RangeInclusive};

/// The lower half of a number: those who have the upper one in common are a part.
const PART: PersonNo = 0xffff;
/// People of a part who are gone through before those who are not in it are passed over.
const WALKED: PersonNo = 0xff;

/// A set of people. One that holds of everybody keeps those who are not in it: who comes or goes changes nothing.
#[derive(Clone, Default)]
pub(super) struct Bits {
    /// Those of whom it is otherwise; of a set that holds of everybody, people alone.
    odd: RoaringBitmap,
    of_everybody: bool,
}

impl Bits {
    /// A set of which parts follow.
    pub(super) fn to_be_read(of_everybody: bool) -> Bits {
        Bits { odd: RoaringBitmap::new(), of_everybody }
    }

    /// Adds a stored part.
    pub(super) fn read(&mut self, part: &RoaringBitmap) {
        self.odd |= part;
    }

    /// What is to be stored of a range.
    pub(super) fn part(&self, range: impl RangeBounds<PersonNo>) -> RoaringBitmap {
        self.odd.range(range).collect()
    }

    /// The upper halves of the numbers of those who are stored.
    pub(super) fn uppers(&self) -> impl Iterator<Item = u16> {
        let (first, last) = (self.odd.min().map(|no| no >> 16), self.odd.max().map(|no| no >> 16));
        let all = first.zip(last).map(|(first, last)| first..=last);
        all.into_iter().flatten().map(|upper| upper as u16)
    }

    /// Whether it holds of everybody but for some.
    pub(super) fn of_everybody(&self) -> bool {
        self.of_everybody
    }

    /// Whether it is with somebody otherwise than with everybody.
    pub(super) fn is_odd(&self, no: PersonNo) -> bool {
        self.odd.contains(no)
    }

    /// Whether somebody is in it.
    pub(super) fn contains(&self, no: PersonNo, people: &RoaringBitmap) -> bool {
        self.odd.contains(no) != (self.of_everybody && people.contains(no))
    }

    /// How many are in it.
    pub(super) fn len(&self, people: &RoaringBitmap) -> u64 {
        if self.of_everybody { people.len() - self.odd.len() } else { self.odd.len() }
    }

    /// Those who are in it.
    pub(super) fn all(&self, people: &RoaringBitmap) -> RoaringBitmap {
        if self.of_everybody { people - &self.odd } else { self.odd.clone() }
    }

    /// How many are in it who are not in another one.
    pub(super) fn len_without(&self, other: &Bits, people: &RoaringBitmap) -> u64 {
        match (self.of_everybody, other.of_everybody) {
            (false, false) => self.odd.difference_len(&other.odd),
            (false, true) => self.odd.intersection_len(&other.odd),
            (true, false) => people.len() - self.odd.union_len(&other.odd),
            (true, true) => other.odd.difference_len(&self.odd),
        }
    }

    /// How many of a range are in it.
    fn len_of(&self, range: RangeInclusive<PersonNo>, people: &RoaringBitmap) -> u64 {
        let odd = self.odd.range_cardinality(range.clone());
        if self.of_everybody { people.range_cardinality(range) - odd } else { odd }
    }

    /// The first of those in it from a number on. Of one that holds of everybody parts without any are passed over
    /// as a whole, so that whoever is not in it is not gone through one by one.
    pub(super) fn from(&self, from: PersonNo, count: usize, people: &RoaringBitmap) -> Vec<PersonNo> {
        if !self.of_everybody {
            return self.odd.range(from..).take(count).collect();
        }
        let (mut found, mut next) = (Vec::new(), Some(from));
        while found.len() < count
            && let Some(first) = next.and_then(|next| people.range(next..).next())
        {
            let part = first..=first | PART;
            next = part.end().checked_add(1);
            if self.len_of(part.clone(), people) > 0 {
                let near = first..=first.saturating_add(WALKED).min(*part.end());
                let (before, end) = (found.len(), *near.end());
                let inside = people.range(near).filter(|no| !self.odd.contains(*no));
                found.extend(inside.take(count - before));
                let walked = end.checked_add(1).filter(|_| end < *part.end());
                next = match walked {
                    Some(rest) if found.len() == before => Some(self.first_of(rest..=*part.end(), people)),
                    Some(rest) => Some(rest),
                    None => next,
                };
            }
        }
        found
    }

    /// The first of a range who is in it, where somebody is.
    fn first_of(&self, range: RangeInclusive<PersonNo>, people: &RoaringBitmap) -> PersonNo {
        let (mut low, mut high) = (*range.start(), *range.end());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.len_of(*range.start()..=middle, people) {
                0 => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Puts somebody in or out who was a person or not, and is one or not. Whether they were in it, and
    /// whether what is stored changed.
    pub(super) fn set(&mut self, no: PersonNo, on: bool, (was_person, is_person): (bool, bool)) -> (bool, bool) {
        let odd = on != (self.of_everybody && is_person);
        if !odd && self.odd.is_empty() {
            return (self.of_everybody && was_person, false);
        }
        let changed = if odd { self.odd.insert(no) } else { self.odd.remove(no) };
        let was_odd = odd != changed;
        (was_odd != (self.of_everybody && was_person), changed)
    }

    /// Adds many who are not in it, of a set that does not hold of everybody.
    pub(super) fn add(&mut self, some: &RoaringBitmap) {
        self.odd |= some;
    }

    /// Keeps the same people from now on as differences from everybody, or from nobody.
    pub(super) fn turn(&mut self, of_everybody: bool, people: &RoaringBitmap) {
        if of_everybody != self.of_everybody {
            self.odd = people - &self.odd;
            self.of_everybody = of_everybody;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_the_same_people_however_it_is_kept() {
        let mut people: RoaringBitmap = (0..10).collect();
        let mut bits = Bits::default();
        bits.add(&[2, 4, 6].into_iter().collect());
        for of_everybody in [true, true, false, true] {
            bits.turn(of_everybody, &people);
            assert_eq!(bits.all(&people).iter().collect::<Vec<_>>(), [2, 4, 6]);
            assert_eq!((bits.len(&people), bits.from(3, 9, &people)), (3, vec![4, 6]));
            assert_eq!((bits.contains(4, &people), bits.contains(5, &people)), (true, false));
        }
        // Who comes is in it, and of whom it is otherwise is kept.
        people.insert(10);
        assert!(bits.contains(10, &people) && !bits.is_odd(10));
        people.insert(11);
        assert_eq!(bits.set(11, false, (false, true)), (false, true));
        assert_eq!(bits.set(11, true, (true, true)), (false, true));
        assert_eq!(bits.set(11, false, (true, true)), (true, true));
        people.remove(11);
        assert_eq!(bits.set(11, false, (true, false)), (false, true));
        assert_eq!(bits.all(&people).iter().collect::<Vec<_>>(), [2, 4, 6, 10]);
    }
    #[test]
    fn a_page_passes_over_those_who_are_not_in_it() {
        let mut people = RoaringBitmap::new();
        people.insert_range(5..4_000_000);
        people.remove_range(1_000_000..1_100_000);
        let inside: Vec<PersonNo> = [0..7, 65_530..65_540, 70_000..70_001, 131_071..131_073, 3_999_999..4_000_000]
            .into_iter()
            .flatten()
            .filter(|no| people.contains(*no))
            .collect();
        let mut bits = Bits::default();
        bits.add(&inside.iter().copied().collect());
        bits.turn(true, &people);
        let begun = std::time::Instant::now();
        for from in [0, 6, 7, 65_535, 65_536, 69_999, 70_001, 131_072, 131_073, 1_050_000, 3_999_999, u32::MAX] {
            let expected: Vec<PersonNo> = inside.iter().copied().filter(|no| *no >= from).collect();
            for count in [0, 1, 2, usize::MAX] {
                let expected: Vec<PersonNo> = expected.iter().copied().take(count).collect();
                assert_eq!(bits.from(from, count, &people), expected, "{count} from {from}");
            }
        }
        // One by one it would be millions of looks for each of these pages.
        assert!(begun.elapsed() < std::time::Duration::from_secs(2));
        people.insert(u32::MAX);
        assert_eq!(bits.from(4_000_000, 9, &people), [u32::MAX]);
    }

    #[test]
    fn who_is_in_one_and_not_in_another_is_counted_however_they_are_kept() {
        let people: RoaringBitmap = (0..100).collect();
        let sets: [RoaringBitmap; 4] =
            [(0..100).collect(), (20..60).collect(), (40..100).step_by(3).collect(), RoaringBitmap::new()];
        let kept = |set: &RoaringBitmap, of_everybody| {
            let mut bits = Bits::default();
            bits.add(set);
            bits.turn(of_everybody, &people);
            bits
        };
        for (left, right) in sets.iter().flat_map(|left| sets.iter().map(move |right| (left, right))) {
            for kinds in [(false, false), (false, true), (true, false), (true, true)] {
                let count = kept(left, kinds.0).len_without(&kept(right, kinds.1), &people);
                assert_eq!(count, left.difference_len(right), "{kinds:?}");
            }
        }
    }
}
