//! Query parameters, filters and cursors.

use super::problem::Problem;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

/// Parameters in their order.
pub(super) struct Query(pub Vec<(String, String)>);

/// `any(email,["a","b"])` or `equals(email,"a")`.
pub(super) struct Filter {
    pub field: String,
    pub values: Vec<String>,
}

impl Query {
    pub fn read(text: &str) -> Query {
        Query(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Refuses what is not among these.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(Problem::invalid(&format!("'{name}' is not a supported parameter."), name)),
            None => Ok(()),
        }
    }

    /// `page[size]`, from 1 to `most`.
    pub fn size(&self, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.get("page[size]") else { return Ok(usual) };
        let wrong =
            || Problem::invalid(&format!("The page size must be an integer between 1 and {most}."), "page[size]");
        text.parse().ok().filter(|size| (1..=most).contains(size)).ok_or_else(wrong)
    }

    /// The number that a cursor of ours stands for.
    pub fn cursor(&self) -> Result<u64, Problem> {
        let Some(text) = self.get("page[cursor]") else { return Ok(0) };
        let wrong = || Problem::invalid("The page cursor is invalid.", "page[cursor]");
        let plain = URL_SAFE.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        plain.and_then(|plain| plain.strip_prefix("next::id::")?.parse().ok()).ok_or_else(wrong)
    }

    /// Fields that are asked for; all of them must be known.
    pub fn fields(&self, name: &str, known: &[&str]) -> Result<Option<Vec<String>>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let asked: Vec<String> = text.split(',').map(str::to_owned).collect();
        match asked.iter().find(|field| !known.contains(&field.as_str())) {
            Some(field) => Err(Problem::invalid(&format!("'{field}' is not a valid field."), name)),
            None => Ok(Some(asked)),
        }
    }

    /// The filter, whose field and operator must be among these.
    pub fn filter(&self, known: &[&str]) -> Result<Option<Filter>, Problem> {
        let Some(text) = self.get("filter") else { return Ok(None) };
        let wrong = || Problem::invalid("The filter is invalid.", "filter");
        let (operator, rest) = text.split_once('(').ok_or_else(wrong)?;
        let (field, value) = rest.strip_suffix(')').and_then(|rest| rest.split_once(',')).ok_or_else(wrong)?;
        if !known.contains(&field) {
            return Err(Problem::invalid(&format!("'{field}' can't be filtered by."), "filter"));
        }
        let value = value.trim();
        let text = |value: &str| -> Option<String> { serde_json::from_str(value).ok() };
        let values = match operator {
            "equals" => text(value).map(|value| vec![value]),
            "any" => serde_json::from_str::<Vec<String>>(value).ok().filter(|values| (1..=100).contains(&values.len())),
            _ => None,
        };
        Ok(Some(Filter { field: field.to_owned(), values: values.ok_or_else(wrong)? }))
    }
}

/// The cursor for what comes after a number.
pub(super) fn cursor(after: u64) -> String {
    URL_SAFE.encode(format!("next::id::{after}"))
}

/// The address of a page, with another cursor if there is one.
pub(super) fn address(base: &str, path: &str, query: &Query, next: Option<u64>) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(query.0.iter().filter(|(name, _)| next.is_none() || name != "page[cursor]"));
    if let Some(next) = next {
        form.append_pair("page[cursor]", &cursor(next));
    }
    let query = form.finish();
    if query.is_empty() { format!("{base}{path}") } else { format!("{base}{path}?{query}") }
}
