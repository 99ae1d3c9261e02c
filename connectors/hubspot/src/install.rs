//! Connecting an account: by OAuth or by the token of a private app.

use crate::api::Api;
use crate::contact::is_id;
use crate::wire::TokenInfo;
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::oauth::{self, BodyStyle, Server};
use kit::platform::{App, Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::Map;
use std::time::Duration;

/// The life of a token whose answer does not tell it.
const LIFE_USUAL: Duration = Duration::from_secs(1_800);
/// Words of a refusal after which only the merchant can help: the app was taken off the account.
const DEAD: &[&str] = &["BAD_REFRESH_TOKEN"];

/// What is asked for.
const SCOPES: &[&str] =
    &["oauth", "crm.objects.contacts.read", "crm.objects.contacts.write", "crm.lists.read", "crm.lists.write"];
/// What can't be done without a scope.
const LOSSES: [(&str, &str); 4] = [
    ("crm.objects.contacts.read", "contacts can't be read"),
    ("crm.objects.contacts.write", "people who are no contacts can't be added to lists"),
    ("crm.lists.read", "lists can't be compared"),
    ("crm.lists.write", "lists can't be written"),
];

/// The install role.
pub(crate) struct HubspotInstall;

fn server(platform: &Platform) -> Server {
    Server {
        authorize_url: format!("{}/oauth/authorize", platform.base("app", "https://app.hubspot.com")),
        token_url: format!("{}/oauth/v1/token", crate::api::base(platform)),
        scope_separator: " ",
        body: BodyStyle::Form,
    }
}

fn app(platform: &Platform) -> Result<&App, Failure> {
    oauth::app(platform, "HubSpot")
}

fn identified(info: TokenInfo) -> Result<Identified, Failure> {
    if !is_id(&info.hub_id) {
        return Err(Failure::PlatformChanged("the token is for no account".to_owned()));
    }
    let mut details = Map::new();
    for (name, value) in [("app_id", &info.app_id), ("hub_domain", &info.hub_domain)] {
        if !value.is_empty() {
            details.insert(name.to_owned(), value.clone().into());
        }
    }
    let lost = LOSSES.iter().filter(|(scope, _)| !info.scopes.iter().any(|granted| granted == scope));
    let missing = lost.map(|(scope, loss)| format!("{scope}: {loss}")).collect();
    let name = if info.hub_domain.is_empty() { format!("HubSpot {}", info.hub_id) } else { info.hub_domain };
    Ok(Identified { account: info.hub_id, name, details, scopes: info.scopes, missing })
}

#[async_trait::async_trait]
impl Install for HubspotInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth, Way::ApiKey],
            account_first: false,
            scopes: SCOPES,
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let account = typed.trim();
        if is_id(account) {
            return Ok(account.to_owned());
        }
        Err(Failure::Refused("expected the id of a HubSpot account (digits)".to_owned()))
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        server(platform).authorize(app(platform)?, (request.redirect_uri, request.state), SCOPES, &[])
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        oauth::returned("HubSpot", query)
    }

    async fn exchange(
        &self,
        platform: &Platform,
        code: &SecretString,
        begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        let http = HttpClient::new(platform.allow_private)?;
        server(platform)
            .exchange(&http, app(platform)?, (code, begun.redirect_uri), &[])
            .await
            .map(|grant| grant.lasting(LIFE_USUAL))
    }

    async fn refresh(&self, platform: &Platform, _account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let http = HttpClient::new(platform.allow_private)?;
        server(platform)
            .refresh_told(&http, app(platform)?, refresh, &[], DEAD)
            .await
            .map(|grant| grant.lasting(LIFE_USUAL))
    }

    async fn identify(&self, connection: &Connection, _granted: Option<&[String]>) -> Result<Identified, Failure> {
        identified(Api(connection).token_info().await?)
    }

    async fn register(&self, _connection: &Connection) -> Result<Registered, Failure> {
        // Subscriptions are the app's, for all accounts: they are set there, by who keeps the app.
        Ok(Registered::default())
    }

    async fn unregister(&self, _connection: &Connection) -> Result<(), Failure> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn platform() -> Platform {
        let app = App { client_id: "app-1".to_owned(), secrets: vec!["s".into()] };
        Platform { app: Some(app), ..Platform::default() }
    }

    #[test]
    fn browsers_are_sent_with_the_scopes() {
        let request = AuthorizeRequest {
            account: "",
            redirect_uri: "https://a.mx/cb",
            state: "st",
            settings: &kit::install::NO_SETTINGS,
        };
        let url = HubspotInstall.authorize(&platform(), &request).unwrap();
        assert!(url.as_str().starts_with("https://app.hubspot.com/oauth/authorize?"), "{url}");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        assert_eq!(oauth::only(&pairs, "scope").unwrap(), Some(SCOPES.join(" ").as_str()));
        assert_eq!(oauth::only(&pairs, "redirect_uri").unwrap(), Some("https://a.mx/cb"));
    }

    #[test]
    fn an_account_is_known_by_its_token_and_what_is_missing_is_told() {
        let info = json!({ "hubId": 1020304, "appId": 7, "userId": 1, "scopes": ["crm.lists.read"] });
        let who = identified(serde_json::from_value(info).unwrap()).unwrap();
        assert_eq!((who.account.as_str(), who.missing.len()), ("1020304", 3));
        assert!(identified(TokenInfo::default()).is_err());
        assert!(HubspotInstall.account(" 62515 ").is_ok() && HubspotInstall.account("acme").is_err());
    }
}
