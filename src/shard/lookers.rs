//! Threads that look at the people of the store for a survey, beside the shard's own.

use crate::store::codec::body;
use crate::store::db::StoreError;
use crate::store::people::StoredPeople;
use engine::storage::PersonNo;
use engine::stored::{StoredChunk, StoredPerson};
use engine::workspace::survey::{Part, Survey};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Numbers of people in one part: what the shard takes in one go.
const PART_PEOPLE: u32 = 1_024;
/// Parts that may wait for the shard.
const PARTS_WAITING_MAX: usize = 64;
/// Threads of one survey.
const THREADS_MAX: usize = 4;
/// How much nicer than the threads of intake and shard these are to others.
const NICE: i32 = 15;
/// How often somebody who waits for a part looks up.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Decides about everybody with a number in a range.
pub(super) fn look(people: &StoredPeople, survey: &Survey, range: Range<PersonNo>) -> Result<Part, StoreError> {
    let mut part = survey.part(range.clone());
    people.each(
        range,
        |no, bytes| {
            if survey.wants(no) { decide(people, survey, no, bytes, &mut part) } else { Ok(()) }
        },
    )?;
    survey.decide_unwritten(&mut part);
    Ok(part)
}

/// Decides about one person.
fn decide(
    people: &StoredPeople,
    survey: &Survey,
    no: PersonNo,
    bytes: &[u8],
    part: &mut Part,
) -> Result<(), StoreError> {
    let unreadable = |what| StoreError::Unreadable { what, why: "its bytes mean nothing".to_owned() };
    let broken = || unreadable("person");
    let stored = StoredPerson::read(body("person", bytes)?).ok_or_else(broken)?;
    let mut closed = Vec::new();
    for id in stored.chunks().ok_or_else(broken)? {
        // A chunk that is gone was written anew meanwhile: its person changed, and is looked at again.
        let Some(bytes) = people.chunk(id)? else { return Ok(()) };
        closed.push(bytes);
    }
    let chunk =
        |bytes| StoredChunk::read(body("chunk of history", bytes)?).ok_or_else(|| unreadable("chunk of history"));
    let chunks = closed.iter().map(|bytes| chunk(bytes)).collect::<Result<Vec<_>, StoreError>>()?;
    survey.decide(no, stored, &chunks, part).ok_or_else(broken)
}

/// Why no more parts come.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread could not be started, or ended without a word.
    #[error("a thread that looks at people is not running: {0}")]
    Thread(String),
}

type Found = Result<Part, StoreError>;

/// The threads of one survey. Dropping them ends them.
pub(super) struct Lookers {
    parts: Option<Receiver<Found>>,
    /// Parts that came out of order.
    waiting: BTreeMap<PersonNo, Part>,
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What one of the threads works with.
#[derive(Clone)]
struct Work {
    people: StoredPeople,
    survey: Arc<Survey>,
    next: Arc<AtomicU32>,
    ended: Arc<AtomicBool>,
    found: SyncSender<Found>,
    wake: Arc<dyn Fn() + Send + Sync>,
}

impl Work {
    fn run(&self) {
        // Where the system does not let us, they compete as equals.
        let _ = rustix::process::nice(NICE);
        let end = self.survey.range().end;
        while !self.ended.load(Ordering::Acquire) {
            let claimed = self.next.fetch_update(Ordering::AcqRel, Ordering::Acquire, |from| {
                (from < end).then(|| from.saturating_add(PART_PEOPLE).min(end))
            });
            let Ok(from) = claimed else { break };
            let found = look(&self.people, &self.survey, from..from.saturating_add(PART_PEOPLE).min(end));
            let failed = found.is_err();
            if self.found.send(found).is_err() || failed {
                break;
            }
            (self.wake)();
        }
    }
}

impl Lookers {
    /// Starts them. `wake` is called whenever a part is there.
    pub fn start(
        people: StoredPeople,
        survey: Arc<Survey>,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Lookers, LookError> {
        let (found, parts) = sync_channel(PARTS_WAITING_MAX);
        let next = Arc::new(AtomicU32::new(survey.range().start));
        let ended = Arc::new(AtomicBool::new(false));
        let work = Work { people, survey, next, ended: ended.clone(), found, wake };
        let mut lookers = Lookers { parts: Some(parts), waiting: BTreeMap::new(), ended, threads: Vec::new() };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for number in 0..cores.clamp(1, THREADS_MAX) {
            let (work, thread) = (work.clone(), std::thread::Builder::new().name(format!("look-{number}")));
            let spawned = thread.spawn(move || work.run());
            lookers.threads.push(spawned.map_err(|error| LookError::Thread(error.to_string()))?);
        }
        Ok(lookers)
    }

    fn note(&mut self, found: Found) -> Result<(), LookError> {
        let part = found?;
        self.waiting.insert(part.people.start, part);
        Ok(())
    }

    fn gone() -> LookError {
        LookError::Thread("all have ended".to_owned())
    }

    /// The part that begins with a number, if it is there.
    pub fn take(&mut self, from: PersonNo) -> Result<Option<Part>, LookError> {
        while !self.waiting.contains_key(&from) {
            match self.parts.as_ref().ok_or_else(Lookers::gone)?.try_recv() {
                Ok(found) => self.note(found)?,
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(Lookers::gone()),
            }
        }
        Ok(self.waiting.remove(&from))
    }

    /// Waits for the part that begins with a number. Blocks; ends early when `ended` says so.
    pub fn wait(&mut self, from: PersonNo, ended: &dyn Fn() -> bool) -> Result<Option<Part>, LookError> {
        while !self.waiting.contains_key(&from) {
            match self.parts.as_ref().ok_or_else(Lookers::gone)?.recv_timeout(LOOK_UP) {
                Ok(found) => self.note(found)?,
                Err(RecvTimeoutError::Timeout) if ended() => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Lookers::gone()),
            }
        }
        Ok(self.waiting.remove(&from))
    }
}

impl Drop for Lookers {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Who waits for room hears that nobody reads any more.
        self.parts = None;
        for thread in self.threads.drain(..) {
            // What it had to say is in the parts.
            drop(thread.join());
        }
    }
}
