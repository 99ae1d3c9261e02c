//! Requests and answers held against Klaviyo's OpenAPI document (3.0), where it is at hand.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Once;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs/klaviyo/stable.json");

struct Operation {
    query: BTreeMap<String, Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
}

/// Says that nothing is held against the document, once for all tests of a process, past what the harness swallows.
fn said_once() {
    static SAID: Once = Once::new();
    let why = "requests are not held against Klaviyo's OpenAPI document, which is not here";
    SAID.call_once(|| drop(writeln!(std::io::stderr(), "SKIPPED: {why}")));
}

/// The operations by method and path.
pub struct Contract {
    operations: BTreeMap<(String, Vec<String>), Operation>,
    schemas: Value,
}

/// What is not in JSON Schema of a schema of OpenAPI 3.0: `nullable`.
fn plain(schema: &Value) -> Value {
    match schema {
        Value::Object(fields) => {
            let mut made: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect();
            // `format` is told, not checked.
            made.remove("format");
            if made.remove("nullable") == Some(Value::Bool(true)) {
                json!({ "anyOf": [{ "type": "null" }, made] })
            } else {
                Value::Object(made)
            }
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

impl Contract {
    /// `None`, with the reason printed, where the document is absent.
    pub fn load() -> Option<Contract> {
        let Ok(text) = std::fs::read_to_string(DOCUMENT) else {
            said_once();
            return None;
        };
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut operations = BTreeMap::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let parts: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
            for (method, operation) in
                methods.as_object().unwrap().iter().filter(|(_, one)| one["operationId"].is_string())
            {
                operations.insert((method.to_uppercase(), parts.clone()), read(operation));
            }
        }
        Some(Contract { operations, schemas: plain(&document["components"]["schemas"]) })
    }

    fn operation(&self, method: &str, path: &str) -> Result<&Operation, String> {
        let found: Vec<&str> = path.split('/').skip(1).collect();
        let fits = |parts: &[String]| {
            parts.len() == found.len()
                && parts.iter().zip(&found).all(|(part, it)| part == it || (part.starts_with('{') && !it.is_empty()))
        };
        let fitting = self.operations.iter().find(|((of, parts), _)| of == method && fits(parts));
        fitting.map(|(_, operation)| operation).ok_or_else(|| format!("{method} {path}: no such operation"))
    }

    /// What is wrong with a request.
    pub fn check(&self, method: &str, path: &str, query: &[(String, String)], body: &str) -> Result<(), String> {
        let operation = self.operation(method, path)?;
        for (name, value) in query {
            let parameter = operation.query.get(name).ok_or_else(|| format!("{path}: no parameter {name}"))?;
            check_parameter(&parameter["schema"], value).map_err(|why| format!("{path}: {name}={value}: {why}"))?;
        }
        match &operation.body {
            None if body.is_empty() => Ok(()),
            None => Err(format!("{method} {path}: takes no body")),
            Some(schema) => self.holds(schema, body, true).map_err(|why| format!("{method} {path}: {why}")),
        }
    }

    /// What is wrong with an answer that is a success.
    pub fn check_answer(&self, method: &str, path: &str, (status, body): (u16, &str)) -> Result<(), String> {
        let told = |why| format!("{method} {path}, {status}: {why}");
        let answer = self.operation(method, path)?.answers.get(&status.to_string());
        let answer = answer.ok_or_else(|| told("no such answer".to_owned()))?;
        match answer.pointer("/content/application~1vnd.api+json/schema") {
            None if body.is_empty() => Ok(()),
            None => Err(told("has no body".to_owned())),
            Some(schema) => self.holds(&plain(schema), body, false).map_err(told),
        }
    }

    fn holds(&self, schema: &Value, body: &str, strictly: bool) -> Result<(), String> {
        let body: Value = serde_json::from_str(body).map_err(|why| why.to_string())?;
        let whole = json!({ "allOf": [schema], "components": { "schemas": self.schemas } });
        let validator = jsonschema::draft7::new(&whole).map_err(|why| why.to_string())?;
        validator.validate(&body).map_err(|why| format!("{why} at {}", why.instance_path()))?;
        let unknown = strictly.then(|| self.unknown(schema, &body)).flatten();
        unknown.map_or(Ok(()), |name| Err(format!("no field {name}")))
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let schema = schema.get("anyOf").and_then(|any| any.get(1)).unwrap_or(schema);
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
        name.map_or(schema, |name| &self.schemas[name])
    }

    /// The first field that a schema with properties does not name.
    fn unknown(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolved(schema);
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            return values.iter().find_map(|value| self.unknown(items, value));
        }
        let (properties, fields) = (schema.get("properties")?.as_object()?, value.as_object()?);
        fields.iter().find_map(|(name, value)| match properties.get(name) {
            None => Some(name.clone()),
            Some(schema) => self.unknown(schema, value),
        })
    }
}

fn read(operation: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let query = parameters.filter(|parameter| parameter["in"] == "query");
    let query = query.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), parameter.clone())).collect();
    let body = operation.pointer("/requestBody/content/application~1vnd.api+json/schema").map(plain);
    Operation { query, body, answers: operation["responses"].as_object().unwrap().clone() }
}

fn check_parameter(schema: &Value, value: &str) -> Result<(), String> {
    if schema["type"] == "array" {
        return value.split(',').try_for_each(|one| check_parameter(&schema["items"], one));
    }
    if schema["type"] == "integer" {
        let number: i64 = value.parse().map_err(|_| "no integer".to_owned())?;
        let (least, most) = (schema["minimum"].as_i64().unwrap_or(0), schema["maximum"].as_i64().unwrap_or(i64::MAX));
        if !(least..=most).contains(&number) {
            return Err(format!("not from {least} to {most}"));
        }
    }
    match schema["enum"].as_array() {
        Some(known) if !known.iter().any(|one| one == value) => Err("not one of the known".to_owned()),
        _ => Ok(()),
    }
}
