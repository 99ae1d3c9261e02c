//! The requests, as plain functions, and what their errors mean.

use crate::wire::{
    Batch, BatchRead, Changed, Contacts, GdprDelete, List, Members, Membership, Memberships, Named, NewList, OneList,
    Problem, Record, Records, Search, TokenInfo, Upsert, Upserts,
};
use kit::api::{ApiClient, bearer};
use kit::backoff::Patience;
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::{Connection, Platform};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Inputs of one batch call.
pub(crate) const BATCH_MAX: usize = 100;
/// Contacts of one page of a search.
pub(crate) const SEARCH_PAGE: usize = 200;
/// A search shows so many results, however it is paged.
pub(crate) const SEARCH_WINDOW: usize = 10_000;
/// Contacts of one page of the plain list.
pub(crate) const LIST_PAGE: usize = 100;
/// Members of one page: two batches of contacts. The platform would give 250.
pub(crate) const MEMBERS_PAGE: usize = 200;
/// Contacts, as an object type.
pub(crate) const CONTACTS: &str = "0-1";

/// Bytes of one answer: 200 contacts with all that is asked of them.
const ANSWER_BYTES_MAX: usize = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(60);
/// Searches are counted apart, 5 a second for the account; a little slower, for the network is not even.
const SEARCH_GAP: Duration = Duration::from_millis(206);
/// Limits of ten seconds, of one, and of the day, when the platform names only the policy. The window of ten seconds
/// rolls and gives back evenly: after a quarter of it there is something to go on with.
const TEN_SECONDS: Duration = Duration::from_millis(2_500);
const ONE_SECOND: Duration = Duration::from_secs(1);
/// The day ends by the account's own clock, which is not known: look again each quarter of an hour.
const DAY_LOOK: Duration = Duration::from_secs(900);
/// One record is written too much.
const LOCKED: Duration = Duration::from_secs(2);
/// The account moves between data centres and says nothing of for how long.
const MOVING: Duration = Duration::from_secs(300);
/// So many calls are left to others that share the limit.
const LEFT_FOR_OTHERS: u64 = 4;
/// Characters of the platform's own words that are kept.
const WORDS_MAX: usize = 300;

/// Why a call did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// What it was about is not there.
    Missing(String),
    /// The platform does not like what was sent.
    Invalid(String),
    /// It is there already.
    Exists(String),
    /// Anything else.
    Other(Failure),
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Missing(why) | Denied::Invalid(why) | Denied::Exists(why) => Failure::Refused(why),
            Denied::Other(failure) => failure,
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Other(failure)
    }
}

/// Where the API is.
pub(crate) fn base(platform: &Platform) -> String {
    platform.base("api", "https://api.hubapi.com")
}

/// The account's API through a connection.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a>(pub(crate) &'a Connection);

impl Api<'_> {
    fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<String, Failure> {
        let wrong = || Failure::Refused("the platform's address can't be used".to_owned());
        let mut url = Url::parse(&base(&self.0.platform)).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url.to_string())
    }

    async fn send(&self, request: Request, sign: impl Fn(Request, &SecretString) -> Request) -> Result<Answer, Denied> {
        self.send_by(&self.0.api, request, sign).await
    }

    /// Sends, and once more what failed for a reason that may have passed: none of the calls does harm when it is made
    /// twice.
    async fn send_by(
        &self,
        client: &ApiClient,
        mut request: Request,
        sign: impl Fn(Request, &SecretString) -> Request,
    ) -> Result<Answer, Denied> {
        request.timeout = TIMEOUT;
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        let mut tried = 1;
        loop {
            match self.send_once(client, request.clone(), &sign).await {
                Err(Denied::Other(failure)) if Patience::USUAL.again(tried, &failure).await => tried += 1,
                outcome => return outcome,
            }
        }
    }

    async fn send_once(
        &self,
        client: &ApiClient,
        request: Request,
        sign: impl Fn(Request, &SecretString) -> Request,
    ) -> Result<Answer, Denied> {
        let answer = client.send(request, sign).await?;
        if let Some(wait) = spent(&answer) {
            self.0.api.pace().block_for(wait);
        }
        let limited = answer.status == 429;
        let outcome = classify(answer);
        if let (true, Err(Denied::Other(Failure::Retry { after: Some(wait), .. }))) = (limited, &outcome) {
            // A day's limit is that of all calls.
            let held = if *wait >= DAY_LOOK { &self.0.api } else { client };
            held.pace().block_for(*wait);
        }
        outcome
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> Result<T, Denied> {
        Ok(self.send(Request::get(self.url(path, query)?), bearer).await?.json()?)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<T, Denied> {
        Ok(self.send(Request::json(method, self.url(path, &[])?, body)?, bearer).await?.json()?)
    }

    /// Whose the token is. Of OAuth it stands in the path, of a private app in the body.
    pub(crate) async fn token_info(&self) -> Result<TokenInfo, Denied> {
        let of_app = self.url(&["oauth", "v2", "private-apps", "get", "access-token-info"], &[])?;
        let of_oauth = self.url(&["oauth", "v1", "access-tokens", "_"], &[])?;
        let sign = |mut request: Request, token: &SecretString| {
            let token = token.expose_secret().trim();
            if is_private_app(token) {
                request.method = Method::POST;
                request.url.clone_from(&of_app);
                request.body = serde_json::json!({ "tokenKey": token }).to_string().into_bytes();
                return request.header("content-type", "application/json");
            }
            if let Ok(mut url) = Url::parse(&of_oauth) {
                if let Ok(mut path) = url.path_segments_mut() {
                    path.pop().push(token);
                }
                request.url = url.to_string();
            }
            request
        };
        let request = Request { timeout: TIMEOUT, ..Request::get(of_oauth.clone()) };
        // A token that ran out is no other than an unknown one here.
        let refused = |answer: &Answer| matches!(answer.status, 401 | 404);
        match self.0.api.send_judged(request, sign, refused).await.map_err(Denied::from).and_then(classify) {
            // Neither knows the token.
            Err(Denied::Missing(why) | Denied::Invalid(why)) => Err(Failure::NeedsAuthorization(why).into()),
            answer => Ok(answer?.json()?),
        }
    }

    /// `GET /crm/v3/objects/contacts`: all contacts, in the order of their ids.
    pub(crate) async fn contacts(&self, after: Option<&str>, properties: &[&str]) -> Result<Contacts, Denied> {
        let (limit, properties) = (LIST_PAGE.to_string(), properties.join(","));
        let mut query = vec![("limit", limit.as_str()), ("properties", properties.as_str()), ("archived", "false")];
        query.extend(after.map(|after| ("after", after)));
        self.get(&["crm", "v3", "objects", "contacts"], &query).await
    }

    /// `POST /crm/v3/objects/contacts/search`
    pub(crate) async fn search(&self, search: &Search<'_>) -> Result<Contacts, Denied> {
        let url = self.url(&["crm", "v3", "objects", "contacts", "search"], &[])?;
        let searches = self.0.api.in_lane("search", SEARCH_GAP);
        Ok(self.send_by(&searches, Request::json(Method::POST, url, search)?, bearer).await?.json()?)
    }

    /// `POST /crm/v3/objects/contacts/batch/read`: those who are there.
    pub(crate) async fn read(
        &self,
        id_property: Option<&str>,
        names: &[&str],
        properties: &[&str],
    ) -> Result<Batch, Denied> {
        let inputs = names.iter().map(|id| Named { id }).collect();
        let body = BatchRead { id_property, inputs, properties, properties_with_history: [] };
        self.write(Method::POST, &["crm", "v3", "objects", "contacts", "batch", "read"], &body).await
    }

    /// `POST /crm/v3/objects/contacts/batch/upsert`
    pub(crate) async fn upsert(&self, inputs: Vec<Upsert<'_>>) -> Result<Batch, Denied> {
        let body = Upserts { inputs };
        self.write(Method::POST, &["crm", "v3", "objects", "contacts", "batch", "upsert"], &body).await
    }

    /// `DELETE /crm/v3/objects/contacts/{id}`: archives; whoever is not there is as asked.
    pub(crate) async fn archive(&self, id: &str) -> Result<(), Denied> {
        let request = Request::new(Method::DELETE, self.url(&["crm", "v3", "objects", "contacts", id], &[])?);
        gone(self.send(request, bearer).await)
    }

    /// `POST /crm/v3/objects/contacts/gdpr-delete`: for good, and the address can't come back.
    pub(crate) async fn forget(&self, email: &str) -> Result<(), Denied> {
        let body = GdprDelete { object_id: email, id_property: "email" };
        let url = self.url(&["crm", "v3", "objects", "contacts", "gdpr-delete"], &[])?;
        gone(self.send(Request::json(Method::POST, url, &body)?, bearer).await)
    }

    /// `GET /crm/v3/lists/object-type-id/0-1/name/{name}`
    pub(crate) async fn list_named(&self, name: &str) -> Result<List, Denied> {
        let path = ["crm", "v3", "lists", "object-type-id", CONTACTS, "name", name];
        let answer: OneList = self.get(&path, &[]).await?;
        Ok(answer.list)
    }

    /// `POST /crm/v3/lists`: a list whose members we keep. Not idempotent: look first.
    pub(crate) async fn create_list(&self, name: &str) -> Result<List, Denied> {
        let body = NewList { name, object_type_id: CONTACTS, processing_type: "MANUAL" };
        let answer: OneList = self.write(Method::POST, &["crm", "v3", "lists"], &body).await?;
        Ok(answer.list)
    }

    /// `PUT /crm/v3/lists/{id}/memberships/add-and-remove`
    pub(crate) async fn change(&self, list: &str, add: &[String], remove: &[String]) -> Result<Changed, Denied> {
        let body = Membership { record_ids_to_add: add, record_ids_to_remove: remove };
        self.write(Method::PUT, &["crm", "v3", "lists", list, "memberships", "add-and-remove"], &body).await
    }

    /// `GET /crm/v3/lists/{id}/memberships`
    pub(crate) async fn members(&self, list: &str, after: Option<&str>) -> Result<Members, Denied> {
        let limit = MEMBERS_PAGE.to_string();
        let mut query = vec![("limit", limit.as_str())];
        query.extend(after.map(|after| ("after", after)));
        self.get(&["crm", "v3", "lists", list, "memberships"], &query).await
    }

    /// `POST /crm/v3/lists/records/memberships/batch/read`: the lists of contacts.
    pub(crate) async fn lists_of(&self, ids: &[&str]) -> Result<Memberships, Denied> {
        let inputs = ids.iter().map(|record_id| Record { object_type_id: CONTACTS, record_id }).collect();
        let path = ["crm", "v3", "lists", "records", "memberships", "batch", "read"];
        self.write(Method::POST, &path, &Records { inputs }).await
    }
}

/// Whether it is a token of a private app (`pat-na1-...`).
pub(crate) fn is_private_app(token: &str) -> bool {
    token.starts_with("pat-")
}

fn gone(answer: Result<Answer, Denied>) -> Result<(), Denied> {
    match answer {
        Ok(_) | Err(Denied::Missing(_)) => Ok(()),
        Err(denied) => Err(denied),
    }
}

/// How long to wait when an answer says that the limit is as good as used up, by us or by others who share it.
fn spent(answer: &Answer) -> Option<Duration> {
    let number = |name: &str| answer.header(name).and_then(|text| text.trim().parse::<u64>().ok());
    if number("x-hubspot-ratelimit-daily-remaining") == Some(0) {
        return Some(DAY_LOOK);
    }
    let (left, most) = (number("x-hubspot-ratelimit-remaining")?, number("x-hubspot-ratelimit-max")?);
    let interval = number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(10_000).min(60_000);
    // A window that rolls gives back evenly: half of it is enough to go on with.
    (left < LEFT_FOR_OTHERS.min(most / 10)).then(|| Duration::from_millis(interval / 2))
}

fn classify(answer: Answer) -> Result<Answer, Denied> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let told = serde_json::from_str::<Problem>(&answer.body).unwrap_or_default();
    let text = words(answer.status, &told);
    let retry = |usual: Option<Duration>| Denied::Other(Failure::retry(text.clone(), answer.retry_after.or(usual)));
    Err(match (answer.status, told.category.as_str()) {
        (401, _) => Denied::Other(Failure::NeedsAuthorization(text)),
        (403, "MISSING_SCOPES") => Denied::Other(Failure::NeedsAuthorization(text)),
        (403, _) => Denied::Other(Failure::Blocked(text)),
        (404, _) => Denied::Missing(text),
        (409, _) => Denied::Exists(text),
        (400, "OBJECT_NOT_FOUND") => Denied::Missing(text),
        (400 | 422, _) => Denied::Invalid(text),
        (429, _) => retry(Some(window(&told.policy))),
        (423, _) => retry(Some(LOCKED)),
        (477, _) => retry(Some(MOVING)),
        (408 | 425 | 500..=599, _) => retry(None),
        (300..=399, _) => Denied::Other(Failure::retry(format!("{text}: redirects are not followed"), None)),
        _ => Denied::Other(Failure::Refused(text)),
    })
}

/// How long a policy holds.
fn window(policy: &str) -> Duration {
    match policy {
        "DAILY" => DAY_LOOK,
        "TEN_SECONDLY_ROLLING" => TEN_SECONDS,
        _ => ONE_SECOND,
    }
}

/// What the platform says, in one line and bounded, with the number by which its support finds the call.
fn words(status: u16, told: &Problem) -> String {
    let details = told.errors.iter().map(|error| error.message.as_str());
    let scopes = told.errors.iter().filter_map(|error| error.context.get("requiredGranularScopes")).flatten();
    let scopes: Vec<&str> = scopes.filter_map(|scope| scope.as_str()).collect();
    let scopes = scopes.join(", ");
    let said = [told.message.as_str()].into_iter().chain(details).chain([scopes.as_str()]);
    let said: Vec<&str> = said.map(str::trim).filter(|part| !part.is_empty()).collect();
    let said = if said.is_empty() { format!("status {status}") } else { said.join("; ") };
    let number: String = told.correlation_id.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    let number = if number.is_empty() { number } else { format!(" (correlation id {number})") };
    format!("{}{number}", bounded(&said))
}

/// The platform's own words, bounded.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), retry_after: None, body: body.to_owned(), cut: false }
    }

    fn of(status: u16, body: &str) -> Denied {
        classify(answer(status, body)).unwrap_err()
    }

    #[test]
    fn limits_are_waited_for_by_their_policy() {
        let wait = |policy: &str| match of(429, &format!(r#"{{"policyName":"{policy}","message":"m"}}"#)) {
            Denied::Other(Failure::Retry { after, .. }) => after.unwrap(),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            (wait("DAILY"), wait("SECONDLY"), wait("TEN_SECONDLY_ROLLING")),
            (DAY_LOOK, ONE_SECOND, TEN_SECONDS)
        );
        let asked = Answer { retry_after: Some(Duration::from_secs(7)), ..answer(429, "") };
        let Err(Denied::Other(Failure::Retry { after, .. })) = classify(asked) else { panic!("no retry") };
        assert_eq!(after, Some(Duration::from_secs(7)));
        for status in [408, 423, 477, 500, 502, 504, 523] {
            assert!(matches!(of(status, "<html>"), Denied::Other(Failure::Retry { .. })), "{status}");
        }
    }

    #[test]
    fn what_others_use_up_is_noticed() {
        let with = |pairs: &[(&'static str, &'static str)]| {
            let mut one = answer(200, "");
            for (name, value) in pairs {
                one.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            spent(&one)
        };
        let left = |left| [("x-hubspot-ratelimit-max", "110"), ("x-hubspot-ratelimit-remaining", left)];
        assert_eq!(with(&left("4")), None);
        assert_eq!(with(&left("3")), Some(Duration::from_secs(5)));
        assert_eq!(with(&[("x-hubspot-ratelimit-daily-remaining", "0")]), Some(DAY_LOOK));
        assert_eq!(with(&[]), None);
    }

    #[test]
    fn errors_are_told_by_their_category() {
        let scopes = r#"{"status":"error","message":"This app hasn't been granted all required scopes.",
            "correlationId":"c-1","category":"MISSING_SCOPES",
            "errors":[{"message":"One or more.","context":{"requiredGranularScopes":["crm.lists.write"]}}]}"#;
        let Denied::Other(Failure::NeedsAuthorization(why)) = of(403, scopes) else { panic!("no authorization") };
        assert!(why.contains("crm.lists.write") && why.ends_with("(correlation id c-1)"), "{why}");
        assert!(matches!(of(403, ""), Denied::Other(Failure::Blocked(_))));
        assert!(matches!(of(401, ""), Denied::Other(Failure::NeedsAuthorization(_))));
        assert!(matches!(of(404, ""), Denied::Missing(_)));
        assert!(matches!(of(409, ""), Denied::Exists(_)));
        assert!(matches!(of(400, r#"{"category":"VALIDATION_ERROR","message":"bad"}"#), Denied::Invalid(_)));
        assert!(matches!(of(405, ""), Denied::Other(Failure::Refused(_))));
    }
}
