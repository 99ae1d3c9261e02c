//! The role that connects accounts: by OAuth or by a key, as the description says.

use crate::calls::{Api, Fill, document, found, json, lacks, moved, of_platform, rows};
use crate::description::{Description, Hooks, OAuth};
use crate::expression::{variable, with_beside};
use crate::file::{Body, Signs};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::install::{
    AuthorizeRequest, Callback, Identified, Install, InstallCapabilities, RefreshReuse, Registered, Way,
};
use kit::oauth::{BodyStyle, Server, proof};
use kit::platform::{App, Connection, Platform};
use kit::signature::hmac_sha256;
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde_json::{Map, Value, json};

/// Characters of an account's name.
const ACCOUNT_CHARS_MAX: usize = 128;
/// Characters of a code; longer ones are no codes.
const CODE_CHARS_MAX: usize = 4_096;

/// The install role of a description.
pub(crate) struct GenericInstall {
    pub(crate) of: &'static Description,
    pub(crate) ways: &'static [Way],
    pub(crate) scopes: &'static [&'static str],
}

/// The only value of a parameter.
fn only<'a>(query: &'a [(String, String)], name: &str) -> Result<Option<&'a str>, Failure> {
    let mut values = query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (value, None) => Ok(value.filter(|value| !value.is_empty())),
        _ => Err(Failure::Refused(format!("{name} came twice"))),
    }
}

impl OAuth {
    fn server(&self, platform: &Platform, account: &str) -> Result<Server, Failure> {
        let fill = |name: &str| of_platform(platform, name).or_else(|| (name == "account").then(|| account.to_owned()));
        let token_url = moved(platform, account, &self.token.address(&fill).map_err(lacks)?);
        let body = match self.body {
            Body::Form => BodyStyle::Form,
            Body::FormBasic => BodyStyle::FormBasic,
            Body::Json => BodyStyle::Json,
        };
        Ok(Server { authorize_url: token_url.clone(), token_url, scope_separator: " ", body })
    }

    /// The scopes that were granted, with those that they include.
    fn expanded(&self, granted: &[String]) -> Vec<String> {
        let mut all = granted.to_vec();
        for scope in granted {
            for (from, to) in &self.implies {
                let included = scope.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"));
                all.extend(included.filter(|scope| !granted.contains(scope)));
            }
        }
        all.sort();
        all.dedup();
        all
    }
}

impl GenericInstall {
    fn oauth(&self) -> Result<&'static OAuth, Failure> {
        let none = || Failure::Refused(format!("{} knows no OAuth: paste a key", self.of.title));
        self.of.install.oauth.as_ref().ok_or_else(none)
    }

    fn app<'p>(&self, platform: &'p Platform) -> Result<&'p App, Failure> {
        let absent = || Failure::Refused(format!("{} needs an app: set its client id and secret", self.of.title));
        platform.app.as_ref().ok_or_else(absent)
    }

    fn http(platform: &Platform) -> Result<HttpClient, Failure> {
        HttpClient::new(platform.allow_private)
    }
}

/// A secret for hooks that both we and the platform can be given again at any time.
async fn hook_secret(connection: &Connection) -> Result<String, Failure> {
    let token = connection.api.token().await?;
    let message = format!("webhooks of {}", connection.account);
    let mac = hmac_sha256(&token.value, message.as_bytes());
    let mac = mac.ok_or_else(|| Failure::Refused("the key can't be used".to_owned()))?;
    Ok(mac.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A hook that is registered there.
struct Hook {
    id: String,
    topic: String,
    ours: bool,
}

async fn listed(api: Api<'_>, hooks: &Hooks, fill: &Fill) -> Result<Vec<Hook>, Failure> {
    let answer = json(&api.get(&hooks.list, fill).await?)?;
    let mut all = Vec::new();
    for row in rows(&hooks.rows, &answer)? {
        let url = hooks.url.text(&row).ok().flatten().unwrap_or_default();
        let (id, topic) = (found(&hooks.id, &row, "id of a hook")?, found(&hooks.topic, &row, "topic of a hook")?);
        all.push(Hook { id, topic, ours: url == api.connection.hook_url });
    }
    all.retain(|hook| hook.ours);
    Ok(all)
}

#[async_trait::async_trait]
impl Install for GenericInstall {
    fn capabilities(&self) -> InstallCapabilities {
        let once = self.of.install.oauth.as_ref().is_some_and(|oauth| oauth.refresh_once);
        InstallCapabilities {
            ways: self.ways,
            account_first: self.of.install.first,
            scopes: self.scopes,
            refresh_reuse: if once { RefreshReuse::Never } else { RefreshReuse::UntilNewIsUsed },
        }
    }

    fn account(&self, typed: &str) -> Result<String, Failure> {
        let typed = typed.trim();
        let each = |fine: fn(u8) -> bool| typed.bytes().all(fine);
        let fine = match self.of.install.signs {
            Signs::Digits => each(|byte| byte.is_ascii_digit()),
            Signs::LettersAndDigits => each(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
            Signs::Host => each(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte)) && typed.contains('.'),
            Signs::Email => kit::normalize::email(typed).is_some(),
        };
        if typed.is_empty() || typed.len() > ACCOUNT_CHARS_MAX || !fine {
            return Err(Failure::Refused(format!("expected an account such as {}", self.of.install.example)));
        }
        Ok(match self.of.install.signs {
            Signs::Host | Signs::Email => typed.to_lowercase(),
            Signs::Digits | Signs::LettersAndDigits => typed.to_owned(),
        })
    }

    fn authorize(&self, platform: &Platform, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
        let (oauth, app) = (self.oauth()?, self.app(platform)?);
        let challenge = proof(app, request.state).map(|proof| proof.challenge);
        let fill = |name: &str| match name {
            "account" => Some(request.account.to_owned()).filter(|account| !account.is_empty()),
            "state" => Some(request.state.to_owned()),
            "redirect_uri" => Some(request.redirect_uri.to_owned()),
            "scopes" => Some(self.scopes.join(" ")),
            "challenge" => challenge.as_ref().ok().cloned(),
            other => of_platform(platform, other),
        };
        let address = oauth.authorize.address(&fill).map_err(lacks)?;
        let address = moved(platform, request.account, &address);
        Url::parse(&address).map_err(|why| Failure::Refused(format!("not a URL: {why}")))
    }

    fn callback(&self, _: &Platform, query: &[(String, String)], _: i64) -> Result<Callback, Failure> {
        if let Some(error) = only(query, "error")? {
            let error: String = error.chars().filter(|c| !c.is_control()).take(100).collect();
            return Err(Failure::NeedsAuthorization(error));
        }
        let code = only(query, "code")?.filter(|code| code.chars().count() <= CODE_CHARS_MAX);
        let code = code.ok_or_else(|| Failure::Refused("the platform sent no code".to_owned()))?;
        // Whoever begins on the platform brings none: only who began here is known.
        let absent = || Failure::Refused("begin on the page of the connection, not on the platform".to_owned());
        let state = only(query, "state")?.ok_or_else(absent)?.to_owned();
        Ok(Callback { code: code.into(), state, account: None })
    }

    fn arrival(&self, _: &Platform, _: &[(String, String)], _: i64) -> Option<Result<String, Failure>> {
        None
    }

    async fn exchange(
        &self,
        platform: &Platform,
        code: &SecretString,
        begun: &AuthorizeRequest<'_>,
    ) -> Result<Grant, Failure> {
        let (oauth, app) = (self.oauth()?, self.app(platform)?);
        let mut extra = Vec::new();
        if oauth.authorize.has("challenge") {
            let verifier = proof(app, begun.state)?.verifier;
            extra.push(("code_verifier", secrecy::ExposeSecret::expose_secret(&verifier).to_owned()));
        }
        let server = oauth.server(platform, begun.account)?;
        server.exchange(&Self::http(platform)?, app, (code, begun.redirect_uri), &extra).await
    }

    fn granted_account(&self, grant: &Grant) -> Option<String> {
        let account = self.of.install.oauth.as_ref()?.account.as_ref()?;
        let said = account.text(&variable(&Value::Object(grant.extra.clone()))).ok()??;
        self.account(&said).ok()
    }

    async fn refresh(&self, platform: &Platform, account: &str, refresh: &SecretString) -> Result<Grant, Failure> {
        let (oauth, app) = (self.oauth()?, self.app(platform)?);
        oauth.server(platform, account)?.refresh(&Self::http(platform)?, app, refresh, &[]).await
    }

    async fn identify(&self, connection: &Connection, granted: Option<&[String]>) -> Result<Identified, Failure> {
        let (api, install) = (Api { of: self.of, connection }, &self.of.install);
        let answer = json(&api.get(&install.path, &Fill::default()).await?)?;
        let beside = variable(&json!({ "account": connection.account }));
        let answer = with_beside(&answer, &beside);
        let account = self.account(&found(&install.account, &answer, "account")?)?;
        let name = install.name.text(&answer).ok().flatten().unwrap_or_else(|| account.clone());
        let mut details = Map::new();
        for (detail, expr) in &install.details {
            details.extend(expr.text(&answer).ok().flatten().map(|value| (detail.clone(), value.into())));
        }
        let (mut scopes, mut missing) = (Vec::new(), Vec::new());
        if let (Some(oauth), Some(granted)) = (&install.oauth, granted) {
            scopes = oauth.expanded(granted);
            let lacking = oauth.scopes.iter().filter(|(scope, _)| !scopes.contains(scope));
            missing.extend(lacking.map(|(scope, without)| format!("{scope}: {without}")));
        }
        Ok(Identified { account, name, details, scopes, missing })
    }

    async fn register(&self, connection: &Connection) -> Result<Registered, Failure> {
        let Some(hooks) = &self.of.install.hooks else { return Ok(Registered::default()) };
        if connection.hook_url.is_empty() {
            return Ok(Registered { refused: vec!["no public address".to_owned()], ..Registered::default() });
        }
        let api = Api { of: self.of, connection };
        let mut registered = Registered::default();
        let mut fill = Fill::default();
        if hooks.make.names("hook_secret") {
            let secret = hook_secret(connection).await?;
            registered.hook_secret = Some(secret.clone().into());
            fill = fill.with("hook_secret", secret);
        }
        let mut waiting: Vec<&String> = hooks.topics.iter().collect();
        for hook in listed(api, hooks, &fill).await? {
            // Each topic once: what is there twice is told twice.
            if let Some(place) = waiting.iter().position(|topic| **topic == hook.topic) {
                waiting.remove(place);
                registered.kept += 1;
                continue;
            }
            remove(api, hooks, &hook).await?;
        }
        for topic in waiting {
            fill = fill.with("topic", topic.as_str());
            match api.make(&hooks.make, &fill).await {
                Ok(answer) => {
                    let given = hooks.secret.as_ref().and_then(|secret| secret.text(&document(&answer)).ok().flatten());
                    registered.hook_secret = given.map(SecretString::from).or(registered.hook_secret);
                    registered.made.push(topic.clone());
                }
                Err(denied) => match denied.failure {
                    Failure::Refused(why) => registered.refused.push(format!("{topic}: {why}")),
                    failure => return Err(failure),
                },
            }
        }
        Ok(registered)
    }

    async fn unregister(&self, connection: &Connection) -> Result<(), Failure> {
        let Some(hooks) = self.of.install.hooks.as_ref().filter(|_| !connection.hook_url.is_empty()) else {
            return Ok(());
        };
        let api = Api { of: self.of, connection };
        for hook in listed(api, hooks, &Fill::default()).await? {
            remove(api, hooks, &hook).await?;
        }
        Ok(())
    }
}

/// Takes a hook away; one that is gone is as asked.
async fn remove(api: Api<'_>, hooks: &Hooks, hook: &Hook) -> Result<(), Failure> {
    let fill = Fill::default().with("id", hook.id.as_str()).with("topic", hook.topic.as_str());
    match api.make(&hooks.remove, &fill).await {
        Err(denied) if !denied.is(&[404, 410]) => Err(denied.into()),
        _ => Ok(()),
    }
}

/// Ways and scopes, for as long as the process runs.
pub(crate) fn role(of: &'static Description) -> GenericInstall {
    let mut ways = Vec::new();
    ways.extend(of.install.oauth.as_ref().map(|_| Way::OAuth));
    ways.extend(of.install.api_key.then_some(Way::ApiKey));
    let scopes: Vec<&'static str> =
        of.install.oauth.iter().flat_map(|oauth| oauth.scopes.keys().map(String::as_str)).collect();
    GenericInstall { of, ways: Vec::leak(ways), scopes: Vec::leak(scopes) }
}
