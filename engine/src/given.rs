//! What holds of everybody: versions of segments that somebody of whom nothing is known is a member of. That such a
//! person came to be, or ceased, is told once, and not for each of these versions.

use crate::effect::{Presence, Transition};
use model::SegmentId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// That a version held of everybody for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// The segment.
    pub segment: SegmentId,
    /// The version of its definition.
    pub version: u32,
    /// Number of its bitmaps.
    pub bitmap: u32,
    /// It held of those who came or went after this position.
    pub from: u64,
    /// And up to this position; `None` while it does.
    pub until: Option<u64>,
}

impl Rule {
    fn holds_at(&self, position: u64) -> bool {
        self.from < position && self.until.is_none_or(|until| position <= until)
    }
}

/// Every rule that there is or was. Of one segment each begins when the one before has ended.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Given {
    rules: BTreeMap<SegmentId, Vec<Rule>>,
    /// The segment of each number of bitmaps.
    segments: BTreeMap<u32, SegmentId>,
    /// The numbers of those that hold now.
    open: BTreeSet<u32>,
    /// The segments that have one that holds now.
    here: BTreeSet<SegmentId>,
    /// The other segments, each with the position at which its newest rule ended.
    gone: BTreeSet<(u64, SegmentId)>,
    /// Where each that does not hold any more ended.
    ends: BTreeSet<(u64, u32)>,
}

impl Given {
    /// From rules, older ones of a segment first.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Given {
        let mut given = Given::default();
        rules.into_iter().for_each(|rule| given.add(rule));
        given
    }

    fn add(&mut self, rule: Rule) {
        let rules = self.rules.entry(rule.segment.clone()).or_default();
        if let Some(end) = rules.last().and_then(|last| last.until) {
            self.gone.remove(&(end, rule.segment.clone()));
        }
        match rule.until {
            None => {
                self.open.insert(rule.bitmap);
                self.here.insert(rule.segment.clone());
            }
            Some(end) => {
                self.ends.insert((end, rule.bitmap));
                self.gone.insert((end, rule.segment.clone()));
            }
        }
        self.segments.insert(rule.bitmap, rule.segment.clone());
        rules.push(rule);
    }

    /// What held of everybody of a segment for those who come or go at a position.
    fn rule_at(&self, segment: &SegmentId, position: u64) -> Option<&Rule> {
        let rules = self.rules.get(segment)?;
        let begun = rules.partition_point(|rule| rule.from < position);
        rules.get(begun.checked_sub(1)?).filter(|rule| rule.holds_at(position))
    }

    fn rule_of(&self, bitmap: u32, position: u64) -> Option<&Rule> {
        self.rule_at(self.segments.get(&bitmap)?, position).filter(|rule| rule.bitmap == bitmap)
    }

    /// Every rule, older ones of a segment first.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flatten()
    }

    /// The numbers of the versions that hold of everybody now.
    pub fn open(&self) -> &BTreeSet<u32> {
        &self.open
    }

    /// A version holds of everybody from a position on.
    pub(crate) fn begin(&mut self, segment: &SegmentId, version: u32, bitmap: u32, from: u64) {
        self.add(Rule { segment: segment.clone(), version, bitmap, from, until: None });
    }

    /// A version does not hold of everybody any more after a position.
    pub(crate) fn end(&mut self, bitmap: u32, until: u64) {
        let Some(segment) = self.segments.get(&bitmap).filter(|_| self.open.remove(&bitmap)) else { return };
        let rules = self.rules.get_mut(segment);
        if let Some(rule) = rules.and_then(|rules| rules.last_mut()).filter(|rule| rule.bitmap == bitmap) {
            rule.until = Some(until);
        }
        self.here.remove(segment);
        self.gone.insert((until, segment.clone()));
        self.ends.insert((until, bitmap));
    }

    /// Whether a version holds of those who come or go at a position.
    pub(crate) fn holds(&self, bitmap: u32, position: u64) -> bool {
        self.rule_of(bitmap, position).is_some()
    }

    /// Whether somebody who comes or goes at a position enters or leaves more than some versions.
    pub(crate) fn holds_more(&self, position: u64, but: &[u32]) -> bool {
        let ended = self.ends.range((position, 0)..).map(|(_, bitmap)| bitmap);
        let mut all = self.open.iter().chain(ended);
        all.any(|bitmap| but.binary_search(bitmap).is_err() && self.holds(*bitmap, position))
    }

    /// Whether somebody enters or leaves a segment by coming or going.
    pub fn moves(&self, presence: &Presence, segment: &SegmentId) -> bool {
        !self.each(presence, Some(segment), &mut |_| false)
    }

    /// An effect as transitions, if it is one or stands for some.
    pub fn told(&self, effect: &crate::effect::Effect) -> Vec<Transition> {
        let mut told = Vec::new();
        match effect {
            crate::effect::Effect::Transition(transition) => told.push(transition.clone()),
            crate::effect::Effect::Presence(presence) => {
                self.each(presence, None, &mut |transition| {
                    told.push(transition);
                    true
                });
            }
            _ => {}
        }
        told
    }

    /// Shows the transitions that a presence stands for, in order of segments, of one segment or of all, until `take`
    /// returns false; then it returns false, too.
    pub fn each(
        &self,
        presence: &Presence,
        segment: Option<&SegmentId>,
        take: &mut dyn FnMut(Transition) -> bool,
    ) -> bool {
        let of = |rule: &Rule| Transition {
            segment: rule.segment.clone(),
            version: rule.version,
            person: presence.person.clone(),
            entered: presence.came,
            at: presence.at,
            found: presence.found,
            cause: presence.cause,
            position: presence.position,
        };
        let mut tell = |segment: &SegmentId| {
            let rule = self.rule_at(segment, presence.position);
            let rule = rule.filter(|rule| presence.but.binary_search(&rule.bitmap).is_err());
            rule.is_none_or(|rule| take(of(rule)))
        };
        if let Some(segment) = segment {
            return tell(segment);
        }
        let gone = self.gone.range((presence.position, SegmentId(String::new()))..);
        let gone: BTreeSet<&SegmentId> = gone.map(|(_, segment)| segment).collect();
        if gone.is_empty() {
            return self.here.iter().all(tell);
        }
        self.here.iter().chain(gone).collect::<BTreeSet<_>>().into_iter().all(tell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Cause;
    use model::Time;

    const SEGMENTS: u32 = 5;

    /// Ends and begins versions at some positions; the rules as they are, in the order in which they began.
    fn history(given: &mut Given) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut newest = [0_u32; SEGMENTS as usize];
        for position in 1..60_u64 {
            let segment = (position * 7 % 11) as u32 % SEGMENTS;
            let last = &mut newest[segment as usize];
            if *last > 0 {
                given.end(*last, position);
                let open = rules.iter_mut().find(|rule| rule.bitmap == *last && rule.until.is_none()).unwrap();
                open.until = Some(position);
            }
            // Sometimes in the same step, sometimes later, sometimes the same version again.
            let again = *last > 0 && position % 5 == 0;
            let bitmap = if again { *last } else { position as u32 };
            *last = if position % 3 == 0 || (segment == 4 && position > 20) { 0 } else { bitmap };
            if *last > 0 {
                let segment = SegmentId(format!("s{segment}"));
                given.begin(&segment, position as u32, bitmap, position);
                rules.push(Rule { segment, version: position as u32, bitmap, from: position, until: None });
            }
        }
        rules
    }

    #[test]
    fn what_held_at_a_position_is_found_as_by_looking_at_every_rule() {
        let mut given = Given::default();
        let rules = history(&mut given);
        assert_eq!(Given::new(given.rules().cloned()), given);
        let open: BTreeSet<u32> = rules.iter().filter(|rule| rule.until.is_none()).map(|rule| rule.bitmap).collect();
        assert!(rules.len() > 30 && open.len() > 1 && !given.gone.is_empty());
        assert_eq!(*given.open(), open);
        for position in 0..70 {
            let mut held: Vec<&Rule> = rules.iter().filter(|rule| rule.holds_at(position)).collect();
            held.sort_by(|left, right| left.segment.cmp(&right.segment));
            for but in [vec![], held.iter().map(|rule| rule.bitmap).min().into_iter().collect()] {
                let (at, found, cause) = (Time(0), Time(0), Cause::Event);
                let presence =
                    Presence { person: "p".to_owned(), came: true, at, found, cause, position, but: but.clone() };
                let told = given.told(&crate::effect::Effect::Presence(presence.clone()));
                let told: Vec<(SegmentId, u32)> = told.into_iter().map(|one| (one.segment, one.version)).collect();
                let expected = held.iter().filter(|rule| !but.contains(&rule.bitmap));
                let expected: Vec<(SegmentId, u32)> =
                    expected.map(|rule| (rule.segment.clone(), rule.version)).collect();
                assert_eq!(told, expected, "at {position}");
                assert_eq!(given.holds_more(position, &but), !expected.is_empty(), "at {position}");
                for segment in (0..SEGMENTS).map(|segment| SegmentId(format!("s{segment}"))) {
                    let moves = expected.iter().any(|(of, _)| *of == segment);
                    assert_eq!(given.moves(&presence, &segment), moves, "at {position}");
                }
            }
            for bitmap in rules.iter().map(|rule| rule.bitmap) {
                assert_eq!(given.holds(bitmap, position), held.iter().any(|rule| rule.bitmap == bitmap));
            }
        }
    }
}
