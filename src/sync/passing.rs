//! Refusals that may pass: the platform has a limit for today, say. They are tried again by themselves.

use super::list::List;
use super::record::Member;
use crate::store::db::StoreError;
use kit::sync::{Destination, Refusal};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Refusals that are looked after; what is beyond waits for a newer change or a person.
const PASSING_MAX: usize = 100_000;

/// When refusals of one list are tried again.
#[derive(Default)]
pub(super) struct Passing {
    due: BTreeSet<(Instant, String)>,
    /// Refused, by an earlier run perhaps, and not yet looked at: with the reason.
    fresh: Vec<(String, String)>,
}

impl Passing {
    /// The destination refused an identifier.
    pub(super) fn refused(&mut self, identifier: &str, reason: &str) {
        if self.fresh.len() + self.due.len() < PASSING_MAX {
            self.fresh.push((identifier.to_owned(), reason.to_owned()));
        }
    }

    /// Works out when the fresh ones pass, and takes those whose time has come.
    fn take(&mut self, passes_after: impl Fn(&Refusal) -> Option<Duration>, now: Instant) -> Vec<String> {
        for (identifier, reason) in self.fresh.drain(..) {
            let refusal = Refusal { identifier, reason };
            if let Some(after) = passes_after(&refusal) {
                self.due.insert((now + after, refusal.identifier));
            }
        }
        let mut come = Vec::new();
        while self.due.first().is_some_and(|(at, _)| *at <= now) {
            come.extend(self.due.pop_first().map(|(_, identifier)| identifier));
        }
        come
    }
}

impl List {
    /// Refusals whose time has come are forgotten: what is desired is sent again.
    pub(super) fn pass_refusals(&mut self, destination: &dyn Destination, now: Instant) -> Result<(), StoreError> {
        for identifier in self.passing.take(|refusal| destination.passes_after(refusal), now) {
            let before = self.member(&identifier)?;
            if before.refusal.is_some() {
                let after = Member { refusal: None, ..before.clone() };
                self.write(&identifier, &before, &after)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_passes_after_its_time_if_it_passes_at_all() {
        let (mut passing, begun) = (Passing::default(), Instant::now());
        passing.refused("a", "too many today");
        passing.refused("b", "unsubscribed");
        let rule = |refusal: &Refusal| refusal.reason.starts_with("too many").then_some(Duration::from_secs(60));
        assert!(passing.take(rule, begun).is_empty());
        assert!(passing.take(rule, begun + Duration::from_secs(59)).is_empty());
        assert_eq!(passing.take(rule, begun + Duration::from_secs(60)), ["a"]);
        assert!(passing.take(rule, begun + Duration::from_secs(3600)).is_empty());
    }
}
