//! Asks engine and oracle who was in a segment at an earlier instant, by what is known now.

use super::memory::Memory;
use super::play::{Failure, compare};
use crate::oracle::Oracle;
use model::{Command, Record, SegmentId, Time};
use segmentd_engine::eval::Tri;
use segmentd_engine::workspace::{PersonName, Workspace};
use std::collections::BTreeSet;

const PAGE: usize = 3;

/// An instant not after now: when something happened, just before, or between two records.
fn instant(log: &[Record], now: Time) -> Time {
    let turn = log.len();
    let record = &log[(turn / 3 * 7_919 + 5) % turn];
    let at = match &record.command {
        Command::Event(event) => event.time.min(record.time),
        _ => record.time,
    };
    let at = match turn % 4 {
        0 => at.plus_micros(-1),
        1 => Time(at.0 + (now.0 - at.0) / 2),
        2 => now,
        _ => at,
    };
    at.min(now)
}

fn members(engine: &Workspace<Memory>, segment: &SegmentId, at: Time) -> BTreeSet<String> {
    let (mut all, mut after) = (BTreeSet::new(), None);
    loop {
        let page = engine.members_at(segment, at, after, PAGE).expect("memory never fails");
        let (found, next) = page.expect("a segment in force");
        all.extend(found);
        match next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

/// One instant and one segment a look.
pub fn look_back(engine: &Workspace<Memory>, oracle: &Oracle, log: &[Record], now: Time) -> Result<(), Failure> {
    let at = instant(log, now);
    let past = oracle.past(now, at);
    let segments = past.segments();
    let Some(segment) = segments.get(log.len() / 3 % segments.len().max(1)) else { return Ok(()) };
    let id = SegmentId::from(segment.as_str());
    let (inside, unknown) = past.members(segment);
    compare("past", &format!("{segment} as of {at}"), now, &members(engine, &id, at), &inside)?;
    let people = past.people();
    let Some(person) = people.iter().nth(log.len() % people.len().max(1)) else { return Ok(()) };
    let no = engine.resolve(&PersonName::Id(person.clone())).expect("memory never fails").expect("a person");
    let told = engine.explain_at(&id, no, at).expect("memory never fails");
    let ((_, value, _, _), _) = told.expect("a segment in force");
    let expected = match (inside.contains(person), unknown.contains(person)) {
        (true, _) => Tri::True,
        (_, true) => Tri::Unknown,
        _ => Tri::False,
    };
    compare("past reason", &format!("{segment} of {person} as of {at}"), now, &value, &expected)
}
