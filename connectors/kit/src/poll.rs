//! The role that reads a platform: its past, what deliveries missed, and single things.

use crate::failure::Failure;
use crate::platform::Connection;
use crate::receive::{Facts, Pointer};
use model::Time;

/// A stream of things that a platform can be read by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stream {
    /// Stable name (`orders`).
    pub name: &'static str,
    /// Whether its past is read when a connection begins. Lists wait until that is over.
    pub backfills: bool,
    /// Whether it is polled on the schedule.
    pub polls: bool,
    /// Whether what it brings adds up (orders): brought by a second source of the same account, it would count twice.
    pub adds_up: bool,
}

/// How far a backfill is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Things read.
    pub done: u64,
    /// Of how many, as far as the platform says.
    pub total: Option<u64>,
}

/// Some things, with the place after them.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// What they say.
    pub facts: Facts,
    /// Where to go on: kept after the facts are durable, and handed to the next call.
    pub cursor: String,
    /// How far it is.
    pub progress: Option<Progress>,
}

/// Where pages go.
#[async_trait::async_trait]
pub trait Sink: Send {
    /// The receive time of what is read now.
    fn now(&self) -> Time;

    /// Appends the facts durably, then keeps the cursor. An error ends the call: it is made again later
    /// with the last cursor that was kept.
    async fn put(&mut self, page: Page) -> Result<(), Failure>;
}

/// Hands a page over, and makes the next call while that page becomes durable. What the call brings is good only once
/// the page is kept; an error of either ends the reading.
pub async fn put_ahead<T, E: From<Failure>>(
    sink: &mut dyn Sink,
    page: Page,
    next: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let (kept, next) = futures_util::future::join(sink.put(page), next).await;
    kept?;
    next
}

/// Where a stream stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The last cursor that was kept; `None` at the beginning.
    pub cursor: Option<String>,
    /// Polls: when the connection's backfill began. What is older came with it.
    pub since: Time,
}

/// Reads a platform. Every call may be cut at any await and is made again with the last cursor.
#[async_trait::async_trait]
pub trait Poll: Send + Sync {
    /// The streams, in the order in which their past is read.
    fn streams(&self) -> &'static [Stream];

    /// The instant from which the platform lets us see orders, if it hides older ones.
    fn history_since(&self, connection: &Connection, now: Time) -> Option<Time>;

    /// Reads the past of a stream from `place` to its end.
    async fn backfill(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure>;

    /// Reads what changed in a stream since `place` (with an overlap for late indexes) up to now.
    async fn poll(
        &self,
        connection: &Connection,
        stream: &str,
        place: &Place,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure>;

    /// Reads single things as they are now. What is gone there is said in the facts.
    async fn fetch(&self, connection: &Connection, pointers: &[Pointer], received: Time) -> Result<Facts, Failure>;

    /// How many pointers one [`Poll::fetch`] takes.
    fn fetch_max(&self) -> usize;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Notify;

    /// Keeps a page only once the next call has begun.
    struct Late {
        called: Arc<Notify>,
        kept: Vec<String>,
        fails: bool,
    }

    #[async_trait::async_trait]
    impl Sink for Late {
        fn now(&self) -> Time {
            Time(0)
        }

        async fn put(&mut self, page: Page) -> Result<(), Failure> {
            self.called.notified().await;
            if self.fails {
                return Err(Failure::retry("the disk is full", None));
            }
            self.kept.push(page.cursor);
            Ok(())
        }
    }

    #[tokio::test]
    async fn the_next_call_is_made_while_a_page_becomes_durable_and_counts_only_with_it() {
        for fails in [false, true] {
            let called = Arc::new(Notify::new());
            let mut sink = Late { called: Arc::clone(&called), kept: Vec::new(), fails };
            let page = Page { cursor: "1".to_owned(), ..Page::default() };
            let next = put_ahead(&mut sink, page, async {
                called.notify_one();
                Ok::<_, Failure>("2")
            });
            assert_eq!(next.await.is_err(), fails);
            assert_eq!(sink.kept.len(), usize::from(!fails));
        }
    }
}
