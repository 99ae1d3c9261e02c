//! What is known of records before their turn: their keys, which anybody may work out, and a look at the people whom
//! they name, so that memory brings several of them at once instead of one after the other.

use super::Workspace;
use crate::storage::{MessageKey, PersonNo, Storage};
use model::{Command, Event, IdentityKey, Record};
use smallvec::SmallVec;

/// Records that are looked at together. What is brought must not be pushed out by what comes behind it.
pub const AHEAD: usize = 32;

/// The keys of an event: hashes, which cost as much as all look-ups by them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Keys {
    /// Of the message.
    pub(super) message: MessageKey,
    /// Of its identities, in their order.
    pub(super) identities: SmallVec<[IdentityKey; 2]>,
}

impl Keys {
    /// Of an event.
    pub fn of(event: &Event) -> Keys {
        Keys {
            message: MessageKey::new(event.source.as_str(), &event.message_id),
            identities: event.identities.iter().map(model::Identity::key).collect(),
        }
    }

    /// Of a record, if it is an event.
    pub fn of_record(record: &Record) -> Option<Keys> {
        match &record.command {
            Command::Event(event) => Some(Keys::of(event)),
            _ => None,
        }
    }
}

impl<S: Storage> Workspace<S> {
    /// Looks at the people of some events that are to be applied next, and changes nothing: each look waits for memory,
    /// and those of different people wait together.
    pub fn look_ahead<'a>(&self, keys: impl Iterator<Item = &'a Keys>) {
        let mut seen = 0;
        let mut people: SmallVec<[PersonNo; AHEAD]> = SmallVec::new();
        for keys in keys {
            people.extend(keys.identities.iter().filter_map(|key| self.people.known(key)));
            seen += usize::from(self.people.messages.get(&keys.message).is_some());
        }
        let touched = people.iter().map(|no| (self.timers.instant(*no) & 1) as usize);
        seen += touched.sum::<usize>() + self.people.touch(&people);
        std::hint::black_box(seen);
    }
}
