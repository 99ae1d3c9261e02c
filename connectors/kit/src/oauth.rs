//! The authorization-code flow, by the `oauth2` crate, for servers that keep to the RFC more or less.
//!
//! Answers without `token_type`, with scopes joined by commas or a lifetime as text, and servers that want JSON
//! are common: the crate's own answer type refuses them.

mod returned;

use crate::failure::Failure;
use crate::http::{Answer, HttpClient, Request};
use crate::platform::{App, Platform};
use crate::signature::hmac_sha256;
use crate::token::Grant;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::url::form_urlencoded::byte_serialize;
use oauth2::{
    AccessToken, AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, RedirectUrl, RefreshToken, RequestTokenError, Scope,
    StandardRevocableToken, TokenResponse, TokenUrl,
};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

pub use returned::{only, returned};

/// How a server wants to be asked for tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyStyle {
    /// A form, as in RFC 6749.
    Form,
    /// A form; the app shows who it is by Basic authentication.
    FormBasic,
    /// The same fields as a JSON object.
    Json,
}

/// Our app, for the steps of OAuth; `name` is the platform's for people.
///
/// # Errors
/// [`Failure::Refused`] when its operator set none.
pub fn app<'p>(platform: &'p Platform, name: &str) -> Result<&'p App, Failure> {
    let absent = || Failure::Refused(format!("{name}'s OAuth needs an app: set its client id and secret"));
    platform.app.as_ref().ok_or_else(absent)
}

/// An authorization server.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where browsers are sent.
    pub authorize_url: String,
    /// Where codes and refresh tokens are exchanged.
    pub token_url: String,
    /// How scopes are joined in the authorization address.
    pub scope_separator: &'static str,
    /// How the token endpoint wants its fields.
    pub body: BodyStyle,
}

/// What binds a code to whoever began the authorization (PKCE, RFC 7636), made of the authorization's state and the
/// app's newest secret: nothing has to be kept in between, and nobody who sees the browser can make it.
pub struct Proof {
    /// Goes with the browser as `code_challenge`, of the method `S256`.
    pub challenge: String,
    /// Goes with the code as `code_verifier`.
    pub verifier: SecretString,
}

/// See [`Proof`].
///
/// # Errors
/// [`Failure::Refused`] when the app has no secret.
pub fn proof(app: &App, state: &str) -> Result<Proof, Failure> {
    let secret = app.secrets.first().ok_or_else(no_secret)?;
    let mac = hmac_sha256(secret, format!("code verifier of {state}").as_bytes()).ok_or_else(no_secret)?;
    let verifier = URL_SAFE_NO_PAD.encode(mac);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    Ok(Proof { challenge, verifier: verifier.into() })
}

/// An answer of a token endpoint, read leniently. Its `Debug` shows no secret.
#[derive(Clone, Serialize, Deserialize)]
struct LenientToken {
    access_token: AccessToken,
    #[serde(default)]
    refresh_token: Option<RefreshToken>,
    #[serde(default, deserialize_with = "seconds")]
    expires_in: Option<u64>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_token_expires_in: Option<u64>,
    #[serde(default, deserialize_with = "scopes")]
    scope: Option<Vec<Scope>>,
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

impl fmt::Debug for LenientToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LenientToken").finish_non_exhaustive()
    }
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()));
    // Zero is how some say "never".
    Ok(number.filter(|seconds| *seconds > 0))
}

fn scopes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Scope>>, D::Error> {
    let split = |text: &str| -> Vec<Scope> {
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| Scope::new(part.to_owned())).collect()
    };
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(split(&text)),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).flat_map(split).collect()),
        _ => None,
    })
}

impl TokenResponse for LenientToken {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        self.scope.as_ref()
    }
}

impl From<LenientToken> for Grant {
    fn from(token: LenientToken) -> Grant {
        let plain = |value: &Value| value.is_string() || value.is_number();
        Grant {
            access: token.access_token.secret().clone().into(),
            expires_in: token.expires_in.map(Duration::from_secs),
            refresh: token.refresh_token.map(|refresh| refresh.secret().clone().into()),
            refresh_expires_in: token.refresh_token_expires_in.map(Duration::from_secs),
            scopes: token.scope.map(|scopes| scopes.iter().map(|scope| scope.as_str().to_owned()).collect()),
            extra: token.extra.into_iter().filter(|(_, value)| plain(value)).collect(),
        }
    }
}

type OAuthClient = Client<
    BasicErrorResponse,
    LenientToken,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// A call of the token endpoint that did not reach it or came back with a failure of the way.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Transport(Failure);

impl Server {
    fn client(
        &self,
        app: &App,
        secret: Option<&SecretString>,
        redirect_uri: Option<&str>,
    ) -> Result<OAuthClient, Failure> {
        let wrong = |why: oauth2::url::ParseError| Failure::Refused(format!("not a URL: {why}"));
        let authorize = AuthUrl::new(self.authorize_url.clone()).map_err(wrong)?;
        let token = TokenUrl::new(self.token_url.clone()).map_err(wrong)?;
        let mut client = Client::new(ClientId::new(app.client_id.clone()))
            .set_auth_uri(authorize)
            .set_token_uri(token)
            .set_auth_type(if self.body == BodyStyle::FormBasic { AuthType::BasicAuth } else { AuthType::RequestBody });
        if let Some(secret) = secret {
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        if let Some(redirect) = redirect_uri {
            client = client.set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(wrong)?);
        }
        Ok(client)
    }

    /// Where the browser is sent; `extra` are parameters of the platform's own.
    pub fn authorize(
        &self,
        app: &App,
        (redirect_uri, state): (&str, &str),
        scopes: &[&str],
        extra: &[(&'static str, String)],
    ) -> Result<Url, Failure> {
        let client = self.client(app, None, Some(redirect_uri))?;
        let state = state.to_owned();
        let mut request = client.authorize_url(|| CsrfToken::new(state));
        if !scopes.is_empty() {
            // One scope to the crate, so that the platform's own separator stays.
            request = request.add_scope(Scope::new(scopes.join(self.scope_separator)));
        }
        for (name, value) in extra {
            request = request.add_extra_param(*name, value.clone());
        }
        let (url, _) = request.url();
        Url::parse(url.as_str()).map_err(|why| Failure::Refused(format!("not a URL: {why}")))
    }

    /// Exchanges a code, with the newest secret.
    pub async fn exchange(
        &self,
        http: &HttpClient,
        app: &App,
        (code, redirect_uri): (&SecretString, &str),
        extra: &[(&'static str, String)],
    ) -> Result<Grant, Failure> {
        let secret = app.secrets.first().ok_or_else(no_secret)?;
        let client = self.client(app, Some(secret), Some(redirect_uri))?;
        let mut request = client.exchange_code(AuthorizationCode::new(code.expose_secret().to_owned()));
        for (name, value) in extra {
            request = request.add_extra_param(*name, value.clone());
        }
        let caller = Caller { http: http.clone(), body: self.body, dead: &[] };
        request.request_async(&caller).await.map(Grant::from).map_err(failure)
    }

    /// A new pair for a refresh token.
    pub async fn refresh(
        &self,
        http: &HttpClient,
        app: &App,
        refresh: &SecretString,
        extra: &[(&'static str, String)],
    ) -> Result<Grant, Failure> {
        self.refresh_told(http, app, refresh, extra, &[]).await
    }

    /// As [`Server::refresh`], for platforms that refuse in words or a form of their own: `dead` are the words of the
    /// answer's `error`, `status`, `code` or `error_code` that say that only the merchant can help.
    pub async fn refresh_told(
        &self,
        http: &HttpClient,
        app: &App,
        refresh: &SecretString,
        extra: &[(&'static str, String)],
        dead: &'static [&'static str],
    ) -> Result<Grant, Failure> {
        let secret = app.secrets.first().ok_or_else(no_secret)?;
        let client = self.client(app, Some(secret), None)?;
        let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
        let mut request = client.exchange_refresh_token(&refresh);
        for (name, value) in extra {
            request = request.add_extra_param(*name, value.clone());
        }
        let caller = Caller { http: http.clone(), body: self.body, dead };
        request.request_async(&caller).await.map(Grant::from).map_err(failure)
    }
}

/// Gives a token back (RFC 7009), the app showing who it is by Basic authentication. A token that is good for nothing
/// already is as asked.
pub async fn revoke(http: &HttpClient, app: &App, url: &str, token: &SecretString) -> Result<(), Failure> {
    let secret = app.secrets.first().ok_or_else(no_secret)?;
    let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pair = STANDARD.encode(format!("{}:{}", encoded(&app.client_id), encoded(secret.expose_secret())));
    let mut request = Request::new(Method::POST, url)
        .header("authorization", format!("Basic {pair}"))
        .header("content-type", "application/x-www-form-urlencoded");
    request.body = format!("token={}", encoded(token.expose_secret())).into_bytes();
    let answer = http.send(request).await?;
    let dead = answer.status == 400 && is_error(&answer);
    if dead { Ok(()) } else { answer.success().map(drop) }
}

/// Calls the token endpoint for the crate. A type of its own: of a closure the compiler can't tell that its future
/// may move between threads.
struct Caller {
    http: HttpClient,
    body: BodyStyle,
    dead: &'static [&'static str],
}

impl<'c> AsyncHttpClient<'c> for Caller {
    type Error = Transport;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Transport>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(call(&self.http, request, (self.body, self.dead)))
    }
}

fn no_secret() -> Failure {
    Failure::Refused("the app has no secret; set it".to_owned())
}

/// Sends what the crate built, in the style that the server wants.
async fn call(
    http: &HttpClient,
    request: HttpRequest,
    (style, dead): (BodyStyle, &[&str]),
) -> Result<HttpResponse, Transport> {
    let (parts, body) = request.into_parts();
    let mut sent = Request::new(Method::POST, parts.uri.to_string()).header("accept", "application/json");
    if let Some(basic) = parts.headers.get("authorization").and_then(|value| value.to_str().ok()) {
        sent = sent.header("authorization", basic);
    }
    match style {
        BodyStyle::Form | BodyStyle::FormBasic => {
            sent = sent.header("content-type", "application/x-www-form-urlencoded");
            sent.body = body;
        }
        BodyStyle::Json => {
            let fields: Map<String, Value> = oauth2::url::form_urlencoded::parse(&body)
                .map(|(name, value)| (name.into_owned(), value.into_owned().into()))
                .collect();
            sent = sent.header("content-type", "application/json");
            sent.body = serde_json::to_vec(&fields).unwrap_or_default();
        }
    }
    let answer = http.send(sent).await.map_err(Transport)?;
    let refused = matches!(answer.status, 400 | 401 | 403);
    let (status, body) = match answer.status {
        // Some refuse with 200.
        200..=299 if is_error(&answer) => (400, answer.body),
        // The crate takes 200 alone.
        200..=299 => (200, answer.body),
        _ if refused && (!is_error(&answer) || says(&answer, dead)) => (answer.status, plain_refusal(&answer, dead)),
        _ if refused => (answer.status, answer.body),
        _ => match answer.success() {
            Err(failure) => return Err(Transport(failure)),
            Ok(answer) => (answer.status, answer.body),
        },
    };
    let response = oauth2::http::Response::builder().status(status).header("content-type", "application/json");
    response.body(body.into_bytes()).map_err(|why| Transport(Failure::PlatformChanged(why.to_string())))
}

/// Whether the answer is an error in the RFC's form.
fn is_error(answer: &Answer) -> bool {
    serde_json::from_str::<Value>(&answer.body).is_ok_and(|value| value.get("error").is_some_and(Value::is_string))
}

/// Whether an answer says one of these words.
fn says(answer: &Answer, words: &[&str]) -> bool {
    let said = serde_json::from_str::<Value>(&answer.body).unwrap_or_default();
    let is_among = |field| said.get(field).and_then(Value::as_str).is_some_and(|word| words.contains(&word));
    ["error", "status", "code", "error_code"].into_iter().any(is_among)
}

/// A refusal in another form, put into the RFC's: 401 and the words of `dead` ask for authorization anew.
fn plain_refusal(answer: &Answer, dead: &[&str]) -> String {
    let dead = answer.status == 401 || says(answer, dead);
    let error = if dead { "invalid_grant" } else { "invalid_request" };
    serde_json::json!({ "error": error, "error_description": format!("status {}", answer.status) }).to_string()
}

/// The failure, without the body: it may hold a token.
fn failure(error: RequestTokenError<Transport, BasicErrorResponse>) -> Failure {
    match error {
        RequestTokenError::ServerResponse(said) => {
            let what = said.error().to_string();
            let why: String =
                said.error_description().map(String::as_str).unwrap_or_default().chars().take(200).collect();
            match what.as_str() {
                "invalid_grant" | "access_denied" | "invalid_subject_token" => {
                    Failure::NeedsAuthorization(format!("{what}: {why}"))
                }
                "temporarily_unavailable" | "server_error" | "slow_down" => Failure::retry(what, None),
                _ => Failure::Refused(format!("{what}: {why}")),
            }
        }
        RequestTokenError::Request(Transport(failure)) => failure,
        RequestTokenError::Parse(..) => Failure::PlatformChanged("the token's answer can't be read".to_owned()),
        RequestTokenError::Other(why) => Failure::PlatformChanged(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_follows_from_the_state_and_the_secret_alone() {
        let app = |secret: &str| App { client_id: "c".to_owned(), secrets: vec![secret.into(), "old".into()] };
        let proof = |secret: &str, state: &str| proof(&app(secret), state).unwrap();
        let (one, again) = (proof("s", "a"), proof("s", "a"));
        assert_eq!((&one.challenge, one.verifier.expose_secret()), (&again.challenge, again.verifier.expose_secret()));
        // RFC 7636: 43 characters of the unreserved ones; the challenge is the hash of their text.
        let verifier = one.verifier.expose_secret();
        assert!(
            verifier.len() == 43 && verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        assert_eq!(one.challenge, URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
        for other in [proof("s", "b"), proof("t", "a")] {
            assert_ne!(other.verifier.expose_secret(), verifier);
        }
    }
}
