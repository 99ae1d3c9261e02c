//! The requests, as plain functions.

use crate::denied::{Denied, classify, exhausted};
use crate::endpoint::{self, Lane, authorize};
use crate::wire::{
    Account, Anything, Body, DeletedAttributes, DeletedProfile, DeletedResource, Deletion, DeletionAttributes,
    ErrorObject, Job, Many, Named, NewImport, NewImportAttributes, NewImportLists, NewProfile, One, Profile, Resource,
};
use kit::failure::Failure;
use kit::http::{Answer, Request};
use kit::platform::Connection;
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Records of one page at most, and values that one filter names.
pub(crate) const PAGE_MAX: usize = 100;
/// Bytes of one answer: a page of import errors repeats what was sent.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// A call may take this long: an import of 5 MB goes up with it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Characters of a cursor.
const CURSOR_CHARS_MAX: usize = 4_096;

/// The account's API through a connection.
pub(crate) struct Api<'a> {
    connection: &'a Connection,
}

/// A page, with the cursor of the next one.
pub(crate) struct Page<A> {
    pub(crate) items: Vec<Resource<A>>,
    pub(crate) next: Option<String>,
}

/// `any(field,["one","two"])`
fn any_of(field: &str, values: &[&str]) -> String {
    let quoted: Vec<String> =
        values.iter().map(|value| format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))).collect();
    format!("any({field},[{}])", quoted.join(","))
}

impl<'a> Api<'a> {
    pub(crate) fn new(connection: &'a Connection) -> Api<'a> {
        Api { connection }
    }

    async fn send(&self, lane: Option<Lane>, request: Request) -> Result<Answer, Denied> {
        let platform = &self.connection.platform;
        let mut request =
            request.header("revision", endpoint::revision(platform)).header("accept", "application/vnd.api+json");
        let seconds = platform.settings.get("timeout_s").and_then(serde_json::Value::as_u64);
        request.timeout = seconds.map_or(TIMEOUT, |seconds| Duration::from_secs(seconds.max(1)));
        request.answer_bytes_max = ANSWER_BYTES_MAX;
        let Some(lane) = lane else { return classify(self.connection.api.send(request, authorize).await?) };
        let api = self.connection.api.in_lane(lane.name(), lane.gap(platform));
        let answer = api.send(request, authorize).await?;
        if let Some(wait) = exhausted(&answer) {
            api.pace().block_for(wait);
        }
        classify(answer)
    }

    fn url(&self, path: &[&str], query: &[(&str, String)]) -> Result<String, Failure> {
        let wrong = || Failure::Refused("Klaviyo's address can't be used".to_owned());
        let mut url = Url::parse(&endpoint::api(&self.connection.platform)).map_err(|_| wrong())?;
        url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push("api").extend(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url.to_string())
    }

    async fn get<T: DeserializeOwned>(
        &self,
        lane: Option<Lane>,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, Denied> {
        let answer = self.send(lane, Request::get(self.url(path, query)?)).await?;
        Ok(answer.json()?)
    }

    async fn page<A: DeserializeOwned>(
        &self,
        lane: Option<Lane>,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Page<A>, Denied> {
        let many: Many<A> = self.get(lane, path, query).await?;
        let next = many.links.next.as_deref().filter(|next| !next.is_empty()).map(cursor).transpose()?;
        Ok(Page { items: many.data, next })
    }

    async fn write(&self, method: Method, lane: Lane, path: &[&str], body: &impl Serialize) -> Result<Answer, Denied> {
        let body = serde_json::to_vec(body).map_err(|why| Failure::Refused(format!("no JSON: {why}")))?;
        let mut request = Request::new(method, self.url(path, &[])?);
        request.body = body;
        self.send(Some(lane), request.header("content-type", "application/vnd.api+json")).await
    }

    /// `GET /accounts`: whose the credential is.
    pub(crate) async fn account(&self) -> Result<Resource<Account>, Denied> {
        let many: Many<Account> = self.get(None, &["accounts"], &[]).await?;
        let none = || Failure::PlatformChanged("the credential is of no account".to_owned());
        Ok(many.data.into_iter().next().ok_or_else(none)?)
    }

    /// `GET /lists`, one at most: whether lists may be read.
    pub(crate) async fn may_read_lists(&self) -> Result<(), Denied> {
        let query = [("fields[list]", "name".to_owned()), ("page[size]", "1".to_owned())];
        self.get::<Many<Anything>>(None, &["lists"], &query).await.map(drop)
    }

    /// `GET /profiles`, one at most: whether profiles may be read.
    pub(crate) async fn may_read_profiles(&self) -> Result<(), Denied> {
        let query = [("fields[profile]", "email".to_owned()), ("page[size]", "1".to_owned())];
        self.get::<Many<Profile>>(Some(Lane::Profiles), &["profiles"], &query).await.map(drop)
    }

    /// `GET /lists/{id}`: whether there is such a list.
    pub(crate) async fn has_list(&self, list: &str) -> Result<bool, Denied> {
        let found = self.get::<One<Anything>>(None, &["lists", list], &[("fields[list]", "name".to_owned())]).await;
        match found {
            Ok(_) => Ok(true),
            Err(Denied::Missing(_)) => Ok(false),
            Err(denied) => Err(denied),
        }
    }

    /// `POST /profile-bulk-import-jobs`: begins to put profiles into a list; those who are not there are made.
    pub(crate) async fn import(&self, list: &str, profiles: &[NewProfile<'_>]) -> Result<String, Denied> {
        let lists = Body { data: [Named { r#type: "list", id: list }] };
        let data = NewImport {
            r#type: "profile-bulk-import-job",
            attributes: NewImportAttributes { profiles: Body { data: profiles } },
            relationships: NewImportLists { lists },
        };
        let answer = self.write(Method::POST, Lane::Import, &["profile-bulk-import-jobs"], &Body { data }).await?;
        Ok(answer.json::<One<Job>>()?.data.id)
    }

    /// `GET /profile-bulk-import-jobs/{id}`
    pub(crate) async fn job(&self, id: &str) -> Result<Job, Denied> {
        let found: One<Job> = self.get(Some(Lane::Job), &["profile-bulk-import-jobs", id], &[]).await?;
        Ok(found.data.attributes)
    }

    /// `GET /profile-bulk-import-jobs`: those that are not over, the newest first.
    pub(crate) async fn running_jobs(&self) -> Result<Vec<Job>, Denied> {
        let query = [
            ("filter", any_of("status", &["queued", "processing"])),
            ("sort", "-created_at".to_owned()),
            ("page[size]", PAGE_MAX.to_string()),
        ];
        let page: Page<Job> = self.page(Some(Lane::Job), &["profile-bulk-import-jobs"], &query).await?;
        Ok(page.items.into_iter().map(|job| job.attributes).collect())
    }

    /// `GET /profile-bulk-import-jobs/{id}/import-errors`: a page of what was not taken.
    pub(crate) async fn import_errors(&self, id: &str, after: Option<&str>) -> Result<Page<ErrorObject>, Denied> {
        let mut query = vec![("page[size]", PAGE_MAX.to_string())];
        query.extend(after.map(|after| ("page[cursor]", after.to_owned())));
        self.page(Some(Lane::ImportErrors), &["profile-bulk-import-jobs", id, "import-errors"], &query).await
    }

    /// `DELETE /lists/{id}/relationships/profiles`: takes profiles out of a list, at most 1,000. Their consent stays.
    pub(crate) async fn take_out(&self, list: &str, ids: &[&str]) -> Result<(), Denied> {
        let data: Vec<Named<'_>> = ids.iter().map(|id| Named { r#type: "profile", id }).collect();
        let path = ["lists", list, "relationships", "profiles"];
        self.write(Method::DELETE, Lane::Remove, &path, &Body { data }).await.map(drop)
    }

    /// `GET /lists/{id}/profiles`: a page of who is in a list, who joined first coming first.
    pub(crate) async fn members(&self, list: &str, after: Option<&str>) -> Result<Page<Profile>, Denied> {
        let mut query = vec![
            ("fields[profile]", "email,phone_number".to_owned()),
            ("page[size]", PAGE_MAX.to_string()),
            ("sort", "joined_group_at".to_owned()),
        ];
        query.extend(after.map(|after| ("page[cursor]", after.to_owned())));
        self.page(Some(Lane::Members), &["lists", list, "profiles"], &query).await
    }

    /// `GET /lists/{id}/profiles`: who of these is in a list; at most [`PAGE_MAX`] values of `email` or `phone_number`.
    pub(crate) async fn members_of(
        &self,
        list: &str,
        field: &str,
        values: &[&str],
    ) -> Result<Vec<Resource<Profile>>, Denied> {
        let page: Page<Profile> =
            self.page(Some(Lane::Members), &["lists", list, "profiles"], &named(field, values)).await?;
        Ok(page.items)
    }

    /// `GET /profiles`: the profiles of these; at most [`PAGE_MAX`] values of `email` or `phone_number`.
    pub(crate) async fn profiles(&self, field: &str, values: &[&str]) -> Result<Vec<Resource<Profile>>, Denied> {
        let page: Page<Profile> = self.page(Some(Lane::Profiles), &["profiles"], &named(field, values)).await?;
        Ok(page.items)
    }

    /// `POST /data-privacy-deletion-jobs`: deletes a profile for good, some time later.
    pub(crate) async fn delete(&self, email: &str) -> Result<(), Denied> {
        let profile = DeletedResource { r#type: "profile", attributes: DeletedAttributes { email } };
        let attributes = DeletionAttributes { profile: DeletedProfile { data: profile } };
        let data = Deletion { r#type: "data-privacy-deletion-job", attributes };
        let answer = self.write(Method::POST, Lane::Delete, &["data-privacy-deletion-jobs"], &Body { data }).await;
        answer.map(drop)
    }
}

fn named<'q>(field: &str, values: &[&str]) -> [(&'q str, String); 3] {
    [
        ("filter", any_of(field, values)),
        ("fields[profile]", "email,phone_number".to_owned()),
        ("page[size]", PAGE_MAX.to_string()),
    ]
}

/// The cursor of a page's address. The address itself is not called: it came from outside, and a token goes along.
fn cursor(next: &str) -> Result<String, Failure> {
    let url = Url::parse(next).ok();
    let found = url.and_then(|url| url.query_pairs().find(|(name, _)| name == "page[cursor]").map(|(_, it)| it.into()));
    let good = found.filter(|cursor: &String| (1..=CURSOR_CHARS_MAX).contains(&cursor.len()));
    good.ok_or_else(|| Failure::PlatformChanged("the address of the next page has no cursor".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_gone_on_from_by_its_cursor_alone() {
        let next = "https://evil.example/api/x?page%5Bcursor%5D=bmV4dDo6aWQ6Ok5vVw%3D%3D&page%5Bsize%5D=100";
        assert_eq!(cursor(next).as_deref(), Ok("bmV4dDo6aWQ6Ok5vVw=="));
        for text in ["", "next", "https://a.klaviyo.com/api/x", "https://a.klaviyo.com/?page%5Bcursor%5D="] {
            assert!(matches!(cursor(text), Err(Failure::PlatformChanged(_))), "{text}");
        }
    }

    #[test]
    fn values_of_a_filter_are_quoted() {
        assert_eq!(any_of("email", &["a@x.mx", "o'b\"\\@x.mx"]), r#"any(email,["a@x.mx","o'b\"\\@x.mx"])"#);
    }
}
