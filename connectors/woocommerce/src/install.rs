//! The role that connects a store: by its own key-granting page, or by a key that somebody made there.

mod grant;
mod identify;

use crate::{hooks, store};
use kit::failure::Failure;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, Posted, RefreshReuse, Registered, Way,
};
use kit::platform::{Connection, Platform};
use reqwest::Url;

/// The install role.
pub(crate) struct WooInstall;

#[async_trait::async_trait]
impl Install for WooInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::Grant, Way::ApiKey],
            account_first: true,
            scopes: &["read", "write"],
            // There is nothing to refresh: keys are good until the merchant takes them back.
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let expected = || Failure::Refused("expected the address of a store, such as https://shop.example".to_owned());
        store::account(typed).ok_or_else(expected)
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        grant::authorize(platform, &self.account(request.account)?, request)
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        grant::returned(query)
    }

    fn posted(&self, _platform: &Platform, body: &[u8]) -> Option<Result<Posted, Failure>> {
        Some(grant::posted(body))
    }

    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
        identify::identify(connection, granted).await
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        hooks::register(connection).await
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        match hooks::unregister(connection).await {
            // The key is no good any more: nothing can be done there.
            Err(Failure::NeedsAuthorization(_) | Failure::Blocked(_)) => Ok(()),
            other => other,
        }
    }
}
