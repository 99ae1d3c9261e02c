//! The role that reads a shop: its past by bulk operations, what webhooks missed by pages, single things by id.

mod bulk;
mod fetch;
mod pages;

use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll, Sink, Stream};
use kit::receive::{Facts, Pointer};
use model::Time;

/// Without the right to see all orders the platform shows those of the last 60 days.
const HISTORY_DAYS: i64 = 60;
pub(crate) const DAY_US: i64 = 24 * 3_600 * 1_000_000;

/// The people first, so that orders meet them.
const STREAMS: &[Stream] = &[
    Stream { name: "customers", backfills: true, polls: true, adds_up: false },
    Stream { name: "orders", backfills: true, polls: true, adds_up: true },
];

/// Reads shops.
pub(crate) struct ShopifyPoll;

/// What a stream is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Customers,
    Orders,
}

impl Kind {
    fn of(stream: &str) -> Result<Kind, Failure> {
        match stream {
            "customers" => Ok(Kind::Customers),
            "orders" => Ok(Kind::Orders),
            other => Err(Failure::Refused(format!("no stream is called {other}"))),
        }
    }
}

/// Puts the facts of one thing to those of others.
pub(crate) fn add(all: &mut Facts, more: Facts) {
    all.events.extend(more.events);
    all.pointers.extend(more.pointers);
    all.requests.extend(more.requests);
    all.versions.extend(more.versions);
}

#[async_trait::async_trait]
impl Poll for ShopifyPoll {
    fn streams(&self) -> &'static [Stream] {
        STREAMS
    }

    fn history_since(&self, connection: &Connection, now: Time) -> Option<Time> {
        (!connection.granted("read_all_orders")).then(|| now.plus_micros(-HISTORY_DAYS * DAY_US))
    }

    async fn backfill(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        bulk::backfill(connection, Kind::of(stream)?, place, sink).await
    }

    async fn poll(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        match Kind::of(stream)? {
            Kind::Customers => pages::customers(connection, place, sink).await,
            Kind::Orders => pages::orders(connection, place, sink).await,
        }
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        fetch::fetch(connection, pointers, received).await
    }

    fn fetch_max(&self) -> usize {
        fetch::FETCH_MAX
    }
}
