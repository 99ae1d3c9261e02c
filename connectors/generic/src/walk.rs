//! Where a reading of a stream is: windows of time, and pages within one.
//!
//! A window ends at an instant that has been. What is in it can only leave it (something changes again, and lies behind
//! it then), so that its number tells whether pages moved: then so many are read again as moved.

use crate::description::{Stream, Window};
use kit::failure::Failure;
use kit::poll::Place;
use model::Time;
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000_000;
/// How often pages may move within one window, in one call.
const MOVES_MAX: u32 = 200;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct State {
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    /// The end of the last window.
    end: Option<Time>,
    /// The next page; `None` for the first.
    pub(crate) place: Option<String>,
    /// How many there are in the window, as the page before said.
    total: Option<u64>,
    pub(crate) done: u64,
    /// Of how many, over all windows.
    pub(crate) of: Option<u64>,
    moves: u32,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    since: Option<i64>,
    until: Option<i64>,
    end: Option<i64>,
    place: Option<String>,
    total: Option<u64>,
    done: u64,
    of: Option<u64>,
    over: bool,
}

fn whole(time: Time) -> Time {
    Time(time.0.div_euclid(SECOND) * SECOND)
}

fn kept(place: &Place) -> Result<Option<Kept>, Failure> {
    let Some(text) = &place.cursor else { return Ok(None) };
    let read = serde_json::from_str(text);
    read.map(Some).map_err(|_| Failure::PlatformChanged("the place of a stream can't be read".to_owned()))
}

impl Kept {
    fn state(self) -> State {
        let time = |micros: Option<i64>| micros.map(Time);
        State {
            since: time(self.since),
            until: time(self.until),
            end: time(self.end),
            place: self.place,
            total: self.total,
            done: self.done,
            of: self.of,
            moves: 0,
        }
    }
}

impl State {
    /// The past from where it was left; `None` when all of it was read.
    pub(crate) fn past(place: &Place, stream: &Stream, now: Time) -> Result<Option<State>, Failure> {
        if let Some(kept) = kept(place)? {
            return Ok(if kept.over { None } else { Some(kept.state()) });
        }
        let end = Some(whole(now));
        Ok(Some(match &stream.window {
            Some(window) => State { since: Some(window.begins), until: end, end, ..State::default() },
            None => State { until: end, end, ..State::default() },
        }))
    }

    /// What changed since the last reading, with an overlap.
    pub(crate) fn changes(place: &Place, stream: &Stream, now: Time) -> Result<State, Failure> {
        let from = match kept(place)? {
            // Cut in the middle: it goes on there.
            Some(kept) if !kept.over => return Ok(kept.state()),
            Some(kept) => kept.end.map_or(place.since, Time),
            None => place.since,
        };
        let end = Some(whole(now));
        let since = Some(whole(from.plus_micros(-stream.overlap_s.saturating_mul(SECOND))));
        Ok(State { since, until: end, end, ..State::default() })
    }

    /// Whether the window holds more than the platform shows. Then it is made smaller.
    pub(crate) fn is_too_much(&mut self, window: Option<&Window>, total: Option<u64>) -> Result<bool, Failure> {
        let (Some(window), Some(total)) = (window, total) else { return Ok(false) };
        if self.of.is_none() {
            self.of = Some(total);
        }
        if total <= window.results_max || self.place.is_some() {
            return Ok(false);
        }
        let (Some(since), Some(until)) = (self.since, self.until) else { return Ok(false) };
        let half = whole(Time(since.0 + (until.0 - since.0) / 2));
        if half <= since {
            let why = format!("{total} things of one second, and the platform shows {}", window.results_max);
            return Err(Failure::PlatformChanged(why));
        }
        self.until = Some(half);
        Ok(true)
    }

    /// Whether things left the window since the page before, so that others moved up to pages that were read. Then the
    /// reading goes so many pages back.
    pub(crate) fn has_moved(&mut self, total: Option<u64>, size: u64, first: u64) -> bool {
        let before = self.total;
        self.total = total.or(before);
        let (Some(total), Some(before), Some(place)) = (total, before, self.place.clone()) else { return false };
        let left = before.saturating_sub(total);
        if left == 0 || size == 0 || self.moves >= MOVES_MAX {
            return false;
        }
        // Only pages with a number can be gone back to; the others follow each other by themselves.
        let Ok(page) = place.parse::<u64>() else { return false };
        self.moves += 1;
        let back = page.saturating_sub(left.div_ceil(size)).max(first);
        self.place = Some(back.to_string());
        true
    }

    /// How many there are at most when the page that was asked for is beyond the end.
    pub(crate) fn before_place(&self, size: u64, first: u64) -> Option<u64> {
        let page = self.place.as_ref()?.parse::<u64>().ok()?;
        Some(page.saturating_sub(first).saturating_mul(size).min(self.total?))
    }

    /// Goes on behind a page; false at the end of everything.
    pub(crate) fn go_on(&mut self, next: Option<String>, windows: bool) -> bool {
        self.place = next;
        if self.place.is_some() {
            return true;
        }
        (self.total, self.moves) = (None, 0);
        match (self.until, self.end) {
            (Some(until), Some(end)) if windows && until < end => {
                // As long as the last one, twice over: where little happens there are few windows.
                let length = self.since.map_or(0, |since| until.0 - since.0).max(SECOND);
                (self.since, self.until) = (Some(until), Some(end.min(until.plus_micros(length.saturating_mul(2)))));
                true
            }
            _ => false,
        }
    }

    pub(crate) fn text(&self, over: bool) -> String {
        let micros = |time: Option<Time>| time.map(|time| time.0);
        let State { since, until, end, place, total, done, of, moves: _ } = self.clone();
        let (since, until, end) = (micros(since), micros(until), micros(end));
        serde_json::to_string(&Kept { since, until, end, place, total, done, of, over }).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Time> {
        Some(Time(seconds * SECOND))
    }

    fn window() -> Window {
        Window { begins: Time(0), results_max: 100 }
    }

    fn state(since: i64, until: i64, end: i64) -> State {
        State { since: at(since), until: at(until), end: at(end), ..State::default() }
    }

    #[test]
    fn a_window_is_halved_until_it_fits_and_the_next_ones_grow_again() {
        let mut state = state(0, 1_000, 1_000);
        assert_eq!(state.is_too_much(Some(&window()), Some(500)), Ok(true));
        assert_eq!(state.is_too_much(Some(&window()), Some(250)), Ok(true));
        assert_eq!(state.is_too_much(Some(&window()), Some(90)), Ok(false));
        assert_eq!((state.until, state.of), (at(250), Some(500)));
        assert!(state.go_on(None, true));
        assert_eq!((state.since, state.until), (at(250), at(750)));
        assert!(state.go_on(Some("2".to_owned()), true) && state.go_on(None, true));
        assert_eq!((state.since, state.until), (at(750), at(1_000)));
        assert!(!state.go_on(None, true));
        let mut second = self::state(7, 8, 9);
        assert!(second.is_too_much(Some(&window()), Some(101)).is_err());
    }

    #[test]
    fn pages_that_moved_are_read_again() {
        let mut state = state(0, 10, 10);
        assert!(!state.has_moved(Some(90), 10, 1));
        state.place = Some("5".to_owned());
        assert!(!state.has_moved(Some(90), 10, 1));
        assert!(state.has_moved(Some(78), 10, 1));
        assert_eq!(state.place.as_deref(), Some("3"));
        assert!(!state.has_moved(Some(78), 10, 1));
        assert!(state.has_moved(Some(10), 10, 1));
        assert_eq!(state.place.as_deref(), Some("1"), "never before the first");
    }
}
