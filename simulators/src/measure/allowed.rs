//! What of a platform's allowance is to be used, and how often it may be exceeded.

/// Of so many calls fewer than one may be turned away.
const REJECTED_OF: u64 = 1_000;

/// What is asked of a measure; on a machine that is busy with other things it can't be all.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Wanted {
    /// Percent of what is allowed that are used at least.
    pub used_percent: f64,
    /// So many calls may be turned away by chance, however few there are.
    pub rejected: u64,
}

impl Wanted {
    /// On a machine that does nothing else.
    pub const STRICT: Wanted = Wanted { used_percent: 95.0, rejected: 0 };

    /// An error if too little of what is allowed was used.
    pub(super) fn judge_use(&self, percent: f64) -> Result<(), String> {
        match percent >= self.used_percent {
            true => Ok(()),
            false => Err(format!("{percent:.1} % of what is allowed, not {} %", self.used_percent)),
        }
    }

    /// An error if too many calls were turned away.
    pub(super) fn judge_rejections(&self, through: u64, rejected: u64) -> Result<(), String> {
        match rejected <= self.rejected || rejected * REJECTED_OF < through {
            true => Ok(()),
            false => Err(format!("{rejected} of {through} calls were turned away")),
        }
    }
}
