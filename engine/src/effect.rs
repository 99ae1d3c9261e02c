//! What applying a record asks of the outside world.

use model::{ListDefinition, ListId, SegmentId, Time};

/// Why a membership changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// An event, late or not.
    Event,
    /// Time alone.
    Time,
    /// A definition was created, edited or deleted.
    Edit,
    /// Two profiles turned out to be one person, or one to be two.
    Merge,
    /// Consent changed.
    Consent,
    /// A person or part of their data was erased.
    Erasure,
    /// The source that told of a person was withdrawn.
    Redact,
}

/// One entry into or exit from a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// The segment.
    pub segment: SegmentId,
    /// The version of its definition.
    pub version: u32,
    /// The person's stable id.
    pub person: String,
    /// True for an entry, false for an exit.
    pub entered: bool,
    /// When it became true.
    pub at: Time,
    /// When the shard found it: the record's time.
    pub found: Time,
    /// Why.
    pub cause: Cause,
    /// Position of the record that brought it.
    pub position: u64,
}

/// Somebody came to be a person, or ceased to be one: an entry into, or an exit from, each version that holds of
/// everybody ([`crate::given::Given`]), but for some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// The person's stable id.
    pub person: String,
    /// True for one who came, false for one who went.
    pub came: bool,
    /// When it became true.
    pub at: Time,
    /// When the shard found it: the record's time.
    pub found: Time,
    /// Why.
    pub cause: Cause,
    /// Position of the record that brought it.
    pub position: u64,
    /// Numbers of the versions that are told of apart, in order.
    pub but: Vec<u32>,
}

/// What a list should hold of one identifier from now on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Desired {
    /// The list.
    pub list: ListId,
    /// The destination's identifier: address, number, user id or person id.
    pub identifier: String,
    /// The person behind it.
    pub person: String,
    /// Whether the list should hold it.
    pub member: bool,
    /// Grows with every change of this identifier on this list.
    pub sequence: u64,
    /// When it became true.
    pub at: Time,
    /// Why.
    pub cause: Cause,
}

/// An effect, in the order in which it came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// A person entered or left a segment.
    Transition(Transition),
    /// A person came or went.
    Presence(Presence),
    /// A list's desired set changed.
    Desired(Desired),
    /// A list was created or changed; its `Desired` effects follow.
    ListDefined {
        /// The list as it is from now on.
        definition: ListDefinition,
        /// Counted with those of `Desired`, so that one that comes again is known for old.
        sequence: u64,
    },
    /// A list was unlinked.
    ListRemoved {
        /// The list.
        list: ListId,
        /// Whether its members are to be removed there first.
        empty: bool,
        /// Counted with those of `Desired`: that of every removal that follows from it.
        sequence: u64,
    },
}
