//! What the battery finds wrong with a connector.

use std::fmt;

/// What is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Check {
    /// A delivery that is signed right is taken, also with a secret that is being replaced.
    SignatureAccepted,
    /// A delivery signed with another key, or not at all, is refused.
    WrongKey,
    /// One byte of the body or of the signature is another: refused.
    ChangedByte,
    /// The right signature in another spelling (hex for base64, upper case, without padding): refused.
    OtherSpelling,
    /// A delivery that is too old, or of the future, is refused where the signature carries a time.
    Replay,
    /// What nobody signed is no fact: it only points at what is to be read.
    Unsigned,
    /// The same delivery again says the same under the same ids, whenever it comes.
    Duplicate,
    /// Of two deliveries in the wrong order the older one stays the older one.
    Reordered,
    /// A delivery that is cut off or no JSON is told as unreadable, and says nothing.
    TruncatedDelivery,
    /// Fields that nobody knew change nothing.
    UnknownFields,
    /// A field that is missing never makes an event of nobody, or a crash.
    MissingFields,
    /// Numbers written as text say the same, or are told as unreadable.
    NumbersAsText,
    /// Every page is read to the end while the data change underneath.
    Pages,
    /// 429 is tried again.
    TooManyRequests,
    /// 429 with `Retry-After` is tried again after that wait.
    RetryAfter,
    /// 5xx is tried again.
    ServerError,
    /// A connection that is lost before or after the platform did the work is tried again, and the work done once.
    LostConnection,
    /// A platform that never answers is given up after a while, and tried again.
    Timeout,
    /// An answer that is cut off is not taken for a whole one.
    TruncatedAnswer,
    /// An answer without end is not read without end.
    OversizedAnswer,
    /// A token that is refused is replaced, and the call made again with the new one.
    ExpiredToken,
    /// A token that can't be replaced is told as such.
    RevokedToken,
    /// Many calls with a token that ran out: one refresh, and all of them go on with what it gave.
    ConcurrentRefresh,
    /// A refresh tells apart what may work later from what only the merchant can help.
    Refresh,
    /// Of a batch exactly those are refused that the platform refused.
    PartialFailure,
    /// The double and the samples themselves are as the battery needs them.
    Setup,
}

/// Something wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// What found it.
    pub check: Check,
    /// The sample or the task, and what was done to it.
    pub case: String,
    /// What was expected and what came.
    pub why: String,
}

/// Everything that was found. Its `Debug` is made to be read: a test returns it as its error.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// In the order in which they were found.
    pub all: Vec<Finding>,
}

impl Findings {
    /// Adds one.
    pub fn add(&mut self, check: Check, case: impl Into<String>, why: impl Into<String>) {
        self.all.push(Finding { check, case: case.into(), why: why.into() });
    }

    /// Adds one unless something holds.
    pub fn unless(&mut self, holds: bool, check: Check, case: &str, why: impl FnOnce() -> String) {
        if !holds {
            self.add(check, case, why());
        }
    }

    /// Whether one of the check is among them.
    pub fn has(&self, check: Check) -> bool {
        self.all.iter().any(|finding| finding.check == check)
    }
}

impl fmt::Debug for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} found", self.all.len())?;
        self.all.iter().try_for_each(|one| writeln!(f, "  {:?}: {}: {}", one.check, one.case, one.why))
    }
}
