//! The streams: which lists are walked, by which time, and how far back.

use super::add;
use super::walk::{By, Spot, Thing};
use crate::api::Api;
use crate::context::Context;
use crate::wire::{Customer, Order};
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink};
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};

/// A change may show up so much later than its time says, microseconds.
const OVERLAP: i64 = 120 * 1_000_000;
/// Pages of one call; the next one goes on.
const PAGES_MAX: usize = 200_000;
/// Refunds, payments and states of an order do not move its times: orders placed in so many days are read again.
const AGAIN_DAYS: i64 = 60;
/// Pages of them in one poll: what is left comes with the next ones.
const AGAIN_PAGES: usize = 20;
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// Where a stream is.
#[derive(Serialize, Deserialize, Default, Clone)]
#[serde(default)]
struct State {
    /// The past: by creation.
    created: Spot,
    /// So many things of it were read.
    done: u64,
    /// Changes: by their time.
    updated: Option<Spot>,
    /// Orders: by when they were placed.
    placed: Option<Spot>,
    /// Orders that are read again.
    again: Option<Spot>,
}

fn state(place: &Place) -> Result<State, Failure> {
    let Some(cursor) = &place.cursor else { return Ok(State::default()) };
    serde_json::from_str(cursor).map_err(|why| Failure::PlatformChanged(format!("a cursor that can't be read: {why}")))
}

fn written(state: &State) -> Result<String, Failure> {
    serde_json::to_string(state).map_err(|why| Failure::Refused(format!("a cursor can't be written: {why}")))
}

/// What a page says.
fn facts<T: Thing>(things: &[T], context: &Context<'_>) -> Result<Facts, Failure> {
    let mut facts = Facts::default();
    for thing in things {
        let unreadable = || Failure::PlatformChanged("a thing without id or time".to_owned());
        add(&mut facts, thing.facts_of(context).ok_or_else(unreadable)?);
    }
    Ok(facts)
}

async fn past<T: Thing>(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let (api, query, mut state) = (Api::new(connection)?, T::query(connection), state(place)?);
    for _ in 0..PAGES_MAX {
        let received = sink.now();
        let read = state.created.read::<T>(&api, &query, By::Created).await?;
        let facts = facts(&read.things, &Context::reading(connection, received))?;
        state.done += read.things.len() as u64;
        let total = state.done.saturating_add(read.left).saturating_sub(read.things.len() as u64);
        let progress = Some(Progress { done: state.done, total: Some(total) });
        let over = read.next.is_none();
        if let Some(next) = read.next {
            state.created = next;
        }
        sink.put(Page { facts, cursor: written(&state)?, progress }).await?;
        if over {
            return Ok(());
        }
    }
    Err(Failure::PlatformChanged("the past does not end".to_owned()))
}

/// Which walk of a stream.
type Part = fn(&mut State) -> &mut Option<Spot>;

/// Walks from where the part stands to the end, or for so many pages. Whether it came to the end.
async fn walk<T: Thing>(
    connection: &Connection,
    (state, part, by): (&mut State, Part, By),
    (since, pages): (Time, usize),
    sink: &mut dyn Sink,
) -> Result<bool, Failure> {
    let (api, query) = (Api::new(connection)?, T::query(connection));
    let mut spot = part(state).clone().unwrap_or_else(|| Spot::after(since.plus_micros(-OVERLAP)));
    let mut newest = None;
    for _ in 0..pages {
        let received = sink.now();
        let read = spot.read::<T>(&api, &query, by).await?;
        newest = newest.max(read.newest);
        let facts = facts(&read.things, &Context::reading(connection, received))?;
        let over = read.next.is_none();
        match read.next {
            Some(next) => spot = next,
            // From here the next poll goes on.
            None => spot = newest.map_or(spot, |newest: Time| Spot::after(newest.plus_micros(-OVERLAP))),
        }
        *part(state) = Some(spot.clone());
        sink.put(Page { facts, cursor: written(state)?, progress: None }).await?;
        if over {
            return Ok(true);
        }
    }
    Ok(false)
}

fn hidden(connection: &Connection) -> bool {
    connection.detail("customers") == Some("hidden")
}

pub(super) async fn customers_past(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    if hidden(connection) { Ok(()) } else { past::<Customer>(connection, place, sink).await }
}

pub(super) async fn customers_changed(
    connection: &Connection,
    place: &Place,
    sink: &mut dyn Sink,
) -> Result<(), Failure> {
    if hidden(connection) {
        return Ok(());
    }
    let mut state = state(place)?;
    let part: Part = |state| &mut state.updated;
    walk::<Customer>(connection, (&mut state, part, By::Updated), (place.since, PAGES_MAX), sink).await.map(drop)
}

pub(super) async fn orders_past(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    past::<Order>(connection, place, sink).await
}

/// No one time tells of every change: lines and customers move one, being placed another, and the rest none.
pub(super) async fn orders_changed(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let mut state = state(place)?;
    let (updated, placed, again): (Part, Part, Part) =
        (|state| &mut state.updated, |state| &mut state.placed, |state| &mut state.again);
    walk::<Order>(connection, (&mut state, updated, By::Updated), (place.since, PAGES_MAX), sink).await?;
    walk::<Order>(connection, (&mut state, placed, By::Placed), (place.since, PAGES_MAX), sink).await?;
    let since = sink.now().plus_micros(-AGAIN_DAYS * DAY);
    if walk::<Order>(connection, (&mut state, again, By::Placed), (since, AGAIN_PAGES), sink).await? {
        state.again = None;
        sink.put(Page { facts: Facts::default(), cursor: written(&state)?, progress: None }).await?;
    }
    Ok(())
}
