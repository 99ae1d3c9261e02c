//! What the battery does to a call on its way.

use crate::finding::Check;
use kit::failure::Failure;
use std::time::Duration;

/// What happens to one call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// 429, without a word for how long.
    TooMany,
    /// 429 with `Retry-After` in seconds.
    TooManyFor(u64),
    /// A status with a page instead of JSON.
    Status(u16),
    /// The connection ends before the platform gets the call.
    LostBefore,
    /// The platform does it, and the connection ends before the answer.
    LostAfter,
    /// The platform does it, and the connection ends amid the answer.
    EndsAmid,
    /// The platform does it, and half of the answer comes as if it were all.
    Half,
    /// The answer never ends.
    Endless,
    /// No answer, ever.
    Hangs,
    /// The token is refused.
    Unauthorized,
}

/// Those that are tried at a call, with the check that they belong to. `Hangs` needs a clock that can be stopped.
pub const FAULTS: &[(Fault, Check)] = &[
    (Fault::TooMany, Check::TooManyRequests),
    (Fault::TooManyFor(1), Check::RetryAfter),
    (Fault::Status(500), Check::ServerError),
    (Fault::Status(502), Check::ServerError),
    (Fault::Status(503), Check::ServerError),
    (Fault::LostBefore, Check::LostConnection),
    (Fault::LostAfter, Check::LostConnection),
    (Fault::EndsAmid, Check::TruncatedAnswer),
    (Fault::Half, Check::TruncatedAnswer),
    (Fault::Endless, Check::OversizedAnswer),
    (Fault::Hangs, Check::Timeout),
    (Fault::Unauthorized, Check::ExpiredToken),
];

/// Whether a task that met a fault may end like this; else what was expected.
pub fn may_fail(fault: Fault, failure: &Failure) -> Result<(), String> {
    let retries = matches!(failure, Failure::Retry { .. });
    let told = retries || matches!(failure, Failure::PlatformChanged(_));
    let (fine, expected) = match fault {
        Fault::TooManyFor(seconds) => {
            let waits = |after: &Option<Duration>| after.is_some_and(|wait| wait >= Duration::from_secs(seconds));
            let fine = matches!(failure, Failure::Retry { after, .. } if waits(after));
            (fine, "to be tried again after the wait that was asked for")
        }
        Fault::TooMany | Fault::Status(_) | Fault::LostBefore | Fault::LostAfter | Fault::Hangs => {
            (retries, "to be tried again")
        }
        Fault::EndsAmid | Fault::Half => (told, "to be tried again, or told as an answer that is not understood"),
        Fault::Endless => {
            (told || matches!(failure, Failure::Refused(_)), "to be told as an answer that is not understood")
        }
        Fault::Unauthorized => (false, "to be done with the new token"),
    };
    if fine { Ok(()) } else { Err(format!("expected {expected}, but: {failure}")) }
}
