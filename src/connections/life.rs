//! The life of a connection: one step after the other, tried again as long as it makes sense.

use super::Connections;
use super::live::Live;
use crate::control::Step;
use kit::backoff::{Backoff, random};
use kit::failure::Failure;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Failures in a row that only time can mend before the operator is told.
const FAILURES_ALERT: u32 = 5;
/// What an alert about a connection that does not go on asks for.
const TO_DO: &str = "see `segmentd connection show`; when it is mended, `segmentd connection retry`";
/// A token that nobody asks for is looked at so often.
const FRESH_LOOK: Duration = Duration::from_secs(60);
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(300) };

/// What comes after a step.
enum Next {
    /// The next step, at once.
    Go,
    /// The same again after a while.
    After(Duration),
    /// The same again when somebody says so.
    WhenWoken,
}

impl Connections {
    /// Begins a connection's life, or wakes it. Lists wait from now on if its past is not read yet.
    pub(super) fn begin_life(self: &Arc<Self>, live: &Arc<Live>) {
        self.reading.hold(self, live);
        if !live.begin() {
            live.wake.notify_one();
            return;
        }
        let (connections, live, stop) = (Arc::clone(self), Arc::clone(live), self.stop.clone());
        drop(self.tasks.spawn(async move {
            tokio::select! {
                () = connections.live_through(&live) => {}
                () = stop.cancelled() => {}
            }
        }));
    }

    /// Lives until there is nothing more to do.
    async fn live_through(self: &Arc<Self>, live: &Arc<Live>) {
        let mut failures = 0;
        loop {
            let record = live.record();
            let step = record.step;
            if step == Step::Disconnected && record.withdraw {
                return self.forget(live);
            }
            if matches!(step, Step::Authorizing | Step::Disconnected) && live.end(|| live.record().step != step) {
                return;
            }
            let done = self.step(live, step).await;
            match self.judge(live, step, done, &mut failures) {
                Next::Go => {}
                Next::After(wait) => drop(timeout(wait, live.wake.notified()).await),
                Next::WhenWoken => live.wake.notified().await,
            }
        }
    }

    async fn step(self: &Arc<Self>, live: &Arc<Live>, step: Step) -> Result<(), Failure> {
        match step {
            Step::Authorizing | Step::Disconnected => Ok(()),
            Step::Identifying => self.identify(live).await,
            Step::Announcing => self.announce(live).await,
            Step::Registering => self.register(live).await,
            Step::Running => self.run(live).await,
            Step::Disconnecting => self.disconnect(live).await,
            Step::Withdrawing => self.withdraw(live).await,
        }
    }

    /// Reads while it is connected; keeps its token alive.
    async fn run(self: &Arc<Self>, live: &Arc<Live>) -> Result<(), Failure> {
        self.reading.start(self, live).await?;
        loop {
            let woken = timeout(FRESH_LOOK, live.wake.notified()).await.is_ok();
            if live.record().step != Step::Running {
                return Ok(());
            }
            if woken {
                self.reading.start(self, live).await?;
            }
            if let Err(why) = live.tokens.keep_fresh().await {
                tracing::warn!(connection = %live.record().id, %why, "a token can't be refreshed");
            }
        }
    }

    fn judge(&self, live: &Live, step: Step, done: Result<(), Failure>, failures: &mut u32) -> Next {
        let record = live.record();
        let failure = match done {
            Ok(()) => {
                *failures = 0;
                self.note(live, None);
                self.alerts.clear("connection", &record.id, Some(&record.workspace));
                return Next::Go;
            }
            Err(failure) => failure,
        };
        *failures = failures.saturating_add(1);
        let why = failure.to_string();
        tracing::warn!(workspace = record.workspace, connection = record.id, ?step, why, "a connection does not go on");
        self.note(live, Some(&why));
        let lasts = !matches!(failure, Failure::Retry { .. } | Failure::NeedsAuthorization(_));
        if lasts || *failures >= FAILURES_ALERT {
            self.alerts.raise("connection", &record.id, Some(&record.workspace), &why, TO_DO);
        }
        match failure {
            Failure::Retry { after, .. } => Next::After(BACKOFF.wait(*failures, after, random())),
            Failure::PlatformChanged(_) | Failure::Blocked(_) => Next::After(BACKOFF.wait(*failures, None, random())),
            Failure::NeedsAuthorization(why) => {
                self.authorization_lost(&(record.workspace(), record.source()), &why);
                Next::WhenWoken
            }
            Failure::Refused(_) | Failure::Gone(_) => Next::WhenWoken,
        }
    }

    fn note(&self, live: &Live, failure: Option<&str>) {
        let noted = live.edit(self, |record| {
            record.failure = failure.map(str::to_owned);
            Ok(())
        });
        if let Err(why) = noted {
            tracing::error!(%why, "a connection's state can't be kept");
        }
    }
}
