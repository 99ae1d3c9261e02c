//! What waits for a shard's thread: durable groups, questions, and news from its helpers.

use crate::log::{DurableGroup, Handover};
use crate::store::state::CheckpointMark;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Questions answered between two slices of records.
const QUESTIONS_PER_TURN: usize = 16;

/// A question, put to the shard's thread.
pub(super) type Question<T> = Box<dyn FnOnce(&mut T) + Send>;

/// News for the shard's thread.
pub(super) enum Notice {
    /// A checkpoint is durable.
    Checkpointed(CheckpointMark),
    /// A checkpoint could not be written; it is tried again.
    CheckpointFailed,
    /// There is more to take for a segment that is being built.
    Found,
    /// Somebody waits for a checkpoint of everything applied so far.
    Checkpoint(std::sync::mpsc::Sender<CheckpointMark>),
}

/// How the shard's thread is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// Apply everything, write a checkpoint, end.
    Drain,
    /// End at once, as if the power had gone.
    Abandon,
}

/// What ends a sleep besides notices.
#[derive(Clone, Copy, Debug)]
pub(super) struct Awaits {
    pub groups: bool,
    pub questions: bool,
}

/// What one turn of the shard's thread begins with.
pub(super) struct Work<T> {
    pub group: Option<DurableGroup>,
    pub questions: Vec<Question<T>>,
    pub notices: Vec<Notice>,
    pub ending: Option<Ending>,
}

struct Waiting<T> {
    groups: VecDeque<DurableGroup>,
    questions: VecDeque<Question<T>>,
    notices: Vec<Notice>,
    ending: Option<Ending>,
    /// Since when what is being applied now has been durable.
    applying_since: Option<Instant>,
    closed: bool,
}

/// The inbox of a shard whose state is a `T`.
pub(super) struct Inbox<T> {
    waiting: Mutex<Waiting<T>>,
    wake: Condvar,
}

impl<T> Inbox<T> {
    pub fn new() -> Inbox<T> {
        let waiting = Waiting {
            groups: VecDeque::new(),
            questions: VecDeque::new(),
            notices: Vec::new(),
            ending: None,
            applying_since: None,
            closed: false,
        };
        Inbox { waiting: Mutex::new(waiting), wake: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, put: impl FnOnce(&mut Waiting<T>)) {
        put(&mut self.lock());
        self.wake.notify_one();
    }

    /// Asks the shard. The question is dropped when the shard has ended.
    pub fn ask(&self, question: Question<T>) {
        self.put(|waiting| {
            if !waiting.closed {
                waiting.questions.push_back(question);
            }
        });
    }

    pub fn tell(&self, notice: Notice) {
        self.put(|waiting| {
            if !waiting.closed {
                waiting.notices.push(notice);
            }
        });
    }

    pub fn end(&self, ending: Ending) {
        self.put(|waiting| waiting.ending = Some(ending));
    }

    /// Takes what is there; a group only if `with_group`, questions only if `with_questions`.
    pub fn take(&self, with_group: bool, with_questions: bool) -> Work<T> {
        let mut waiting = self.lock();
        let group = if with_group { waiting.groups.pop_front() } else { None };
        if let Some(group) = &group {
            waiting.applying_since = Some(group.since);
        }
        let count = if with_questions { waiting.questions.len().min(QUESTIONS_PER_TURN) } else { 0 };
        Work {
            group,
            questions: waiting.questions.drain(..count).collect(),
            notices: std::mem::take(&mut waiting.notices),
            ending: waiting.ending,
        }
    }

    /// Tells that the group taken last is applied.
    pub fn applied(&self) {
        self.lock().applying_since = None;
    }

    /// Whether a group waits.
    pub fn has_group(&self) -> bool {
        !self.lock().groups.is_empty()
    }

    /// Sleeps until something comes that is awaited, at most `at_most`.
    pub fn wait(&self, at_most: Duration, awaits: Awaits) {
        let waiting = self.lock();
        let come = (awaits.groups && !waiting.groups.is_empty())
            || (awaits.questions && !waiting.questions.is_empty())
            || !waiting.notices.is_empty();
        if !come && waiting.ending.is_none_or(|ending| ending == Ending::Drain && !awaits.groups) {
            drop(self.wake.wait_timeout(waiting, at_most));
        }
    }

    /// Age of the oldest durable record that is not applied.
    pub fn lag(&self) -> Duration {
        let waiting = self.lock();
        let since = waiting.applying_since.or_else(|| waiting.groups.front().map(|group| group.since));
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Drops everything that waits, and everything that comes.
    pub fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.groups.clear();
        waiting.questions.clear();
        waiting.notices.clear();
    }
}

impl<T: Send + 'static> Handover for Inbox<T> {
    fn hand_over(&self, group: DurableGroup) {
        self.put(|waiting| {
            if !waiting.closed {
                waiting.groups.push_back(group);
            }
        });
    }
}
