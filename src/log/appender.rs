//! Group commit: whatever queued up while the last group was written is the next group.

use super::frame::Frames;
use super::shares::{Share, Shares, sum};
use super::write::Log;
use super::{LogError, Reader};
use crate::shard::api::{Accepted, SubmitError};
use crate::shard::clock::Clock;
use engine::workspace::ahead::Keys;
use model::{Command, Record, Time, WorkspaceId};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often free space is looked at.
const FREE_SPACE_LOOK: Duration = Duration::from_millis(500);
/// How long the appender rests after a failed write.
const FAILED_WRITE_REST: Duration = Duration::from_millis(50);
/// What a client is told to wait when the disk is full, seconds.
const NOT_DURABLE_RETRY_S: u32 = 5;
/// What a client is told to wait when too much is queued, seconds.
const OVERLOADED_RETRY_S: u32 = 1;

/// What may wait at most.
#[derive(Clone, Copy, Debug)]
pub struct AppenderLimits {
    /// Submissions waiting to be written, bytes.
    pub queue_bytes_max: usize,
    /// Submissions waiting to be written, records.
    pub queue_records_max: usize,
    /// Records of one workspace that are queued, or durable and not applied yet.
    pub workspace_records_max: usize,
    /// The same, bytes.
    pub workspace_bytes_max: u64,
    /// Durable records that are not applied yet, bytes.
    pub unapplied_bytes_max: u64,
    /// One write to the log, bytes (one submission may be larger).
    pub group_bytes_max: usize,
    /// Below this much free space nothing from outside is accepted, bytes.
    pub free_space_reserve_bytes: u64,
}

impl Default for AppenderLimits {
    fn default() -> Self {
        AppenderLimits {
            queue_bytes_max: 64 << 20,
            queue_records_max: 200_000,
            workspace_records_max: 150_000,
            workspace_bytes_max: 48 << 20,
            unapplied_bytes_max: 64 << 20,
            group_bytes_max: 8 << 20,
            free_space_reserve_bytes: 1 << 30,
        }
    }
}

/// The answer to a submission.
pub type Answer = Result<Accepted, SubmitError>;

/// Commands on their way into the log.
#[derive(Debug)]
pub struct Submission {
    frames: Frames,
    workspace: WorkspaceId,
    commands: Vec<Command>,
    /// Of the events among them: worked out by whoever submits, as the bytes are.
    keys: Vec<Keys>,
    /// The shard's own records may use the reserve of free space and are never refused.
    internal: bool,
    waiter: oneshot::Sender<Answer>,
}

fn keys_of(command: &Command) -> Option<Keys> {
    match command {
        Command::Event(event) => Some(Keys::of(event)),
        _ => None,
    }
}

impl Submission {
    /// Encodes commands and makes a submission of them, with the end that hears the answer.
    pub fn new(
        workspace: &WorkspaceId,
        commands: Vec<Command>,
        internal: bool,
    ) -> Result<(Submission, oneshot::Receiver<Answer>), LogError> {
        let frames = Frames::encode(workspace, &commands)?;
        let keys = commands.iter().filter_map(keys_of).collect();
        let (waiter, answer) = oneshot::channel();
        Ok((Submission { frames, workspace: workspace.clone(), commands, keys, internal, waiter }, answer))
    }

    fn ticks(&self) -> bool {
        self.commands.contains(&Command::Tick)
    }

    fn share(&self) -> Share {
        Share { records: self.commands.len(), bytes: self.frames.len() as u64 }
    }
}

/// Records that are durable and not applied yet.
#[derive(Debug)]
pub struct DurableGroup {
    /// In order of position, without gaps.
    pub records: Vec<Record>,
    /// The keys of the events among them, in order.
    pub keys: Vec<Keys>,
    /// Their size in the log; given back by [`Appender::applied`].
    pub bytes: u64,
    /// Whose they are, but for the shard's own; given back likewise.
    pub shares: Vec<(WorkspaceId, Share)>,
    /// When they became durable.
    pub since: Instant,
}

/// Takes durable groups, in order.
pub trait Handover: Send + Sync + 'static {
    /// Called on the appender's thread; must not block.
    fn hand_over(&self, group: DurableGroup);
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submission>,
    bytes: usize,
    records: usize,
    shares: Shares,
    stopping: bool,
    /// The appender sleeps and has to be woken.
    asleep: bool,
    /// The appender's thread is there.
    running: bool,
    /// No record gets a time before this one.
    floor: Time,
    /// The newest time given out, with records or as `as_of`.
    shown: Time,
    /// The last position given to a record that is durable or being written.
    assigned: u64,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    ended: Condvar,
    log: Mutex<Log>,
    clock: Arc<dyn Clock>,
    limits: AppenderLimits,
    unapplied_bytes: AtomicU64,
    appended: AtomicU64,
    log_bytes: AtomicU64,
}

impl Shared {
    fn has_room(&self, queue: &Queue, workspace: &WorkspaceId) -> Result<(), SubmitError> {
        let limits = &self.limits;
        if queue.stopping {
            return Err(SubmitError::Stopping);
        }
        let full = queue.bytes >= limits.queue_bytes_max
            || queue.records >= limits.queue_records_max
            || self.unapplied_bytes.load(Ordering::Relaxed) > limits.unapplied_bytes_max;
        if full {
            return Err(SubmitError::Overloaded { retry_after_s: OVERLOADED_RETRY_S });
        }
        let waits = queue.shares.of(workspace);
        if waits.records >= limits.workspace_records_max || waits.bytes >= limits.workspace_bytes_max {
            return Err(SubmitError::WorkspaceBusy { retry_after_s: OVERLOADED_RETRY_S });
        }
        Ok(())
    }
}

/// A shard's way into its log; clones share it.
#[derive(Clone)]
pub struct Appender {
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Appender {
    /// An appender that is not running yet. Times given out are not before `floor`.
    pub fn new(log: Log, clock: Arc<dyn Clock>, limits: AppenderLimits, floor: Time) -> Appender {
        let assigned = log.next_position().saturating_sub(1);
        let floor = floor.max(log.last_time());
        let shared = Shared {
            queue: Mutex::new(Queue { floor, shown: floor, assigned, ..Queue::default() }),
            wake: Condvar::new(),
            ended: Condvar::new(),
            clock,
            limits,
            unapplied_bytes: AtomicU64::new(0),
            appended: AtomicU64::new(assigned),
            log_bytes: AtomicU64::new(log.size_bytes()),
            log: Mutex::new(log),
        };
        Appender { shared: Arc::new(shared) }
    }

    /// Starts the thread that writes.
    pub fn start(&self, name: &str, handover: Arc<dyn Handover>) -> std::io::Result<JoinHandle<()>> {
        let shared = self.shared.clone();
        let mut writer = Writer { shared, handover, buffer: Vec::new(), free: None };
        lock(&self.shared.queue).running = true;
        let thread = std::thread::Builder::new().name(format!("log-{name}")).spawn(move || {
            writer.run();
            lock(&writer.shared.queue).running = false;
            writer.shared.ended.notify_all();
        });
        if thread.is_err() {
            lock(&self.shared.queue).running = false;
        }
        thread
    }

    /// Whether a submission of a workspace from outside would be taken now: told before the work of making one.
    pub fn has_room(&self, workspace: &WorkspaceId) -> Result<(), SubmitError> {
        self.shared.has_room(&lock(&self.shared.queue), workspace)
    }

    /// Queues a submission; its answer comes when it is durable.
    pub fn submit(&self, submission: Submission) -> Result<(), SubmitError> {
        let mut queue = lock(&self.shared.queue);
        if submission.internal {
            if queue.stopping {
                return Err(SubmitError::Stopping);
            }
        } else {
            self.shared.has_room(&queue, &submission.workspace)?;
            queue.shares.add(&submission.workspace, submission.share());
        }
        queue.bytes += submission.frames.len();
        queue.records += submission.commands.len();
        queue.waiting.push_back(submission);
        if queue.asleep {
            queue.asleep = false;
            self.shared.wake.notify_one();
        }
        Ok(())
    }

    /// The wall clock, but before `limit`, as the time for which the shard's state holds: `None`
    /// while a record has a position but is not applied. No later record gets an earlier time.
    pub fn time_if_idle(&self, applied: u64, limit: Time) -> Option<Time> {
        let now = self.shared.clock.now().min(limit.plus_micros(-1));
        let mut queue = lock(&self.shared.queue);
        if queue.assigned != applied {
            return None;
        }
        queue.shown = queue.shown.max(now);
        queue.floor = queue.floor.max(queue.shown);
        Some(queue.shown)
    }

    /// Tells that a group is applied.
    pub fn applied(&self, bytes: u64, shares: &[(WorkspaceId, Share)]) {
        self.shared.unapplied_bytes.fetch_sub(bytes, Ordering::Relaxed);
        lock(&self.shared.queue).shares.remove(shares);
    }

    /// Position of the newest durable record.
    pub fn appended(&self) -> u64 {
        self.shared.appended.load(Ordering::Acquire)
    }

    /// The newest time given out.
    pub fn shown_time(&self) -> Time {
        lock(&self.shared.queue).shown
    }

    /// Whether so little space is free that even the daemon's own writes should wait: a
    /// quarter of the reserve.
    pub fn space_is_short(&self) -> bool {
        let free = lock(&self.shared.log).free_bytes().unwrap_or(u64::MAX);
        free < self.shared.limits.free_space_reserve_bytes / 4
    }

    /// Bytes of records in the log.
    pub fn log_bytes(&self) -> u64 {
        self.shared.log_bytes.load(Ordering::Relaxed)
    }

    /// The durable records from a position on.
    pub fn read_from(&self, position: u64) -> Result<Reader, LogError> {
        lock(&self.shared.log).read_from(position)
    }

    /// Removes log files before `position` whose records are not newer than `older_than`.
    pub fn trim(&self, position: u64, older_than: Time) -> Result<usize, LogError> {
        let mut log = lock(&self.shared.log);
        let removed = log.trim(position, older_than)?;
        self.shared.log_bytes.store(log.size_bytes(), Ordering::Relaxed);
        Ok(removed)
    }

    /// Accepts nothing more. What is queued is still written, then the thread ends.
    pub fn stop(&self) {
        lock(&self.shared.queue).stopping = true;
        self.shared.wake.notify_one();
    }
}

impl Appender {
    /// Stops, and returns when everything that was queued is answered.
    pub fn stop_and_wait(&self) {
        self.stop();
        let mut queue = lock(&self.shared.queue);
        while queue.running {
            queue = self.shared.ended.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Writer {
    shared: Arc<Shared>,
    handover: Arc<dyn Handover>,
    buffer: Vec<u8>,
    free: Option<(Instant, u64)>,
}

impl Writer {
    fn run(&mut self) {
        while let Some((submissions, first, time)) = self.take() {
            if let Err(error) = self.write(&submissions, first, time) {
                tracing::warn!(%error, "a group of records is not in the log");
                lock(&self.shared.queue).assigned = first - 1;
                self.refuse(submissions, &error.to_string());
                std::thread::sleep(FAILED_WRITE_REST);
                continue;
            }
            self.complete(submissions, first, time);
        }
    }

    /// Waits for submissions and gives the next group its first position and its time;
    /// `None` when stopping and nothing is left.
    fn take(&mut self) -> Option<(Vec<Submission>, u64, Time)> {
        loop {
            if !self.wait_for_submissions() {
                return None;
            }
            let room = self.has_room();
            let shared = self.shared.clone();
            let mut queue = lock(&shared.queue);
            let taken = queue.take_group(shared.limits.group_bytes_max);
            let (mut accepted, refused) = split(taken, room);
            if accepted.is_empty() {
                drop(queue);
                self.refuse(refused, "the reserve of free disk space is reached");
                continue;
            }
            let time = shared.clock.now().max(queue.floor);
            let ticks = accepted.iter().any(Submission::ticks);
            let records: u64 = accepted.iter().map(|one| one.commands.len() as u64).sum();
            // What comes after a tick must not share its instant: all records of an instant
            // come before its ticks, also within a group.
            if ticks {
                accepted.sort_by_cached_key(Submission::ticks);
            }
            queue.floor = if ticks { time.plus_micros(1) } else { time };
            queue.shown = queue.shown.max(time);
            let first = queue.assigned + 1;
            queue.assigned += records;
            drop(queue);
            self.refuse(refused, "the reserve of free disk space is reached");
            return Some((accepted, first, time));
        }
    }

    /// Returns true when something is queued, false when stopping and nothing is left.
    fn wait_for_submissions(&self) -> bool {
        let mut queue = lock(&self.shared.queue);
        while queue.waiting.is_empty() {
            if queue.stopping {
                return false;
            }
            queue.asleep = true;
            queue = self.shared.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Whether there is more free space than the reserve. Not knowing counts as yes: a write
    /// that finds no space fails by itself.
    fn has_room(&mut self) -> bool {
        let now = Instant::now();
        let stale = self.free.is_none_or(|(at, _)| now.duration_since(at) >= FREE_SPACE_LOOK);
        if stale {
            let free = lock(&self.shared.log).free_bytes().unwrap_or(u64::MAX);
            self.free = Some((now, free));
        }
        self.free.is_none_or(|(_, free)| free >= self.shared.limits.free_space_reserve_bytes)
    }

    fn write(&mut self, submissions: &[Submission], first: u64, time: Time) -> Result<(), LogError> {
        self.buffer.clear();
        let mut count = 0;
        for submission in submissions {
            submission.frames.seal_into(&mut self.buffer, first + u64::from(count), time, count);
            count += submission.frames.count();
        }
        let mut log = lock(&self.shared.log);
        log.append(&self.buffer, count, time)?;
        self.shared.log_bytes.store(log.size_bytes(), Ordering::Relaxed);
        Ok(())
    }

    fn refuse(&self, submissions: Vec<Submission>, reason: &str) {
        if submissions.is_empty() {
            return;
        }
        lock(&self.shared.queue).shares.remove(&shares_of(&submissions));
        for submission in submissions {
            let error = SubmitError::NotDurable { reason: reason.to_owned(), retry_after_s: NOT_DURABLE_RETRY_S };
            let _ = submission.waiter.send(Err(error));
        }
    }

    fn complete(&self, submissions: Vec<Submission>, first: u64, time: Time) {
        let mut records = Vec::with_capacity(submissions.iter().map(|one| one.commands.len()).sum());
        let mut keys = Vec::with_capacity(records.capacity());
        let mut waiters = Vec::with_capacity(submissions.len());
        let mut bytes = 0;
        let shares = shares_of(&submissions);
        for submission in submissions {
            bytes += submission.frames.len() as u64;
            keys.extend(submission.keys);
            for command in submission.commands {
                let position = first + records.len() as u64;
                records.push(Record { position, time, workspace: submission.workspace.clone(), command });
            }
            let position = first + records.len() as u64 - 1;
            waiters.push((submission.waiter, Accepted { time, position }));
        }
        self.shared.appended.store(first + records.len() as u64 - 1, Ordering::Release);
        self.shared.unapplied_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.handover.hand_over(DurableGroup { records, keys, bytes, shares, since: Instant::now() });
        for (waiter, accepted) in waiters {
            // Whoever no longer waits does not need the answer.
            let _ = waiter.send(Ok(accepted));
        }
    }
}

impl Queue {
    /// Takes submissions from the front, at least one and no more than `bytes_max`.
    fn take_group(&mut self, bytes_max: usize) -> Vec<Submission> {
        let mut taken = Vec::with_capacity(self.waiting.len());
        let mut bytes = 0;
        while let Some(next) = self.waiting.pop_front() {
            if !taken.is_empty() && bytes + next.frames.len() > bytes_max {
                self.waiting.push_front(next);
                break;
            }
            bytes += next.frames.len();
            self.records -= next.commands.len();
            taken.push(next);
        }
        self.bytes -= bytes;
        taken
    }
}

/// Whose submissions are, but for the shard's own.
fn shares_of(submissions: &[Submission]) -> Vec<(WorkspaceId, Share)> {
    let mut shares = Vec::new();
    for submission in submissions.iter().filter(|one| !one.internal) {
        sum(&mut shares, &submission.workspace, submission.share());
    }
    shares
}

/// What may be written, and what has to be refused for want of space.
fn split(taken: Vec<Submission>, room: bool) -> (Vec<Submission>, Vec<Submission>) {
    if room { (taken, Vec::new()) } else { taken.into_iter().partition(|one| one.internal) }
}
