//! What is kept of one identifier on one list.

use crate::store::db::StoreError;
use engine::effect::Cause;
use model::Time;
use serde::{Deserialize, Serialize};

const FORMAT: u8 = 1;

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
}

/// One identifier on one list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Member {
    /// People for whose sake it should be a member.
    pub(super) people: Vec<String>,
    /// Sequence of the newest change.
    pub(super) sequence: u64,
    /// When the newest change became true.
    pub(super) at: Time,
    /// Why.
    pub(super) cause: u8,
    /// What the destination holds.
    pub(super) confirmed: Confirmed,
    /// The person last named to the destination.
    pub(super) person: String,
    /// The destination's reason for refusing what is desired now.
    pub(super) refusal: Option<String>,
}

impl Member {
    /// Whether it should be a member.
    pub(super) fn desired(&self) -> bool {
        !self.people.is_empty()
    }

    /// What is to be sent: to add (`true`), to remove, or nothing.
    pub(super) fn work(&self, removes: bool) -> Option<bool> {
        if self.refusal.is_some() {
            return None;
        }
        match (self.desired(), self.confirmed) {
            (true, Confirmed::In) | (false, Confirmed::Out) => None,
            (true, _) => Some(true),
            (false, _) => removes.then_some(false),
        }
    }

    /// Takes a change in. Returns false for one that is not newer than what is known.
    pub(super) fn take(&mut self, person: &str, member: bool, (sequence, at, cause): (u64, Time, Cause)) -> bool {
        if sequence <= self.sequence {
            return false;
        }
        self.people.retain(|known| known != person);
        if member {
            self.people.push(person.to_owned());
            self.people.sort();
        }
        (self.sequence, self.at, self.cause) = (sequence, at, cause as u8);
        self.refusal = None;
        true
    }

    pub(super) fn cause_text(&self) -> &'static str {
        const CAUSES: [(Cause, &str); 6] = [
            (Cause::Event, "event"),
            (Cause::Time, "time"),
            (Cause::Edit, "edit"),
            (Cause::Merge, "merge"),
            (Cause::Consent, "consent"),
            (Cause::Erasure, "erasure"),
        ];
        CAUSES.iter().find(|(cause, _)| *cause as u8 == self.cause).map_or("event", |(_, text)| text)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, StoreError> {
        postcard::to_extend(self, vec![FORMAT]).map_err(|why| unreadable(&why.to_string()))
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Member, StoreError> {
        let Some((&FORMAT, rest)) = bytes.split_first() else { return Err(unreadable("written by another version")) };
        match postcard::take_from_bytes(rest) {
            Ok((member, [])) => Ok(member),
            Ok(_) => Err(unreadable("bytes are left over")),
            Err(why) => Err(unreadable(&why.to_string())),
        }
    }
}

fn unreadable(why: &str) -> StoreError {
    StoreError::Unreadable { what: "list member", why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(member: &mut Member, person: &str, is: bool, sequence: u64) -> bool {
        member.take(person, is, (sequence, Time(sequence as i64), Cause::Event))
    }

    #[test]
    fn an_address_stays_while_anybody_wants_it() {
        let mut member = Member::default();
        assert!(change(&mut member, "p_1", true, 1));
        assert!(change(&mut member, "p_2", true, 2));
        assert!(change(&mut member, "p_1", false, 3));
        assert!(member.desired());
        assert!(change(&mut member, "p_2", false, 4));
        assert!(!member.desired());
        assert_eq!(member.work(true), None);
    }

    #[test]
    fn an_old_change_is_ignored() {
        let mut member = Member::default();
        change(&mut member, "p_1", true, 5);
        assert!(!change(&mut member, "p_1", false, 5));
        assert!(member.desired());
    }

    #[test]
    fn what_is_written_is_read_back_and_other_formats_are_refused() {
        let mut member = Member::default();
        change(&mut member, "p_1", true, 5);
        let bytes = member.encode().unwrap();
        assert_eq!(Member::decode(&bytes).unwrap(), member);
        assert!(Member::decode(&[9, 1, 2]).is_err());
        assert!(Member::decode(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}
