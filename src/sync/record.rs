//! What is kept in the store: of each list, and of each identifier on it.

use super::work::Task;
use crate::store::db::StoreError;
use engine::effect::{Cause, Desired};
use model::{ListDefinition, ListId, Time, WorkspaceId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;
/// Lists carry more since: see [`ListRecord::decode`].
const LIST_FORMAT: u8 = 3;
const LIST_FORMAT_2: u8 = 2;
/// As a cause: what was found at the destination, of whom nothing else is known.
pub(super) const DRIFT: u8 = u8::MAX;

/// Whether what the destination holds is to be read and compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub(super) enum Compare {
    /// Not before the schedule says so.
    No,
    /// As soon as it can be.
    Due,
    /// Before anything is sent, for nothing is known of what it holds.
    First,
}

/// What the destination is known to hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) enum Confirmed {
    /// Not a member, or never sent.
    #[default]
    Out,
    /// A member.
    In,
    /// A call was begun and its end is not known: whatever is desired is sent again.
    Unknown,
    /// Left the destination by themselves: not added again.
    Left,
}

/// One identifier on one list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Member {
    /// Whether the list should hold it. The engine says so of the identifier as a whole: where
    /// people share an address, it knows whether somebody still brings it.
    pub(super) desired: bool,
    /// The person behind it, or the last one.
    pub(super) person: String,
    /// Sequence of the newest change.
    pub(super) sequence: u64,
    /// When the newest change became true.
    pub(super) at: Time,
    /// Why.
    pub(super) cause: u8,
    /// What the destination holds.
    pub(super) confirmed: Confirmed,
    /// Sequence of the newest change that the destination took.
    pub(super) confirmed_sequence: u64,
    /// The destination's reason for refusing what is desired now.
    pub(super) refusal: Option<String>,
}

impl Member {
    /// What is to be sent, on a list that removes members or not.
    pub(super) fn work(&self, removes: bool) -> Option<Task> {
        if self.refusal.is_some() {
            return None;
        }
        match (self.desired, self.confirmed) {
            (true, Confirmed::In) | (false, Confirmed::Out) | (_, Confirmed::Left) => None,
            (true, _) => Some(Task::Add),
            (false, _) if self.is_erased() => Some(Task::Erase),
            (false, _) => removes.then_some(Task::Remove),
        }
    }

    /// Whether its person was erased: it goes, whatever the list is like.
    pub(super) fn is_erased(&self) -> bool {
        !self.desired && self.cause == Cause::Erasure as u8
    }

    /// Whether the destination may hold it.
    pub(super) fn may_be_held(&self) -> bool {
        matches!(self.confirmed, Confirmed::In | Confirmed::Unknown)
    }

    /// Whether we made it a member at some time: a list that only mirrors removes nobody else.
    pub(super) fn was_ours(&self) -> bool {
        self.confirmed_sequence > 0
    }

    /// Neither desired nor held: nothing needs to be known of it once no replay can bring it back.
    pub(super) fn is_over(&self) -> bool {
        !self.desired && self.confirmed == Confirmed::Out
    }

    /// The member left the destination by itself, and is none of ours any more.
    pub(super) fn leave(&mut self, confirmed: Confirmed) {
        (self.confirmed, self.confirmed_sequence, self.refusal) = (confirmed, 0, None);
    }

    /// Takes a change in. Returns false for one that is not newer than what is known.
    pub(super) fn take(&mut self, change: &Desired) -> bool {
        if change.sequence <= self.sequence {
            return false;
        }
        self.desired = change.member;
        self.person.clone_from(&change.person);
        (self.sequence, self.at, self.cause) = (change.sequence, change.at, change.cause as u8);
        self.refusal = None;
        true
    }

    pub(super) fn cause_text(&self) -> &'static str {
        if self.cause == DRIFT {
            return "drift";
        }
        const CAUSES: [(Cause, &str); 7] = [
            (Cause::Event, "event"),
            (Cause::Time, "time"),
            (Cause::Edit, "edit"),
            (Cause::Merge, "merge"),
            (Cause::Consent, "consent"),
            (Cause::Erasure, "erasure"),
            (Cause::Redact, "redact"),
        ];
        CAUSES.iter().find(|(cause, _)| *cause as u8 == self.cause).map_or("event", |(_, text)| text)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        encode("list member", FORMAT, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Member, StoreError> {
        decode("list member", FORMAT, bytes)
    }
}

/// A list, with what an operator said to it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct ListRecord {
    pub(super) workspace: WorkspaceId,
    pub(super) definition: ListDefinition,
    /// Sequence of the newest definition or removal of the list.
    pub(super) sequence: u64,
    /// Sequence of the newest change of a member that was forgotten since.
    pub(super) forgotten_sequence: u64,
    /// It is gone; kept so that a replay does not bring it back.
    pub(super) removed: bool,
    /// It is being emptied before it goes.
    pub(super) emptying: bool,
    /// Why the operator holds it.
    pub(super) held: Option<String>,
    /// Why removals wait for the operator's word, whatever their number.
    pub(super) removals_held: Option<String>,
    /// The first sync was shown and started, or needs no showing.
    pub(super) started: bool,
    /// The first sync with this destination is not over.
    pub(super) first_sync: bool,
    /// Which destination it was sent to.
    pub(super) destination: Option<String>,
    /// Why nothing is sent until a person acts: the destination is gone, say.
    pub(super) stopped: Option<String>,
    /// A snapshot is to be sent as soon as it can be.
    pub(super) snapshot_due: bool,
    /// The newest restore of the store that the list heeded, microseconds; 0 for none.
    pub(super) restored: u64,
    /// Whether the destination's members are to be read.
    pub(super) compare: Compare,
    /// It is stopped because its connection is not authorized: it goes on when that is mended.
    pub(super) unauthorized: bool,
}

/// A list as format 2 had it.
#[derive(Serialize, Deserialize)]
struct ListRecord2 {
    workspace: WorkspaceId,
    definition: ListDefinition,
    sequence: u64,
    forgotten_sequence: u64,
    removed: bool,
    emptying: bool,
    held: Option<String>,
    removals_held: Option<String>,
    started: bool,
    first_sync: bool,
    destination: Option<String>,
    stopped: Option<String>,
    snapshot_due: bool,
    restored: u64,
}

impl From<ListRecord2> for ListRecord {
    fn from(old: ListRecord2) -> ListRecord {
        ListRecord {
            forgotten_sequence: old.forgotten_sequence,
            removed: old.removed,
            emptying: old.emptying,
            held: old.held,
            removals_held: old.removals_held,
            started: old.started,
            first_sync: old.first_sync,
            destination: old.destination,
            stopped: old.stopped,
            snapshot_due: old.snapshot_due,
            restored: old.restored,
            ..ListRecord::new(old.workspace, old.definition, old.sequence)
        }
    }
}

/// A list as format 1 had it.
#[derive(Serialize, Deserialize)]
struct ListRecord1 {
    workspace: WorkspaceId,
    definition: ListDefinition,
    sequence: u64,
    forgotten_sequence: u64,
    removed: bool,
    emptying: bool,
    held: Option<String>,
    removals_held: Option<String>,
    started: bool,
    first_sync: bool,
    destination: Option<String>,
}

impl From<ListRecord1> for ListRecord {
    fn from(old: ListRecord1) -> ListRecord {
        ListRecord {
            forgotten_sequence: old.forgotten_sequence,
            removed: old.removed,
            emptying: old.emptying,
            held: old.held,
            removals_held: old.removals_held,
            started: old.started,
            first_sync: old.first_sync,
            destination: old.destination,
            ..ListRecord::new(old.workspace, old.definition, old.sequence)
        }
    }
}

impl ListRecord {
    /// A list that was just defined.
    pub(super) fn new(workspace: WorkspaceId, definition: ListDefinition, sequence: u64) -> ListRecord {
        ListRecord {
            workspace,
            definition,
            sequence,
            forgotten_sequence: 0,
            removed: false,
            emptying: false,
            held: None,
            removals_held: None,
            started: false,
            first_sync: true,
            destination: None,
            stopped: None,
            snapshot_due: false,
            restored: 0,
            compare: Compare::No,
            unauthorized: false,
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        encode("list", LIST_FORMAT, self)
    }

    /// Reads a list of this format or those before.
    pub(super) fn decode(bytes: &[u8]) -> Result<ListRecord, StoreError> {
        match bytes.first() {
            Some(&FORMAT) => decode::<ListRecord1>("list", FORMAT, bytes).map(ListRecord::from),
            Some(&LIST_FORMAT_2) => decode::<ListRecord2>("list", LIST_FORMAT_2, bytes).map(ListRecord::from),
            _ => decode("list", LIST_FORMAT, bytes),
        }
    }
}

/// The key under which everything of a list stands.
pub(super) fn prefix(workspace: &WorkspaceId, list: &ListId) -> Vec<u8> {
    let mut key = vec![b'm'];
    for part in [workspace.as_str(), list.as_str()] {
        key.extend_from_slice(&(part.len() as u32).to_be_bytes());
        key.extend_from_slice(part.as_bytes());
    }
    key
}

fn encode<T: Serialize>(what: &'static str, format: u8, value: &T) -> Result<Vec<u8>, StoreError> {
    postcard::to_extend(value, vec![format]).map_err(|why| StoreError::Unreadable { what, why: why.to_string() })
}

fn decode<T: DeserializeOwned>(what: &'static str, format: u8, bytes: &[u8]) -> Result<T, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { what, why };
    match bytes.split_first() {
        Some((found, rest)) if *found == format => match postcard::take_from_bytes(rest) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(unreadable("bytes are left over".to_owned())),
            Err(why) => Err(unreadable(why.to_string())),
        },
        _ => Err(unreadable("written by another version".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Channel, ListIdentifier, ListMode, SegmentId};

    fn change(member: &mut Member, person: &str, is: bool, sequence: u64) -> bool {
        member.take(&Desired {
            list: ListId::from("l"),
            identifier: "a@b.mx".to_owned(),
            person: person.to_owned(),
            member: is,
            sequence,
            at: Time(sequence as i64),
            cause: Cause::Event,
        })
    }

    #[test]
    fn an_address_that_passes_on_leaves_with_the_person_who_had_it_last() {
        let mut member = Member::default();
        assert!(change(&mut member, "p_1", true, 1));
        assert!(change(&mut member, "p_2", true, 2));
        assert!(change(&mut member, "p_2", false, 3));
        assert!(!member.desired);
        assert_eq!(member.work(true), None, "never sent, so nothing to take back");
        member.confirmed = Confirmed::Unknown;
        assert_eq!(member.work(true), Some(Task::Remove));
        assert_eq!(member.work(false), None);
        member.cause = Cause::Erasure as u8;
        assert_eq!((member.work(true), member.work(false)), (Some(Task::Erase), Some(Task::Erase)));
    }

    #[test]
    fn only_an_erasure_goes_past_mode_and_brake() {
        // A source that was withdrawn has a cause of its own, after that of an erasure.
        let withdrawn = Cause::Erasure as u8 + 1;
        for (cause, mirrored, added) in [
            (Cause::Erasure as u8, Some(Task::Erase), Some(Task::Erase)),
            (withdrawn, Some(Task::Remove), None),
            (DRIFT, Some(Task::Remove), None),
        ] {
            let member = Member { confirmed: Confirmed::In, cause, ..Member::default() };
            assert_eq!((member.work(true), member.work(false)), (mirrored, added), "cause {cause}");
        }
    }

    #[test]
    fn an_old_change_is_ignored() {
        let mut member = Member::default();
        change(&mut member, "p_1", true, 5);
        assert!(!change(&mut member, "p_1", false, 5));
        assert!(member.desired);
    }

    #[test]
    fn what_is_written_is_read_back_and_other_formats_are_refused() {
        let mut member = Member::default();
        change(&mut member, "p_1", true, 5);
        let bytes = member.encode().unwrap();
        assert_eq!(bytes, [1, 1, 3, b'p', b'_', b'1', 5, 10, 0, 0, 0, 0], "format 1 stays as it is");
        assert_eq!(Member::decode(&bytes).unwrap(), member);
        assert!(Member::decode(&[9, 1, 2]).is_err());
        assert!(Member::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
        let definition = ListDefinition {
            id: ListId::from("l"),
            segment: SegmentId::from("s"),
            identifier: ListIdentifier::Email,
            consent: Some(Channel::Email),
            mode: ListMode::Mirror,
        };
        let list = ListRecord::new(WorkspaceId::from("w"), definition, 7);
        let bytes = list.encode().unwrap();
        assert_eq!(ListRecord::decode(&bytes).unwrap(), list);
        let golden = b"\x03\x01w\x01l\x01s\x01\x01\x00\x01\x07\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00";
        assert_eq!(bytes, golden, "format 3 stays as it is");
        let old = b"\x02\x01w\x01l\x01s\x01\x01\x00\x01\x07\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00";
        assert_eq!(ListRecord::decode(old).unwrap(), list, "format 2 is still read");
        let old = b"\x01\x01w\x01l\x01s\x01\x01\x00\x01\x07\x00\x00\x00\x00\x00\x00\x01\x00";
        assert_eq!(ListRecord::decode(old).unwrap(), list, "format 1 is still read");
    }
}
