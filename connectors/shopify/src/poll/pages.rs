//! Polls: what changed, by the time of the change. The filters read an index that lags, so each poll begins some
//! minutes before the newest change that the last one saw, and never from the clock.

use super::{DAY_US, add};
use crate::api::{Nodes, call};
use crate::context::Context;
use crate::documents;
use crate::graph::{GraphCustomer, GraphOrder};
use crate::poll::fetch::whole;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Page, Place, Sink};
use kit::receive::Facts;
use model::Time;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How far a poll goes back behind what was seen, microseconds: the index's lag.
const OVERLAP_US: i64 = 10 * 60 * 1_000_000;
/// Pages of one poll; the next one goes on.
const PAGES_MAX: usize = 100_000;

/// Where a poll stands.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct State {
    /// The newest change of which everything before was read, RFC 3339.
    seen: String,
    /// The newest change that the poll under way has met.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    top: Option<String>,
    /// From when the poll under way reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    /// The platform's place after its last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

/// A poll under way.
struct Walk {
    seen: Time,
    top: Time,
    from: Time,
    after: Option<String>,
}

impl Walk {
    fn begin(place: &Place) -> Result<Walk, Failure> {
        let state: Option<State> = place.cursor.as_deref().map(serde_json::from_str).transpose().map_err(broken)?;
        let time = |text: &Option<String>| text.as_deref().and_then(Time::parse);
        let seen = match &state {
            Some(state) => Time::parse(&state.seen).ok_or_else(|| broken("no instant"))?,
            None => place.since,
        };
        let state = state.unwrap_or_default();
        let from = time(&state.from).unwrap_or(seen.plus_micros(-OVERLAP_US));
        Ok(Walk { seen, top: time(&state.top).unwrap_or(seen), from, after: state.after })
    }

    /// The cursor after a page; after the last one the next poll begins at the newest that was met.
    fn cursor(&self) -> String {
        let state = match &self.after {
            Some(after) => State {
                seen: self.seen.to_string(),
                top: Some(self.top.to_string()),
                from: Some(self.from.to_string()),
                after: Some(after.clone()),
            },
            None => State { seen: self.top.max(self.seen).to_string(), ..State::default() },
        };
        // A struct of texts can be written.
        serde_json::to_string(&state).unwrap_or_default()
    }
}

fn broken(why: impl std::fmt::Display) -> Failure {
    Failure::PlatformChanged(format!("the poll's cursor can't be read: {why}"))
}

/// An instant as search filters want it, in quotes, whole seconds.
fn seconds(time: Time) -> String {
    format!("{}Z", time.to_string().chars().take(19).collect::<String>())
}

/// Its day.
fn day(time: Time) -> String {
    time.to_string().chars().take(10).collect()
}

#[derive(Deserialize)]
struct Orders {
    orders: Nodes<GraphOrder>,
}

#[derive(Deserialize)]
struct Customers {
    customers: Nodes<GraphCustomer>,
}

/// A page; a place of an earlier poll that the platform does not know any more is no reason to fail.
async fn page<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    document: &str,
    filter: &str,
    walk: &mut Walk,
    first: bool,
) -> Result<T, Failure> {
    let variables = json!({ "query": filter, "after": walk.after });
    match call(connection, document, variables).await {
        Err(Failure::Refused(why)) if first && walk.after.is_some() => {
            tracing::debug!(why, "a kept place is no good any more: the poll begins anew");
            walk.after = None;
            Ok(call(connection, document, json!({ "query": filter, "after": null })).await?.data)
        }
        other => Ok(other?.data),
    }
}

/// Orders, the earliest change first.
pub(super) async fn orders(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let mut walk = Walk::begin(place)?;
    let filter = format!("updated_at:>='{}'", seconds(walk.from));
    let begun = sink.now();
    for number in 0..PAGES_MAX {
        let read: Orders = page(connection, documents::ORDERS, &filter, &mut walk, number == 0).await?;
        let context = Context::reading(connection, sink.now());
        let next = read.orders.page_info.next(walk.after.as_deref())?;
        let mut facts = Facts::default();
        for order in read.orders.nodes {
            walk.top = walk.top.max(order.updated()?);
            let (order, more) = whole(connection, order).await?;
            add(&mut facts, order.normalized(more)?.facts(&context));
        }
        // What changes while this goes on comes with the next poll: else a busy shop would hold this one for ever.
        walk.after = next.filter(|_| walk.top <= begun);
        sink.put(Page { facts, cursor: walk.cursor(), progress: None }).await?;
        if walk.after.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// Customers, the last change first: their filter knows whole days alone, so the poll stops where it knows.
pub(super) async fn customers(connection: &Connection, place: &Place, sink: &mut dyn Sink) -> Result<(), Failure> {
    let mut walk = Walk::begin(place)?;
    // Days of the shop's zone: one more covers any.
    let filter = format!("updated_at:>='{}'", day(walk.from.plus_micros(-DAY_US)));
    for number in 0..PAGES_MAX {
        let read: Customers = page(connection, documents::CUSTOMERS, &filter, &mut walk, number == 0).await?;
        let context = Context::reading(connection, sink.now());
        let next = read.customers.page_info.next(walk.after.as_deref())?;
        let (mut facts, mut fresh) = (Facts::default(), false);
        for customer in read.customers.nodes {
            let unreadable = || Failure::PlatformChanged("a customer without updatedAt".to_owned());
            let updated = customer.updated().ok_or_else(unreadable)?;
            walk.top = walk.top.max(updated);
            if updated >= walk.from {
                fresh = true;
                add(&mut facts, customer.normalized().facts(&context));
            }
        }
        walk.after = next.filter(|_| fresh);
        sink.put(Page { facts, cursor: walk.cursor(), progress: None }).await?;
        if walk.after.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(cursor: Option<&str>) -> Place {
        let since = Time::parse("2026-11-01T10:00:00Z").unwrap();
        Place { cursor: cursor.map(str::to_owned), since }
    }

    #[test]
    fn a_poll_goes_back_behind_what_was_seen() {
        let walk = Walk::begin(&place(None)).unwrap();
        assert_eq!(seconds(walk.from), "2026-11-01T09:50:00Z");
        assert_eq!(day(walk.from), "2026-11-01");
        let first = walk.cursor();
        assert_eq!(first, r#"{"seen":"2026-11-01T10:00:00.000000Z"}"#, "nothing found: nothing moves");
        let top = Time::parse("2026-11-02T00:00:01Z").unwrap();
        let under_way = Walk { top, after: Some("abc".to_owned()), ..walk }.cursor();
        let resumed = Walk::begin(&place(Some(&under_way))).unwrap();
        assert_eq!(seconds(resumed.from), "2026-11-01T09:50:00Z");
        assert_eq!(resumed.after.as_deref(), Some("abc"));
        let done = Walk { after: None, ..resumed }.cursor();
        let next = Walk::begin(&place(Some(&done))).unwrap();
        assert_eq!(seconds(next.from), "2026-11-01T23:50:01Z");
        assert!(Walk::begin(&place(Some("nonsense"))).is_err());
    }
}
