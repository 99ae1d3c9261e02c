//! Requests held against Mailchimp's OpenAPI document (Swagger 2.0), where it is at hand.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Once;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs/mailchimp/marketing-3.0.55.json");

struct Operation {
    query: BTreeMap<String, Value>,
    body: Option<(Value, jsonschema::Validator)>,
}

/// Says that nothing is held against the document, once for all tests of a process, past what the harness swallows.
fn said_once() {
    static SAID: Once = Once::new();
    let why = "requests are not held against Mailchimp's OpenAPI document, which is not here";
    SAID.call_once(|| drop(writeln!(std::io::stderr(), "SKIPPED: {why}")));
}

/// The operations by method and path.
pub struct Contract {
    operations: BTreeMap<(String, Vec<String>), Operation>,
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
            for (method, operation) in methods.as_object().unwrap() {
                operations.insert((method.to_uppercase(), parts.clone()), read(operation));
            }
        }
        Some(Contract { operations })
    }

    /// What is wrong with a request, whose path is without the base path.
    pub fn check(&self, method: &str, path: &[&str], query: &[(String, String)], body: &[u8]) -> Result<(), String> {
        let fits = |parts: &[String]| {
            parts.len() == path.len()
                && parts
                    .iter()
                    .zip(path)
                    .all(|(part, found)| part == found || (part.starts_with('{') && !found.is_empty()))
        };
        let mut fitting = self.operations.iter().filter(|((of, parts), _)| of == method && fits(parts));
        let (_, operation) = fitting.next().ok_or_else(|| format!("{method} {path:?}: no such operation"))?;
        for (name, value) in query {
            let parameter = operation.query.get(name).ok_or_else(|| format!("{path:?}: no parameter {name}"))?;
            check_parameter(parameter, value).map_err(|why| format!("{path:?}: {name}={value}: {why}"))?;
        }
        match &operation.body {
            None if body.is_empty() => Ok(()),
            None => Err(format!("{method} {path:?}: takes no body")),
            Some((schema, validator)) => {
                let body: Value = serde_json::from_slice(body).map_err(|why| format!("{path:?}: {why}"))?;
                validator.validate(&body).map_err(|why| format!("{path:?}: {why}"))?;
                unknown(schema, &body).map_or(Ok(()), |name| Err(format!("{method} {path:?}: no field {name}")))
            }
        }
    }
}

fn read(operation: &Value) -> Operation {
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    let query = parameters.iter().filter(|parameter| parameter["in"] == "query");
    let query = query.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), parameter.clone())).collect();
    let body = parameters.iter().find(|parameter| parameter["in"] == "body").map(|parameter| {
        let schema = parameter["schema"].clone();
        let validator = jsonschema::draft4::new(&schema).unwrap();
        (schema, validator)
    });
    Operation { query, body }
}

fn check_parameter(parameter: &Value, value: &str) -> Result<(), String> {
    match parameter["type"].as_str().unwrap_or_default() {
        "integer" => {
            let number: i64 = value.parse().map_err(|_| "no integer".to_owned())?;
            let most = parameter["maximum"].as_i64().unwrap_or(i64::MAX);
            if !(0..=most).contains(&number) {
                return Err(format!("beyond {most}"));
            }
        }
        "boolean" if !matches!(value, "true" | "false") => return Err("no boolean".to_owned()),
        _ => {}
    }
    match parameter["enum"].as_array() {
        Some(known) if !known.iter().any(|one| one == value) => Err("not one of the known".to_owned()),
        _ => Ok(()),
    }
}

/// The first field that a schema with properties does not name.
fn unknown(schema: &Value, value: &Value) -> Option<String> {
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        return values.iter().find_map(|value| unknown(items, value));
    }
    let (Some(properties), Some(fields)) = (schema.get("properties").and_then(Value::as_object), value.as_object())
    else {
        return None;
    };
    first_unknown(properties, fields)
}

fn first_unknown(properties: &Map<String, Value>, fields: &Map<String, Value>) -> Option<String> {
    fields.iter().find_map(|(name, value)| match properties.get(name) {
        None => Some(name.clone()),
        Some(schema) => unknown(schema, value),
    })
}
