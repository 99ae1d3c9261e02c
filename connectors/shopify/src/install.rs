//! The role that connects a shop: the authorization-code flow, who it is, webhook subscriptions.

mod callback;
mod hooks;
mod oauth;

use crate::api::call;
use crate::fields::gid_number;
use crate::{documents, scopes, shop};
use kit::failure::Failure;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::platform::{Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, json};

/// Connects shops.
pub(crate) struct ShopifyInstall;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Who {
    shop: Shop,
    current_app_installation: Installation,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shop {
    id: String,
    name: String,
    myshopify_domain: String,
    currency_code: String,
    iana_timezone: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

/// What the token may do now; without what nothing works without, the merchant has to act.
pub(crate) async fn granted(connection: &Connection) -> Result<Vec<String>, Failure> {
    let who: Who = call(connection, documents::IDENTIFY, json!({})).await?.data;
    let scopes = who.expanded();
    match lacking(&scopes) {
        lacking if lacking.is_empty() => Ok(scopes),
        lacking => Err(Failure::NeedsAuthorization(format!("the shop took away {lacking}"))),
    }
}

fn lacking(granted: &[String]) -> String {
    let lacking = scopes::NECESSARY.iter().filter(|scope| !granted.iter().any(|granted| granted == *scope));
    lacking.copied().collect::<Vec<_>>().join(", ")
}

impl Who {
    fn expanded(&self) -> Vec<String> {
        scopes::expand(self.current_app_installation.access_scopes.iter().map(|scope| scope.handle.as_str()))
    }
}

#[async_trait::async_trait]
impl Install for ShopifyInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth],
            account_first: true,
            scopes: scopes::SCOPES,
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let expected = || Failure::Refused("expected a shop's name such as acme.myshopify.com".to_owned());
        shop::typed(typed).ok_or_else(expected)
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        let shop = self.account(request.account)?;
        oauth::authorize(platform, &shop, (request.redirect_uri, request.state))
    }

    fn callback(&self, platform: &Platform, query: &[(String, String)], now: i64) -> Result<Callback, Failure> {
        callback::callback(platform, query, now)
    }

    fn arrival(&self, platform: &Platform, query: &[(String, String)], now: i64) -> Option<Result<String, Failure>> {
        Some(callback::arrival(platform, query, now))
    }

    async fn exchange(
        &self,
        platform: &Platform,
        code: &SecretString,
        begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        oauth::exchange(platform, &self.account(begun.account)?, (code, begun.redirect_uri)).await
    }

    async fn refresh(&self, platform: &Platform, account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        oauth::refresh(platform, &self.account(account)?, refresh).await
    }

    async fn identify(&self, connection: &Connection, _granted: Option<&[String]>) -> Result<Identified, Failure> {
        let who: Who = call(connection, documents::IDENTIFY, json!({})).await?.data;
        let unexpected = || Failure::PlatformChanged("the shop has no name of a shop".to_owned());
        let account = shop::parse(&who.shop.myshopify_domain).ok_or_else(unexpected)?;
        if account != connection.account {
            return Err(Failure::Refused(format!("the token is for {account}, not for {}", connection.account)));
        }
        // What the installation says holds, not what the grant said: the merchant may have changed it since.
        let scopes = who.expanded();
        let lacking = lacking(&scopes);
        if !lacking.is_empty() {
            return Err(Failure::Refused(format!("the shop did not grant {lacking}: install the app again")));
        }
        let mut details = Map::new();
        let id = gid_number(&who.shop.id).unwrap_or_default();
        details.insert("shop_id".to_owned(), id.into());
        details.insert("currency".to_owned(), who.shop.currency_code.into());
        details.insert("time_zone".to_owned(), who.shop.iana_timezone.into());
        let missing = scopes::missing(&scopes);
        Ok(Identified { account, name: who.shop.name, details, scopes, missing })
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        hooks::register(connection).await
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        match hooks::unregister(connection).await {
            // Uninstalled: nothing is left there.
            Err(Failure::NeedsAuthorization(_) | Failure::Gone(_)) => Ok(()),
            other => other,
        }
    }
}
