//! The role that reads a seller's account: its past, what notifications missed, and single things.

mod claims;
mod fetch;
mod known;
mod missed;
mod orders;
mod questions;

use crate::context::Context;
use kit::failure::Failure;
use kit::platform::Connection;
use kit::poll::{Place, Poll, Sink, Stream};
use kit::receive::{Facts, Pointer};
use model::{DAY_MICROS, Time};

/// Reads accounts.
pub(crate) struct MeliPoll;

/// Orders of so many days can be seen.
const HISTORY_DAYS: i64 = 365;

const STREAMS: &[Stream] = &[
    Stream { name: "orders", backfills: true, polls: true, adds_up: true },
    // A seller's search leaves them out unless it asks for them.
    Stream { name: "cancelled", backfills: true, polls: true, adds_up: false },
    Stream { name: "questions", backfills: true, polls: true, adds_up: false },
    Stream { name: "claims", backfills: false, polls: true, adds_up: false },
    Stream { name: "missed", backfills: false, polls: true, adds_up: false },
];

/// The instant from which orders can be seen.
fn since(now: Time) -> Time {
    now.plus_micros(-HISTORY_DAYS * DAY_MICROS)
}

fn unknown(stream: &str) -> Failure {
    Failure::Refused(format!("an account has no stream {stream:?}"))
}

/// Reads a place that was kept.
fn kept<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|why| Failure::PlatformChanged(format!("the cursor can't be read: {why}")))
}

#[async_trait::async_trait]
impl Poll for MeliPoll {
    fn streams(&self) -> &'static [Stream] {
        STREAMS
    }

    fn history_since(&self, _connection: &Connection, now: Time) -> Option<Time> {
        Some(since(now))
    }

    async fn backfill(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        match stream {
            "orders" => orders::read(connection, None, (place, true), sink).await,
            "cancelled" => orders::read(connection, Some("cancelled"), (place, true), sink).await,
            "questions" => questions::backfill(connection, place, sink).await,
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
            "orders" => orders::read(connection, None, (place, false), sink).await,
            "cancelled" => orders::read(connection, Some("cancelled"), (place, false), sink).await,
            "questions" => questions::poll(connection, place, sink).await,
            "claims" => claims::poll(connection, place, sink).await,
            "missed" => missed::poll(connection, place, sink).await,
            other => Err(unknown(other)),
        }
    }

    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure> {
        fetch::fetch(connection, pointers, &Context::of(connection, received)).await
    }

    fn fetch_max(&self) -> usize {
        fetch::FETCH_MAX
    }
}
