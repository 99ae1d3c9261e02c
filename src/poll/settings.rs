//! How connections are read.

use kit::backoff::Backoff;
use std::time::Duration;

/// Settings of all connections.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PollSettings {
    /// When streams are polled: a cron expression, seconds first, UTC.
    pub schedule: String,
    /// When it is checked what the platform has registered: a cron expression, seconds first, UTC.
    pub register_schedule: String,
    /// Waits between tries.
    pub backoff: Backoff,
    /// How long pointers are collected before they are fetched.
    pub collapse: Duration,
    /// A backfill that has brought nothing for so long is cut and begun again from its last cursor. A platform
    /// may prepare a large file for hours before its first line comes.
    pub backfill_silence_max: Duration,
    /// The same for a poll.
    pub poll_silence_max: Duration,
    /// A fetch, or a look at what is registered, may take this long.
    pub fetch_max: Duration,
    /// Versions up to so long after the backfill's end tell nothing of how complete deliveries are: they only
    /// begin about then.
    pub settle: Duration,
    /// Cursors of a call that goes on are made durable this often: after a crash so much is read again.
    pub flush_every: Duration,
    /// Pointers of one connection that wait at most.
    pub pointers_max: usize,
}

impl Default for PollSettings {
    fn default() -> PollSettings {
        PollSettings {
            schedule: "0 */5 * * * *".to_owned(),
            register_schedule: "17 23 * * * *".to_owned(),
            backoff: Backoff::default(),
            collapse: Duration::from_millis(200),
            backfill_silence_max: Duration::from_secs(6 * 3600),
            poll_silence_max: Duration::from_secs(1800),
            fetch_max: Duration::from_secs(300),
            settle: Duration::from_secs(600),
            flush_every: Duration::from_secs(1),
            pointers_max: 100_000,
        }
    }
}
