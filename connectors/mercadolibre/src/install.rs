//! Connecting a seller by OAuth with PKCE. Refresh tokens are good once: one answer that is lost needs the seller.

use crate::api::{Api, base};
use crate::site::{self, Site};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::oauth::{self, BodyStyle, Server, proof};
use kit::platform::{App, Connection, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::time::Duration;

/// What is needed. The platform gives what the app was set up with: nothing is asked for in the address.
const SCOPES: &[&str] = &["offline_access", "read"];
/// The life of an access token whose answer does not tell it.
const LIFE_USUAL: Duration = Duration::from_secs(6 * 3_600);
/// The life of a refresh token that is not used.
const REFRESH_LIFE: Duration = Duration::from_secs(182 * 86_400);
/// Words of a refusal after which only the seller can help, beside the usual one.
const DEAD: &[&str] = &["unauthorized_client", "invalid_operator_user_id"];
/// Cross-border selling: orders of its own kind.
const CROSS_BORDER: &str = "CBT";

/// The install role.
pub(crate) struct MeliInstall;

fn app(platform: &Platform) -> Result<&App, Failure> {
    oauth::app(platform, "Mercado Libre")
}

fn server(platform: &Platform, login: &str) -> Server {
    let login = platform.base("", &format!("https://{login}"));
    Server {
        authorize_url: format!("{login}/authorization"),
        token_url: format!("{}/oauth/token", base(platform)),
        scope_separator: " ",
        body: BodyStyle::Form,
    }
}

/// The site whose sellers log in at a host of its own: that of the connection, else of the app.
fn site_of(platform: &Platform, settings: &Map<String, Value>) -> Result<&'static Site, Failure> {
    let set = settings.get("site").and_then(Value::as_str).or(platform.text("site"));
    let expected = || format!("site: expected one of {}: where the seller's account is", site::ids());
    set.and_then(site::find).ok_or_else(|| Failure::Refused(expected()))
}

fn with_lives(grant: Grant) -> Grant {
    let refresh_expires_in = grant.refresh_expires_in.or(grant.refresh.as_ref().map(|_| REFRESH_LIFE));
    Grant { refresh_expires_in, ..grant.lasting(LIFE_USUAL) }
}

/// What a connection can't do without a scope.
fn lacks(scope: &str) -> String {
    let what = match scope {
        "offline_access" => "the connection ends after six hours; allow it in the app",
        _ => "nothing can be read",
    };
    format!("{scope}: {what}")
}

#[async_trait::async_trait]
impl Install for MeliInstall {
    fn capabilities(&self) -> InstallCapabilities {
        InstallCapabilities {
            ways: &[Way::OAuth],
            account_first: false,
            scopes: SCOPES,
            refresh_reuse: RefreshReuse::Never,
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let account = typed.trim();
        if crate::fields::is_id(account) {
            return Ok(account.to_owned());
        }
        Err(Failure::Refused("expected the number of a seller's account (digits)".to_owned()))
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        let app = app(platform)?;
        let site = site_of(platform, request.settings)?;
        // Where the app asks for it, its lack shows at the exchange alone.
        let challenge = proof(app, request.state)?.challenge;
        let extra = [("code_challenge_method", "S256".to_owned()), ("code_challenge", challenge)];
        server(platform, site.login).authorize(app, (request.redirect_uri, request.state), &[], &extra)
    }

    fn callback(&self, _platform: &Platform, query: &[(String, String)], _now: i64) -> Result<Callback, Failure> {
        oauth::returned("Mercado Libre", query)
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
        let server = server(platform, site_of(platform, begun.settings)?.login);
        server.exchange(&http, app, (code, begun.redirect_uri), &extra).await.map(with_lives)
    }

    async fn refresh(&self, platform: &Platform, _account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let http = HttpClient::new(platform.allow_private)?;
        // Where sellers log in does not matter here.
        let server = server(platform, "auth.mercadolibre.com");
        server.refresh_told(&http, app(platform)?, refresh, &[], DEAD).await.map(with_lives)
    }

    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
        let user = Api(connection).me().await?;
        let account = user.id.ok_or_else(|| Failure::PlatformChanged("the account has no number".to_owned()))?;
        let place = user.site_id.unwrap_or_default();
        if place.eq_ignore_ascii_case(CROSS_BORDER) {
            let why = "an account of cross-border selling: its orders are of another kind and can't be read";
            return Err(Failure::Refused(why.to_owned()));
        }
        let mut details = Map::from_iter([("app_id".to_owned(), app(&connection.platform)?.client_id.clone().into())]);
        match site::find(&place) {
            Some(site) => details.extend(
                [("site", site.id), ("currency", site.currency), ("time_zone", site.zone)]
                    .map(|(name, value)| (name.to_owned(), value.into())),
            ),
            None => drop(details.insert("site".to_owned(), place.into())),
        }
        let scopes = granted.unwrap_or_default().to_vec();
        let missing = SCOPES.iter().filter(|scope| granted.is_some() && !scopes.iter().any(|one| one == *scope));
        let missing = missing.map(|scope| lacks(scope)).collect();
        let name = user.nickname.unwrap_or_else(|| format!("seller {account}"));
        Ok(Identified { account, name, details, scopes, missing })
    }

    /// Address and topics of notifications are the app's, for all sellers: who keeps the app sets them there.
    async fn register(&self, _connection: &Connection) -> Result<Registered, Failure> {
        Ok(Registered::default())
    }

    /// The seller takes the app out of the account there.
    async fn unregister(&self, _connection: &Connection) -> Result<(), Failure> {
        Ok(())
    }
}
