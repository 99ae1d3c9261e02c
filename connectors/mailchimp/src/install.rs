//! Connecting an account: by OAuth or by an API key.

use crate::api::Api;
use crate::endpoint::{self, authorize, data_center};
use crate::hooks;
use crate::wire::{Metadata, Root};
use kit::failure::Failure;
use kit::http::{HttpClient, Request};
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::oauth::{self, BodyStyle, Server};
use kit::platform::{App, Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Map;
use std::sync::{Mutex, PoisonError};

/// Characters of an account's id.
const ACCOUNT_CHARS_MAX: usize = 64;
/// The install role.
pub(crate) struct MailchimpInstall;

fn server(platform: &Platform) -> Server {
    let login = endpoint::login(platform);
    Server {
        authorize_url: format!("{login}/oauth2/authorize"),
        token_url: format!("{login}/oauth2/token"),
        scope_separator: " ",
        body: BodyStyle::Form,
    }
}

fn app(platform: &Platform) -> Result<&App, Failure> {
    oauth::app(platform, "Mailchimp")
}

/// Whose the credential is: asked with the first call, whose place follows from the kind of credential.
async fn locate(connection: &Connection) -> Result<Metadata, Failure> {
    let platform = connection.platform.as_ref();
    let key_of = Mutex::new(None);
    let request = Request::get(format!("{}/oauth2/metadata", endpoint::login(platform)));
    let sign = |mut request: Request, token: &SecretString| {
        let dc = data_center(token.expose_secret()).map(str::to_owned);
        *key_of.lock().unwrap_or_else(PoisonError::into_inner) = dc.clone();
        match dc {
            Some(dc) => {
                request.url = format!("{}/3.0/ping", endpoint::of_data_center(platform, &dc));
                authorize(request, token)
            }
            None => request.header("authorization", format!("OAuth {}", token.expose_secret())),
        }
    };
    let answer = connection.api.send(request, sign).await?.success()?;
    if let Some(dc) = key_of.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let api_endpoint = endpoint::of_data_center(platform, &dc);
        return Ok(Metadata { dc, api_endpoint, ..Metadata::default() });
    }
    let metadata: Metadata = answer.json()?;
    match metadata.error {
        Some(_) => Err(Failure::NeedsAuthorization("the login server does not know the token".to_owned())),
        None => Ok(metadata),
    }
}

fn identified(metadata: Metadata, endpoint: String, root: Root) -> Result<Identified, Failure> {
    if root.account_id.is_empty() {
        return Err(Failure::PlatformChanged("the account has no id".to_owned()));
    }
    let first = |one: String, other: String| if one.is_empty() { other } else { one };
    let name = first(root.account_name, metadata.accountname);
    let role = first(root.role, metadata.role);
    let named = [
        ("dc", metadata.dc),
        ("api_endpoint", endpoint),
        ("account_name", name.clone()),
        ("login_id", root.login_id),
        ("role", role.clone()),
        ("time_zone", root.account_timezone),
    ];
    let known = named.into_iter().filter(|(_, value)| !value.is_empty());
    let details: Map<_, _> = known.map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut missing = Vec::new();
    if ["viewer", "author"].contains(&role.to_lowercase().as_str()) {
        missing.push(format!("the user who connected is only {role} of the account: contacts can't be written"));
    }
    Ok(Identified { account: root.account_id, name, details, scopes: Vec::new(), missing })
}

#[async_trait::async_trait]
impl Install for MailchimpInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth, Way::ApiKey],
            account_first: false,
            // Mailchimp has none.
            scopes: &[],
            // There is nothing to refresh: tokens are good until the merchant takes them back.
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let account = typed.trim();
        let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if (1..=ACCOUNT_CHARS_MAX).contains(&account.len()) && account.bytes().all(usual) {
            return Ok(account.to_owned());
        }
        Err(Failure::Refused("expected the id of a Mailchimp account (letters and digits)".to_owned()))
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        server(platform).authorize(app(platform)?, (request.redirect_uri, request.state), &[], &[])
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        oauth::returned("Mailchimp", query)
    }

    async fn exchange(
        &self,
        platform: &Platform,
        code: &SecretString,
        begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        let http = HttpClient::new(platform.allow_private)?;
        server(platform).exchange(&http, app(platform)?, (code, begun.redirect_uri), &[]).await
    }

    async fn identify(&self, connection: &Connection, _granted: Option<&[String]>) -> Result<Identified, Failure> {
        let metadata = locate(connection).await?;
        let endpoint = endpoint::check(&connection.platform, &metadata.dc, &metadata.api_endpoint)?;
        let root = Api::at(connection, format!("{endpoint}/3.0")).root().await?;
        identified(metadata, endpoint, root)
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        hooks::register(connection).await
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        hooks::unregister(connection).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform() -> Platform {
        let app = App { client_id: "123".to_owned(), secrets: vec!["s".into()] };
        Platform { app: Some(app), ..Platform::default() }
    }

    #[test]
    fn browsers_are_sent_to_the_login_server_without_scopes() {
        let request = AuthorizeRequest {
            account: "",
            redirect_uri: "https://a.mx/cb",
            state: "st",
            settings: &kit::install::NO_SETTINGS,
        };
        let url = MailchimpInstall.authorize(&platform(), &request).unwrap();
        assert!(url.as_str().starts_with("https://login.mailchimp.com/oauth2/authorize?"), "{url}");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let [response_type, client, redirect, state] =
            ["response_type", "client_id", "redirect_uri", "state"].map(|name| oauth::only(&pairs, name).unwrap());
        assert_eq!((response_type, client), (Some("code"), Some("123")));
        assert_eq!((redirect, state), (Some("https://a.mx/cb"), Some("st")));
        assert_eq!(oauth::only(&pairs, "scope"), Ok(None));
        assert!(matches!(MailchimpInstall.authorize(&Platform::default(), &request), Err(Failure::Refused(_))));
    }

    #[test]
    fn who_may_not_write_is_told() {
        let root = || Root { account_id: "a1".to_owned(), role: "viewer".to_owned(), ..Root::default() };
        let who = identified(Metadata::default(), "https://x".to_owned(), root()).unwrap();
        assert_eq!(who.missing.len(), 1);
        assert_eq!(identified(Metadata::default(), String::new(), Root::default()).ok(), None);
    }
}
