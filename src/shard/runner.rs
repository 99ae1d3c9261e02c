//! The thread of a shard: applies what is durable, fires timers, answers questions, builds
//! segments, takes checkpoints.

use super::backfill::Wake;
use super::checkpoint::Job;
use super::clock::{Clock, LeapWatch};
use super::figures::{Figures, Shows};
use super::inbox::{Awaits, Ending, Inbox, Notice, Work};
use super::options::{ShardAlerts, ShardError};
use super::pulse::Pulse;
use super::state::Tenants;
use crate::log::{Appender, DurableGroup, Share, Submission};
use crate::store::state::CheckpointMark;
use engine::workspace::ahead::Keys;
use model::{Command, Record, SegmentId, Time, WorkspaceId};
use std::sync::Arc;
use std::sync::mpsc::{Sender, SyncSender};
use std::time::{Duration, Instant};
use tokio::sync::{oneshot, watch};

/// Records applied between two looks at everything else.
const SLICE_RECORDS: usize = 256;
/// Time given to building in one turn while records wait, and while none do.
const BUILD_TURN_BUSY: Duration = Duration::from_millis(3);
const BUILD_TURN_IDLE: Duration = Duration::from_millis(10);
/// The longest sleep: figures and the shard's time go on with it.
const SLEEP_MAX: Duration = Duration::from_millis(200);
/// Rest before the shard's own record is tried again after a refusal.
const OWN_RECORD_REST: Duration = Duration::from_millis(500);
/// How often an own record on its way is looked at, when nothing else is to do.
const OWN_RECORD_LOOK: Duration = Duration::from_millis(1);
/// The end does not wait longer than this for the last checkpoint: the log has it all.
const DRAIN_MAX: Duration = Duration::from_secs(30);
/// How long questions wait for a tick that is due at the shown instant.
const TICK_WAIT_MAX: Duration = Duration::from_millis(500);
/// How long questions wait for a wave of timers to be through.
const WAVE_WAIT_MAX: Duration = Duration::from_secs(15);
/// Nothing is applied while this many times the size of a checkpoint is not written.
const DIRTY_TIMES_MAX: usize = 2;

/// A record that the shard itself put on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Own {
    Tick(u32),
    Activate(u32, SegmentId, u32),
}

struct Underway {
    own: Own,
    since: Instant,
    answer: oneshot::Receiver<crate::log::Answer>,
    /// Once it is durable.
    position: Option<u64>,
}

fn received(record: &Record) -> Option<Time> {
    match &record.command {
        Command::Event(event) => Some(event.received),
        _ => None,
    }
}

/// A group that is being applied in slices.
struct Applying {
    records: std::vec::IntoIter<Record>,
    keys: std::vec::IntoIter<Keys>,
    bytes: u64,
    shares: Vec<(WorkspaceId, Share)>,
}

/// The state of a shard's thread.
pub(super) struct Runner {
    pub shard: u32,
    pub tenants: Tenants,
    pub appender: Appender,
    pub clock: Arc<dyn Clock>,
    pub alerts: Arc<dyn ShardAlerts>,
    pub inbox: Arc<Inbox<Runner>>,
    pub figures: Arc<Figures>,
    pub pulse: Arc<Pulse>,
    pub jobs: SyncSender<Job>,
    pub leaps: Arc<LeapWatch>,
    pub checkpoint_every: Duration,
    pub checkpoint_dirty_bytes: usize,
    progress: Progress,
    applying: Option<Applying>,
    underway: Vec<Underway>,
    rest_until: Option<Instant>,
    /// Called by threads that have found something out for a segment that is being built.
    wake: Wake,
    /// Since when a wave of timers has been going on.
    behind_since: Option<Instant>,
    shows: Shows,
}

/// How far a shard is.
struct Progress {
    applied: watch::Sender<u64>,
    last_time: Time,
    mark: CheckpointMark,
    /// Position of the checkpoint that is being written.
    writing: Option<u64>,
    last_checkpoint: Instant,
    waiting: Vec<(u64, Sender<CheckpointMark>)>,
}

/// What a runner is made of besides its workspaces.
pub(super) struct Parts {
    pub shard: u32,
    pub appender: Appender,
    pub clock: Arc<dyn Clock>,
    pub alerts: Arc<dyn ShardAlerts>,
    pub inbox: Arc<Inbox<Runner>>,
    pub figures: Arc<Figures>,
    pub pulse: Arc<Pulse>,
    pub jobs: SyncSender<Job>,
    pub leaps: Arc<LeapWatch>,
    pub checkpoint_every: Duration,
    pub checkpoint_dirty_bytes: usize,
    pub applied: watch::Sender<u64>,
    pub mark: CheckpointMark,
}

impl Runner {
    pub fn new(tenants: Tenants, parts: Parts) -> Runner {
        let mark = parts.mark;
        parts.applied.send_replace(mark.position);
        let inbox = parts.inbox.clone();
        let wake: Wake = Arc::new(move || inbox.tell(Notice::Found));
        Runner {
            shard: parts.shard,
            tenants,
            appender: parts.appender,
            clock: parts.clock,
            alerts: parts.alerts,
            inbox: parts.inbox,
            figures: parts.figures,
            pulse: parts.pulse,
            jobs: parts.jobs,
            leaps: parts.leaps,
            checkpoint_every: parts.checkpoint_every,
            checkpoint_dirty_bytes: parts.checkpoint_dirty_bytes,
            progress: Progress {
                applied: parts.applied,
                last_time: mark.time,
                mark,
                writing: None,
                last_checkpoint: Instant::now(),
                waiting: Vec::new(),
            },
            applying: None,
            underway: Vec::new(),
            rest_until: None,
            wake,
            behind_since: None,
            shows: Shows::now(),
        }
    }

    /// Applies everything in the log after the checkpoint.
    pub fn replay(&mut self) -> Result<(), ShardError> {
        let mut records = self.appender.read_from(self.progress.mark.position + 1)?;
        loop {
            let slice: Vec<Record> = records.by_ref().take(SLICE_RECORDS).collect::<Result<_, _>>()?;
            if slice.is_empty() {
                break;
            }
            let keys = slice.iter().filter_map(Keys::of_record).collect();
            self.apply(slice, keys)?;
            self.checkpoint_if_due();
            while self.too_dirty() {
                self.inbox.wait(SLEEP_MAX, Awaits { groups: false, questions: false });
                let notices = self.inbox.take(false, false).notices;
                self.hear(notices);
            }
            let notices = self.inbox.take(false, false).notices;
            self.hear(notices);
        }
        self.tenants.resume_building();
        self.show_figures();
        Ok(())
    }

    /// Runs until told to end. An error means that the shard can't go on.
    pub fn run(&mut self) -> Result<(), ShardError> {
        loop {
            let questions_may_come = !self.tick_is_awaited() && !self.is_behind();
            let work = self.inbox.take(self.applying.is_none() && !self.too_dirty(), questions_may_come);
            match self.turn(work)? {
                Some(Ending::Abandon) => return Ok(()),
                Some(Ending::Drain) => return self.drain(),
                None => {}
            }
        }
    }

    fn turn(&mut self, work: Work<Runner>) -> Result<Option<Ending>, ShardError> {
        self.pulse.beat(false);
        let Work { group, questions, notices, ending } = work;
        if ending == Some(Ending::Abandon) {
            return Ok(ending);
        }
        let idle = questions.is_empty() && notices.is_empty();
        // Before anything of the time after a leap is applied: its removals must not get out.
        self.look_at_clock();
        let failed = notices.iter().any(|notice| matches!(notice, Notice::CheckpointFailed));
        self.hear(notices);
        if ending == Some(Ending::Drain) && self.too_dirty() {
            // Nothing can be applied before a checkpoint is written. The log has what is left.
            if failed {
                return Ok(ending);
            }
            self.inbox.wait(SLEEP_MAX, Awaits { groups: false, questions: false });
        }
        if let Some(DurableGroup { records, keys, bytes, shares, .. }) = group {
            let (records, keys) = (records.into_iter(), keys.into_iter());
            self.applying = Some(Applying { records, keys, bytes, shares });
        }
        let applied = self.apply_slice()?;
        if self.is_behind() {
            // The state is that of no instant while a wave of timers is not through: what is asked waits for it.
            questions.into_iter().for_each(|question| self.inbox.ask(question));
        } else {
            for question in questions {
                self.pulse.beat(true);
                question(self);
            }
        }
        self.pulse.beat(false);
        let busy = applied || self.applying.is_some();
        if ending == Some(Ending::Drain) {
            let more = busy || self.inbox.has_group();
            return Ok(if more { None } else { ending });
        }
        self.fire();
        let builds = self.build(busy || self.inbox.has_group())?;
        self.checkpoint_if_due();
        if self.shows.are_due() {
            self.show_figures();
        }
        if idle && !busy && !builds {
            let questions = !self.tick_is_awaited() && !self.is_behind();
            let awaits = Awaits { groups: !self.too_dirty(), questions };
            self.inbox.wait(self.sleep(), awaits);
        }
        Ok(None)
    }

    fn apply_slice(&mut self) -> Result<bool, ShardError> {
        let Some(applying) = &mut self.applying else { return Ok(false) };
        let slice: Vec<Record> = applying.records.by_ref().take(SLICE_RECORDS).collect();
        let received: Vec<Time> = slice.iter().filter_map(received).collect();
        let keys = applying.keys.by_ref().take(received.len()).collect();
        if applying.records.len() == 0 {
            self.appender.applied(applying.bytes, &applying.shares);
            self.applying = None;
            self.apply(slice, keys)?;
            self.inbox.applied();
        } else {
            self.apply(slice, keys)?;
        }
        self.figures.applied(&received, self.clock.now());
        Ok(true)
    }

    /// Applies records; `keys` are those of the events among them.
    fn apply(&mut self, slice: Vec<Record>, keys: Vec<Keys>) -> Result<(), ShardError> {
        let Some(last) = slice.last() else { return Ok(()) };
        let (position, time) = (last.position, last.time);
        self.tenants.apply(&slice, &keys)?;
        self.progress.last_time = self.progress.last_time.max(time);
        self.progress.applied.send_replace(position);
        Ok(())
    }

    /// Position of the newest applied record.
    pub fn applied(&self) -> u64 {
        *self.progress.applied.borrow()
    }

    /// What the newest checkpoint covers.
    pub fn mark(&self) -> CheckpointMark {
        self.progress.mark
    }

    /// The instant for which the shard's state holds.
    pub fn as_of(&mut self) -> Time {
        let time = self.appender.time_if_idle(self.applied(), self.tenants.next_due());
        self.progress.last_time = self.progress.last_time.max(time.unwrap_or(Time::MIN));
        self.progress.last_time
    }

    /// The instant of what is shown of a workspace: before the first of its timers that have not fired yet.
    pub fn as_of_workspace(&mut self, workspace: &WorkspaceId) -> Option<Time> {
        let as_of = self.as_of();
        let tenant = self.tenants.get(workspace)?;
        let due = tenant.engine.next_timer();
        let honest = if due <= as_of { due.plus_micros(-1) } else { as_of };
        tenant.shown = tenant.shown.max(honest);
        Some(tenant.shown)
    }

    /// Whether a timer is due at the very instant that would be shown: the tick comes at once.
    fn tick_is_awaited(&self) -> bool {
        let waits = |one: &Underway| matches!(one.own, Own::Tick(_)) && one.since.elapsed() < TICK_WAIT_MAX;
        self.tenants.next_due() <= self.progress.last_time && self.underway.iter().any(waits)
    }

    /// Whether timers were due before the newest record and are not through, unless for too long.
    fn is_behind(&mut self) -> bool {
        if !self.tenants.waves_before(self.progress.last_time) {
            self.behind_since = None;
            return false;
        }
        self.behind_since.get_or_insert_with(Instant::now).elapsed() < WAVE_WAIT_MAX
    }

    /// Puts a tick into the log for every workspace with a due timer.
    fn fire(&mut self) {
        self.hear_of_own();
        let now = self.clock.now();
        if self.tenants.next_due() > now {
            return;
        }
        for (number, workspace) in self.tenants.due(now) {
            self.put_own(Own::Tick(number), &workspace, Command::Tick);
        }
    }

    /// Own records are remembered until they are applied or refused.
    fn hear_of_own(&mut self) {
        let applied = self.applied();
        let mut refused = None;
        self.underway.retain_mut(|one| {
            if one.position.is_none() {
                match one.answer.try_recv() {
                    Ok(Ok(accepted)) => one.position = Some(accepted.position),
                    Ok(Err(error)) => refused = Some(error.to_string()),
                    Err(oneshot::error::TryRecvError::Empty) => return true,
                    Err(oneshot::error::TryRecvError::Closed) => {}
                }
            }
            one.position.is_some_and(|position| position > applied)
        });
        if let Some(error) = refused {
            tracing::warn!(shard = self.shard, error, "the shard's own record was refused");
            self.rest_until = Some(Instant::now() + OWN_RECORD_REST);
        }
    }

    fn rests(&self) -> bool {
        self.rest_until.is_some_and(|until| Instant::now() < until)
    }

    fn put_own(&mut self, own: Own, workspace: &WorkspaceId, command: Command) {
        if self.rests() || self.underway.iter().any(|one| one.own == own) {
            return;
        }
        match Submission::new(workspace, vec![command], true) {
            Ok((submission, answer)) => {
                if self.appender.submit(submission).is_ok() {
                    self.underway.push(Underway { own, since: Instant::now(), answer, position: None });
                }
            }
            Err(error) => tracing::error!(shard = self.shard, %error, "the shard's own record can't be made"),
        }
    }

    /// Builds segments for a while; whether there is more to do at once.
    fn build(&mut self, busy: bool) -> Result<bool, ShardError> {
        let until = Instant::now() + if busy { BUILD_TURN_BUSY } else { BUILD_TURN_IDLE };
        let mut more = false;
        let building: Vec<u32> = self.tenants.building.iter().copied().collect();
        for number in building {
            let Some(tenant) = self.tenants.by_number(number) else { continue };
            let workspace = tenant.engine.id().clone();
            let turn = self.tenants.build(number, until, &self.wake)?;
            self.tenants.built(number);
            more |= !turn.waits;
            for (id, version) in turn.complete {
                let own = Own::Activate(number, id.clone(), version);
                self.put_own(own, &workspace, Command::SegmentActivate { id, version });
            }
        }
        if more && !busy && (self.rests() || !self.underway.is_empty()) {
            self.inbox.wait(OWN_RECORD_LOOK, Awaits { groups: true, questions: true });
        }
        Ok(more)
    }

    fn too_dirty(&self) -> bool {
        self.progress.writing.is_some()
            && self.tenants.dirty_bytes() > self.checkpoint_dirty_bytes.saturating_mul(DIRTY_TIMES_MAX)
    }

    fn checkpoint_if_due(&mut self) {
        let applied = self.applied();
        if self.progress.writing.is_some() || applied == self.progress.mark.position {
            return;
        }
        let due = !self.progress.waiting.is_empty()
            || self.progress.last_checkpoint.elapsed() >= self.checkpoint_every
            || self.tenants.dirty_bytes() >= self.checkpoint_dirty_bytes;
        if due {
            self.take_checkpoint();
        }
    }

    fn take_checkpoint(&mut self) {
        let mark = CheckpointMark { position: self.applied(), time: self.progress.last_time };
        let job = Job { mark, parts: self.tenants.take_changes() };
        self.progress.writing = Some(mark.position);
        self.progress.last_checkpoint = Instant::now();
        if self.jobs.send(job).is_err() {
            tracing::error!(shard = self.shard, "the checkpoint thread is gone");
        }
    }

    fn hear(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::Checkpointed(mark) => {
                    self.progress.mark = mark;
                    self.progress.writing = None;
                    self.tenants.changes_written();
                }
                Notice::CheckpointFailed | Notice::Found => {}
                Notice::Checkpoint(reply) => self.progress.waiting.push((self.applied(), reply)),
            }
        }
        let mark = self.progress.mark;
        self.progress.waiting.retain(|(position, reply)| {
            let covered = *position <= mark.position;
            // Whoever asked may have gone.
            let _ = covered.then(|| reply.send(mark));
            !covered
        });
    }

    /// The end: everything is applied, what is left is the last checkpoint.
    fn drain(&mut self) -> Result<(), ShardError> {
        let begin = Instant::now();
        while self.progress.writing.is_some() || self.applied() > self.progress.mark.position {
            if self.progress.writing.is_none() {
                self.take_checkpoint();
            }
            let work = self.inbox.take(false, false);
            if work.ending == Some(Ending::Abandon) {
                return Ok(());
            }
            let failed = work.notices.iter().any(|notice| matches!(notice, Notice::CheckpointFailed));
            if failed || begin.elapsed() > DRAIN_MAX {
                tracing::error!(shard = self.shard, "ended without the last checkpoint; the log has what it lacks");
                return Ok(());
            }
            if work.notices.is_empty() {
                self.inbox.wait(SLEEP_MAX, Awaits { groups: false, questions: false });
            }
            self.hear(work.notices);
        }
        self.show_figures();
        Ok(())
    }

    fn sleep(&self) -> Duration {
        let since = self.progress.last_checkpoint.elapsed();
        let checkpoint = self.checkpoint_every.saturating_sub(since);
        let due = self.tenants.next_due();
        let timer = if due == Time::MAX { SLEEP_MAX } else { self.clock.wait_until(due) };
        let pending = self.applied() != self.progress.mark.position && self.progress.writing.is_none();
        let own = if self.underway.is_empty() { SLEEP_MAX } else { Duration::from_millis(20) };
        let sleep = SLEEP_MAX.min(if pending { checkpoint } else { SLEEP_MAX });
        // A timer that is due waits for its tick, which wakes the shard.
        let timer = if timer.is_zero() { own } else { timer };
        sleep.min(timer).max(Duration::from_micros(100))
    }

    fn look_at_clock(&self) {
        if !self.clock.is_simulated() {
            self.leaps.look(Instant::now(), self.clock.now(), self.alerts.as_ref());
        }
    }

    fn show_figures(&mut self) {
        let (now, began) = (self.clock.now(), Instant::now());
        self.tenants.tell_failed(self.alerts.as_ref());
        let counts = self.tenants.iter().map(|tenant| {
            let (timers, due) = tenant.engine.timer_counts(now);
            (tenant.engine.people_count(), timers, due)
        });
        let sum = counts.fold((0, 0, 0), |all, one| (all.0 + one.0, all.1 + one.1, all.2 + one.2));
        let (applied, checkpoint) = (self.applied(), self.progress.mark.position);
        self.figures.change(|figures| {
            (figures.people, figures.timers, figures.timers_due) = sum;
            (figures.applied, figures.checkpoint) = (applied, checkpoint);
        });
        self.shows.done(began);
    }
}
