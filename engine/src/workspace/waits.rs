//! What each answer about a person waits for: when a timer comes, what waits longer is not asked again.
//!
//! This is remembered of people in memory, and nothing depends on it: an answer that is not asked again is the one
//! that would be given, with the same instant at which it is to be asked next. Whoever is not remembered is asked
//! everything.

use super::Workspace;
use crate::storage::{PersonNo, Storage};
use model::Time;

/// Until when an answer holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wait {
    /// Number of the version's bitmap.
    pub(super) bitmap: u32,
    /// When it is to be asked again.
    pub(super) until: Time,
    /// Before this instant the same answer would be given, with the same `until`.
    pub(super) steady: Time,
}

/// All answers about a person that time can change, in order of bitmaps; those that hold for good are not there.
#[derive(Default, Debug)]
pub(super) struct Waits {
    list: Vec<Wait>,
    /// Of which versions: another number tells that there are others.
    generation: u64,
}

impl Waits {
    /// Of all answers.
    pub(super) fn new(generation: u64, answers: &[Wait]) -> Waits {
        let mut list: Vec<Wait> = answers.iter().filter(|wait| wait.steady != Time::MAX).copied().collect();
        list.shrink_to_fit();
        Waits { list, generation }
    }

    /// Whether they are of these versions.
    pub(super) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }

    /// Some answers were given anew; in order of bitmaps.
    pub(super) fn update(&mut self, answers: &[Wait]) {
        for answer in answers {
            let place = self.list.binary_search_by_key(&answer.bitmap, |wait| wait.bitmap);
            match place {
                Ok(place) if answer.steady == Time::MAX => {
                    self.list.remove(place);
                }
                Ok(place) => {
                    if let Some(wait) = self.list.get_mut(place) {
                        *wait = *answer;
                    }
                }
                Err(place) if answer.steady != Time::MAX => self.list.insert(place, *answer),
                Err(_) => {}
            }
        }
    }

    /// Which versions are to be asked at an instant, and when the others want to be asked.
    fn due(&self, now: Time) -> (Vec<u32>, Time) {
        let due = self.list.iter().filter(|wait| wait.steady <= now).map(|wait| wait.bitmap).collect();
        let rest = self.list.iter().filter(|wait| wait.steady > now).map(|wait| wait.until).min();
        (due, rest.unwrap_or(Time::MAX))
    }
}

impl<S: Storage> Workspace<S> {
    /// Which versions are to be asked of a person whose timer came, and when the others want to be asked; `None` when
    /// that is not remembered.
    pub(super) fn due_of(&self, no: PersonNo) -> Option<(Vec<u32>, Time)> {
        Some(self.people.waits(no, self.segments.index.generation())?.due(self.now))
    }

    /// What is not asked again would be answered as it was.
    #[cfg(debug_assertions)]
    pub(super) fn check_waits(&mut self, no: PersonNo, due: &[u32], rest: Time) {
        let rest_of: Vec<u32> = self.timed_for(no).into_iter().filter(|bitmap| !due.contains(bitmap)).collect();
        let Ok(foreign) = self.foreign_consent(no) else { return };
        let outcomes = self.evaluate(no, rest_of.into_iter(), &foreign);
        let until = outcomes.iter().map(|(_, outcome)| outcome.until).min().unwrap_or(Time::MAX);
        debug_assert_eq!(until, rest, "person {no} at {}: {outcomes:?}", self.now);
        for (bitmap, outcome) in outcomes {
            let version = self.segments.versions.get(&bitmap);
            let is = version.is_some_and(|version| version.members.contains(no, &self.segments.people));
            debug_assert_eq!(outcome.value == crate::eval::Tri::True, is, "person {no}, bitmap {bitmap}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(bitmap: u32, steady: i64, until: i64) -> Wait {
        Wait { bitmap, until: Time(until), steady: Time(steady) }
    }

    #[test]
    fn what_waits_longer_is_not_asked() {
        let for_good = Wait { bitmap: 2, until: Time::MAX, steady: Time::MAX };
        let mut waits = Waits::new(1, &[wait(1, 5, 9), for_good, wait(3, 7, 7)]);
        assert!(waits.is_of(1) && !waits.is_of(2));
        assert_eq!(waits.due(Time(5)), (vec![1], Time(7)));
        waits.update(&[wait(1, 8, 12), wait(2, 6, 6), Wait { bitmap: 3, ..for_good }, Wait { bitmap: 4, ..for_good }]);
        assert_eq!(waits.due(Time(5)), (vec![], Time(6)));
        assert_eq!(waits.due(Time(8)), (vec![1, 2], Time::MAX));
    }
}
