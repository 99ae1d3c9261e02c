//! How one page follows another.

use crate::calls::{Api, Denied, Fill, json, rows};
use crate::description::Pages;
use crate::file::By;
use crate::template::Template;
use jmespath::Rcvar;
use kit::failure::Failure;
use kit::http::{Answer, Request};

/// A page.
pub(crate) struct Page {
    pub(crate) rows: Vec<Rcvar>,
    /// The answer and its JSON; `None` for a page that says by its status that there is nothing more.
    pub(crate) answer: Option<(Answer, Rcvar)>,
    /// Where it goes on; `None` at the end.
    pub(crate) next: Option<String>,
}

/// The address of the next page in a `Link` header (RFC 8288).
fn linked(answer: &Answer) -> Option<String> {
    let headers = answer.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
    let links = headers.flat_map(|header| header.split(",<")).flat_map(|part| part.split(", <"));
    for link in links {
        let (address, parameters) = link.trim_start_matches('<').split_once('>')?;
        let is_next = parameters.split(';').any(|one| {
            let (name, value) = one.trim().split_once('=').unwrap_or_default();
            name.eq_ignore_ascii_case("rel") && value.trim_matches('"').split(' ').any(|rel| rel == "next")
        });
        if is_next {
            return Some(address.to_owned());
        }
    }
    None
}

impl Pages {
    /// Reads one page: the first, or where the one before said.
    pub(crate) async fn read(
        &self,
        api: Api<'_>,
        (path, query): (&Template, &[(String, Template)]),
        (fill, place): (Fill, Option<&str>),
    ) -> Result<Page, Failure> {
        let number = |first: u64| -> Result<u64, Failure> {
            let wrong = |_| Failure::PlatformChanged("the place of a page is no number".to_owned());
            place.map_or(Ok(first), |place| place.parse().map_err(wrong))
        };
        let size = if self.size > 0 { Some(self.size.to_string()) } else { None };
        let fill = fill.maybe("size", size);
        let (address, at) = match self.by {
            By::Page => {
                let page = number(self.first)?;
                (api.with_query(path, query, &fill.with("page", page.to_string()))?, page)
            }
            By::Offset => {
                let offset = number(0)?;
                (api.with_query(path, query, &fill.with("offset", offset.to_string()))?, offset)
            }
            By::Cursor => (api.with_query(path, query, &fill.maybe("cursor", place))?, 0),
            By::Link | By::Url => match place {
                Some(place) => (api.same_host(place)?, 0),
                None => (api.with_query(path, query, &fill)?, 0),
            },
        };
        let answer = match api.send(Request::get(address)).await {
            Ok(answer) => answer,
            Err(denied) if self.is_end(&denied) => return Ok(Page { rows: Vec::new(), answer: None, next: None }),
            Err(denied) => return Err(denied.into()),
        };
        let document = json(&answer)?;
        let rows = rows(&self.rows, &document)?;
        let full = rows.len() as u64 >= self.size;
        let said = || self.at.as_ref().and_then(|at| at.text(&document).ok().flatten());
        let next = match self.by {
            By::Page => full.then(|| (at + 1).to_string()),
            By::Offset => full.then(|| (at + self.size).to_string()),
            By::Cursor => said().filter(|next| Some(next.as_str()) != place),
            By::Link => linked(&answer),
            By::Url => said(),
        };
        Ok(Page { rows, answer: Some((answer, document)), next })
    }

    fn is_end(&self, denied: &Denied) -> bool {
        denied.is(&self.ends_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_among_links() {
        let answer = |link: &str| Answer {
            status: 200,
            headers: [(http::header::LINK, link.parse().unwrap())].into_iter().collect(),
            retry_after: None,
            body: String::new(),
            cut: false,
        };
        let link = "<https://a.example/x?page=1&b=2,3>; rel=\"prev\", <https://a.example/x?page=3>; rel=\"next\"";
        assert_eq!(linked(&answer(link)).as_deref(), Some("https://a.example/x?page=3"));
        assert_eq!(linked(&answer("</x?page=2>;rel=next")).as_deref(), Some("/x?page=2"));
        assert_eq!(linked(&answer("<https://a.example/>; rel=\"last\"")), None);
    }
}
