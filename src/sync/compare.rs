//! Reads a destination's members back, page by page, and compares them with what we believe it holds.
//!
//! Changes go on between the pages. Who is there is heeded as it is read; who is missing is asked for again first,
//! since the pages of a list that moves may leave somebody out. What we sent ourselves so lately that the read may
//! have missed it is left to the next comparison.

use super::drift::Seen;
use super::leaving::Gone;
use super::record::{Compare, Confirmed, Member};
use super::service::{Slot, SyncService};
use super::settings::ListState;
use super::worker::{self, FAILURES_ALERT, Step};
use crate::schedule::Changing;
use crate::store::db::StoreError;
use chrono::Utc;
use kit::backoff::random;
use kit::failure::Failure;
use kit::pace::Pace;
use kit::sync::Destination;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Members looked at while the list is locked.
const LOOK_AT_ONCE: usize = 500;
/// The list is left to others for this long between two looks.
const LET_OTHERS: Duration = Duration::from_micros(100);
/// Members that are asked for again in one call.
const ASK_AT_ONCE: usize = 100;
/// Missing members that are asked for again in one comparison; of the others it counts as unknown whether they are
/// there, and what is desired is sent again.
const ASK_MAX: usize = 1_000;
/// Members of one destination that are read at most.
const HELD_MAX: usize = 20_000_000;
/// A comparison that failed and is older than this begins anew.
const AGE_MAX: Duration = Duration::from_secs(3_600);

/// Where a comparison stands.
enum Stage {
    /// Pages are read, the next one after this.
    Pages(Option<String>),
    /// Our own books are gone through.
    Books,
    /// Those who were missing are asked for again.
    Asking(Vec<String>),
    /// Those who left by themselves are told of.
    Leaving,
}

/// A comparison that is under way.
struct Comparison {
    destination: Arc<dyn Destination>,
    identity: String,
    begun: Instant,
    /// Nothing that was sent from here on is judged; `None` for an instant before all others.
    limit: Option<Instant>,
    /// Marks of everybody who is there.
    held: Vec<u64>,
    strangers: u64,
    /// Who left by themselves.
    gone: Gone,
    stage: Stage,
}

/// What one move came to, if the destination and the store did as asked.
enum Moved {
    On,
    Ended,
}

/// Why a move did not come off.
enum Stopped {
    Store(StoreError),
    Destination(Failure),
    /// The list has another destination by now, or may not be read any more.
    Overtaken,
}

impl From<StoreError> for Stopped {
    fn from(why: StoreError) -> Stopped {
        Stopped::Store(why)
    }
}

impl From<Failure> for Stopped {
    fn from(why: Failure) -> Stopped {
        Stopped::Destination(why)
    }
}

/// A read that is due.
struct Due {
    destination: Arc<dyn Destination>,
    pace: Arc<Pace>,
    /// How often its connection was authorized anew.
    authorizations: u64,
}

/// The comparisons of one list, one after the other.
#[derive(Default)]
pub(super) struct Reader {
    schedule: Changing,
    running: Option<Comparison>,
}

impl Reader {
    /// Makes the next move of a comparison, if one is due and a read makes sense now.
    pub(super) async fn advance(&mut self, service: &Arc<SyncService>, slot: &Arc<Slot>) -> Option<Step> {
        let Due { destination, pace, authorizations } = match self.is_due(slot) {
            Ok(due) => due?,
            Err(why) => return Some(worker::store_failed(&why)),
        };
        let mut comparison = match self.running.take() {
            Some(running) if running.identity == super::commands::identity(destination.as_ref()) => {
                Comparison { destination, ..running }
            }
            _ => match Comparison::begin(service, slot, destination).await {
                Ok(begun) => begun,
                Err(why) => return Some(worker::store_failed(&why)),
            },
        };
        match comparison.advance(service, slot, &pace).await {
            Ok(Moved::On) => {
                self.running = Some(comparison);
                Some(Step::Sent)
            }
            Ok(Moved::Ended) => {
                self.clear_alert(service, slot);
                Some(Step::Sent)
            }
            Err(Stopped::Overtaken) => Some(Step::Sent),
            Err(Stopped::Store(why)) => Some(worker::store_failed(&why)),
            Err(Stopped::Destination(failure)) => {
                // Pages that were read stay read, unless that was long ago or the next one is refused.
                let goes_on = matches!(failure, Failure::Retry { .. }) && comparison.begun.elapsed() < AGE_MAX;
                self.running = Some(comparison).filter(|_| goes_on);
                self.failed(service, slot, &failure, authorizations)
            }
        }
    }

    /// Where to read, if a read is due.
    fn is_due(&mut self, slot: &Slot) -> Result<Option<Due>, StoreError> {
        let mut list = slot.lock();
        let expression = list.settings.reconcile_schedule.clone();
        let scheduled = self.schedule.due(&expression, Utc::now());
        let state = list.state();
        if scheduled
            && list.reads_back()
            && matches!(state, ListState::Active | ListState::Braked | ListState::DryRun)
            && list.record.compare == Compare::No
        {
            list.ask_comparison(Compare::Due);
            list.save()?;
        }
        if list.record.compare == Compare::No || !list.may_read() {
            self.running = None;
            list.reads.recent.needed_by(None);
            list.reads.finding = false;
            return Ok(None);
        }
        if list.reads.waits().is_some() || list.reads.is_too_early(list.lag()) {
            return Ok(None);
        }
        let (pace, authorizations) = (Arc::clone(&list.pace), list.authorizations);
        Ok(list.destination.clone().map(|destination| Due { destination, pace, authorizations }))
    }

    /// A read failed: it is tried again by itself, and keeps no change back.
    fn failed(&self, service: &SyncService, slot: &Slot, failure: &Failure, authorizations: u64) -> Option<Step> {
        let mut list = slot.lock();
        // Refused with what was granted before: it may be accepted by now.
        if matches!(failure, Failure::NeedsAuthorization(_)) && list.authorizations != authorizations {
            return Some(Step::Sent);
        }
        if matches!(failure, Failure::Gone(_) | Failure::NeedsAuthorization(_)) {
            return Some(worker::failed(service, &mut list, failure, "reading members"));
        }
        list.reads.finding = false;
        list.reads.failures = list.reads.failures.saturating_add(1);
        list.reads.error = Some(format!("reading members: {failure}"));
        let after = match failure {
            Failure::Retry { after, .. } => *after,
            _ => None,
        };
        let wait = worker::backoff(&service.defaults).wait(list.reads.failures, after, random());
        list.reads.next_try = Some(Instant::now() + wait);
        let (workspace, id) = (list.record.workspace.as_str(), list.record.definition.id.as_str());
        tracing::debug!(%workspace, list = %id, failures = list.reads.failures, %failure, "members can't be read back");
        if list.reads.failures >= FAILURES_ALERT {
            let what = format!("members can't be read back: {failure}");
            service.alerts.raise("reading", id, Some(workspace), &what, "look at the destination; it is tried again");
        }
        None
    }

    fn clear_alert(&self, service: &SyncService, slot: &Slot) {
        let list = slot.lock();
        let (workspace, id) = (&list.record.workspace, &list.record.definition.id);
        service.alerts.clear("reading", id.as_str(), Some(workspace.as_str()));
    }
}

impl Comparison {
    async fn begin(
        service: &Arc<SyncService>,
        slot: &Slot,
        destination: Arc<dyn Destination>,
    ) -> Result<Comparison, StoreError> {
        // What is desired by now is known before anybody is called too many.
        service.settled().await?;
        let mut list = slot.lock();
        let begun = Instant::now();
        list.reads.recent.needed_by(Some(begun));
        Ok(Comparison {
            identity: super::commands::identity(destination.as_ref()),
            destination,
            begun,
            limit: begun.checked_sub(list.lag()),
            held: Vec::new(),
            strangers: 0,
            gone: Gone::default(),
            stage: Stage::Pages(None),
        })
    }

    async fn advance(&mut self, service: &Arc<SyncService>, slot: &Arc<Slot>, pace: &Pace) -> Result<Moved, Stopped> {
        match &self.stage {
            Stage::Pages(after) => {
                let after = after.clone();
                pace.turn().await;
                let page = self.destination.held(after.as_deref()).await?;
                if page.next.is_some() && page.next == after || self.held.len() > HELD_MAX {
                    return Err(Failure::PlatformChanged("the pages of members don't end".to_owned()).into());
                }
                self.take(slot, &page.held)?;
                self.stage = match page.next {
                    Some(next) => Stage::Pages(Some(next)),
                    None => Stage::Books,
                };
            }
            Stage::Books => {
                self.held.sort_unstable();
                self.held.dedup();
                self.stage = Stage::Asking(self.look_for_missing(service, slot).await?);
            }
            Stage::Asking(missing) => {
                let asked: Vec<String> = missing.iter().take(ASK_AT_ONCE).cloned().collect();
                if !asked.is_empty() {
                    pace.turn().await;
                    let there = self.destination.holds(&asked).await?;
                    self.heed(slot, &asked, &there)?;
                }
                if let Stage::Asking(missing) = &mut self.stage {
                    missing.drain(..asked.len());
                    if missing.is_empty() {
                        self.stage = Stage::Leaving;
                    }
                }
            }
            Stage::Leaving => {
                drop(self.locked(slot)?);
                service.heed_leaving(slot, &mut self.gone).await?;
                self.locked(slot)?.compared(self.begun, self.strangers)?;
                return Ok(Moved::Ended);
            }
        }
        Ok(Moved::On)
    }

    /// The list, if it is still the one that is compared.
    fn locked<'a>(&self, slot: &'a Slot) -> Result<std::sync::MutexGuard<'a, super::list::List>, Stopped> {
        let list = slot.lock();
        let same = list.record.destination.as_ref() == Some(&self.identity);
        if same && list.may_read() { Ok(list) } else { Err(Stopped::Overtaken) }
    }

    /// Heeds a page: these are there.
    fn take(&mut self, slot: &Slot, page: &[String]) -> Result<(), Stopped> {
        for part in page.chunks(LOOK_AT_ONCE) {
            let mut list = self.locked(slot)?;
            for identifier in part {
                self.held.push(list.reads.recent.mark(identifier));
                self.strangers += u64::from(list.observe(identifier, true, self.limit)? == Seen::Stranger);
            }
        }
        Ok(())
    }

    /// These were asked for again.
    fn heed(&mut self, slot: &Slot, asked: &[String], there: &[String]) -> Result<(), Stopped> {
        let mut list = self.locked(slot)?;
        for identifier in asked {
            if list.observe(identifier, there.contains(identifier), self.limit)? == Seen::Left {
                self.gone.found(identifier, list.member(identifier)?.sequence);
            }
        }
        Ok(())
    }

    /// Goes through our own books: who is believed to be there and was on no page.
    async fn look_for_missing(&mut self, service: &SyncService, slot: &Arc<Slot>) -> Result<Vec<String>, Stopped> {
        let (held, slot, limit) = (std::mem::take(&mut self.held), Arc::clone(slot), self.limit);
        let looked = service.workers.spawn_blocking(move || missing(&held, &slot, limit));
        let found = looked.await.map_err(|why| StoreError::Unreadable { what: "list", why: why.to_string() })?;
        let (missing, unasked) = found?;
        self.gone.unasked = unasked;
        Ok(missing)
    }
}

/// Members that were on no page and may be there by what we believe, at most [`ASK_MAX`], and how many more seem to
/// have left by themselves. Looks at some, and lets others have the list in between.
fn missing(held: &[u64], slot: &Slot, limit: Option<Instant>) -> Result<(Vec<String>, u64), StoreError> {
    let (mut missing, mut unasked, mut after) = (Vec::new(), 0, None::<String>);
    loop {
        // A lock that is let go and taken again at once is nobody else's in between.
        std::thread::sleep(LET_OTHERS);
        let mut list = slot.lock();
        let some = list.entries_after(after.as_deref()).take(LOOK_AT_ONCE);
        let some: Vec<(String, Member)> = some.collect::<Result<_, _>>()?;
        let Some((last, _)) = some.last() else { return Ok((missing, unasked)) };
        after = Some(last.clone());
        for (identifier, member) in some {
            if held.binary_search(&list.reads.recent.mark(&identifier)).is_ok() {
                continue;
            }
            match member.confirmed {
                Confirmed::Out | Confirmed::Left => {
                    list.observe(&identifier, false, limit)?;
                }
                _ if list.is_unsettled(&identifier, limit) => {}
                _ if missing.len() < ASK_MAX => missing.push(identifier),
                // The next comparison asks for them.
                Confirmed::In if list.has_left(&member) => unasked += 1,
                _ => list.doubt(&identifier, limit)?,
            }
        }
    }
}
