//! Short links: `GET /l/CODE` leads to the one address that the link was made with, and a click
//! becomes a `Link Clicked` event of the link's subscriber.

mod click;
mod queue;
mod records;
pub mod routes;
mod spool;
mod store;
mod target;

pub use queue::{ClickQueue, ClickWorker};
pub use routes::{LinkState, router};
pub use store::LinkStore;
pub use target::TARGET_BYTES_MAX;

use crate::store::db::StoreError;
use model::{Identity, Time, WorkspaceId};

/// Letters of a code: 62 to the 8th, so that codes can't be guessed in bulk.
pub const CODE_CHARS: usize = 8;
/// Links made in one call.
pub const BULK_LINKS_MAX: usize = 10_000;
/// Bytes of a campaign's name.
pub const CAMPAIGN_BYTES_MAX: usize = 200;
/// The source of `Link Clicked` events in every workspace.
pub const SOURCE: &str = "links";

/// One short link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The last part of its address.
    pub code: String,
    /// Its workspace.
    pub workspace: WorkspaceId,
    /// The campaign it belongs to; may be empty.
    pub campaign: String,
    /// Where it leads, canonical.
    pub url: String,
    /// When it was made.
    pub created: Time,
    /// Who it was made for. Clicks on a link without one are counted on the link alone.
    pub subscriber: Option<Identity>,
}

/// A link to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewLink {
    /// Where it leads: http or https.
    pub url: String,
    /// The campaign it belongs to; may be empty.
    pub campaign: String,
    /// Who it is for.
    pub subscriber: Option<Identity>,
}

/// How often a link was clicked. Behind by up to a few seconds, and after a crash by what was not
/// yet written; the events are the exact record.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Clicks {
    /// By people.
    pub counted: u64,
    /// By previews, crawlers and programs.
    pub bots: u64,
}

/// Why a link could not be made or found.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The address is not one that a link may lead to.
    #[error("a link can't lead there: {why}")]
    Target {
        /// What is wrong with it.
        why: String,
    },
    /// The campaign's name can't be used.
    #[error("the campaign's name must have at most {CAMPAIGN_BYTES_MAX} bytes and no control characters")]
    Campaign,
    /// The subscriber is no usable identity.
    #[error("the subscriber must be an identity of at most 512 bytes with a value")]
    Subscriber,
    /// Too many at once.
    #[error("at most {BULK_LINKS_MAX} links can be made at once, not {given}")]
    TooMany {
        /// How many were asked for.
        given: usize,
    },
    /// There is no randomness for a code.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
