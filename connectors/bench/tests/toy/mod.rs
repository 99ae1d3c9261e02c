//! A small platform and its connector, in which one fault at a time can be planted.

pub mod connector;
pub mod platform;

/// A fault of a connector.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Planted {
    Nothing,
    TakesAnyKey,
    VerifiesTrimmedBody,
    TakesAnySpelling,
    ForgetsTheAge,
    BelievesTheUnsigned,
    IdOfTheClock,
    TimeOfReceipt,
    MakesUpForRubbish,
    RefusesTheUnknown,
    EventOfNobody,
    ZeroForText,
    StopsAtAnyStatus,
    LosesTheWait,
    GivesUpAt5xx,
    StopsWhenLost,
    WaitsForEver,
    TakesHalfAnAnswer,
    ReadsWithoutEnd,
    KeepsTheToken,
    CallsRevokedTemporary,
    PagesByOffset,
    HidesRefusals,
    BlamesTheMerchant,
}
