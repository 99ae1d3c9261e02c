//! The role that reads a store: its past, what the plugin's messages missed, and single things.

mod fetch;
mod streams;
mod walk;

use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll, Sink, Stream};
use kit::receive::{Facts, Pointer};
use model::Time;

/// Reads stores.
pub(crate) struct VendurePoll;

const CUSTOMERS: &str = "customers";
const ORDERS: &str = "orders";

const STREAMS: &[Stream] = &[
    Stream { name: CUSTOMERS, backfills: true, polls: true, adds_up: false },
    Stream { name: ORDERS, backfills: true, polls: true, adds_up: true },
];

#[async_trait::async_trait]
impl Poll for VendurePoll {
    fn streams(&self) -> &'static [Stream] {
        STREAMS
    }

    fn history_since(&self, _connection: &Connection, _now: Time) -> Option<Time> {
        None
    }

    async fn backfill(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        match stream {
            CUSTOMERS => streams::customers_past(connection, place, sink).await,
            ORDERS => streams::orders_past(connection, place, sink).await,
            other => Err(unknown(other)),
        }
    }

    async fn poll(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        match stream {
            CUSTOMERS => streams::customers_changed(connection, place, sink).await,
            ORDERS => streams::orders_changed(connection, place, sink).await,
            other => Err(unknown(other)),
        }
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        fetch::fetch(connection, pointers, received).await
    }

    fn fetch_max(&self) -> usize {
        walk::PAGE_MAX
    }
}

fn unknown(stream: &str) -> Failure {
    Failure::Refused(format!("a store has no stream {stream:?}"))
}

/// Adds what one thing says to what others said.
fn add(facts: &mut Facts, more: Facts) {
    facts.events.extend(more.events);
    facts.pointers.extend(more.pointers);
    facts.requests.extend(more.requests);
    facts.versions.extend(more.versions);
}
