//! What the service manager is told: ready, alive, reloading, stopping.

use sd_notify::NotifyState;
use std::time::Duration;

fn tell(states: &[NotifyState<'_>]) {
    if let Err(why) = sd_notify::notify(states) {
        tracing::warn!(%why, "the service manager was not told");
    }
}

/// Ready to serve.
pub fn ready() {
    tell(&[NotifyState::Ready]);
}

/// About to stop.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Alive: called only after a shard has answered.
pub fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often the service manager wants to hear that we are alive, halved; `None` when it does not ask.
pub fn watchdog_interval() -> Option<Duration> {
    let micros: u64 = std::env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    Some(Duration::from_micros(micros / 2)).filter(|interval| !interval.is_zero())
}
