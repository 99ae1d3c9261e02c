//! Calls to a core's REST API, and what its answers mean.

use crate::place;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Members of a page.
pub(crate) const PAGE_MAX: usize = 500;
/// Characters of a reason.
const REASON_CHARS_MAX: usize = 200;

/// Whether a credential is a name and a password.
pub(crate) fn is_credential(token: &SecretString) -> bool {
    let pair = token.expose_secret().trim().split_once(':');
    pair.is_some_and(|(name, password)| !name.is_empty() && !password.is_empty())
}

fn basic(request: Request, token: &SecretString) -> Request {
    request.header("authorization", format!("Basic {}", STANDARD.encode(token.expose_secret().trim())))
}

/// Everything but unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[derive(Deserialize)]
pub(crate) struct Versions {
    pub(crate) mailman_version: String,
    pub(crate) api_version: String,
}

#[derive(Deserialize)]
struct Roster {
    start: usize,
    total_size: usize,
    /// Not there on a page without members.
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    email: String,
}

#[derive(Deserialize)]
struct Requests {
    #[serde(default)]
    entries: Vec<Pending>,
}

#[derive(Deserialize)]
struct Pending {
    token: String,
    email: String,
    token_owner: String,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    description: String,
}

/// What became of an addition.
pub(crate) enum Added {
    /// It is a member, by this call or before.
    Member,
    /// An earlier request to become a member is still open.
    Pending,
    /// The list does not take it, and why.
    Refused(String),
}

/// A new member.
pub(crate) struct NewMember<'a> {
    pub(crate) email: &'a str,
    pub(crate) display_name: Option<&'a str>,
    pub(crate) welcome: bool,
}

/// A core's API.
pub(crate) struct Api<'a> {
    connection: &'a Connection,
    base: String,
}

/// What a core says of an error.
fn described(answer: &Answer) -> String {
    let problem = serde_json::from_str::<Problem>(&answer.body).map(|problem| problem.description).unwrap_or_default();
    let text = if problem.is_empty() { format!("status {}", answer.status) } else { problem };
    text.chars().filter(|char| !char.is_control()).take(REASON_CHARS_MAX).collect()
}

fn gone(list: &str) -> Failure {
    Failure::Gone(format!("there is no list {list}"))
}

impl<'a> Api<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Result<Api<'a>, Failure> {
        Ok(Api { connection, base: place::api(&connection.platform, &connection.account)? })
    }

    /// Sends a request; answers of 200 to 299, and these others, are handed on.
    async fn call(&self, request: Request, others: &[u16]) -> Result<Answer, Failure> {
        let answer = self.connection.api.send(request, basic).await?;
        if others.contains(&answer.status) {
            return Ok(answer);
        }
        // What is there in place of a core: nothing that a list did.
        if matches!(answer.status, 404 | 410) {
            return Err(Failure::retry(format!("status {} where the API should be", answer.status), None));
        }
        answer.success()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn json(&self, method: Method, path: &str, body: &Value) -> Result<Request, Failure> {
        Request::json(method, self.url(path), body)
    }

    pub(crate) async fn versions(&self) -> Result<Versions, Failure> {
        let answer = self.call(Request::get(self.url("/system/versions")), &[]).await;
        let answer = answer.map_err(|failure| match failure {
            Failure::Retry { why, after } => {
                Failure::retry(format!("{why}; is this the address of Mailman's REST API, and is it up?"), after)
            }
            other => other,
        })?;
        answer.json()
    }

    /// Fails if there is no such list.
    pub(crate) async fn list_exists(&self, list: &str) -> Result<(), Failure> {
        match self.call(Request::get(self.url(&format!("/lists/{list}"))), &[404]).await?.status {
            404 => Err(gone(list)),
            _ => Ok(()),
        }
    }

    /// Adds somebody who has agreed to it: no confirmation is asked for.
    pub(crate) async fn add(&self, list: &str, member: &NewMember<'_>) -> Result<Added, Failure> {
        let mut body = json!({
            "list_id": list, "subscriber": member.email, "pre_verified": true, "pre_confirmed": true,
            "pre_approved": true, "send_welcome_message": member.welcome,
        });
        if let (Some(name), Some(body)) = (member.display_name, body.as_object_mut()) {
            body.insert("display_name".to_owned(), name.into());
        }
        let answer = self.call(self.json(Method::POST, "/members", &body)?, &[400, 409]).await?;
        let why = described(&answer);
        match answer.status {
            201 => Ok(Added::Member),
            409 if why.contains("already subscribed") => Ok(Added::Member),
            // A request that waits is no membership.
            202 => Ok(Added::Pending),
            409 if why.contains("pending") => Ok(Added::Pending),
            400 if why.contains("No such list") => Err(gone(list)),
            400 | 409 => Ok(Added::Refused(why)),
            status => Err(Failure::PlatformChanged(format!("status {status} to a new member"))),
        }
    }

    /// Drops requests of an address to become a member that wait for its own confirmation. One that waits for the
    /// list's moderators is theirs: false.
    pub(crate) async fn discard_pending(&self, list: &str, email: &str) -> Result<bool, Failure> {
        let answer = self.call(Request::get(self.url(&format!("/lists/{list}/requests"))), &[404]).await?;
        if answer.status == 404 {
            return Err(gone(list));
        }
        let Requests { entries } = answer.json()?;
        let mut free = true;
        for pending in entries.iter().filter(|pending| pending.email.eq_ignore_ascii_case(email)) {
            if pending.token_owner != "subscriber" {
                free = false;
                continue;
            }
            let path = format!("/lists/{list}/requests/{}", encoded(&pending.token));
            let request = self.json(Method::POST, &path, &json!({ "action": "discard" }))?;
            // Gone meanwhile: confirmed, or too old.
            self.call(request, &[404]).await?;
        }
        Ok(free)
    }

    /// Takes members out. Who is none is none afterwards either.
    pub(crate) async fn remove(&self, list: &str, emails: &[&str]) -> Result<(), Failure> {
        // The bulk form looks addresses up as they are given, and keeps them in lower case.
        let emails: Vec<String> = emails.iter().map(|email| email.to_lowercase()).collect();
        let path = format!("/lists/{list}/roster/member");
        let answer = self.call(self.json(Method::DELETE, &path, &json!({ "emails": emails }))?, &[404]).await?;
        if answer.status == 404 {
            return Err(gone(list));
        }
        let told: Map<String, Value> = answer.json()?;
        let untold = emails.iter().filter(|email| told.get(*email).and_then(Value::as_bool).is_none()).count();
        if untold > 0 {
            return Err(Failure::PlatformChanged(format!("of {untold} removals it is not told what became of them")));
        }
        Ok(())
    }

    /// Deletes a user with addresses and memberships.
    pub(crate) async fn delete_user(&self, email: &str) -> Result<(), Failure> {
        let request = Request::new(Method::DELETE, self.url(&format!("/users/{}", encoded(email))));
        self.call(request, &[404]).await.map(drop)
    }

    /// A page of members, from 1, and whether there are more.
    pub(crate) async fn members(&self, list: &str, page: usize) -> Result<(Vec<String>, bool), Failure> {
        // Without both of count and page the core fails, or sends everybody at once.
        let path = format!("/lists/{list}/roster/member?count={PAGE_MAX}&page={page}&fields=email");
        let answer = self.call(Request::get(self.url(&path)), &[404]).await?;
        if answer.status == 404 {
            return Err(gone(list));
        }
        let roster: Roster = answer.json()?;
        let more = !roster.entries.is_empty() && roster.start + roster.entries.len() < roster.total_size;
        Ok((roster.entries.into_iter().map(|entry| entry.email).collect(), more))
    }

    /// Whether an address is a member; also false if there is no such list.
    pub(crate) async fn is_member(&self, list: &str, email: &str) -> Result<bool, Failure> {
        let request = Request::get(self.url(&format!("/lists/{list}/member/{}", encoded(email))));
        let answer = self.call(request, &[404]).await?;
        if answer.status == 404 {
            return Ok(false);
        }
        let found: Entry = answer.json()?;
        match found.email.eq_ignore_ascii_case(email) {
            true => Ok(true),
            false => Err(Failure::PlatformChanged("another member than the one asked for".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_a_name_and_a_password() {
        for (text, right) in [("restadmin:a:b", true), ("restadmin", false), (":x", false), ("x:", false), ("", false)]
        {
            assert_eq!(is_credential(&text.into()), right, "{text}");
        }
        let request = basic(Request::get("http://x"), &"restadmin:restpass\n".into());
        assert_eq!(request.headers[0].1, "Basic cmVzdGFkbWluOnJlc3RwYXNz");
    }

    #[test]
    fn an_address_is_one_part_of_a_path() {
        assert_eq!(encoded("o+b%x/y@example.com"), "o%2Bb%25x%2Fy%40example.com");
    }
}
