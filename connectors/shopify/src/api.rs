//! One call of the Admin GraphQL API: its errors, its throttling, its points.

use crate::config;
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Once;
use std::time::Duration;

/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// A throttled call is made this often before it is left for later.
const TRIES: u32 = 10;
/// No bucket makes us wait longer at once.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The wait where an answer says nothing of the bucket.
const WAIT_USUAL: Duration = Duration::from_secs(2);
/// Characters of a message that are kept.
const MESSAGE_CHARS_MAX: usize = 200;

static FELL_FORWARD: Once = Once::new();

/// An answer's data.
#[derive(Debug)]
pub(crate) struct Data<T> {
    /// What was asked for.
    pub(crate) data: T,
    /// Whether the platform hid parts of it: what is null may be there.
    pub(crate) hidden: bool,
}

#[derive(Deserialize)]
struct Body {
    /// Read once the errors are known: they say why something is missing.
    #[serde(default)]
    data: Option<Box<RawValue>>,
    #[serde(default)]
    errors: Option<Errors>,
    #[serde(default)]
    extensions: Option<Extensions>,
}

/// A list, or plain text with statuses other than 200.
#[derive(Deserialize)]
#[serde(untagged)]
enum Errors {
    List(Vec<GraphError>),
    Other(Value),
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    extensions: Option<ErrorExtensions>,
}

#[derive(Deserialize)]
struct ErrorExtensions {
    #[serde(default)]
    code: Option<String>,
}

#[derive(Deserialize, Default)]
struct Extensions {
    #[serde(default)]
    cost: Option<Cost>,
}

/// Points, not money.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    #[serde(default)]
    requested_query_cost: Option<f64>,
    #[serde(default)]
    throttle_status: Option<Bucket>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bucket {
    currently_available: f64,
    restore_rate: f64,
}

impl Extensions {
    /// How long until a call of the same cost fits into the bucket.
    fn wait(&self) -> Option<Duration> {
        let cost = self.cost.as_ref()?;
        let bucket = cost.throttle_status.as_ref()?;
        let lacking = cost.requested_query_cost? - bucket.currently_available;
        if lacking <= 0.0 || bucket.restore_rate <= 0.0 {
            return None;
        }
        Some(Duration::try_from_secs_f64(lacking / bucket.restore_rate).unwrap_or(WAIT_MAX).min(WAIT_MAX))
    }
}

enum Outcome<T> {
    Done(Data<T>),
    Throttled(Duration),
}

/// Sends a document. Waits while the platform throttles; what it refuses is a typed failure.
pub(crate) async fn call<T: DeserializeOwned>(
    connection: &Connection,
    document: &str,
    variables: Value,
) -> Result<Data<T>, Failure> {
    let url = config::graphql(connection);
    let body = serde_json::json!({ "query": document, "variables": variables });
    let mut request = Request::json(Method::POST, url, &body)?.header("accept", "application/json");
    request.answer_bytes_max = ANSWER_BYTES_MAX;
    request.timeout = Duration::from_secs(40);
    let mut waited = WAIT_USUAL;
    for _ in 0..TRIES {
        let answer = connection.api.send(request.clone(), sign).await?;
        warn_if_other_version(connection, &answer);
        match outcome(connection, answer)? {
            Outcome::Done(data) => return Ok(data),
            Outcome::Throttled(wait) => {
                connection.api.pace().block_for(wait);
                waited = wait;
            }
        }
    }
    Err(Failure::retry("throttled again and again", Some(waited)))
}

fn sign(request: Request, token: &SecretString) -> Request {
    request.header("x-shopify-access-token", token.expose_secret())
}

fn warn_if_other_version(connection: &Connection, answer: &Answer) {
    let asked = config::version(&connection.platform);
    if let Some(got) = answer.header("x-shopify-api-version").filter(|got| *got != asked) {
        FELL_FORWARD.call_once(|| tracing::warn!(asked, got, "the API version is retired; set a newer one"));
    }
}

fn outcome<T: DeserializeOwned>(connection: &Connection, answer: Answer) -> Result<Outcome<T>, Failure> {
    match answer.status {
        429 => return Ok(Outcome::Throttled(answer.retry_after.unwrap_or(WAIT_USUAL).min(WAIT_MAX))),
        402 => return Err(Failure::Blocked("the shop is frozen until it is paid for".to_owned())),
        423 => return Err(Failure::Blocked("the shop is locked".to_owned())),
        404 => return Err(Failure::Gone("status 404: the shop is closed, or there is no such api_version".to_owned())),
        _ => {}
    }
    let retry_after = answer.retry_after;
    let body: Body = answer.success()?.json()?;
    let extensions = body.extensions.unwrap_or_default();
    let wait = extensions.wait();
    let errors = match body.errors {
        None => Vec::new(),
        Some(Errors::List(errors)) => errors,
        Some(Errors::Other(what)) => vec![GraphError { message: what.to_string(), extensions: None }],
    };
    if errors.iter().any(|error| error.code() == "THROTTLED") {
        return Ok(Outcome::Throttled(wait.or(retry_after).unwrap_or(WAIT_USUAL).min(WAIT_MAX)));
    }
    if let Some(wait) = wait {
        connection.api.pace().block_for(wait);
    }
    let hidden = !errors.is_empty();
    let data = body.data.map(|data| serde_json::from_str::<T>(data.get()));
    match (data, errors.iter().find(|error| error.code() != "ACCESS_DENIED").or(errors.first())) {
        (Some(Ok(data)), None) => Ok(Outcome::Done(Data { data, hidden })),
        // Personal data that the app is not approved for is null; the rest is there.
        (Some(Ok(data)), Some(error)) if error.code() == "ACCESS_DENIED" => Ok(Outcome::Done(Data { data, hidden })),
        (_, Some(error)) => Err(error.failure()),
        (Some(Err(why)), None) => {
            let place = format!("line {} column {} of the data", why.line(), why.column());
            Err(Failure::PlatformChanged(format!("not the answer that was expected, at {place}")))
        }
        (None, None) => Err(Failure::PlatformChanged("an answer without data".to_owned())),
    }
}

impl GraphError {
    fn code(&self) -> &str {
        self.extensions.as_ref().and_then(|extensions| extensions.code.as_deref()).unwrap_or_default()
    }

    fn failure(&self) -> Failure {
        let what = short(&self.message);
        match self.code() {
            "ACCESS_DENIED" => Failure::NeedsAuthorization(format!("access denied: {what}")),
            "SHOP_INACTIVE" => Failure::Blocked(format!("the shop is inactive: {what}")),
            "INTERNAL_SERVER_ERROR" | "TIMEOUT" => Failure::retry(format!("the platform failed: {what}"), None),
            _ => Failure::Refused(what),
        }
    }
}

/// The beginning of a message of the platform.
pub(crate) fn short(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// What a mutation refuses.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(crate) struct UserError {
    #[serde(default)]
    pub(crate) code: Option<String>,
    #[serde(default)]
    pub(crate) message: String,
}

/// The first of a mutation's errors as text.
pub(crate) fn first_error(errors: &[UserError]) -> Option<String> {
    errors.first().map(|error| short(&error.message))
}

/// A page of something.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Nodes<T> {
    pub(crate) nodes: Vec<T>,
    pub(crate) page_info: PageInfo,
}

/// Where the next page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PageInfo {
    #[serde(default)]
    has_next_page: bool,
    #[serde(default)]
    end_cursor: Option<String>,
}

impl PageInfo {
    /// The place after this page, if there is a next one. A place that does not move is refused: it would be read
    /// for ever.
    pub(crate) fn next(&self, before: Option<&str>) -> Result<Option<String>, Failure> {
        match &self.end_cursor {
            _ if !self.has_next_page => Ok(None),
            Some(next) if before != Some(next) => Ok(Some(next.clone())),
            _ => Err(Failure::PlatformChanged("pages that do not go on".to_owned())),
        }
    }
}
