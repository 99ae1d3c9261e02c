//! Orders, by windows of their last change. A search takes whole hours alone, shows no more than some thousand rows of
//! a window, and rows move from page to page while they are read: windows overlap by an hour, are halved until they are
//! small, and are read again when a page does not follow the one before.

use super::known::Known;
use super::{kept, since};
use crate::api::{Api, Orders, PAGE_MAX, Window};
use crate::context::{Context, ORDER, PACK, add, pointer};
use crate::purchase;
use crate::wire::Order;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink};
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

const HOUR_MICROS: i64 = 3_600_000_000;
/// A window goes back so many hours behind what was read: filters are cut to the hour, and the index is late.
const OVERLAP_HOURS: i64 = 1;
/// A window that can't be halved any more, hours: more than the overlap, so that reading goes on.
const WINDOW_HOURS_MIN: i64 = 2;
/// Rows of one window; how deep a search may be paged is not documented.
const WINDOW_ROWS_MAX: u64 = 1_000;
/// A page begins so many rows before the end of the one before.
const LOOK_BACK: usize = 5;
/// How often windows are read again in one call.
const MOVED_MAX: usize = 50;

/// Up to where orders were read. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The newest change that was seen, microseconds.
    #[serde(default)]
    seen: i64,
    /// With which hour (since the epoch) a reading that is under way goes on.
    #[serde(default)]
    at: Option<i64>,
    /// The window that is under way, if some of its pages are read.
    #[serde(default)]
    inside: Option<Inside>,
    #[serde(default)]
    known: Known,
    /// Orders read so far.
    #[serde(default)]
    done: u64,
    /// Of how many.
    #[serde(default)]
    total: Option<u64>,
}

/// Where the reading of a window is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Inside {
    /// With which hour the window ends.
    until: i64,
    /// With which row the next page begins.
    offset: usize,
    /// The last rows of the page before: the next one has to have one of them.
    last: BTreeSet<String>,
}

fn hour(micros: i64) -> i64 {
    micros.div_euclid(HOUR_MICROS)
}

fn begins(hour: i64) -> Time {
    Time(hour.saturating_mul(HOUR_MICROS))
}

impl State {
    fn begin(place: &Place, past: bool) -> Result<State, Failure> {
        match &place.cursor {
            Some(text) => kept(text),
            None if past => Ok(State { at: Some(hour(since(place.since).0)), ..State::default() }),
            None => Ok(State { seen: place.since.0, ..State::default() }),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// With which hour the next window begins.
    fn from(&self) -> i64 {
        self.at.unwrap_or_else(|| hour(self.seen) - OVERLAP_HOURS)
    }
}

/// A reading under way.
struct Walk<'w> {
    api: Api<'w>,
    status: Option<&'w str>,
    past: bool,
    state: State,
    moved: usize,
}

/// Reads everything from `place` on; of the orders of a status alone, where a search shows them only so.
pub(super) async fn read(
    connection: &Connection,
    status: Option<&str>,
    (place, past): (&Place, bool),
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    let state = State::begin(place, past)?;
    let mut walk = Walk { api: Api(connection), status, past, state, moved: 0 };
    // The hour that is not over, and one more: the platform's clock may be ahead.
    let end = hour(sink.now().0) + 2;
    let mut span = end - walk.state.from();
    while walk.state.from() < end {
        let at = walk.state.from();
        let (page, inside) = walk.begin(at, span.min(end - at).max(WINDOW_HOURS_MIN)).await?;
        span = (inside.until - at).saturating_mul(2);
        // A window that is the last one of its call leaves its hours to the next one, by what was seen.
        let next = (inside.until < end).then(|| inside.until - OVERLAP_HOURS);
        // What a call that was cut has read must not be begun with again by the next one.
        walk.state.at = Some(at);
        walk.window(at, page, inside, next, sink).await?;
        if next.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

impl Walk<'_> {
    /// The page with which the window that is under way goes on; else the first one of the longest window that is small
    /// enough.
    async fn begin(&mut self, at: i64, mut hours: i64) -> Result<(Orders, Inside), Failure> {
        if let Some(inside) = self.state.inside.clone() {
            return Ok((self.page((at, inside.until), inside.offset).await?, inside));
        }
        loop {
            let page = self.page((at, at + hours), 0).await?;
            // The first look sees all that there is.
            self.state.total = self.state.total.or(page.total.filter(|_| self.past));
            let large = page.total.is_some_and(|total| total > WINDOW_ROWS_MAX);
            if !large || hours <= WINDOW_HOURS_MIN {
                return Ok((page, Inside { until: at + hours, ..Inside::default() }));
            }
            hours = (hours / 2).max(WINDOW_HOURS_MIN);
        }
    }

    async fn page(&self, (from, until): (i64, i64), offset: usize) -> Result<Orders, Failure> {
        let window = Window { from: begins(from), to: begins(until), status: self.status };
        Ok(self.api.orders(&window, offset).await?)
    }

    /// Reads a window to its end; `next` is kept with its last page.
    async fn window(
        &mut self,
        at: i64,
        mut page: Orders,
        mut inside: Inside,
        next: Option<i64>,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        loop {
            let ids: Vec<&String> = page.rows.iter().filter_map(|order| order.id.as_ref()).collect();
            // Something before it has left the window: what took its place was passed over.
            if inside.offset > 0 && !ids.iter().any(|id| inside.last.contains(*id)) {
                self.moved += 1;
                if self.moved > MOVED_MAX {
                    return Err(Failure::retry("the orders move faster than they can be read", None));
                }
                inside = Inside { until: inside.until, ..Inside::default() };
                page = self.page((at, inside.until), 0).await?;
                continue;
            }
            let ended = ends(&page, inside.offset);
            inside.last = ids.into_iter().rev().take(LOOK_BACK).cloned().collect();
            inside.offset += page.came - LOOK_BACK.min(page.came / 2);
            (self.state.at, self.state.inside) = if ended { (next, None) } else { (Some(at), Some(inside.clone())) };
            self.tell(page, sink).await?;
            if ended {
                return Ok(());
            }
            page = self.page((at, inside.until), inside.offset).await?;
        }
    }

    /// Says what a page says that was not said before.
    async fn tell(&mut self, page: Orders, sink: &mut dyn Sink) -> Result<(), Failure> {
        let (context, mut facts) = (Context::of(self.api.0, sink.now()), Facts::default());
        if page.rows.len() < page.came {
            tracing::warn!(count = page.came - page.rows.len(), "orders that can't be read are left out");
        }
        for order in page.rows {
            let (Some(id), Some(updated)) = (order.id.as_deref(), order.updated()) else { continue };
            // A clock there that runs ahead must not hide what comes before its time is here.
            self.state.seen = self.state.seen.max(updated.min(context.received).0);
            if self.state.known.note(id, updated) {
                self.state.done += 1;
                add(&mut facts, said(order, page.partial, &context));
            }
        }
        if self.state.inside.is_none() {
            self.state.known.trim(begins(self.state.from()).0);
        }
        let State { done, total, .. } = self.state;
        let done = total.map_or(done, |total| done.min(total));
        let progress = self.past.then_some(Progress { done, total });
        sink.put(Page { facts, cursor: self.state.text(), progress }).await
    }
}

/// Whether no page follows.
fn ends(page: &Orders, offset: usize) -> bool {
    let read = (offset + page.came) as u64;
    page.total.map_or(page.came < PAGE_MAX, |total| read >= total)
}

/// What a row says. What it does not show whole, and what belongs to a cart, is to be read by itself.
fn said(order: Order, partial: bool, context: &Context<'_>) -> Facts {
    let version = order.version();
    let points = match (&order.pack_id, &order.id) {
        _ if !order.is_told(context) => None,
        (Some(pack), _) => Some(pointer(PACK, pack)),
        (None, Some(id)) if partial || order.buyer.id.is_none() => Some(pointer(ORDER, id)),
        _ => return purchase::facts(&[order], None, context),
    };
    Facts { pointers: points.into_iter().collect(), versions: version.into_iter().collect(), ..Facts::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_where_it_was_and_polls_begin_behind_what_was_seen() {
        let place = |cursor: Option<String>| Place { cursor, since: Time(500_000 * HOUR_MICROS + 7) };
        let past = State::begin(&place(None), true).unwrap();
        assert_eq!(past.from(), 500_000 - 365 * 24);
        let mut poll = State::begin(&place(None), false).unwrap();
        assert_eq!(poll.from(), 499_999);
        poll.at = Some(7);
        poll.known.note("1", Time(9));
        assert_eq!(State::begin(&place(Some(poll.text())), false).unwrap(), poll);
        assert_eq!(poll.from(), 7);
        assert!(State::begin(&place(Some("x".to_owned())), false).is_err());
    }

    #[test]
    fn a_page_is_the_last_one_by_the_total_else_by_its_length() {
        let page = |came, total| Orders { rows: Vec::new(), came, total, partial: false };
        assert!(ends(&page(50, Some(100)), 50) && !ends(&page(50, Some(101)), 50));
        assert!(ends(&page(49, None), 0) && !ends(&page(50, None), 0));
    }
}
