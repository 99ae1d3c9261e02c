//! A call of the API, and what comes of it.

use super::problem::Problem;
use super::query::Query;
use super::route::Operation;
use serde_json::Value;

/// A request whose path is known and whose body is read.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub operation: Operation,
    /// The audience in the path, or the batch.
    pub list: String,
    /// The member, segment, merge field or webhook in the path.
    pub item: String,
    /// The member of a segment in the path.
    pub inner: String,
    pub query: Query,
    /// The body; an object, empty if there was none.
    pub body: Value,
}

/// A success.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Answer {
    Json(Value),
    /// 204.
    Empty,
}

pub(super) type Outcome = Result<Answer, Problem>;

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What the platform says of a value of the wrong type.
pub(super) fn mistyped(field: &str, wanted: &str, value: &Value) -> Problem {
    Problem::field(field, format!("Schema describes {wanted}, {} found instead", kind(value)))
}

pub(super) fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>, Problem> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(mistyped(name, "string", other)),
    }
}

pub(super) fn flag(body: &Value, name: &str) -> Result<Option<bool>, Problem> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(mistyped(name, "boolean", other)),
    }
}

pub(super) fn array<'a>(body: &'a Value, name: &str) -> Result<Option<&'a [Value]>, Problem> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(mistyped(name, "array", other)),
    }
}

pub(super) fn texts<'a>(body: &'a Value, name: &str) -> Result<Option<Vec<&'a str>>, Problem> {
    let Some(items) = array(body, name)? else { return Ok(None) };
    let one = |(at, item): (usize, &'a Value)| {
        item.as_str().ok_or_else(|| mistyped(&format!("{name}.item:{at}"), "string", item))
    };
    items.iter().enumerate().map(one).collect::<Result<Vec<_>, _>>().map(Some)
}

/// Refuses fields that the operation does not have: a misspelt one would be lost in silence.
pub(super) fn known(body: &Value, names: &[&str]) -> Result<(), Problem> {
    let Value::Object(fields) = body else { return Err(mistyped("", "object", body)) };
    let unknown = fields.keys().filter(|name| !names.contains(&name.as_str()));
    let errors: Vec<_> = unknown.map(|name| (name.clone(), "This field was not expected.".to_owned())).collect();
    if errors.is_empty() { Ok(()) } else { Err(Problem::fields(errors)) }
}

impl Call {
    pub fn text(&self, name: &str) -> Result<Option<&str>, Problem> {
        text(&self.body, name)
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        flag(&self.body, name)
    }

    pub fn array(&self, name: &str) -> Result<Option<&[Value]>, Problem> {
        array(&self.body, name)
    }

    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Problem> {
        texts(&self.body, name)
    }

    pub fn known(&self, names: &[&str]) -> Result<(), Problem> {
        known(&self.body, names)
    }
}
