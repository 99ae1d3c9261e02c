//! Customers. The platform lists them by id, name or registration and by no change: those who are new are found by each
//! poll, what changed by webhooks and by a sweep over all of them once a day.

use super::add;
use crate::api::{Api, Listed, PAGE_MAX};
use crate::config;
use crate::context::Context;
use crate::denied::Denied;
use crate::wire::Customer;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Progress, Sink};
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};

const HOUR_MICROS: i64 = 3_600 * 1_000_000;
/// A registration may show this long after its time, and a change.
const OVERLAP_MICROS: i64 = HOUR_MICROS;
/// Pages of one call; the next one goes on.
const PAGES_MAX: usize = 100_000;
/// A page of a sweep begins so many customers before the end of the one before.
const LOOK_BACK: usize = 5;

/// Where the reading of customers stands. Kept as the cursor.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The newest registration that was seen, microseconds.
    #[serde(default)]
    registered: i64,
    /// When the last whole sweep began, microseconds.
    #[serde(default)]
    swept: i64,
    /// The sweep that is under way.
    #[serde(default)]
    sweep: Option<Sweep>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Sweep {
    /// When it began, microseconds.
    begun: i64,
    offset: usize,
    /// The greatest id that was met.
    last: u64,
    #[serde(default)]
    total: Option<u64>,
}

impl State {
    fn begin(place: &Place) -> Result<State, Failure> {
        match &place.cursor {
            Some(text) => serde_json::from_str(text)
                .map_err(|why| Failure::PlatformChanged(format!("the cursor can't be read: {why}"))),
            None => Ok(State { registered: place.since.0, swept: place.since.0, sweep: None }),
        }
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

fn read(listed: &Listed) -> Vec<Customer> {
    listed.rows.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect()
}

fn number(customer: &Customer) -> u64 {
    customer.id.as_deref().and_then(|id| id.parse().ok()).unwrap_or_default()
}

async fn page(api: &Api<'_>, order: [(&'static str, &str); 2], at: (usize, &mut usize)) -> Result<Listed, Failure> {
    let (offset, size) = at;
    loop {
        let mut query =
            vec![("role", "all".to_owned()), ("per_page", size.to_string()), ("offset", offset.to_string())];
        query.extend(order.map(|(name, value)| (name, value.to_owned())));
        match api.list("customers", &query).await {
            Ok(listed) => return Ok(listed),
            Err(Denied::TooMuch(_)) if *size > LOOK_BACK * 2 => *size = (*size / 4).max(LOOK_BACK * 2),
            Err(denied) => return Err(denied.into()),
        }
    }
}

/// Those who registered since the last look, the newest first.
async fn news(api: &Api<'_>, connection: &Connection, state: &mut State, sink: &mut dyn Sink) -> Result<(), Failure> {
    let from = state.registered.saturating_sub(OVERLAP_MICROS);
    let (mut newest, mut offset, mut size) = (state.registered, 0, PAGE_MAX);
    for _ in 0..PAGES_MAX {
        let listed = page(api, [("orderby", "registered_date"), ("order", "desc")], (offset, &mut size)).await?;
        let context = Context::reading(connection, sink.now());
        let (mut facts, mut fresh) = (Facts::default(), false);
        for customer in read(&listed) {
            let Some(created) = customer.date_created_gmt.filter(|created| created.0 >= from) else { continue };
            fresh = true;
            // Those of the overlap were said before.
            if created.0 > state.registered || customer.modified().is_some_and(|at| at.0 > state.registered) {
                add(&mut facts, customer.facts(&context).unwrap_or_default());
            }
            newest = newest.max(created.min(context.received).0);
        }
        let ended = listed.rows.len() < size || !fresh;
        if ended {
            state.registered = newest;
        }
        sink.put(Page { facts, cursor: state.text(), progress: None }).await?;
        if ended {
            return Ok(());
        }
        // Whoever registers meanwhile pushes the others on: they are met twice.
        offset += listed.rows.len();
    }
    Ok(())
}

/// Reads all customers by id; says of those alone who were changed since `changed`.
async fn sweep(
    api: &Api<'_>,
    connection: &Connection,
    (state, changed): (&mut State, Time),
    (sink, past): (&mut dyn Sink, bool),
) -> Result<(), Failure> {
    let mut size = PAGE_MAX;
    let mut at = state.sweep.clone().unwrap_or(Sweep { begun: sink.now().0, ..Sweep::default() });
    for _ in 0..PAGES_MAX {
        let listed = page(api, [("orderby", "id"), ("order", "asc")], (at.offset, &mut size)).await?;
        let customers = read(&listed);
        // Whoever was deleted has pulled the others forward.
        if at.offset > 0 && customers.first().is_none_or(|first| number(first) > at.last) {
            at.offset = at.offset.saturating_sub(size);
            continue;
        }
        let context = Context::reading(connection, sink.now());
        let mut facts = Facts::default();
        for customer in &customers {
            if customer.modified().is_some_and(|modified| modified >= changed) && number(customer) > at.last {
                add(&mut facts, customer.facts(&context).unwrap_or_default());
            }
        }
        let read = listed.rows.len();
        at.total = at.total.or(listed.total);
        let met = (at.offset + read) as u64;
        at.last = customers.iter().map(number).max().unwrap_or_default().max(at.last);
        at.offset += read - LOOK_BACK.min(read / 2);
        let ended = read < size;
        match ended {
            true => (state.swept, state.sweep) = (at.begun, None),
            false => state.sweep = Some(at.clone()),
        }
        let done = at.total.map_or(met, |total| met.min(total));
        let progress = past.then_some(Progress { done, total: at.total });
        sink.put(Page { facts, cursor: state.text(), progress }).await?;
        if ended {
            return Ok(());
        }
    }
    Ok(())
}

fn are_hidden(connection: &Connection) -> bool {
    connection.detail("customers") == Some("hidden")
}

pub(super) async fn backfill(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    if are_hidden(connection) {
        return Ok(());
    }
    let api = Api::new(connection)?;
    let mut state = State::begin(place)?;
    sweep(&api, connection, (&mut state, Time(0)), (sink, true)).await
}

pub(super) async fn poll(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    if are_hidden(connection) {
        return Ok(());
    }
    let api = Api::new(connection)?;
    let mut state = State::begin(place)?;
    news(&api, connection, &mut state, sink).await?;
    let due = config::sweep_hours(&connection.settings)
        .is_some_and(|hours| sink.now().0 - state.swept >= hours.saturating_mul(HOUR_MICROS));
    if state.sweep.is_none() && !due {
        return Ok(());
    }
    let changed = Time(state.swept.saturating_sub(OVERLAP_MICROS));
    sweep(&api, connection, (&mut state, changed), (sink, false)).await
}
