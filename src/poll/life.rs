//! What a connection's streams go through: their past, one after the other; then polls on the schedule.

use super::records::{ConnectionRecord, StreamRecord};
use super::service::Shared;
use super::sink::{LogSink, Reading, store_failed};
use super::slot::{Pulse, Slot, watched};
use super::status::StreamState;
use super::worker::{self, Ended};
use crate::schedule::Schedule;
use crate::store::db::StoreError;
use chrono::Utc;
use kit::failure::Failure;
use kit::poll::{Place, Poll, Stream};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// After so many failures in a row the past of other streams no longer waits for this one's.
const FAILURES_BEFORE_OTHERS: u32 = 3;
/// Lists wait so long for what the past points at, after it is read: a thing that can't be fetched must not hold
/// them for ever.
const POINTED_AT_MAX: Duration = Duration::from_secs(600);
/// How often it is looked whether all of that is there.
const POINTED_AT_LOOK: Duration = Duration::from_millis(500);
/// Rest when the store fails, or a shard can't answer.
const REST: Duration = Duration::from_secs(2);

/// A stream and what is to be done with it.
struct Plan {
    stream: Stream,
    failures: u32,
    not_before: Option<Instant>,
    poll_due: bool,
}

impl Plan {
    fn may(&self, now: Instant) -> bool {
        self.not_before.is_none_or(|at| at <= now)
    }
}

/// What comes next.
enum Next {
    Backfill(usize),
    Poll(usize),
    Release,
    Wait(Duration),
}

struct Life<'a> {
    shared: &'a Shared,
    slot: &'a Slot,
    poll: &'static dyn Poll,
    plans: Vec<Plan>,
    schedule: Schedule,
    /// When all of the past was read.
    past_read: Option<Instant>,
}

/// Reads the connection until it needs a person.
pub(super) async fn run(shared: &Shared, slot: &Slot) -> Ended {
    let Some(poll) = slot.connector.poll else { return std::future::pending().await };
    let schedule = match Schedule::new(&shared.settings.schedule, Utc::now()) {
        Ok(schedule) => schedule,
        Err(why) => {
            tracing::error!(why, "the schedule of polls");
            return std::future::pending().await;
        }
    };
    // What happened while nobody looked is read at once.
    let plan = |stream: &Stream| Plan { stream: *stream, failures: 0, not_before: None, poll_due: stream.polls };
    let plans = poll.streams().iter().map(plan).collect();
    let mut life = Life { shared, slot, poll, plans, schedule, past_read: None };
    loop {
        slot.shown().next_poll = life.schedule.next();
        let next = match life.next() {
            Ok(next) => next,
            Err(why) => {
                tracing::error!(%why, "a connection's cursors can't be read");
                Next::Wait(REST)
            }
        };
        let ended = match next {
            Next::Backfill(index) => life.read(index, Reading::Past).await,
            Next::Poll(index) => life.read(index, Reading::Changes).await,
            Next::Release => {
                life.release().await;
                None
            }
            Next::Wait(wait) => {
                tokio::select! {
                    () = sleep(wait) => {}
                    () = slot.word.notified() => life.told(),
                }
                None
            }
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
}

impl Life<'_> {
    /// A person wants it now.
    fn told(&mut self) {
        for plan in &mut self.plans {
            plan.poll_due = plan.stream.polls;
            plan.not_before = None;
        }
    }

    fn stream(&self, name: &str) -> Result<StreamRecord, StoreError> {
        self.shared.inbox.cursors.stream(&self.slot.scope, name)
    }

    fn next(&mut self) -> Result<Next, StoreError> {
        if self.schedule.due(Utc::now()) {
            self.plans.iter_mut().for_each(|plan| plan.poll_due = plan.stream.polls);
            self.slot.shown().next_poll = self.schedule.next();
        }
        let now = Instant::now();
        let (mut unread, mut blocked) = (0, false);
        let mut readable = vec![true; self.plans.len()];
        for (index, plan) in self.plans.iter().enumerate() {
            if !plan.stream.backfills || self.stream(plan.stream.name)?.backfilled {
                continue;
            }
            unread += 1;
            if let Some(readable) = readable.get_mut(index) {
                *readable = false;
            }
            if !blocked && plan.may(now) {
                return Ok(Next::Backfill(index));
            }
            blocked |= plan.failures < FAILURES_BEFORE_OTHERS;
        }
        let record = self.shared.inbox.cursors.connection(&self.slot.scope)?;
        let mut look = Duration::MAX;
        if unread == 0 && record.as_ref().is_some_and(|record| record.backfilled.is_none() || record.holds) {
            let read_for = self.past_read.get_or_insert(now).elapsed();
            if read_for > POINTED_AT_MAX || !self.shared.inbox.pointers.any_of_polls(&self.slot.scope)? {
                return Ok(Next::Release);
            }
            look = POINTED_AT_LOOK;
        }
        let polls = self.plans.iter().zip(&readable).map(|(plan, readable)| *readable && plan.poll_due);
        let due: Vec<bool> = polls.collect();
        let mut plans = self.plans.iter().zip(&due).enumerate();
        if let Some((index, _)) = plans.find(|(_, (plan, due))| **due && plan.may(now)) {
            return Ok(Next::Poll(index));
        }
        let waits =
            self.plans.iter().zip(due.iter().zip(&readable)).filter(|(_, (due, readable))| **due || !**readable);
        let waits = waits.filter_map(|(plan, _)| plan.not_before).map(|at| at.saturating_duration_since(now));
        let wait = waits.min().unwrap_or(look).min(look).min(self.schedule.wait(Utc::now()));
        Ok(Next::Wait(wait.max(Duration::from_millis(1))))
    }

    /// Reads the past or the changes of one stream.
    async fn read(&mut self, index: usize, reading: Reading) -> Option<Ended> {
        let (shared, slot, poll) = (self.shared, self.slot, self.poll);
        let plan = self.plans.get_mut(index)?;
        let name = plan.stream.name;
        let state = if reading == Reading::Past { StreamState::Backfilling } else { StreamState::Polling };
        slot.shown().streams.entry(name).or_default().begin(state);
        let failure = match read(shared, slot, poll, name, reading).await {
            Ok(()) => {
                plan.poll_due &= reading == Reading::Past;
                (plan.failures, plan.not_before) = (0, None);
                let mut shown = slot.shown();
                let stream = shown.streams.entry(name).or_default();
                (stream.state, stream.failures, stream.last_error) = (StreamState::Waiting, 0, None);
                drop(shown);
                shared.alerts.clear("poll", &subject(slot, name), Some(slot.scope.workspace.as_str()));
                if reading == Reading::Changes {
                    worker::listen(shared, slot);
                }
                return None;
            }
            Err(failure) => failure,
        };
        {
            // A call that got somewhere begins a new row of failures.
            let mut shown = slot.shown();
            let stream = shown.streams.entry(name).or_default();
            plan.failures = stream.failures.saturating_add(1);
            stream.failures = plan.failures;
            (stream.state, stream.last_error) = (StreamState::Failed, Some(failure.to_string()));
        }
        let ended = worker::ends(&failure);
        if ended.is_none() {
            plan.not_before = Some(Instant::now() + worker::wait_after(shared, plan.failures, &failure));
            worker::alert_of(shared, &slot.scope, "poll", &subject(slot, name), plan.failures, &failure);
        }
        ended
    }

    /// All of the past is read: lists wait no more once all of it is applied.
    async fn release(&self) {
        if let Err(why) = release(self.shared, self.slot).await {
            let (workspace, source) = (&self.slot.scope.workspace, &self.slot.scope.source);
            tracing::error!(%workspace, %source, %why, "lists go on waiting though the past is read");
            sleep(REST).await;
        }
    }
}

/// The subject of alerts about a stream.
pub(super) fn subject(slot: &Slot, stream: &str) -> String {
    format!("{}/{stream}", slot.scope.source)
}

async fn read(
    shared: &Shared,
    slot: &Slot,
    poll: &dyn Poll,
    name: &'static str,
    reading: Reading,
) -> Result<(), Failure> {
    let (inbox, scope) = (&shared.inbox, &slot.scope);
    let failed = |why: StoreError| store_failed(&why);
    let gone = || Failure::retry("the connection was forgotten", None);
    let connection: ConnectionRecord = inbox.cursors.connection(scope).map_err(failed)?.ok_or_else(gone)?;
    let record = inbox.cursors.stream(scope, name).map_err(failed)?;
    let counts_from = worker::counts_from(shared, scope).map_err(failed)?;
    let cursor = if reading == Reading::Past { &record.past } else { &record.polled };
    let place = Place { cursor: cursor.clone(), since: connection.begun };
    let pulse = Pulse::new();
    let mut sink = LogSink::new(shared, slot, &pulse, (name, reading), record, counts_from);
    match reading {
        Reading::Past => {
            let call = poll.backfill(&slot.connection, name, &place, &mut sink);
            watched(call, &pulse, shared.settings.backfill_silence_max).await?;
        }
        Reading::Changes => {
            let call = poll.poll(&slot.connection, name, &place, &mut sink);
            watched(call, &pulse, shared.settings.poll_silence_max).await?;
        }
    }
    let mut record = sink.into_record();
    match reading {
        Reading::Past => record.backfilled = true,
        Reading::Changes => record.last_poll = Some(shared.clock.now()),
    }
    inbox.cursors.put_stream(scope, name, &record).map_err(failed)?;
    inbox.flush.flush().await.map_err(failed)
}

async fn release(shared: &Shared, slot: &Slot) -> Result<(), String> {
    let (scope, text) = (&slot.scope, |why: StoreError| why.to_string());
    let position = slot.appended.load(Ordering::Acquire);
    if position > 0 {
        shared.core.applied(&scope.workspace, position).await.map_err(|why| why.to_string())?;
    }
    let Some(mut record) = shared.inbox.cursors.connection(scope).map_err(text)? else { return Ok(()) };
    record.backfilled = record.backfilled.or(Some(shared.clock.now()));
    record.holds = false;
    shared.inbox.cursors.put_connection(&record).map_err(text)?;
    shared.inbox.flush.flush().await.map_err(text)?;
    shared.callbacks.holds.release(&scope.workspace, &scope.source);
    tracing::info!(workspace = %scope.workspace, source = %scope.source, "the past of a connection is read");
    Ok(())
}
