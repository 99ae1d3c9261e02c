//! Faults that the receiver plays.

use serde::{Deserialize, Serialize};

/// What goes wrong, from now on.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Percent of requests that get 500 and are not applied.
    pub fail_percent: u32,
    /// Percent of requests that are applied but get 500: the answer is lost.
    pub lose_answer_percent: u32,
    /// Percent of requests whose connection is closed without an answer, half of them applied.
    pub hang_up_percent: u32,
    /// Every request gets this status and is not applied: 429, 503, 410, 301; 0 for none.
    pub status: u16,
    /// `Retry-After` beside that status, seconds; 0 for none.
    pub retry_after_s: u64,
    /// Every request waits this long, milliseconds.
    pub slow_ms: u64,
    /// Requests never get an answer.
    pub silent: bool,
}

/// What happens to one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// Applied and answered.
    Fine,
    /// This status, not applied.
    Status(u16),
    /// Applied, and 500.
    AnswerLost,
    /// The connection is closed; applied or not.
    HangUp { applied: bool },
    /// Never answered.
    Silent,
}

impl Faults {
    /// Draws the fate of a request; `random` is any number.
    pub(super) fn fate(&self, random: u64) -> Fate {
        if self.silent {
            return Fate::Silent;
        }
        if self.status != 0 {
            return Fate::Status(self.status);
        }
        let (percent, coin) = ((random % 100) as u32, (random / 100).is_multiple_of(2));
        if percent < self.fail_percent {
            Fate::Status(500)
        } else if percent < self.fail_percent + self.lose_answer_percent {
            Fate::AnswerLost
        } else if percent < self.fail_percent + self.lose_answer_percent + self.hang_up_percent {
            Fate::HangUp { applied: coin }
        } else {
            Fate::Fine
        }
    }
}

/// A small random number generator that replays from its seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
