//! What is done in each step of a connection's life. Each may be done twice.

use super::live::Live;
use super::{Connections, Place};
use crate::control::{ConnectionRecord, ControlError, Step};
use crate::sync::Whose;
use kit::backoff::{Backoff, random};
use kit::failure::Failure;
use kit::install::Install;
use model::{Command, OrderPolicy, Source, SourceKind};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Tries to take back what was registered, before a connection goes without it.
const UNREGISTER_TRIES: u32 = 4;
/// Waits between them.
const UNREGISTER_BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(10) };
/// People of one page of a withdrawal.
const WITHDRAW_PAGE: usize = 200;

fn unkept(why: ControlError) -> Failure {
    Failure::retry(why.to_string(), None)
}

fn install(live: &Live) -> Result<&'static dyn Install, Failure> {
    live.connector.install.ok_or_else(|| Failure::Refused("the connector has no install role".to_owned()))
}

impl Connections {
    fn go_on(&self, live: &Live, from: Step, to: Step) -> Result<(), Failure> {
        let moved = live.edit(self, |record| {
            // Somebody may have disconnected it meanwhile.
            if record.step == from {
                (record.step, record.failure) = (to, None);
            }
            Ok(())
        });
        moved.map_err(unkept)
    }

    /// Looks who the token is for.
    pub(super) async fn identify(&self, live: &Live) -> Result<(), Failure> {
        let scopes = live.tokens.scopes().map_err(unkept)?;
        let found = install(live)?.identify(&live.connection(), scopes.as_deref()).await?;
        let record = live.record();
        if !record.account.is_empty() && record.account != found.account {
            let why = format!("the token is for {}, not for {}", found.account, record.account);
            live.tokens.disown(&why).await.map_err(unkept)?;
            return Err(Failure::NeedsAuthorization(why));
        }
        if let Some(other) = self.same_account(&record, &found.account) {
            return Err(Failure::Refused(format!("{} is connected already, as {}", found.account, other.id)));
        }
        let known = |record: &mut ConnectionRecord| {
            record.account = found.account;
            record.name = found.name;
            record.details = found.details;
            record.scopes = found.scopes;
            record.missing = found.missing;
            if record.step == Step::Identifying {
                (record.step, record.failure) = (Step::Announcing, None);
            }
            Ok(())
        };
        live.edit(self, known).map_err(unkept)?;
        self.authorization_found(&(record.workspace(), record.source()));
        Ok(())
    }

    /// Another connection of the workspace to the same account.
    pub(super) fn same_account(&self, record: &ConnectionRecord, account: &str) -> Option<ConnectionRecord> {
        let others = self.of_account(&record.connector, account).into_iter();
        let mut others = others.filter(|other| other.workspace == record.workspace && other.id != record.id);
        others.find(|other| self.still_counts(other))
    }

    /// The workspace gets the source before anything can come from it.
    pub(super) async fn announce(&self, live: &Live) -> Result<(), Failure> {
        let record = live.record();
        let source = Source { id: record.source(), kind: SourceKind::Platform, orders: OrderPolicy::Count };
        let accepted = self.core.submit(&record.workspace(), vec![Command::SourcePut(source)]).await;
        let accepted = accepted.map_err(|why| Failure::retry(why.to_string(), None))?;
        let applied = self.core.applied(&record.workspace(), accepted.position).await;
        applied.map_err(|why| Failure::retry(why.to_string(), None))?;
        let known = live.edit(self, |record| {
            record.announced = true;
            Ok(())
        });
        known.map_err(unkept)?;
        self.go_on(live, Step::Announcing, Step::Registering)
    }

    /// Brings what the platform is to send to what it should be.
    pub(super) async fn register(&self, live: &Live) -> Result<(), Failure> {
        let registered = install(live)?.register(&live.connection()).await?;
        self.keep_registered(live, &registered)?;
        self.go_on(live, Step::Registering, Step::Running)
    }

    /// Keeps what a registration brought.
    pub(super) fn keep_registered(&self, live: &Live, registered: &kit::install::Registered) -> Result<(), Failure> {
        let Some(secret) = &registered.hook_secret else { return Ok(()) };
        live.edit(self, |record| self.control.set_hook_secret(record, secret)).map_err(unkept)
    }

    /// Takes back what was registered as far as the platform lets us, then forgets the tokens.
    pub(super) async fn disconnect(self: &Arc<Self>, live: &Live) -> Result<(), Failure> {
        let record = live.record();
        let place: Place = (record.workspace(), record.source());
        self.reading.end(&place).await?;
        self.sync.done_waiting(&place.0, &Whose::Workspace, place.1.as_str());
        let tries = if self.is_shared(live) { 0 } else { UNREGISTER_TRIES };
        for tried in 1..=tries {
            match install(live)?.unregister(&live.connection()).await {
                Err(Failure::Retry { after, .. }) if tried < UNREGISTER_TRIES => {
                    sleep(UNREGISTER_BACKOFF.wait(
                        tried,
                        after.map(|wait| wait.min(UNREGISTER_BACKOFF.longest)),
                        random(),
                    ))
                    .await;
                }
                Err(why) => {
                    tracing::warn!(connection = record.id, %why, "what is registered on the platform stays there");
                    break;
                }
                Ok(()) => break,
            }
        }
        live.tokens.forget().await.map_err(unkept)?;
        for kind in ["authorization", "connection"] {
            self.alerts.clear(kind, &record.id, Some(&record.workspace));
        }
        let to = if live.record().withdraw { Step::Withdrawing } else { Step::Disconnected };
        self.go_on(live, Step::Disconnecting, to)
    }

    /// Whether what is registered on the platform serves other workspaces, too: they are connected to the same account,
    /// and the app has one address for all.
    fn is_shared(&self, live: &Live) -> bool {
        let record = live.record();
        let by_app = live.connector.receive.is_some_and(|receive| receive.signed_by().is_of_app());
        let mut others = self.of_account(&record.connector, &record.account).into_iter();
        by_app
            && others.any(|other| other.is_live() && (&other.workspace, &other.id) != (&record.workspace, &record.id))
    }

    /// Takes out what the connection brought, person by person: what a list loses by it passes the brake first.
    pub(super) async fn withdraw(&self, live: &Live) -> Result<(), Failure> {
        let record = live.record();
        self.forget_exports(&record.workspace(), &record.source(), None).await?;
        super::reading::withdraw(self.core.as_ref(), &(record.workspace(), record.source()), WITHDRAW_PAGE).await?;
        self.go_on(live, Step::Withdrawing, Step::Disconnected)
    }

    /// Nothing is left of a connection whose facts are withdrawn.
    pub(super) fn forget(&self, live: &Live) {
        let record = live.record();
        if let Err(why) = self.control.delete_connection(&record) {
            tracing::error!(%why, "a connection can't be forgotten");
            return;
        }
        let place = (record.workspace(), record.source());
        self.live.write().unwrap_or_else(PoisonError::into_inner).remove(&place);
        if let Err(why) = self.reindex() {
            tracing::error!(%why, "connections can't be indexed");
        }
    }
}
