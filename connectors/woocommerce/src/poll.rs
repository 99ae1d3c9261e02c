//! The role that reads a store: its past, what webhooks missed, and single things.

mod customers;
mod fetch;
mod state;
mod streams;
mod walk;

use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll, Sink, Stream};
use kit::receive::{Facts, Pointer};
use model::Time;

/// Reads stores.
pub(crate) struct WooPoll;

const STREAMS: &[Stream] = &[
    Stream { name: "customers", backfills: true, polls: true, adds_up: false },
    Stream { name: "orders", backfills: true, polls: true, adds_up: true },
    Stream { name: "refunds", backfills: true, polls: true, adds_up: false },
    Stream { name: "trash", backfills: false, polls: true, adds_up: false },
];

#[async_trait::async_trait]
impl Poll for WooPoll {
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
            "customers" => customers::backfill(connection, place, sink).await,
            other => streams::read(connection, other, (place, true), sink).await,
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
            "customers" => customers::poll(connection, place, sink).await,
            other => streams::read(connection, other, (place, false), sink).await,
        }
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        fetch::fetch(connection, pointers, received).await
    }

    fn fetch_max(&self) -> usize {
        fetch::FETCH_MAX
    }
}

/// Adds what one thing says to what others said.
fn add(facts: &mut Facts, more: Facts) {
    facts.events.extend(more.events);
    facts.pointers.extend(more.pointers);
    facts.requests.extend(more.requests);
    facts.versions.extend(more.versions);
}
