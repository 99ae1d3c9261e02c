//! The requests, as plain functions, and what their errors mean.

use crate::address::subscriber_hash;
use crate::endpoint::{api_base, authorize};
use crate::wire::{
    Created, Hook, HookSetup, Hooks, Lists, Member, Members, NewMembers, NewSegment, Problem, Root, Segments, Tag,
    TagChange, TagChanged, Tags,
};
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::time::Duration;

/// Records of one page at most.
pub(crate) const PAGE_MAX: usize = 1_000;
/// Bytes of one answer: 500 contacts with everything that is known of them.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// A call may take this long, seconds: Mailchimp itself gives up after 120.
const TIMEOUT_S: u64 = 125;
/// Characters of the platform's own words that are kept.
const WORDS_MAX: usize = 300;
/// Titles of errors with which no credential will do.
const NOT_AUTHORIZED: [&str; 5] =
    ["api key invalid", "api key missing", "user disabled", "wrong datacenter", "api key revoked"];
/// What a page of contacts shows of each.
const MEMBER_FIELDS: [&str; 7] = [
    "email_address",
    "contact_id",
    "status",
    "last_changed",
    "timestamp_opt",
    "timestamp_signup",
    "unsubscribe_reason",
];

/// Why a call did not do what was asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// What it was about is not there.
    Missing(String),
    /// The platform does not like what was sent.
    Invalid(String),
    /// The platform took too long: less at once may do.
    TooSlow(Failure),
    /// Anything else.
    Other(Failure),
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Failure {
        match denied {
            Denied::Missing(why) | Denied::Invalid(why) => Failure::Refused(why),
            Denied::TooSlow(failure) | Denied::Other(failure) => failure,
        }
    }
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Denied {
        Denied::Other(failure)
    }
}

/// The account's API through a connection.
pub(crate) struct Api<'a> {
    connection: &'a Connection,
    base: String,
}

type Query<'a> = Vec<(&'a str, String)>;

impl<'a> Api<'a> {
    /// At the address that the install found.
    pub(crate) fn new(connection: &'a Connection) -> Result<Api<'a>, Failure> {
        Ok(Api { connection, base: api_base(connection)? })
    }

    /// At an address that was checked just now.
    pub(crate) fn at(connection: &'a Connection, base: String) -> Api<'a> {
        Api { connection, base }
    }

    async fn send(&self, mut request: Request) -> Result<Answer, Denied> {
        let seconds = self.connection.platform.settings.get("timeout_s").and_then(serde_json::Value::as_u64);
        request.timeout = Duration::from_secs(seconds.unwrap_or(TIMEOUT_S).max(1));
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        classify(self.connection.api.send(request, authorize).await?)
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Result<String, Failure> {
        let wrong = || Failure::Refused("the account's address can't be used".to_owned());
        let mut url = Url::parse(&self.base).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url.to_string())
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, String)]) -> Result<T, Denied> {
        let answer = self.send(Request::get(self.url(path, query)?)).await?;
        Ok(answer.json()?)
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        (path, query): (&[&str], &[(&str, String)]),
        body: &impl Serialize,
    ) -> Result<T, Denied> {
        let answer = self.send(Request::json(method, self.url(path, query)?, body)?).await?;
        Ok(answer.json()?)
    }

    /// Without a body, either way. What is not there any more is as asked.
    async fn end(&self, method: Method, path: &[&str]) -> Result<(), Denied> {
        match self.send(Request::new(method, self.url(path, &[])?)).await {
            Ok(_) | Err(Denied::Missing(_)) => Ok(()),
            Err(denied) => Err(denied),
        }
    }

    /// `GET /`: whose the credential is.
    pub(crate) async fn root(&self) -> Result<Root, Denied> {
        let fields = "account_id,account_name,login_id,role,account_timezone";
        self.get(&[""], &[("fields", fields.to_owned())]).await
    }

    /// `GET /lists`: a page of the account's audiences.
    pub(crate) async fn lists(&self, offset: usize) -> Result<Lists, Denied> {
        self.get(&["lists"], &page("lists.id,total_items", PAGE_MAX, offset)).await
    }

    /// `GET /lists/{list}/members`, oldest change first.
    pub(crate) async fn members(
        &self,
        list: &str,
        since: Option<String>,
        (count, offset): (usize, usize),
    ) -> Result<Members, Denied> {
        let fields = MEMBER_FIELDS.map(|field| format!("members.{field}")).join(",");
        let mut query = page(&format!("{fields},total_items"), count, offset);
        query.extend(since.map(|since| ("since_last_changed", since)));
        query.extend([("sort_field", "last_changed".to_owned()), ("sort_dir", "ASC".to_owned())]);
        self.get(&["lists", list, "members"], &query).await
    }

    /// `GET /lists/{list}/members/{hash}`; `None` when the audience has no such contact.
    pub(crate) async fn member(&self, list: &str, email: &str) -> Result<Option<Member>, Denied> {
        let query = [("fields", MEMBER_FIELDS.join(","))];
        found(self.get(&["lists", list, "members", &subscriber_hash(email)], &query).await)
    }

    /// `GET /lists/{list}/members/{hash}/tags`; `None` when the audience has no such contact.
    pub(crate) async fn tags_of(&self, list: &str, email: &str) -> Result<Option<Tags>, Denied> {
        let hash = subscriber_hash(email);
        let query = page("tags.id,tags.name,total_items", PAGE_MAX, 0);
        found(self.get(&["lists", list, "members", &hash, "tags"], &query).await)
    }

    /// `POST /lists/{list}`: creates contacts; those who exist stay as they are.
    pub(crate) async fn create(&self, list: &str, members: &NewMembers<'_>) -> Result<Created, Denied> {
        // We know nothing of what the merchant's forms demand.
        let query = [("skip_merge_validation", "true".to_owned())];
        self.write(Method::POST, (&["lists", list], &query), members).await
    }

    /// `DELETE /lists/{list}/members/{hash}`: archives a contact.
    pub(crate) async fn archive(&self, list: &str, email: &str) -> Result<(), Denied> {
        self.end(Method::DELETE, &["lists", list, "members", &subscriber_hash(email)]).await
    }

    /// `POST /lists/{list}/members/{hash}/actions/delete-permanent`: deletes a contact for good.
    pub(crate) async fn forget(&self, list: &str, email: &str) -> Result<(), Denied> {
        let hash = subscriber_hash(email);
        self.end(Method::POST, &["lists", list, "members", &hash, "actions", "delete-permanent"]).await
    }

    /// `GET /lists/{list}/tag-search`: tags whose name begins so.
    pub(crate) async fn tag_search(&self, list: &str, name: &str) -> Result<Tags, Denied> {
        self.get(&["lists", list, "tag-search"], &[("name", name.to_owned())]).await
    }

    /// `GET /lists/{list}/segments`: a page of the audience's tags.
    pub(crate) async fn static_segments(&self, list: &str, offset: usize) -> Result<Segments, Denied> {
        let mut query = page("segments.id,segments.name,total_items", PAGE_MAX, offset);
        query.push(("type", "static".to_owned()));
        self.get(&["lists", list, "segments"], &query).await
    }

    /// `POST /lists/{list}/segments`: makes a tag without members.
    pub(crate) async fn create_tag(&self, list: &str, name: &str) -> Result<Tag, Denied> {
        let body = NewSegment { name, static_segment: [] };
        self.write(Method::POST, (&["lists", list, "segments"], &[]), &body).await
    }

    /// `POST /lists/{list}/segments/{tag}`: puts contacts in and takes others out, at most 500 each.
    pub(crate) async fn change_tag(&self, list: &str, tag: u64, change: &TagChange<'_>) -> Result<TagChanged, Denied> {
        self.write(Method::POST, (&["lists", list, "segments", &tag.to_string()], &[]), change).await
    }

    /// `GET /lists/{list}/segments/{tag}/members`: a page of who is in a tag, whatever the status.
    pub(crate) async fn tag_members(
        &self,
        list: &str,
        tag: u64,
        (count, offset): (usize, usize),
    ) -> Result<Members, Denied> {
        let mut query = page("members.email_address,members.status,total_items", count, offset);
        let shown = ["include_cleaned", "include_transactional", "include_unsubscribed"];
        query.extend(shown.map(|name| (name, "true".to_owned())));
        self.get(&["lists", list, "segments", &tag.to_string(), "members"], &query).await
    }

    /// `GET /lists/{list}/webhooks`
    pub(crate) async fn hooks(&self, list: &str) -> Result<Hooks, Denied> {
        self.get(&["lists", list, "webhooks"], &[]).await
    }

    /// `POST /lists/{list}/webhooks`. Not idempotent: look first.
    pub(crate) async fn add_hook(&self, list: &str, hook: &HookSetup<'_>) -> Result<Hook, Denied> {
        self.write(Method::POST, (&["lists", list, "webhooks"], &[]), hook).await
    }

    /// `PATCH /lists/{list}/webhooks/{id}`
    pub(crate) async fn change_hook(&self, list: &str, id: &str, hook: &HookSetup<'_>) -> Result<Hook, Denied> {
        self.write(Method::PATCH, (&["lists", list, "webhooks", id], &[]), hook).await
    }

    /// `DELETE /lists/{list}/webhooks/{id}`
    pub(crate) async fn remove_hook(&self, list: &str, id: &str) -> Result<(), Denied> {
        self.end(Method::DELETE, &["lists", list, "webhooks", id]).await
    }
}

fn page<'a>(fields: &str, count: usize, offset: usize) -> Query<'a> {
    vec![("fields", fields.to_owned()), ("count", count.to_string()), ("offset", offset.to_string())]
}

fn found<T>(answer: Result<T, Denied>) -> Result<Option<T>, Denied> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(Denied::Missing(_)) => Ok(None),
        Err(denied) => Err(denied),
    }
}

/// The audience is not there.
pub(crate) fn no_audience(list: &str, why: impl Display) -> Failure {
    Failure::Gone(format!("audience {list}: {why}"))
}

/// Reads the status and the problem that is told.
fn classify(answer: Answer) -> Result<Answer, Denied> {
    if (200..300).contains(&answer.status) {
        return Ok(answer);
    }
    let told = serde_json::from_str::<Problem>(&answer.body).ok().filter(|problem| !problem.title.is_empty());
    let text = told.as_ref().map_or_else(|| format!("status {}", answer.status), words);
    let title = told.as_ref().map(|problem| problem.title.to_lowercase()).unwrap_or_default();
    let retry = |text| Failure::retry(text, answer.retry_after);
    Err(match answer.status {
        401 => Denied::Other(Failure::NeedsAuthorization(text)),
        403 if NOT_AUTHORIZED.contains(&title.as_str()) => Denied::Other(Failure::NeedsAuthorization(text)),
        // At high volume it answers 403 without saying anything: that is no lost authorization.
        403 if told.is_none() => Denied::Other(retry("status 403 without a reason".to_owned())),
        403 => Denied::Other(Failure::Blocked(text)),
        404 => Denied::Missing(text),
        504 => Denied::TooSlow(retry(text)),
        408 | 425 | 429 | 500..=599 => Denied::Other(retry(text)),
        300..=399 => Denied::Other(retry(format!("{text}: redirects are not followed"))),
        400 | 422 if title != "json parse error" => Denied::Invalid(text),
        _ => Denied::Other(Failure::Refused(text)),
    })
}

/// What the platform says, in one line and bounded.
fn words(problem: &Problem) -> String {
    let fields = problem.errors.iter().map(|error| format!("{} {}", error.field, error.message));
    let parts = [problem.title.clone(), problem.detail.clone()].into_iter().chain(fields);
    let text = parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
    bounded(&text)
}

/// The platform's own words, bounded.
pub(crate) fn bounded(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn of(status: u16, body: &str) -> Denied {
        let headers = HeaderMap::new();
        classify(Answer { status, headers, retry_after: None, body: body.to_owned(), cut: false }).unwrap_err()
    }

    fn problem(status: u16, title: &str) -> Denied {
        of(status, &serde_json::json!({ "title": title, "status": status, "detail": "why" }).to_string())
    }

    #[test]
    fn lost_authorization_is_told_from_a_crowd() {
        let needs = |denied| matches!(denied, Denied::Other(Failure::NeedsAuthorization(_)));
        assert!(needs(problem(401, "API Key Invalid")));
        assert!(needs(of(401, "")));
        assert!(needs(problem(403, "User Disabled")));
        assert!(needs(problem(403, "API Key Invalid")));
        for body in ["", "<html>forbidden</html>"] {
            assert!(matches!(of(403, body), Denied::Other(Failure::Retry { .. })), "{body}");
        }
        let blocked = Failure::Blocked("Compliance Related; why".to_owned());
        assert_eq!(problem(403, "Compliance Related"), Denied::Other(blocked));
    }

    #[test]
    fn crowds_and_faults_of_the_platform_are_tried_again() {
        for status in [408, 429, 500, 502, 503] {
            assert!(matches!(of(status, ""), Denied::Other(Failure::Retry { .. })), "{status}");
        }
        assert!(matches!(problem(429, "Too Many Requests"), Denied::Other(Failure::Retry { .. })));
        assert!(matches!(of(504, "<html>"), Denied::TooSlow(Failure::Retry { .. })));
        assert!(matches!(of(302, ""), Denied::Other(Failure::Retry { .. })));
    }

    #[test]
    fn what_is_wrong_for_good_keeps_the_platforms_words() {
        let body = r#"{"title":"Invalid Resource","detail":"The resource submitted could not be validated.",
            "errors":[{"field":"email_address","message":"This value should be a valid email."}]}"#;
        let said = "Invalid Resource; The resource submitted could not be validated.; \
                    email_address This value should be a valid email.";
        assert_eq!(of(400, body), Denied::Invalid(said.to_owned()));
        assert_eq!(problem(404, "Resource Not Found"), Denied::Missing("Resource Not Found; why".to_owned()));
        for (status, title) in [(400, "JSON Parse Error"), (405, "Method Not Allowed"), (426, "Upgrade Required")] {
            assert!(matches!(problem(status, title), Denied::Other(Failure::Refused(_))), "{title}");
        }
    }
}
