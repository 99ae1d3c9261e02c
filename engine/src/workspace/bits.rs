//! People by number, kept as differences from what holds of everybody.

use crate::storage::PersonNo;
use roaring::RoaringBitmap;
use std::ops::RangeBounds;

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

    /// The first of those in it from a number on.
    pub(super) fn from(&self, from: PersonNo, count: usize, people: &RoaringBitmap) -> Vec<PersonNo> {
        match self.of_everybody {
            true => people.range(from..).filter(|no| !self.odd.contains(*no)).take(count).collect(),
            false => self.odd.range(from..).take(count).collect(),
        }
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
}
