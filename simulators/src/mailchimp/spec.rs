//! The official OpenAPI document (Swagger 2.0) as a judge of requests.

use super::query::Query;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file in a folder that is given as a specification.
const FILE: &str = "marketing-3.0.55.json";

struct Parameter {
    kind: String,
    required: bool,
    validator: Validator,
}

struct Entry {
    method: String,
    path: Vec<String>,
    query: BTreeMap<String, Parameter>,
    body: Option<Parameter>,
}

/// The document, compiled.
pub(super) struct Spec {
    entries: Vec<Entry>,
}

fn compile(schema: &Value) -> Result<Validator, String> {
    jsonschema::options().with_draft(Draft::Draft4).build(schema).map_err(|why| why.to_string())
}

impl Parameter {
    fn read(parameter: &Value) -> Result<Parameter, String> {
        let required = parameter["required"] == true;
        if parameter["in"] == "body" {
            let validator = compile(&parameter["schema"])?;
            return Ok(Parameter { kind: "body".to_owned(), required, validator });
        }
        let mut schema = json!({});
        for word in ["type", "items", "enum", "maximum", "minimum", "maxLength", "minLength", "pattern"] {
            if let Some(value) = parameter.get(word) {
                schema[word] = value.clone();
            }
        }
        let kind = parameter["type"].as_str().unwrap_or("string").to_owned();
        Ok(Parameter { kind, required, validator: compile(&schema)? })
    }

    fn parse(&self, text: &str) -> Value {
        match self.kind.as_str() {
            "integer" => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
            "number" => text.parse::<f64>().map_or_else(|_| Value::from(text), Value::from),
            "boolean" => text.parse::<bool>().map_or_else(|_| Value::from(text), Value::from),
            "array" => text.split(',').map(Value::from).collect(),
            _ => Value::from(text),
        }
    }
}

impl Entry {
    fn read(method: &str, path: &str, operation: &Value) -> Result<Entry, String> {
        let mut entry = Entry {
            method: method.to_uppercase(),
            path: path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect(),
            query: BTreeMap::new(),
            body: None,
        };
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            let read = Parameter::read(parameter).map_err(|why| format!("{method} {path}, {name}: {why}"))?;
            match parameter["in"].as_str() {
                Some("query") => drop(entry.query.insert(name, read)),
                Some("body") => entry.body = Some(read),
                _ => {}
            }
        }
        Ok(entry)
    }

    fn fits(&self, method: &str, path: &[&str]) -> bool {
        self.method == method
            && self.path.len() == path.len()
            && self.path.iter().zip(path).all(|(ours, theirs)| ours.starts_with('{') || ours == theirs)
    }
}

impl Spec {
    /// Reads a document, or `marketing-3.0.55.json` in a folder.
    pub fn load(path: &Path) -> Result<Spec, String> {
        let file = if path.is_dir() { path.join(FILE) } else { path.to_owned() };
        let text = std::fs::read_to_string(&file).map_err(|why| format!("{}: {why}", file.display()))?;
        let document: Value = serde_json::from_str(&text).map_err(|why| format!("{}: {why}", file.display()))?;
        let mut entries = Vec::new();
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in operations.as_object().into_iter().flatten() {
                entries.push(Entry::read(method, path, operation)?);
            }
        }
        if entries.is_empty() {
            return Err(format!("{}: no paths: this is not the OpenAPI document", file.display()));
        }
        Ok(Spec { entries })
    }

    /// Whether the document has the operation at all.
    pub fn knows(&self, method: &str, path: &[&str]) -> bool {
        self.entries.iter().any(|entry| entry.fits(method, path))
    }

    /// What the document refuses of a request: field and reason.
    pub fn check(&self, method: &str, path: &[&str], query: &Query, body: Option<&Value>) -> Vec<(String, String)> {
        let Some(entry) = self.entries.iter().find(|entry| entry.fits(method, path)) else {
            return vec![(String::new(), format!("{method} /{} is not in the specification", path.join("/")))];
        };
        let mut wrong = Vec::new();
        for (name, value) in &query.0 {
            let Some(parameter) = entry.query.get(name) else {
                wrong.push((name.clone(), "no such query parameter in the specification".to_owned()));
                continue;
            };
            let value = parameter.parse(value);
            wrong.extend(parameter.validator.iter_errors(&value).map(|why| (name.clone(), why.to_string())));
        }
        for (name, _) in entry.query.iter().filter(|(name, one)| one.required && query.get(name).is_none()) {
            wrong.push((name.clone(), "the specification requires this query parameter".to_owned()));
        }
        match (&entry.body, body) {
            (Some(schema), Some(body)) => wrong.extend(
                schema.validator.iter_errors(body).map(|why| (why.instance_path().to_string(), why.to_string())),
            ),
            (Some(schema), None) if schema.required => {
                wrong.push((String::new(), "the specification requires a body".to_owned()));
            }
            _ => {}
        }
        wrong
    }
}
