//! Calls to a store's admin API, and what its answers mean.

use crate::place;
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// Bytes of an answer: a page of orders with all their lines.
const ANSWER_BYTES_MAX: usize = 8 << 20;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Deserialize, Default)]
struct Extensions {
    #[serde(default)]
    code: String,
}

impl Told {
    fn text(&self) -> String {
        self.message.chars().filter(|char| !char.is_control()).take(REASON_CHARS_MAX).collect()
    }
}

/// Why a question was not answered.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The key may not ask this; or it is no key of this store.
    Forbidden(String),
    /// The store does not know what was asked for.
    Unknown(String),
    /// Anything else.
    Other(Failure),
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Other(failure)
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Forbidden(why) => Failure::NeedsAuthorization(why),
            Denied::Unknown(why) => Failure::PlatformChanged(why),
            Denied::Other(failure) => failure,
        }
    }
}

/// A store's API.
pub(crate) struct Api<'a> {
    connection: &'a Connection,
    url: String,
}

fn with_key(request: Request, token: &SecretString) -> Request {
    request.header("vendure-api-key", token.expose_secret().trim())
}

fn read(answer: &Answer) -> Option<Body> {
    if answer.cut { None } else { serde_json::from_str(&answer.body).ok() }
}

/// Errors that come with a status of 200.
fn is_forbidden(answer: &Answer) -> bool {
    let coded = || answer.body.contains("\"FORBIDDEN\"");
    let told = || read(answer).is_some_and(|body| body.errors.iter().any(|told| told.extensions.code == "FORBIDDEN"));
    matches!(answer.status, 401 | 403) || coded() && told()
}

impl<'a> Api<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Api<'a>, Failure> {
        Ok(Api { connection, url: place::admin_api(connection)? })
    }

    fn request(&self, query: &str, variables: &Value) -> Result<Request, Failure> {
        let body = json!({ "query": query, "variables": variables });
        let mut request = Request::json(Method::POST, self.url.clone(), &body)?;
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        Ok(match self.connection.setting("channel") {
            Some(channel) => request.header("vendure-token", channel),
            None => request,
        })
    }

    /// Asks something; a key that is refused needs somebody.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, query: &str, variables: &Value) -> Result<T, Failure> {
        let request = self.request(query, variables)?;
        let answer = self.connection.api.send_judged(request, with_key, is_forbidden).await?;
        judge(answer).map_err(Failure::from)
    }

    /// Asks what the key may not be allowed to: that says nothing of the key as a whole.
    pub(crate) async fn try_ask<T: DeserializeOwned>(&self, query: &str, variables: &Value) -> Result<T, Denied> {
        let request = self.request(query, variables)?;
        judge(self.connection.api.send_judged(request, with_key, |_| false).await?)
    }
}

fn judge<T: DeserializeOwned>(answer: Answer) -> Result<T, Denied> {
    if is_forbidden(&answer) {
        return Err(Denied::Forbidden("the store does not let this key read or change what was asked".to_owned()));
    }
    let Some(body) = read(&answer) else {
        // Not what the store itself says: a proxy before it, or nothing whole.
        let answer = match answer.status {
            404 => return Err(Failure::retry("status 404 where the admin API should be", None).into()),
            _ => answer.success()?,
        };
        return Err(answer.json::<Value>().err().unwrap_or_else(not_graphql).into());
    };
    match (body.errors.first(), body.data) {
        (Some(told), _) if told.extensions.code == "GRAPHQL_VALIDATION_FAILED" => Err(Denied::Unknown(told.text())),
        (Some(told), _) if told.extensions.code == "USER_INPUT_ERROR" => {
            Err(Failure::PlatformChanged(format!("the store does not take the question: {}", told.text())).into())
        }
        // A bug or a full disk there: nothing of the answer is taken, in part it says nothing of the rest.
        (Some(told), _) => Err(Failure::retry(format!("the store says: {}", told.text()), answer.retry_after).into()),
        (None, Some(data)) => serde_json::from_str(data.get()).map_err(|why| {
            let place = format!("line {} column {}", why.line(), why.column());
            Failure::PlatformChanged(format!("not the data that were asked for, at {place}")).into()
        }),
        (None, None) => Err(answer.success().map_or_else(|failure| failure, |_| not_graphql()).into()),
    }
}

fn not_graphql() -> Failure {
    Failure::PlatformChanged("an answer that is none of a GraphQL API".to_owned())
}
