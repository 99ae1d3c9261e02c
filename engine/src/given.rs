//! What holds of everybody: versions of segments that somebody of whom nothing is known is a member of. That such a
//! person came to be, or ceased, is told once, and not for each of these versions.

use crate::effect::{Presence, Transition};
use model::SegmentId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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

/// Every rule that there is or was.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Given {
    rules: BTreeMap<SegmentId, Vec<Rule>>,
    /// The segment of each number of bitmaps.
    segments: BTreeMap<u32, SegmentId>,
    /// How many hold now.
    open: usize,
    /// The newest position at which one ended.
    newest_end: u64,
}

impl Given {
    /// From rules, older ones of a segment first.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Given {
        let mut given = Given::default();
        rules.into_iter().for_each(|rule| given.add(rule));
        given
    }

    fn add(&mut self, rule: Rule) {
        self.open += usize::from(rule.until.is_none());
        self.newest_end = self.newest_end.max(rule.until.unwrap_or_default());
        self.segments.insert(rule.bitmap, rule.segment.clone());
        self.rules.entry(rule.segment.clone()).or_default().push(rule);
    }

    /// Every rule, older ones of a segment first.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flatten()
    }

    /// The numbers of the versions that hold of everybody now.
    pub fn open(&self) -> impl Iterator<Item = u32> {
        self.rules().filter(|rule| rule.until.is_none()).map(|rule| rule.bitmap)
    }

    /// A version holds of everybody from a position on.
    pub(crate) fn begin(&mut self, segment: &SegmentId, version: u32, bitmap: u32, from: u64) {
        self.add(Rule { segment: segment.clone(), version, bitmap, from, until: None });
    }

    /// A version does not hold of everybody any more after a position.
    pub(crate) fn end(&mut self, bitmap: u32, until: u64) {
        let rules = self.segments.get(&bitmap).and_then(|segment| self.rules.get_mut(segment));
        let open = |rule: &&mut Rule| rule.bitmap == bitmap && rule.until.is_none();
        if let Some(rule) = rules.and_then(|rules| rules.iter_mut().find(open)) {
            rule.until = Some(until);
            self.newest_end = self.newest_end.max(until);
            self.open -= 1;
        }
    }

    /// Whether a version holds of those who come or go at a position.
    pub(crate) fn holds(&self, bitmap: u32, position: u64) -> bool {
        let rules = self.segments.get(&bitmap).and_then(|segment| self.rules.get(segment));
        rules.into_iter().flatten().any(|rule| rule.bitmap == bitmap && rule.holds_at(position))
    }

    /// Whether somebody who comes or goes at a position enters or leaves more than some versions.
    pub(crate) fn holds_more(&self, position: u64, but: &[u32]) -> bool {
        self.open > but.len()
            || (self.open > 0 || self.newest_end >= position)
                && self.rules().any(|rule| rule.holds_at(position) && but.binary_search(&rule.bitmap).is_err())
    }

    /// Whether somebody enters or leaves a segment by coming or going.
    pub(crate) fn moves(&self, presence: &Presence, segment: &SegmentId) -> bool {
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
        let holds =
            |rule: &&Rule| rule.holds_at(presence.position) && presence.but.binary_search(&rule.bitmap).is_err();
        match segment {
            Some(segment) => self.rules.get(segment).into_iter().flatten().filter(holds).all(|rule| take(of(rule))),
            None => self.rules().filter(holds).all(|rule| take(of(rule))),
        }
    }
}
