//! Where pages go: into the log first, then their cursor into the store.

use super::inbox::InboxError;
use super::records::StreamRecord;
use super::service::Shared;
use super::slot::{Pulse, Slot};
use super::submit;
use crate::store::db::StoreError;
use kit::failure::Failure;
use kit::poll::{Page, Sink};
use kit::receive::{Facts, Version};
use model::Time;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Bytes of a cursor. It is a place, not a store.
const CURSOR_BYTES_MAX: usize = 64 << 10;
/// Rest while too many pointers wait.
const FULL_REST: Duration = Duration::from_secs(1);

/// What a call reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    Past,
    Changes,
}

/// Takes the pages of one call.
pub(super) struct LogSink<'a> {
    shared: &'a Shared,
    slot: &'a Slot,
    pulse: &'a Pulse,
    stream: &'static str,
    reading: Reading,
    record: StreamRecord,
    /// Versions before this tell nothing of how complete deliveries are.
    counts_from: Time,
    flushed: Instant,
}

pub(super) fn store_failed(why: &StoreError) -> Failure {
    Failure::retry(why.to_string(), None)
}

impl<'a> LogSink<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        slot: &'a Slot,
        pulse: &'a Pulse,
        (stream, reading): (&'static str, Reading),
        record: StreamRecord,
        counts_from: Time,
    ) -> LogSink<'a> {
        LogSink { shared, slot, pulse, stream, reading, record, counts_from, flushed: Instant::now() }
    }

    /// The record as it was kept last.
    pub(super) fn into_record(self) -> StreamRecord {
        self.record
    }

    fn show(&self) {
        let mut shown = self.slot.shown();
        let stream = shown.streams.entry(self.stream).or_default();
        (stream.failures, stream.last_error) = (0, None);
        if self.reading == Reading::Past {
            stream.progress(self.record.done, Instant::now());
        }
    }
}

#[async_trait::async_trait]
impl Sink for LogSink<'_> {
    fn now(&self) -> Time {
        self.shared.clock.now()
    }

    async fn put(&mut self, page: Page) -> Result<(), Failure> {
        self.pulse.beat();
        if page.cursor.len() > CURSOR_BYTES_MAX {
            let bytes = page.cursor.len();
            return Err(Failure::PlatformChanged(format!("a cursor of {bytes} bytes, at most {CURSOR_BYTES_MAX}")));
        }
        let (position, versions) = take(self.shared, self.slot, self.pulse, page.facts, false).await?;
        let scope = &self.slot.scope;
        if self.reading == Reading::Past {
            self.slot.appended.fetch_max(position, Ordering::AcqRel);
        } else {
            let now = self.shared.clock.now();
            let found = self.shared.inbox.completeness().found(scope, &versions, self.counts_from, now);
            found.map_err(|why| store_failed(&why))?;
        }
        let mut record = self.record.clone();
        match self.reading {
            Reading::Past => record.past = Some(page.cursor),
            Reading::Changes => record.polled = Some(page.cursor),
        }
        if let Some(progress) = page.progress.filter(|_| self.reading == Reading::Past) {
            (record.done, record.total) = (progress.done, progress.total);
        }
        let inbox = &self.shared.inbox;
        inbox.cursors.put_stream(scope, self.stream, &record).map_err(|why| store_failed(&why))?;
        self.record = record;
        if self.flushed.elapsed() >= self.shared.settings.flush_every {
            inbox.flush.flush().await.map_err(|why| store_failed(&why))?;
            self.flushed = Instant::now();
        }
        self.show();
        self.pulse.beat();
        Ok(())
    }
}

/// Takes facts in, durably: requests, pointers, events, in this order. The position of the last event, and the
/// versions for the caller to judge.
pub(super) async fn take(
    shared: &Shared,
    slot: &Slot,
    pulse: &Pulse,
    facts: Facts,
    delivered: bool,
) -> Result<(u64, Vec<Version>), Failure> {
    loop {
        let now = shared.clock.now();
        match shared.inbox.keep(&slot.scope, &facts.requests, &facts.pointers, delivered, now).await {
            Ok(()) => break,
            // Those that wait are fetched meanwhile.
            Err(InboxError::Full(_)) => {
                pulse.beat();
                sleep(FULL_REST).await;
            }
            Err(InboxError::Store(why)) => return Err(store_failed(&why)),
            Err(why @ InboxError::TooLong(_)) => return Err(Failure::PlatformChanged(why.to_string())),
        }
    }
    let waits = || pulse.beat();
    let position = submit::events(shared.core.as_ref(), &slot.scope.workspace, facts.events, waits).await?;
    Ok((position, facts.versions))
}
