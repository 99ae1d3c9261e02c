//! What the workers ask of the rest of the daemon.

use kit::failure::Failure;
use kit::install::Registered;
use model::{Identity, SourceId, WorkspaceId};
use std::sync::Arc;

/// Lists of a workspace wait while one of its connections reads its past.
pub trait Holds: Send + Sync {
    /// All lists of the workspace wait, also those that are defined later, until the release. Called again at
    /// every start, before lists run; twice means the same as once. Must not block.
    fn hold(&self, workspace: &WorkspaceId, source: &SourceId, why: &str);

    /// This connection holds them no more. Comes also without a hold before it. Must not block.
    fn release(&self, workspace: &WorkspaceId, source: &SourceId);
}

/// Whoever keeps connections and their secrets.
#[async_trait::async_trait]
pub trait Keeper: Send + Sync {
    /// The platform accepts the connection no more: its worker has ended until it is started anew. Must not block.
    fn needs_authorization(&self, workspace: &WorkspaceId, source: &SourceId, why: &str);

    /// What the platform has registered was looked at. A new `hook_secret` in it has to be kept durably: an error
    /// lets the registration be made again.
    async fn registered(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        registered: &Registered,
    ) -> Result<(), Failure>;
}

/// Hands everything known of a person to the merchant.
#[async_trait::async_trait]
pub trait Exports: Send + Sync {
    /// Returns when the export is where the merchant finds it. Made again after a crash with the same
    /// `reference`, which must come to the same.
    async fn export(
        &self,
        workspace: &WorkspaceId,
        source: &SourceId,
        identities: &[Identity],
        reference: &str,
    ) -> Result<(), Failure>;

    /// What was exported of people who are erased goes, too.
    async fn forget(&self, workspace: &WorkspaceId, source: &SourceId, identities: &[Identity]) -> Result<(), Failure>;
}

/// Erases what came from a whole account.
#[async_trait::async_trait]
pub trait Accounts: Send + Sync {
    /// Makes sure that the account is really gone, for a delivery's header alone is no proof, and erases all
    /// that came from it. Returns when that is done or was found to be wrong; made again after a crash.
    async fn redact_account(&self, workspace: &WorkspaceId, source: &SourceId) -> Result<(), Failure>;
}

/// All of them. Clones share them.
#[derive(Clone)]
pub struct Callbacks {
    /// Holds lists.
    pub holds: Arc<dyn Holds>,
    /// Keeps connections.
    pub keeper: Arc<dyn Keeper>,
    /// Exports.
    pub exports: Arc<dyn Exports>,
    /// Erases accounts.
    pub accounts: Arc<dyn Accounts>,
}
