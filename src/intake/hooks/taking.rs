//! From a delivery to what is durable: find whom it is for, verify, read, keep, in this order.

use super::seen::{Key, Seen};
use super::{HookState, Outcome};
use crate::control::rotation;
use crate::poll::{InboxError, Scope, Target};
use crate::shard::api::SubmitError;
use kit::connector::Connector;
use kit::receive::{Delivery, Facts, Receive, Received, Receiver, Rejection, Request, SignedBy};
use model::{Command, Time};
use secrecy::SecretString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Seconds after which another try makes sense when the store is full or fails.
const STORE_RETRY_S: u32 = 5;
/// Seconds after which a sender tries again while the daemon restarts.
const STOPPING_RETRY_S: u32 = 2;
/// Connections to one account that a delivery goes to at most.
const TARGETS_MAX: usize = 100;
/// Accounts that one delivery tells of at most.
const ACCOUNTS_MAX: usize = 1_000;

/// A delivery that is being taken in.
pub(super) struct Taking<'a> {
    pub(super) state: &'a HookState,
    pub(super) seen: &'a Seen,
    pub(super) connector: &'static Connector,
    pub(super) receive: &'static dyn Receive,
    pub(super) delivery: Delivery<'a>,
}

impl Taking<'_> {
    pub(super) async fn run(&self, token: Option<&str>) -> Outcome {
        let targets = match self.targets(token) {
            Ok(targets) => targets,
            Err(outcome) => return outcome,
        };
        let received = self.state.clock.now();
        // One that fails makes the platform send again; those that took it know it then.
        let mut worst = Outcome::Disconnected;
        for target in targets {
            let outcome = self.take(&target, received).await;
            if weight(outcome) > weight(worst) {
                worst = outcome;
            }
        }
        worst
    }

    /// The connections that a delivery is for, those alone whose secrets fit.
    fn targets(&self, token: Option<&str>) -> Result<Vec<Arc<Target>>, Outcome> {
        let (connections, name) = (&self.state.connections, self.connector.name);
        let unsigned = self.receive.signed_by() == SignedBy::Nobody;
        if unsigned && !token.is_some_and(|token| connections.is_app_token(name, token)) {
            return Err(Outcome::UnknownAddress);
        }
        let found = match token.filter(|_| !unsigned) {
            Some(token) => vec![connections.by_token(name, token).ok_or(Outcome::UnknownAddress)?],
            None => {
                let accounts = self.receive.accounts(&self.delivery).into_iter().take(ACCOUNTS_MAX);
                let of = |account: String| {
                    let mut found = connections.by_account(name, &account);
                    found.truncate(TARGETS_MAX);
                    found
                };
                accounts.flat_map(of).collect()
            }
        };
        if found.is_empty() {
            self.verify(&connections.app_secrets(name), false)?;
            return Err(Outcome::UnknownAccount);
        }
        // Only an address of its own is itself a secret.
        let bare = token.is_some() && self.receive.signed_by() == SignedBy::Connection;
        let (mut fitting, mut refused) = (Vec::new(), Outcome::BadSignature);
        for target in found {
            match self.verify(&target.secrets, bare) {
                Ok(()) => fitting.push(target),
                Err(outcome) => refused = outcome,
            }
        }
        if fitting.is_empty() { Err(refused) } else { Ok(fitting) }
    }

    fn verify(&self, secrets: &[SecretString], bare: bool) -> Result<(), Outcome> {
        if self.receive.signed_by() == SignedBy::Nobody {
            // The address was the right one.
            return Ok(());
        }
        if secrets.is_empty() && !bare {
            return Err(Outcome::BadSignature);
        }
        // A platform signs by the real time, also where this daemon's clock is simulated.
        let now = rotation::now().0.div_euclid(1_000_000);
        match catch_unwind(AssertUnwindSafe(|| self.receive.verify(&self.delivery, secrets, now))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Rejection::Untrusted(_))) => Err(Outcome::Untrusted),
            Ok(Err(_)) | Err(_) => Err(Outcome::BadSignature),
        }
    }

    fn read(&self, target: &Target, received: Time) -> Result<Received, Rejection> {
        let receiver = Receiver {
            source: &target.source,
            account: &target.account,
            region: target.region.as_deref(),
            details: &target.details,
            settings: &target.settings,
            received,
        };
        let read = catch_unwind(AssertUnwindSafe(|| self.receive.read(&self.delivery, &receiver)));
        read.unwrap_or_else(|_| Err(Rejection::Unreadable("a bug: the connector panicked, see the log".to_owned())))
    }

    /// Takes a delivery in for one connection.
    async fn take(&self, target: &Target, received: Time) -> Outcome {
        let read = match self.read(target, received) {
            Ok(read) => read,
            Err(Rejection::Signature(_)) => return Outcome::BadSignature,
            Err(Rejection::Untrusted(_)) => return Outcome::Untrusted,
            Err(Rejection::Unreadable(_)) if !target.enabled => return Outcome::Disconnected,
            Err(Rejection::Unreadable(why)) => {
                self.keep_aside(target, &why, received);
                return Outcome::Unreadable;
            }
        };
        let scope = Scope::new(&target.workspace, &target.source);
        let id = read.delivery_id.as_deref().map(|id| Key::new(&scope, id));
        if id.as_ref().is_some_and(|id| self.seen.has(id)) {
            return Outcome::Duplicate;
        }
        match self.keep(target, &scope, read.facts, received).await {
            Ok(outcome) => {
                // Only now: one that was not taken has to be taken when it comes again.
                if let Some(id) = id {
                    self.seen.mark(id);
                }
                outcome
            }
            Err(outcome) => outcome,
        }
    }

    async fn keep(&self, target: &Target, scope: &Scope, facts: Facts, received: Time) -> Result<Outcome, Outcome> {
        let Facts { events, pointers, requests, versions } = facts;
        let erases = |request: &Request| !matches!(request, Request::Export { .. });
        if requests.iter().any(erases) {
            // What is kept aside may tell of whoever is to be forgotten.
            self.state.aside.forget(scope);
        }
        // Without a role that fetches they would wait for ever.
        let fetches = target.enabled && self.connector.poll.is_some();
        let pointers = if fetches { pointers } else { Vec::new() };
        let kept = self.state.inbox.keep(scope, &requests, &pointers, true, received).await;
        kept.map_err(|why| self.not_kept(target, &why, received))?;
        if !target.enabled {
            return Ok(if requests.is_empty() { Outcome::Disconnected } else { Outcome::Accepted });
        }
        if !events.is_empty() {
            let count = events.len() as u64;
            let commands = events.into_iter().map(|event| Command::Event(Box::new(event))).collect();
            self.state.core.submit(&scope.workspace, commands).await.map_err(|why| pushed_back(&why))?;
            self.state.metrics.add_events(count);
        }
        if let Err(why) = self.state.inbox.completeness().delivered(scope, &versions, received) {
            // A figure is no reason to have it sent again.
            tracing::warn!(%why, source = %scope.source, "what a delivery showed could not be noted");
        }
        Ok(Outcome::Accepted)
    }

    fn not_kept(&self, target: &Target, why: &InboxError, received: Time) -> Outcome {
        if matches!(why, InboxError::TooLong(_)) {
            self.keep_aside(target, &why.to_string(), received);
            return Outcome::Unreadable;
        }
        tracing::debug!(workspace = %target.workspace, source = %target.source, %why, "a delivery is pushed back");
        Outcome::PushedBack(STORE_RETRY_S)
    }

    fn keep_aside(&self, target: &Target, why: &str, received: Time) {
        let scope = Scope::new(&target.workspace, &target.source);
        let (workspace, source) = (&scope.workspace, &scope.source);
        tracing::debug!(%workspace, %source, why, bytes = self.delivery.body.len(), "a delivery can't be read");
        let what = format!("a delivery can't be read: {why}");
        let to_do = "look at what was kept aside, and for a newer version; polls bring what they can tell";
        self.state.alerts.raise("deliveries", source.as_str(), Some(workspace.as_str()), &what, to_do);
        self.state.aside.keep(scope, why, self.delivery.body, received);
    }
}

/// Which outcome tells the platform, when several connections take a delivery.
fn weight(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::PushedBack(_) => 6,
        Outcome::Accepted => 5,
        Outcome::Duplicate => 4,
        Outcome::Unreadable => 3,
        Outcome::Untrusted => 2,
        Outcome::BadSignature => 1,
        _ => 0,
    }
}

fn pushed_back(why: &SubmitError) -> Outcome {
    Outcome::PushedBack(match why {
        SubmitError::Overloaded { retry_after_s }
        | SubmitError::WorkspaceBusy { retry_after_s }
        | SubmitError::NotDurable { retry_after_s, .. } => *retry_after_s,
        SubmitError::Stopping => STOPPING_RETRY_S,
        SubmitError::UnknownWorkspace(_) => STORE_RETRY_S,
    })
}
