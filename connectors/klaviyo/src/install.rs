//! Connecting an account: by OAuth with PKCE, or by a private key.

use crate::api::Api;
use crate::denied::Denied;
use crate::endpoint::{self, is_key};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::oauth::{self, BodyStyle, Server, proof, revoke};
use kit::platform::{App, Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Map;
use std::time::Duration;

/// What is asked for. `data-privacy:write` serves lists that delete whom we erase, and nothing else.
const SCOPES: &[&str] =
    &["accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write", "data-privacy:write"];
/// Characters of an account's id; real ones have 6.
const ACCOUNT_CHARS_MAX: usize = 40;
/// The life of a token whose answer does not tell it.
const LIFE_USUAL: Duration = Duration::from_secs(3_600);

/// The install role.
pub(crate) struct KlaviyoInstall;

fn server(platform: &Platform) -> Server {
    Server {
        authorize_url: format!("{}/oauth/authorize", endpoint::site(platform)),
        token_url: format!("{}/oauth/token", endpoint::api(platform)),
        scope_separator: " ",
        body: BodyStyle::FormBasic,
    }
}

fn app(platform: &Platform) -> Result<&App, Failure> {
    oauth::app(platform, "Klaviyo")
}

/// What a connection can't do without a scope.
fn lacks(scope: &str) -> String {
    let what = match scope {
        "lists:read" | "profiles:read" => "who is in a list can't be read back, and imports can't be followed",
        "lists:write" | "profiles:write" => "nobody can be put into a list or taken out",
        "data-privacy:write" => "whom we erase can't be deleted there; needed for erase = \"delete\" only",
        _ => "whose the account is can't be seen",
    };
    format!("{scope}: {what}")
}

/// The scopes of a credential and what is missing. A private key does not tell its own: what can be read is tried.
async fn scopes(api: &Api<'_>, granted: Option<&[String]>) -> Result<(Vec<String>, Vec<String>), Failure> {
    if let Some(granted) = granted {
        let missing = SCOPES.iter().filter(|scope| !granted.iter().any(|one| one == *scope));
        return Ok((granted.to_vec(), missing.map(|scope| lacks(scope)).collect()));
    }
    let (mut seen, mut missing) = (vec!["accounts:read".to_owned()], Vec::new());
    for (scope, tried) in [("lists:read", api.may_read_lists().await), ("profiles:read", api.may_read_profiles().await)]
    {
        match tried {
            Ok(()) => seen.push(scope.to_owned()),
            Err(Denied::Other(Failure::Blocked(_))) => missing.push(lacks(scope)),
            Err(denied) => return Err(denied.into()),
        }
    }
    Ok((seen, missing))
}

#[async_trait::async_trait]
impl Install for KlaviyoInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth, Way::ApiKey],
            account_first: false,
            scopes: SCOPES,
            // It is good until it was not used for 90 days, or the merchant takes the app out.
            refresh_reuse: RefreshReuse::UntilNewIsUsed,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let account = typed.trim();
        let usual = account.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if (1..=ACCOUNT_CHARS_MAX).contains(&account.len()) && usual {
            return Ok(account.to_owned());
        }
        Err(Failure::Refused("expected the id of a Klaviyo account (its public key, such as \"AbC123\")".to_owned()))
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        let app = app(platform)?;
        let challenge = proof(app, request.state)?.challenge;
        let extra = [("code_challenge_method", "S256".to_owned()), ("code_challenge", challenge)];
        server(platform).authorize(app, (request.redirect_uri, request.state), SCOPES, &extra)
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        oauth::returned("Klaviyo", query)
    }

    async fn exchange(
        &self,
        platform: &Platform,
        code: &SecretString,
        begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        let (http, app) = (HttpClient::new(platform.allow_private)?, app(platform)?);
        let verifier = proof(app, begun.state)?.verifier.expose_secret().to_owned();
        let extra = [("code_verifier", verifier)];
        server(platform)
            .exchange(&http, app, (code, begun.redirect_uri), &extra)
            .await
            .map(|grant| grant.lasting(LIFE_USUAL))
    }

    async fn refresh(&self, platform: &Platform, _account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let http = HttpClient::new(platform.allow_private)?;
        server(platform).refresh(&http, app(platform)?, refresh, &[]).await.map(|grant| grant.lasting(LIFE_USUAL))
    }

    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
        let api = Api::new(connection);
        let who = match api.account().await {
            Err(Denied::Other(Failure::Blocked(why))) => {
                return Err(Failure::NeedsAuthorization(format!("{} ({why})", lacks("accounts:read"))));
            }
            other => other?,
        };
        let account =
            self.account(&who.id).map_err(|_| Failure::PlatformChanged("the account has no id".to_owned()))?;
        let name = who.attributes.contact_information.organization_name;
        let named = [("time_zone", who.attributes.timezone), ("currency", who.attributes.preferred_currency)];
        let details: Map<_, _> = named
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, it)| (name.to_owned(), it.into()))
            .collect();
        let (scopes, missing) = scopes(&api, granted).await?;
        Ok(Identified { account, name, details, scopes, missing })
    }

    /// Nothing is registered there: lists are only written.
    async fn register(&self, _connection: &Connection) -> Result<Registered, Failure> {
        Ok(Registered::default())
    }

    /// Gives a token back. A key is the merchant's own.
    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        let platform = connection.platform.as_ref();
        let token = connection.api.token().await?.value;
        let Some(app) = platform.app.as_ref().filter(|_| !is_key(&token)) else { return Ok(()) };
        let url = format!("{}/oauth/revoke", endpoint::api(platform));
        revoke(connection.api.bare(), app, &url, &token).await
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
    fn browsers_are_sent_with_a_challenge_that_follows_from_the_state() {
        let request = |state| AuthorizeRequest {
            account: "",
            redirect_uri: "https://a.mx/cb",
            state,
            settings: &kit::install::NO_SETTINGS,
        };
        let challenge = |state: &'static str| {
            let url = KlaviyoInstall.authorize(&platform(), &request(state)).unwrap();
            assert!(url.as_str().starts_with("https://www.klaviyo.com/oauth/authorize?"), "{url}");
            let query: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let of = |name| oauth::only(&query, name).unwrap().unwrap().to_owned();
            assert_eq!(
                (of("response_type").as_str(), of("client_id").as_str(), of("state").as_str()),
                ("code", "123", state)
            );
            assert_eq!((of("scope"), of("code_challenge_method")), (SCOPES.join(" "), "S256".to_owned()));
            of("code_challenge")
        };
        assert_eq!(challenge("one").len(), 43);
        assert_ne!(challenge("one"), challenge("two"));
        assert!(matches!(KlaviyoInstall.authorize(&Platform::default(), &request("x")), Err(Failure::Refused(_))));
    }
}
