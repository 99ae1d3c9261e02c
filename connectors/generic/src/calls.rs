//! Calls to a platform, as its description says how, and what their answers mean.

use crate::description::{BodyTemplate, Call, Description, Status};
use crate::exact;
use crate::expression::{self, Expr, text};
use crate::file::{Means, Method, Unit};
use crate::template::{Nothing, Part, Template};
use jmespath::{Rcvar, Variable};
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::{Connection, Platform};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of one answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// A call may take this long.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Characters of the platform's own words that are kept.
const WORDS_MAX: usize = 300;
/// The wait for a platform that throttles and does not say for how long.
const WAIT_USUAL: Duration = Duration::from_secs(2);
/// No platform makes us wait longer for its limit to pass.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// What is filled into templates beside what every call has.
#[derive(Default)]
pub(crate) struct Fill {
    texts: BTreeMap<String, String>,
    whole: BTreeMap<String, Value>,
    list: Map<String, Value>,
}

impl Fill {
    pub(crate) fn with(mut self, name: &str, text: impl Into<String>) -> Fill {
        self.texts.insert(name.to_owned(), text.into());
        self
    }

    pub(crate) fn maybe(self, name: &str, text: Option<impl Into<String>>) -> Fill {
        match text {
            Some(text) => self.with(name, text),
            None => self,
        }
    }

    /// What is filled in as it is, where a place is all that there is.
    pub(crate) fn whole(mut self, name: &str, value: Value) -> Fill {
        self.whole.insert(name.to_owned(), value);
        self
    }

    /// The list's settings.
    pub(crate) fn of_list(mut self, settings: &Map<String, Value>) -> Fill {
        self.list = settings.clone();
        self
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// What is known of the app.
pub(crate) fn of_platform(platform: &Platform, name: &str) -> Option<String> {
    match name.strip_prefix("operator.") {
        Some(setting) => platform.settings.get(setting).and_then(plain),
        None if name == "public_url" => Some(platform.public_url.clone()).filter(|url| !url.is_empty()),
        None if name == "client_id" => platform.app.as_ref().map(|app| app.client_id.clone()),
        None => None,
    }
}

/// A platform through a connection.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    pub(crate) of: &'static Description,
    pub(crate) connection: &'a Connection,
}

/// Scheme and host of an address, and the rest.
pub(crate) fn split(address: &str) -> (&str, &str) {
    let behind = address.find("://").map_or(0, |at| at + 3);
    let end = address.get(behind..).and_then(|rest| rest.find(['/', '?'])).map_or(address.len(), |at| behind + at);
    address.split_at(end)
}

/// An address of the platform, or the same place at the address that the operator set instead.
pub(crate) fn moved(platform: &Platform, account: &str, address: &str) -> String {
    let (own, rest) = split(address);
    format!("{}{rest}", platform.base(account, own))
}

impl Description {
    /// Where calls of an account go, without a slash at the end.
    fn base(&self, connection: &Connection) -> Result<String, Failure> {
        let fill = |name: &str| known(connection, name);
        let address = self.calls.address.address(&fill).map_err(lacks)?;
        Ok(moved(&connection.platform, &connection.account, address.trim_end_matches('/')))
    }
}

pub(crate) fn lacks(Nothing(name): Nothing) -> Failure {
    Failure::Refused(format!("{name} is not known: set it, or connect again"))
}

fn known(connection: &Connection, name: &str) -> Option<String> {
    if name == "account" {
        return Some(connection.account.clone()).filter(|account| !account.is_empty());
    }
    if name == "hook_url" {
        return Some(connection.hook_url.clone());
    }
    if let Some(setting) = name.strip_prefix("setting.") {
        return connection.settings.get(setting).and_then(plain);
    }
    if let Some(detail) = name.strip_prefix("detail.") {
        return connection.details.get(detail).and_then(plain);
    }
    of_platform(&connection.platform, name)
}

impl Api<'_> {
    /// What a name stands for, in this call.
    pub(crate) fn named(&self, fill: &Fill, name: &str) -> Option<String> {
        if let Some(text) = fill.texts.get(name) {
            return Some(text.clone());
        }
        match name.strip_prefix("list.") {
            Some(setting) => fill.list.get(setting).and_then(plain),
            None => known(self.connection, name),
        }
    }

    fn address(&self, path: &Template, fill: &Fill) -> Result<String, Failure> {
        let path = path.address(&|name| self.named(fill, name)).map_err(lacks)?;
        Ok(format!("{}{path}", self.of.base(self.connection)?))
    }

    /// The address of a path with those parameters for which there is something.
    pub(crate) fn with_query(
        &self,
        path: &Template,
        query: &[(String, Template)],
        fill: &Fill,
    ) -> Result<String, Failure> {
        let mut address = self.address(path, fill)?;
        for (name, value) in query {
            let Ok(value) = value.plain(&|name| self.named(fill, name)) else { continue };
            address.push(if address.contains('?') { '&' } else { '?' });
            let pair = [crate::template::encoded(name), crate::template::encoded(&value)];
            address.push_str(&pair.join("="));
        }
        Ok(address)
    }

    /// The same place as another address of the platform: the token goes to no other host than ours.
    pub(crate) fn same_host(&self, address: &str) -> Result<String, Failure> {
        let base = self.of.base(self.connection)?;
        let rest = if address.contains("://") { split(address).1 } else { address };
        if !rest.starts_with('/') {
            return Err(Failure::PlatformChanged("the next page has an address that can't be used".to_owned()));
        }
        Ok(format!("{}{rest}", split(&base).0))
    }

    pub(crate) async fn get(&self, path: &Template, fill: &Fill) -> Result<Answer, Denied> {
        let address = self.address(path, fill)?;
        self.send(Request::get(address)).await
    }

    pub(crate) async fn make(&self, call: &Call, fill: &Fill) -> Result<Answer, Denied> {
        let address = self.address(&call.path, fill)?;
        let method = match call.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let request = match &call.body {
            Some(body) => Request::json(method, address, &self.body(body, fill)?)?,
            None => Request::new(method, address),
        };
        self.send(request).await
    }

    /// A body, filled in.
    pub(crate) fn body(&self, body: &BodyTemplate, fill: &Fill) -> Result<Value, Failure> {
        Ok(match body {
            BodyTemplate::Plain(value) => value.clone(),
            BodyTemplate::Text(template) => template.plain(&|name| self.named(fill, name)).map_err(lacks)?.into(),
            BodyTemplate::Whole(name) => match fill.whole.get(name) {
                Some(value) => value.clone(),
                None => self.named(fill, name).ok_or_else(|| lacks(Nothing(name.clone())))?.into(),
            },
            BodyTemplate::Number(name) => {
                let digits = self.named(fill, name).ok_or_else(|| lacks(Nothing(name.clone())))?;
                let number = serde_json::from_str::<serde_json::Number>(digits.trim());
                number.map_err(|_| Failure::Refused(format!("{name}: expected a number")))?.into()
            }
            BodyTemplate::List(items) => items.iter().map(|item| self.body(item, fill)).collect::<Result<_, _>>()?,
            BodyTemplate::Object(fields) => {
                let mut object = Map::new();
                for (name, value) in fields {
                    object.insert(name.clone(), self.body(value, fill)?);
                }
                object.into()
            }
        })
    }

    fn signed(&self, mut request: Request, token: &SecretString) -> Request {
        let has_body = !request.body.is_empty();
        for (name, value) in &self.of.calls.headers {
            // A type of nothing is refused by some.
            if name == "content-type" && !has_body {
                continue;
            }
            let fill = |place: &str| match place {
                "token" => Some(token.expose_secret().trim().to_owned()),
                other => known(self.connection, other),
            };
            // One without its value is left out, and the platform says what it lacks.
            if let Ok(value) = value.plain(&fill) {
                request.headers.retain(|(known, _)| known != name);
                request.headers.push((name.as_str(), value));
            }
        }
        request
    }

    /// Sends; everything but success is a [`Denied`].
    pub(crate) async fn send(&self, mut request: Request) -> Result<Answer, Denied> {
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        request.timeout = TIMEOUT;
        let request = request.header("accept", "application/json");
        let sign = |request: Request, token: &SecretString| self.signed(request, token);
        // A 401 of which the description knows another reason says nothing of the token.
        let refuses = |answer: &Answer| {
            answer.status == 401 && self.rule(answer).is_none_or(|rule| rule.means == Means::Authorization)
        };
        let answer = self.connection.api.send_judged(request, sign, refuses).await?;
        let wait = self.spent(&answer);
        if let Some(wait) = wait {
            self.connection.api.pace().block_for(wait);
        }
        match answer.status {
            200..=299 => Ok(answer),
            _ => Err(Denied { failure: self.failure(&answer, wait), answer: Some(answer) }),
        }
    }

    /// How long the answer's headers ask to wait, when nothing is left of the limit.
    fn spent(&self, answer: &Answer) -> Option<Duration> {
        let limit = self.of.calls.limit.as_ref()?;
        let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<f64>().ok());
        let left = limit.remaining.as_deref().and_then(number);
        if answer.status != 429 && left.is_none_or(|left| left >= 1.0) {
            return None;
        }
        let reset = number(&limit.reset).filter(|reset| *reset >= 0.0 && *reset < 1e9)?;
        let seconds = if limit.unit == Unit::Milliseconds { reset / 1_000.0 } else { reset };
        Some(Duration::from_secs_f64(seconds).min(WAIT_MAX))
    }

    fn rule(&self, answer: &Answer) -> Option<&'static Status> {
        let rules = self.of.calls.statuses.iter().filter(|rule| rule.status == answer.status);
        let mut rules = rules.filter(|rule| rule.when.as_ref().is_none_or(|when| says(when, answer)));
        rules.next()
    }

    fn words(&self, answer: &Answer) -> String {
        let words = self.of.calls.words.as_ref().and_then(|words| words.text(&document(answer)).ok().flatten());
        let words: String = words.unwrap_or_default().chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect();
        if words.is_empty() { format!("status {}", answer.status) } else { format!("{} ({words})", answer.status) }
    }

    fn failure(&self, answer: &Answer, wait: Option<Duration>) -> Failure {
        let words = self.words(answer);
        if let Some(rule) = self.rule(answer) {
            let why = format!("{}: {words}", rule.why);
            return match rule.means {
                Means::Retry => Failure::retry(why, answer.retry_after.or(wait)),
                Means::Blocked => Failure::Blocked(why),
                Means::Refused => Failure::Refused(why),
                Means::Authorization => Failure::NeedsAuthorization(why),
                Means::Gone => Failure::Gone(why),
            };
        }
        match answer.status {
            401 | 403 => Failure::NeedsAuthorization(words),
            429 => Failure::retry(words, answer.retry_after.or(wait).or(Some(WAIT_USUAL))),
            408 | 425 | 500..=599 => Failure::retry(words, answer.retry_after),
            300..=399 => Failure::retry(format!("{words}: redirects are not followed"), None),
            _ => Failure::Refused(words),
        }
    }
}

/// Why a call did not do what was asked, and the answer if there was one.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) failure: Failure,
    pub(crate) answer: Option<Answer>,
}

impl Denied {
    pub(crate) fn is(&self, statuses: &[u16]) -> bool {
        self.answer.as_ref().is_some_and(|answer| statuses.contains(&answer.status))
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied { failure, answer: None }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        denied.failure
    }
}

/// An answer's JSON; nothing for what has none.
pub(crate) fn document(answer: &Answer) -> Rcvar {
    Rcvar::new(exact::read(&answer.body).unwrap_or(Variable::Null))
}

/// An answer's JSON.
///
/// # Errors
/// [`Failure::PlatformChanged`] when it has none, or was cut.
pub(crate) fn json(answer: &Answer) -> Result<Rcvar, Failure> {
    if answer.cut {
        return Err(Failure::PlatformChanged(format!("an answer of more than {ANSWER_BYTES_MAX} bytes")));
    }
    let read = exact::read(&answer.body);
    read.map(Rcvar::new).map_err(|why| Failure::PlatformChanged(format!("the answer is {why}")))
}

/// Whether an expression holds of an answer.
pub(crate) fn says(when: &Expr, answer: &Answer) -> bool {
    when.holds(&document(answer)).unwrap_or(false)
}

/// What an expression must find in an answer.
pub(crate) fn found(expr: &Expr, thing: &Rcvar, what: &str) -> Result<String, Failure> {
    let found = expr.of(thing).map_err(unfit)?;
    text(&found).ok_or_else(|| Failure::PlatformChanged(format!("the answer has no {what}")))
}

/// What an expression finds a list of.
pub(crate) fn rows(expr: &Expr, thing: &Rcvar) -> Result<Vec<Rcvar>, Failure> {
    let found = expr.of(thing).map_err(unfit)?;
    let absent = || Failure::PlatformChanged("the answer has no list where the description says".to_owned());
    Ok(found.as_array().ok_or_else(absent)?.clone())
}

pub(crate) fn unfit(why: expression::EvalError) -> Failure {
    Failure::PlatformChanged(why.to_string())
}

impl BodyTemplate {
    /// Every name that is filled in.
    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            BodyTemplate::Plain(_) => Vec::new(),
            BodyTemplate::Text(template) => {
                let hole = |part: &Part| if let Part::Hole { name, .. } = part { Some(name.clone()) } else { None };
                template.parts().iter().filter_map(hole).collect()
            }
            BodyTemplate::Whole(name) | BodyTemplate::Number(name) => vec![name.clone()],
            BodyTemplate::List(items) => items.iter().flat_map(BodyTemplate::names).collect(),
            BodyTemplate::Object(fields) => fields.iter().flat_map(|(_, value)| value.names()).collect(),
        }
    }
}
