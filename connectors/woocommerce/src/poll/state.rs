//! Where the reading of a stream by time stands.

use kit::failure::Failure;
use kit::poll::Place;
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Things of the overlap that are remembered, so that they are not said again.
const KNOWN_MAX: usize = 1_000;
const MICROS: i64 = 1_000_000;

/// Up to where a stream was read. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The newest time that was seen, seconds.
    #[serde(default)]
    pub(super) seen: Option<i64>,
    /// What was seen of the time that the next reading begins with: of each thing the time of its last change, seconds,
    /// and a mark of what it said. The time alone does not tell two changes of one second apart.
    #[serde(default)]
    known: BTreeMap<String, (i64, u32)>,
    /// Things read so far.
    #[serde(default)]
    pub(super) done: u64,
    /// Of how many.
    #[serde(default)]
    pub(super) total: Option<u64>,
}

/// A thing that was read, and when its version is of.
pub(super) struct Seen<'a> {
    pub(super) id: &'a str,
    /// The time by which the stream is ordered.
    pub(super) at: Time,
    /// The time of the thing's last change.
    pub(super) version: Time,
    /// A mark of what it says.
    pub(super) mark: u32,
}

/// A mark of what facts say.
pub(super) fn mark(facts: &Facts) -> u32 {
    let mut hash = Sha256::new();
    for event in &facts.events {
        hash.update(&event.message_id);
        hash.update([0]);
    }
    hash.finalize().iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
}

fn seconds(time: Time) -> i64 {
    time.0.div_euclid(MICROS)
}

impl State {
    /// As it was kept; else from the instant that polls begin with.
    pub(super) fn begin(place: &Place, past: bool) -> Result<State, Failure> {
        match &place.cursor {
            Some(text) => serde_json::from_str(text)
                .map_err(|why| Failure::PlatformChanged(format!("the cursor can't be read: {why}"))),
            None => Ok(State { seen: (!past).then(|| seconds(place.since)), ..State::default() }),
        }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From when a reading begins: behind the newest that was seen.
    pub(super) fn from(&self, overlap_s: i64) -> Option<Time> {
        self.seen.map(|seen| Time(seen.saturating_sub(overlap_s).max(0).saturating_mul(MICROS)))
    }

    /// Notes a thing; whether what it says is new.
    pub(super) fn note(&mut self, seen: &Seen<'_>) -> bool {
        self.seen = Some(self.seen.unwrap_or(i64::MIN).max(seconds(seen.at)));
        let said = (seconds(seen.version), seen.mark);
        self.known.insert(seen.id.to_owned(), said) != Some(said)
    }

    /// Forgets what the next reading does not meet again.
    pub(super) fn trim(&mut self, overlap_s: i64) {
        let from = self.seen.unwrap_or_default().saturating_sub(overlap_s);
        self.known.retain(|_, (version, _)| *version >= from);
        while self.known.len() > KNOWN_MAX {
            // The oldest is the least likely to be met; what is forgotten is said again, which does no harm.
            let oldest = self.known.iter().min_by_key(|(_, (version, _))| *version).map(|(id, _)| id.clone());
            oldest.and_then(|id| self.known.remove(&id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time(seconds * MICROS)
    }

    #[test]
    fn a_version_is_said_once_within_the_overlap() {
        let place = Place { cursor: None, since: at(100) };
        assert_eq!(State::begin(&place, true).unwrap().from(10), None);
        let mut state = State::begin(&place, false).unwrap();
        assert_eq!(state.from(10), Some(at(90)));
        let mut note = |id, when, mark| state.note(&Seen { id, at: at(when), version: at(when), mark });
        assert!(note("1", 200, 0) && !note("1", 200, 0) && note("1", 201, 0) && note("2", 150, 0));
        assert!(note("1", 201, 7), "another change of the same second");
        state.trim(10);
        let mut again = State::begin(&Place { cursor: Some(state.text()), since: at(0) }, false).unwrap();
        assert_eq!(again.from(10), Some(at(191)));
        assert!(!again.note(&Seen { id: "1", at: at(201), version: at(201), mark: 7 }));
        assert!(again.note(&Seen { id: "2", at: at(150), version: at(150), mark: 0 }), "it lies before the overlap");
        assert!(State::begin(&Place { cursor: Some("?".to_owned()), since: at(0) }, false).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut state = State::default();
        for number in 0..3_000 {
            state.note(&Seen { id: &number.to_string(), at: at(1_000), version: at(1_000), mark: u32::MAX });
        }
        state.trim(10);
        assert_eq!(state.known.len(), KNOWN_MAX);
        assert!(state.text().len() < 60_000);
    }
}
