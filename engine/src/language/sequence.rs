//! Sequences in JSON: `{"event": A, "then": {"event": B, "same": ["product_id"], "within": "1d"}}`.

use super::SEQUENCE_STEPS_MAX;
use super::ast::{Follow, Next, Sequence, Step, Which};
use super::error::DefinitionError;
use super::parse::{Reader, event_name, join, only};
use super::print::filters;
use super::terms::{list, object, span, span_text, text, window};
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, DefinitionError>;

const FIRST: &[&str] = &["event", "where", "window", "of", "then", "then_not"];
const NEXT: &[&str] = &["event", "where", "same", "within", "then", "then_not"];
const FOLLOWS: &[&str] = &["then", "then_not"];
/// Properties that tie a step to the one before.
pub(super) const SAME_MAX: usize = 5;

/// Whether an object with an event is a sequence.
pub(super) fn is_sequence(object: &Map<String, Value>) -> bool {
    FOLLOWS.iter().any(|key| object.contains_key(*key))
}

impl Reader {
    pub(super) fn sequence(&mut self, object: &Map<String, Value>, path: &str) -> Result<Sequence> {
        only(object, FIRST, path)?;
        let first = self.step(object, path)?;
        let window = object.get("window").map(|value| window(value, &join(path, "window"))).transpose()?;
        let here = join(path, "of");
        let which = match object.get("of").map(|word| text(word, &here)).transpose()?.as_deref() {
            None | Some("any") => Which::Any,
            Some("last") => Which::Last,
            Some(other) => return Err(DefinitionError::unknown(&here, "word", other, &["any", "last"])),
        };
        let follow = self.follow(object, path, 2)?;
        let follow = follow.ok_or_else(|| DefinitionError::new(path, "expected \"then\" or \"then_not\""))?;
        Ok(Sequence { first, window, which, follow })
    }

    fn step(&mut self, object: &Map<String, Value>, path: &str) -> Result<Step> {
        Ok(Step { event: event_name(object, path)?, filters: self.filters(object, path)? })
    }

    /// What follows a step; `number` is that of the next one.
    fn follow(&mut self, fields: &Map<String, Value>, path: &str, number: usize) -> Result<Option<Follow>> {
        let (key, value) = match (fields.get("then"), fields.get("then_not")) {
            (Some(_), Some(_)) => {
                return Err(DefinitionError::new(path, "\"then_not\" can't stand beside \"then\""));
            }
            (Some(value), None) => ("then", value),
            (None, Some(value)) => ("then_not", value),
            (None, None) => return Ok(None),
        };
        let here = join(path, key);
        if number > SEQUENCE_STEPS_MAX {
            return Err(DefinitionError::new(&here, format!("more than {SEQUENCE_STEPS_MAX} steps")));
        }
        self.count_node(&here)?;
        let object = object(value, &here)?;
        only(object, NEXT, &here)?;
        let next = Next {
            step: self.step(object, &here)?,
            same: same(object, &here)?,
            within: object.get("within").map(|length| span(length, &join(&here, "within"))).transpose()?,
        };
        let after = self.follow(object, &here, number + 1)?;
        match (key, after) {
            ("then", after) => Ok(Some(Follow::Then(next, after.map(Box::new)))),
            (_, None) => Ok(Some(Follow::ThenNot(next))),
            _ => Err(DefinitionError::new(&here, "nothing follows what did not happen")),
        }
    }
}

fn same(object: &Map<String, Value>, path: &str) -> Result<Vec<String>> {
    let Some(names) = object.get("same") else { return Ok(Vec::new()) };
    let here = join(path, "same");
    let names = list(names, &here)?;
    if names.len() > SAME_MAX {
        return Err(DefinitionError::new(&here, format!("more than {SAME_MAX} properties")));
    }
    let mut read = Vec::new();
    for (place, name) in names.iter().enumerate() {
        let here = format!("{here}[{place}]");
        let name = text(name, &here)?;
        if name.is_empty() || read.contains(&name) {
            return Err(DefinitionError::new(&here, "expected the name of a property, once"));
        }
        read.push(name);
    }
    Ok(read)
}

impl Sequence {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let mut out = self.first.to_json();
        if let Some(window) = &self.window {
            out.insert("window".to_owned(), window.to_json());
        }
        if self.which == Which::Last {
            out.insert("of".to_owned(), json!("last"));
        }
        self.follow.put(&mut out);
        Value::Object(out)
    }
}

impl Step {
    fn to_json(&self) -> Map<String, Value> {
        let mut out = Map::new();
        out.insert("event".to_owned(), json!(self.event.as_deref().unwrap_or("*")));
        if !self.filters.is_empty() {
            out.insert("where".to_owned(), filters(&self.filters));
        }
        out
    }
}

impl Follow {
    fn put(&self, into: &mut Map<String, Value>) {
        let (key, next, after) = match self {
            Follow::Then(next, after) => ("then", next, after.as_deref()),
            Follow::ThenNot(next) => ("then_not", next, None),
        };
        let mut out = next.step.to_json();
        if !next.same.is_empty() {
            out.insert("same".to_owned(), json!(next.same));
        }
        if let Some(within) = next.within {
            out.insert("within".to_owned(), json!(span_text(within)));
        }
        if let Some(after) = after {
            after.put(&mut out);
        }
        into.insert(key.to_owned(), Value::Object(out));
    }
}
