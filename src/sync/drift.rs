//! What a read of the destination's members means for what we believe of them.

use super::leaving::Leaving;
use super::list::{List, Over};
use super::recent::Recent;
use super::record::{Compare, Confirmed, DRIFT, Member};
use super::settings::ListState;
use crate::store::db::StoreError;
use model::ListMode;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What was read of a destination's members, and what came of it.
pub(super) struct Reads {
    /// What was sent lately.
    pub(super) recent: Recent,
    /// What an earlier run sent is not known: when this one began, if there was one.
    since_start: Option<Instant>,
    /// When a comparison was asked for last.
    asked: Option<Instant>,
    /// When the last one ended, RFC 3339.
    pub(super) last: Option<String>,
    pub(super) found: u64,
    pub(super) repaired: u64,
    /// A comparison under way has found members to remove: all removals wait until it has found them all, so that
    /// the brake sees them together.
    pub(super) finding: bool,
    /// Marks of members that were found to differ and do so still.
    differing: BTreeSet<u64>,
    /// Those who left by themselves.
    pub(super) leaving: Leaving,
    /// Members there that are none of ours, at the last comparison.
    pub(super) strangers: u64,
    /// Failed reads in a row.
    pub(super) failures: u32,
    pub(super) error: Option<String>,
    /// No read before this instant.
    pub(super) next_try: Option<Instant>,
}

impl Reads {
    /// For a list that is opened; `sent` if it was sent to a destination before.
    pub(super) fn open(sent: bool) -> Reads {
        Reads {
            recent: Recent::new(),
            since_start: sent.then(Instant::now),
            asked: None,
            last: None,
            found: 0,
            repaired: 0,
            finding: false,
            differing: BTreeSet::new(),
            leaving: Leaving::default(),
            strangers: 0,
            failures: 0,
            error: None,
            next_try: None,
        }
    }

    /// How long no read is tried yet.
    pub(super) fn waits(&self) -> Option<Duration> {
        let wait = self.next_try?.saturating_duration_since(Instant::now());
        Some(wait).filter(|wait| !wait.is_zero())
    }

    /// Whether a read may still miss what an earlier run sent.
    pub(super) fn is_too_early(&self, lag: Duration) -> bool {
        self.since_start.is_some_and(|start| start.elapsed() < lag)
    }

    fn differs(&mut self, identifier: &str) {
        self.found += 1;
        self.differing.insert(self.recent.mark(identifier));
    }

    /// Nothing is to be done for an identifier any more.
    pub(super) fn mended(&mut self, identifier: &str) {
        if !self.differing.is_empty() && self.differing.remove(&self.recent.mark(identifier)) {
            self.repaired += 1;
        }
    }
}

/// Who was seen, or not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Seen {
    /// One of ours, or nobody whom we know.
    Known,
    /// One who is there and none of ours.
    Stranger,
    /// One who was a member and left: nothing is changed for them yet.
    Left,
}

/// What becomes of a member when the destination was seen to hold it or not.
enum Verdict {
    /// It is as we believed, or it was not known and is now.
    As(Member),
    /// It is not as we believed.
    Differs(Member),
    /// It is there and none of ours.
    Stranger,
    /// It is not there, and we did not remove it.
    Left,
}

impl List {
    /// Whether the destination's members can be read.
    pub(super) fn reads_back(&self) -> bool {
        self.destination.as_ref().is_some_and(|destination| destination.capabilities().read_back)
    }

    /// How long a read may miss what was sent.
    pub(super) fn lag(&self) -> Duration {
        let lag = self.destination.as_ref().map_or(0, |destination| destination.capabilities().read_lag_s);
        Duration::from_secs(u64::from(lag))
    }

    /// Whether its members are to be read before anything is sent: additions alone do no harm unread.
    pub(super) fn reads_first(&self) -> bool {
        self.record.compare == Compare::First && self.record.definition.mode != ListMode::AddOnly && self.reads_back()
    }

    /// Whether members may be read now: also while what would be sent is only shown.
    pub(super) fn may_read(&self) -> bool {
        let shown = self.is_held_as_restored() && self.waits.is_empty();
        self.reads_back()
            && match self.state() {
                ListState::Active | ListState::Braked | ListState::Reading | ListState::DryRun => true,
                ListState::Held => shown,
                ListState::Stopped | ListState::Emptying | ListState::Unconfigured => false,
            }
    }

    /// Members are to be read as soon as it can be; whoever asks saves the list.
    pub(super) fn ask_comparison(&mut self, how: Compare) {
        self.record.compare = self.record.compare.max(how);
        self.reads.asked = Some(Instant::now());
    }

    /// A comparison that began then has ended well.
    pub(super) fn compared(&mut self, begun: Instant, strangers: u64) -> Result<(), StoreError> {
        self.reads.recent.needed_by(None);
        self.reads.finding = false;
        (self.reads.strangers, self.reads.failures, self.reads.error) = (strangers, 0, None);
        self.reads.last = Some(chrono::Utc::now().to_rfc3339());
        // Nothing of an earlier run can be under way any more.
        self.reads.since_start = None;
        let over = self.record.first_sync && self.record.started && self.work.is_empty();
        if over {
            self.record.first_sync = false;
        }
        // What was asked for meanwhile is still to be done.
        if self.reads.asked.is_none_or(|asked| asked <= begun) {
            self.record.compare = Compare::No;
        }
        self.save()
    }

    /// Something of ours may be under way for it, or was not long enough before `limit` to show in a read.
    pub(super) fn is_unsettled(&self, identifier: &str, limit: Option<Instant>) -> bool {
        let under_way = self.in_flight.as_ref().is_some_and(|sent| sent.identifiers.contains(identifier));
        under_way || self.reads.recent.is_since(identifier, limit)
    }

    /// The destination was seen to hold an identifier, or not to.
    pub(super) fn observe(
        &mut self,
        identifier: &str,
        there: bool,
        limit: Option<Instant>,
    ) -> Result<Seen, StoreError> {
        if self.is_unsettled(identifier, limit) {
            return Ok(Seen::Known);
        }
        let before = self.member(identifier)?;
        let (after, differs) = match self.verdict(&before, there) {
            Verdict::Stranger => return Ok(Seen::Stranger),
            Verdict::Left => return Ok(Seen::Left),
            Verdict::As(after) => (after, false),
            Verdict::Differs(after) => (after, true),
        };
        // At a destination that is new nothing was believed.
        if differs && self.record.compare != Compare::First {
            self.reads.differs(identifier);
        }
        self.reads.finding |= differs && there && !after.desired;
        if after != before {
            self.write(identifier, &before, &after)?;
        } else if before.is_over() && before != Member::default() {
            self.over.0.push(Over { identifier: identifier.to_owned(), seen: true });
        }
        Ok(Seen::Known)
    }

    fn verdict(&self, before: &Member, there: bool) -> Verdict {
        let now = |confirmed| Member { confirmed, ..before.clone() };
        match (there, before.confirmed) {
            (true, Confirmed::In) | (false, Confirmed::Out | Confirmed::Left) => Verdict::As(before.clone()),
            // Whoever comes back by themselves is on the list by their own will.
            (true, Confirmed::Left) if before.desired => Verdict::As(as_sent(before)),
            (true, Confirmed::Left) => Verdict::Stranger,
            (true, Confirmed::Unknown) if !before.desired => Verdict::As(now(Confirmed::In)),
            // Whom the segment holds and the list has already counts as ours from now on.
            (true, Confirmed::Unknown) => Verdict::As(as_sent(before)),
            (true, Confirmed::Out) if before.desired && before.refusal.is_none() => Verdict::As(as_sent(before)),
            // It was refused and is there nevertheless: asked again, the destination decides again.
            (true, Confirmed::Out) if before.desired => {
                Verdict::Differs(Member { refusal: None, ..now(Confirmed::Unknown) })
            }
            (true, Confirmed::Out) => {
                let owns = self.record.definition.mode == ListMode::Own;
                let ours = before.was_ours() && (self.removes() || before.is_erased());
                match (ours || owns, *before == Member::default()) {
                    (true, true) => Verdict::Differs(Member { cause: DRIFT, ..now(Confirmed::In) }),
                    (true, false) => Verdict::Differs(now(Confirmed::In)),
                    (false, _) => Verdict::Stranger,
                }
            }
            (false, Confirmed::In) if self.has_left(before) => Verdict::Left,
            (false, Confirmed::In) => Verdict::Differs(Member { refusal: None, ..now(Confirmed::Out) }),
            // A call was begun for it: should it turn up after all, it is ours.
            (false, Confirmed::Unknown) => {
                let confirmed_sequence = before.confirmed_sequence.max(1);
                Verdict::As(Member { confirmed_sequence, ..now(Confirmed::Out) })
            }
        }
    }

    /// The destination seems not to hold an identifier, and is not asked again: what is desired is sent again.
    pub(super) fn doubt(&mut self, identifier: &str, limit: Option<Instant>) -> Result<(), StoreError> {
        if self.is_unsettled(identifier, limit) {
            return Ok(());
        }
        let before = self.member(identifier)?;
        if before.confirmed != Confirmed::In {
            return Ok(());
        }
        if before.desired && self.record.compare != Compare::First {
            self.reads.differs(identifier);
        }
        self.write(identifier, &before, &Member { confirmed: Confirmed::Unknown, ..before.clone() })
    }

    /// Whether it stays known until a read shows that it is gone: it may be there still, or again.
    pub(super) fn is_to_be_seen_gone(&self, member: &Member) -> bool {
        let readable = self.destination.as_ref().is_none_or(|destination| destination.capabilities().read_back);
        let removed = self.removes() || member.is_erased();
        readable && removed && member.was_ours() && self.record.destination.is_some()
    }
}

fn as_sent(member: &Member) -> Member {
    Member { confirmed: Confirmed::In, confirmed_sequence: member.sequence, ..member.clone() }
}
