//! Reads a list in the order of a time, oldest first, while it changes underneath: each page begins where the one
//! before ended, by time; by number only within one second, and then with a look back whether something moved.

use super::add;
use super::fetch::refunds_of;
use super::state::{Seen, State, mark};
use crate::api::{Api, Listed, PAGE_MAX, Query};
use crate::context::Context;
use crate::denied::Denied;
use crate::fields::naive;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink, put_ahead};
use kit::receive::Facts;
use model::Time;
use std::collections::BTreeSet;

const MICROS: i64 = 1_000_000;
/// Pages of one call; the next one goes on.
const PAGES_MAX: usize = 200_000;
/// A page within one second begins so many things before the end of the one before.
const LOOK_BACK: usize = 10;
/// How often a page is sought that follows the one before, in one call.
const MOVED_MAX: usize = 50;

/// The time by which a list is ordered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum By {
    /// That of the last change.
    Modified,
    /// That of the creation.
    Created,
}

/// One thing of a page.
pub(super) struct Row {
    pub(super) id: String,
    /// The time by which the list is ordered.
    pub(super) at: Time,
    /// That of its last change.
    pub(super) version: Time,
    /// What it says.
    pub(super) facts: Facts,
    /// It has refunds, in this currency.
    pub(super) refunded: Option<Option<String>>,
}

/// What is read and how.
pub(super) struct Spec {
    pub(super) route: &'static str,
    pub(super) fixed: Vec<(&'static str, String)>,
    pub(super) by: By,
    /// How far a reading goes back behind what was seen: a change may show late.
    pub(super) overlap_s: i64,
    /// Whether the refunds of each thing are to be read with it.
    pub(super) reads_refunds: bool,
    pub(super) read: fn(&str, &Context<'_>) -> Option<Row>,
}

/// Where a walk is.
struct Walk {
    from: Option<Time>,
    offset: usize,
    size: usize,
    /// What was met of the second in which it is.
    here: BTreeSet<String>,
    /// Whether the next page can't be held against the one before.
    loose: bool,
    moved: usize,
}

impl Spec {
    fn query(&self, walk: &Walk, offset: usize, size: usize) -> Query<'static> {
        let (order, bound) = match self.by {
            By::Modified => ("modified", "modified_after"),
            By::Created => ("date", "after"),
        };
        let mut query = self.fixed.clone();
        query.extend([("orderby", order.to_owned()), ("order", "asc".to_owned()), ("per_page", size.to_string())]);
        query.push(("dates_are_gmt", "true".to_owned()));
        // The bound is exclusive, and its second may not be over yet.
        query.extend(walk.from.map(|from| (bound, naive(from.plus_micros(-MICROS)))));
        if offset > 0 {
            query.push(("offset", offset.to_string()));
        }
        query
    }

    async fn page(&self, api: &Api<'_>, walk: &Walk, offset: usize, size: usize) -> Result<Listed, Denied> {
        api.list(self.route, &self.query(walk, offset, size)).await
    }
}

/// Reads the page at which a walk is. A server that does not manage is asked for less, and a single thing of which it
/// dies each time is left out.
async fn next(spec: &Spec, api: &Api<'_>, walk: &mut Walk) -> Result<(Listed, usize), Failure> {
    loop {
        let size = walk.size;
        let failure = match spec.page(api, walk, walk.offset, size).await {
            Ok(listed) => {
                walk.size = (size * 2).min(PAGE_MAX);
                return Ok((listed, size));
            }
            Err(Denied::TooMuch(failure)) => failure,
            Err(denied) => return Err(denied.into()),
        };
        if size > 1 {
            walk.size = (size / 4).max(1);
            continue;
        }
        let Ok(listed) = spec.page(api, walk, walk.offset + 1, 1).await else { return Err(failure) };
        if !matches!(spec.page(api, walk, walk.offset, 1).await, Err(Denied::TooMuch(_))) {
            continue;
        }
        tracing::warn!(route = spec.route, %failure, "the store can't show one thing, which is left out");
        walk.offset += 1;
        walk.loose = true;
        return Ok((listed, 1));
    }
}

impl Walk {
    /// Whether what is read by number does not follow what was read before: something before it has left.
    fn is_torn(&mut self, rows: &[Row]) -> bool {
        let loose = std::mem::take(&mut self.loose);
        self.offset > 0 && !loose && rows.first().is_none_or(|first| !self.here.contains(&first.id))
    }

    fn step_back(&mut self) -> Result<(), Failure> {
        self.moved += 1;
        if self.moved > MOVED_MAX {
            return Err(Failure::retry("the list moves faster than it can be read", None));
        }
        self.offset = self.offset.saturating_sub(PAGE_MAX);
        Ok(())
    }

    /// Goes on behind a full page.
    fn advance(&mut self, rows: &[Row]) {
        let newest = rows.iter().map(|row| row.at).max().map(|at| Time(at.0.div_euclid(MICROS) * MICROS));
        let ids = |from: Option<Time>| {
            let here = rows.iter().filter(move |row| from.is_none_or(|from| row.at >= from));
            here.map(|row| row.id.clone())
        };
        match newest.filter(|newest| self.from.is_none_or(|from| *newest > from)) {
            Some(newest) => {
                self.from = Some(newest);
                self.offset = 0;
                self.here = ids(Some(newest)).collect();
            }
            None => {
                self.here.extend(ids(None));
                self.offset += rows.len() - LOOK_BACK.min(rows.len() / 2);
                self.loose = rows.len() < 2;
            }
        }
    }
}

/// Reads everything from `place` on.
pub(super) async fn walk(
    (api, connection): (&Api<'_>, &Connection),
    spec: &Spec,
    (place, past): (&Place, bool),
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let mut state = State::begin(place, past)?;
    let from = state.from(spec.overlap_s);
    let here = BTreeSet::new();
    let mut walk = Walk { from, offset: 0, size: PAGE_MAX, here, loose: false, moved: 0 };
    let (mut listed, mut size) = next(spec, api, &mut walk).await?;
    for _ in 0..PAGES_MAX {
        let context = Context::reading(connection, sink.now());
        let came = listed.rows.len();
        let rows: Vec<Row> = listed.rows.iter().filter_map(|raw| (spec.read)(raw.get(), &context)).collect();
        if rows.len() < came {
            tracing::warn!(
                route = spec.route,
                count = came - rows.len(),
                "things without an id or a time are left out"
            );
        }
        if walk.is_torn(&rows) {
            walk.step_back()?;
            (listed, size) = next(spec, api, &mut walk).await?;
            continue;
        }
        if walk.from.is_some_and(|from| rows.iter().any(|row| row.at < from.plus_micros(-MICROS))) {
            let why = format!("{}: the store leaves the bound of time out of account; update WooCommerce", spec.route);
            return Err(Failure::PlatformChanged(why));
        }
        walk.advance(&rows);
        state.total = state.total.or(listed.total.filter(|_| past));
        let facts = said((api, &context), spec, rows, &mut state).await?;
        state.trim(spec.overlap_s);
        let done = state.total.map_or(state.done, |total| state.done.min(total));
        let progress = past.then_some(Progress { done, total: state.total });
        let page = Page { facts, cursor: state.text(), progress };
        if came < size {
            return sink.put(page).await;
        }
        (listed, size) = put_ahead(sink, page, next(spec, api, &mut walk)).await?;
    }
    Ok(())
}

/// What the things of a page say that was not said before.
async fn said(
    (api, context): (&Api<'_>, &Context<'_>),
    spec: &Spec,
    rows: Vec<Row>,
    state: &mut State,
) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for row in rows {
        // A store whose clock runs ahead must not hide what comes before its time is there.
        let at = row.at.min(context.received);
        if !state.note(&Seen { id: &row.id, at, version: row.version, mark: mark(&row.facts) }) {
            continue;
        }
        state.done += 1;
        add(&mut facts, row.facts);
        if let Some(currency) = row.refunded.filter(|_| spec.reads_refunds) {
            facts.events.extend(refunds_of(api, (&row.id, currency.as_deref()), context).await?);
        }
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: u64, at: i64) -> Row {
        let at = Time(at * MICROS);
        Row { id: id.to_string(), at, version: at, facts: Facts::default(), refunded: None }
    }

    fn begin(from: Option<i64>) -> Walk {
        let from = from.map(|from| Time(from * MICROS));
        Walk { from, offset: 0, size: PAGE_MAX, here: BTreeSet::new(), loose: false, moved: 0 }
    }

    #[test]
    fn a_walk_goes_on_by_time_and_within_a_second_by_number() {
        let mut walk = begin(None);
        walk.advance(&(0..100).map(|id| row(id, 10 + id as i64 / 50)).collect::<Vec<_>>());
        assert_eq!((walk.from, walk.offset, walk.here.len()), (Some(Time(11 * MICROS)), 0, 50));
        walk.advance(&(50..150).map(|id| row(id, 11)).collect::<Vec<_>>());
        assert_eq!((walk.offset, walk.here.len()), (90, 100));
        assert!(!walk.is_torn(&[row(140, 11)]) && walk.is_torn(&[row(151, 11)]) && walk.is_torn(&[]));
        walk.step_back().unwrap();
        assert_eq!(walk.offset, 0);
        walk.advance(&[row(200, 12)]);
        assert_eq!((walk.from, walk.here.len()), (Some(Time(12 * MICROS)), 1));
    }

    #[test]
    fn what_moves_without_end_is_given_up() {
        let mut walk = begin(Some(5));
        let tries = (0..).take_while(|_| walk.step_back().is_ok()).count();
        assert_eq!(tries, MOVED_MAX);
    }
}
