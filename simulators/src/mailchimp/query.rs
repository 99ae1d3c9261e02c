//! Query parameters: paging, switches, and the choice of fields of an answer.

use super::problem::Problem;
use serde_json::Value;

/// Entries of a page when nothing is said, and at most.
const COUNT_DEFAULT: usize = 10;
const COUNT_MAX: usize = 1000;

/// Names and values, decoded.
#[derive(Clone, Debug, Default)]
pub(super) struct Query(pub Vec<(String, String)>);

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub count: usize,
    pub offset: usize,
}

impl Page {
    pub fn of<T>(self, all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
        all.skip(self.offset).take(self.count)
    }
}

/// The pairs of a form or a query string.
pub(super) fn pairs(text: &str) -> Vec<(String, String)> {
    let url = reqwest::Url::parse(&format!("http://localhost/?{text}"));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// A form or query string of the pairs.
pub(super) fn encode(pairs: &[(String, String)]) -> String {
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

impl Query {
    pub fn read(text: &str) -> Query {
        Query(pairs(text))
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Problem::field(name, "This value should be true or false.")),
        }
    }

    /// A switch that is off unless it is on.
    pub fn is_on(&self, name: &str) -> Result<bool, Problem> {
        Ok(self.flag(name)?.unwrap_or(false))
    }

    /// Unix seconds.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Problem> {
        let read = |text: &str| {
            super::time::parse(text).ok_or_else(|| Problem::field(name, "This value should be an ISO 8601 time."))
        };
        self.get(name).map(read).transpose()
    }

    pub fn page(&self) -> Result<Page, Problem> {
        let number = |name: &str, default: usize| match self.get(name) {
            None => Ok(default),
            Some(text) => {
                text.parse().map_err(|_| Problem::field(name, "This value should be a whole number of at least 0."))
            }
        };
        let (count, offset) = (number("count", COUNT_DEFAULT)?, number("offset", 0)?);
        if count > COUNT_MAX {
            return Err(Problem::field("count", format!("This value should be {COUNT_MAX} or less.")));
        }
        Ok(Page { count, offset })
    }

    /// Whether the answer may need a field of the entries of a list in it.
    pub fn wants(&self, list: &str, field: &str) -> bool {
        self.get("fields").is_none_or(|fields| {
            fields.split(',').any(|path| match path.strip_prefix(list) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('.').and_then(|rest| rest.split('.').next()) == Some(field),
                None => false,
            })
        })
    }

    /// The answer with only the fields that were asked for.
    pub fn project(&self, mut answer: Value) -> Value {
        let paths = |name: &str| -> Option<Vec<Vec<&str>>> {
            let split = |path| str::split(path, '.').collect();
            self.get(name).map(|list| list.split(',').filter(|path| !path.is_empty()).map(split).collect())
        };
        if let Some(paths) = paths("fields") {
            keep(&mut answer, &paths.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        for path in paths("exclude_fields").unwrap_or_default() {
            remove(&mut answer, &path);
        }
        answer
    }
}

fn keep(value: &mut Value, paths: &[&[&str]]) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| keep(item, paths)),
        Value::Object(fields) => fields.retain(|name, inner| {
            let named = paths.iter().filter_map(|path| path.split_first().filter(|(first, _)| *first == name));
            let deeper: Vec<&[&str]> = named.map(|(_, rest)| rest).collect();
            let whole = deeper.iter().any(|path| path.is_empty());
            if !whole && !deeper.is_empty() {
                keep(inner, &deeper);
            }
            !deeper.is_empty()
        }),
        _ => {}
    }
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else { return };
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| remove(item, path)),
        Value::Object(fields) if rest.is_empty() => drop(fields.remove(*name)),
        Value::Object(fields) => {
            if let Some(inner) = fields.get_mut(*name) {
                remove(inner, rest);
            }
        }
        _ => {}
    }
}
