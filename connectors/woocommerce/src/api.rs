//! The requests, as plain functions.

use crate::config;
use crate::denied::{Denied, classify, refuses_key};
use crate::sign::{Auth, encoded, show};
use crate::store;
use crate::wire::{Hook, Index, Setting};
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::value::RawValue;
use std::time::Duration;

/// Records of one page at most.
pub(crate) const PAGE_MAX: usize = 100;
/// Bytes of one answer: 100 orders with everything that plugins hang on them.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// A call that the store's host throttles is made this often before it is left for later.
const TRIES: u32 = 6;
/// No host makes us wait longer within a call.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// The wait where a host does not say.
const WAIT_USUAL: Duration = Duration::from_secs(2);

/// Parameters of a query.
pub(crate) type Query<'a> = Vec<(&'a str, String)>;

/// A page of records.
pub(crate) struct Listed {
    /// Each as it came.
    pub(crate) rows: Vec<Box<RawValue>>,
    /// How many there are on all pages.
    pub(crate) total: Option<u64>,
}

/// A store's API through a connection.
#[derive(Clone)]
pub(crate) struct Api<'a> {
    connection: &'a Connection,
    base: String,
    /// The site's own address of itself.
    home: String,
    auth: Auth,
    /// Whether routes go into the query: the site has plain permalinks.
    plain_routes: bool,
}

impl<'a> Api<'a> {
    /// As the install found the store.
    pub(crate) fn new(connection: &'a Connection) -> Result<Api<'a>, Failure> {
        let again = || Failure::Refused("how the store is called is not known: connect it again".to_owned());
        let auth = connection.detail("auth").and_then(Auth::named).ok_or_else(again)?;
        let home = connection.detail("home").unwrap_or_default();
        let plain_routes = connection.detail("routes") == Some("plain");
        Ok(Api { home: home.to_owned(), auth, plain_routes, ..Api::first(connection)? })
    }

    /// Before anything is known of the store.
    pub(crate) fn first(connection: &'a Connection) -> Result<Api<'a>, Failure> {
        let base = store::base(&connection.platform, &connection.account)?;
        Ok(Api { connection, home: base.clone(), base, auth: Auth::Basic, plain_routes: false })
    }

    /// The same, of a site that calls itself so and has such routes.
    pub(crate) fn of_site(self, home: &str, plain_routes: bool) -> Api<'a> {
        Api { home: home.to_owned(), plain_routes, ..self }
    }

    /// The same with the key shown in another way.
    pub(crate) fn with(&self, auth: Auth) -> Api<'a> {
        Api { auth, ..self.clone() }
    }

    fn url(&self, route: &str, query: &[(&str, String)]) -> String {
        let mut url = match self.plain_routes {
            true => format!("{}/?rest_route=/{route}", self.base),
            false => format!("{}/wp-json/{route}", self.base),
        };
        for (name, value) in query {
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&format!("{}={}", encoded(name), encoded(value)));
        }
        url
    }

    fn bounded(&self, mut request: Request) -> Request {
        request.timeout = config::timeout(&self.connection.platform);
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        request.header("accept", "application/json")
    }

    /// Sends, and waits while the host throttles.
    async fn patient(
        &self,
        request: Request,
        sign: impl Fn(Request, &SecretString) -> Request,
        refused: impl Fn(&Answer) -> bool,
    ) -> Result<Answer, Failure> {
        let request = self.bounded(request);
        let api = &self.connection.api;
        let mut tried = 1;
        loop {
            let answer = api.send_judged(request.clone(), &sign, &refused).await?;
            let throttled = answer.status == 429 || (answer.status == 503 && answer.retry_after.is_some());
            if !throttled || tried >= TRIES || answer.retry_after.is_some_and(|wait| wait > WAIT_MAX) {
                return Ok(answer);
            }
            api.pace().block_for(answer.retry_after.unwrap_or(WAIT_USUAL * tried));
            tried += 1;
        }
    }

    /// Sends with the key. `refused` tells which answers are told as the end of the key.
    async fn send(&self, request: Request, refused: impl Fn(&Answer) -> bool) -> Result<Answer, Denied> {
        let sign = |request, token: &SecretString| show(self.auth, &self.home, request, token);
        classify(self.patient(request, sign, refused).await?)
    }

    async fn get(&self, route: &str, query: &[(&str, String)]) -> Result<Answer, Denied> {
        self.send(Request::get(self.url(&format!("wc/v3/{route}"), query)), refuses_key).await
    }

    async fn write(&self, method: Method, route: &str, body: &impl Serialize) -> Result<Answer, Denied> {
        let request = Request::json(method, self.url(&format!("wc/v3/{route}"), &[]), body)?;
        self.send(request, refuses_key).await
    }

    /// What the site says of itself to anybody. The key is not sent.
    pub(crate) async fn index(&self) -> Result<Answer, Failure> {
        let fields = "name,home,url,gmt_offset,timezone_string,namespaces".to_owned();
        self.patient(Request::get(self.url("", &[("_fields", fields)])), |request, _| request, |_| false).await
    }

    /// See [`Api::index`], read.
    pub(crate) fn read_index(answer: &Answer) -> Option<Index> {
        let index: Index = serde_json::from_str(answer.body.trim_start_matches('\u{feff}')).ok()?;
        (answer.status == 200 && !index.home.is_empty()).then_some(index)
    }

    /// Whether the store takes the key in this way: one order, or none, is looked at. The key is not given up for it.
    pub(crate) async fn try_key(&self) -> Result<(), Denied> {
        let query = [("per_page", "1".to_owned()), ("_fields", "id".to_owned())];
        self.send(Request::get(self.url("wc/v3/orders", &query)), |_| false).await.map(drop)
    }

    /// Whether the key may write: a webhook that there can't be is changed.
    pub(crate) async fn may_write(&self) -> Result<bool, Denied> {
        match self.write(Method::PUT, "webhooks/0", &serde_json::json!({})).await {
            Err(Denied::Forbidden(_)) => Ok(false),
            Err(Denied::Missing(_) | Denied::Invalid(_)) | Ok(_) => Ok(true),
            Err(denied) => Err(denied),
        }
    }

    /// A page of records.
    pub(crate) async fn list(&self, route: &str, query: &[(&str, String)]) -> Result<Listed, Denied> {
        let answer = self.get(route, query).await?;
        let total = answer.header("x-wp-total").and_then(|total| total.parse().ok());
        let body = answer.body.trim_start_matches('\u{feff}');
        if answer.cut {
            return Err(Denied::TooMuch(Failure::retry(format!("more than {ANSWER_BYTES_MAX} bytes"), None)));
        }
        // PHP that ran out of time or memory ends in the middle of its data.
        let broken = |_| Denied::TooMuch(Failure::retry("the store's answer is not whole", None));
        Ok(Listed { rows: serde_json::from_str(body).map_err(broken)?, total })
    }

    /// One record; `None` when there is no such thing.
    pub(crate) async fn one<T: serde::de::DeserializeOwned>(&self, route: &str) -> Result<Option<T>, Denied> {
        match self.get(route, &[]).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(Denied::Missing(_)) => Ok(None),
            Err(denied) => Err(denied),
        }
    }

    /// `GET /settings/general/woocommerce_currency`
    pub(crate) async fn currency(&self) -> Result<Option<String>, Denied> {
        match self.one::<Setting>("settings/general/woocommerce_currency").await {
            Ok(setting) => Ok(setting.and_then(|setting| setting.value)),
            Err(Denied::Forbidden(_)) => Ok(None),
            Err(denied) => Err(denied),
        }
    }

    /// `POST /webhooks`. Not idempotent: look first.
    pub(crate) async fn add_hook(&self, hook: &Hook) -> Result<(), Denied> {
        self.write(Method::POST, "webhooks", hook).await.map(drop)
    }

    /// `PUT /webhooks/{id}`
    pub(crate) async fn change_hook(&self, id: &str, hook: &Hook) -> Result<(), Denied> {
        self.write(Method::PUT, &format!("webhooks/{id}"), hook).await.map(drop)
    }

    /// `DELETE /webhooks/{id}`; one that is gone is as asked.
    pub(crate) async fn remove_hook(&self, id: &str) -> Result<(), Denied> {
        let url = self.url(&format!("wc/v3/webhooks/{id}"), &[("force", "true".to_owned())]);
        match self.send(Request::new(Method::DELETE, url), refuses_key).await {
            Ok(_) | Err(Denied::Missing(_)) => Ok(()),
            Err(denied) => Err(denied),
        }
    }
}
