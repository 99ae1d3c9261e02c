//! Requests and answers held against HubSpot's OpenAPI documents (3.0), where they are at hand.

use segmentd_simulators::hubspot::Exchange;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Once;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs/hubspot/");
/// The token of a private app is looked at by an operation that is in no document.
const UNDOCUMENTED: &str = "/oauth/v2/private-apps/get/access-token-info";

struct Operation {
    query: BTreeMap<String, Value>,
    /// Schema by content type.
    bodies: BTreeMap<String, Value>,
    /// Schema by status; null for no body.
    answers: BTreeMap<u16, Value>,
    components: Value,
}

/// The operations by method and path.
pub struct Contract {
    operations: Vec<(String, Vec<String>, Operation)>,
}

fn said_once() {
    static SAID: Once = Once::new();
    let why = "requests and answers are not held against HubSpot's OpenAPI documents, which are not here";
    // Past what the harness swallows.
    SAID.call_once(|| drop(writeln!(std::io::stderr(), "SKIPPED: {why}")));
}

impl Contract {
    /// `None`, with the reason printed, where the documents are absent.
    pub fn load() -> Option<Contract> {
        let mut operations = Vec::new();
        for name in ["contacts-v3.json", "lists-v3.json", "oauth-v1.json"] {
            let Ok(text) = std::fs::read_to_string(format!("{FOLDER}{name}")) else {
                said_once();
                return None;
            };
            let document: Value = serde_json::from_str(&text).unwrap();
            for (path, methods) in document["paths"].as_object().unwrap() {
                let parts: Vec<String> = path.split('/').skip(1).map(str::to_owned).collect();
                for (method, operation) in methods.as_object().unwrap() {
                    let read = read(operation, &document["components"]);
                    operations.push((method.to_uppercase(), parts.clone(), read));
                }
            }
        }
        Some(Contract { operations })
    }

    /// What is wrong with a request or its answer. Answers of errors are read by nobody but as errors.
    pub fn check(&self, one: &Exchange) -> Result<(), String> {
        let place = format!("{} {}", one.method, one.path);
        if one.path == UNDOCUMENTED {
            return Ok(());
        }
        let path: Vec<&str> = one.path.split('/').skip(1).collect();
        let fits = |parts: &[String]| {
            let part = |(part, found): (&String, &&str)| part == found || (part.starts_with('{') && !found.is_empty());
            parts.len() == path.len() && parts.iter().zip(&path).all(part)
        };
        let exact = |parts: &[String]| parts.iter().filter(|part| part.starts_with('{')).count();
        let fitting = self.operations.iter().filter(|(method, parts, _)| *method == one.method && fits(parts));
        let (_, _, operation) =
            fitting.min_by_key(|(_, parts, _)| exact(parts)).ok_or_else(|| format!("{place}: no such operation"))?;
        for pair in one.query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let parameter = operation.query.get(name).ok_or_else(|| format!("{place}: no parameter {name}"))?;
            check_parameter(parameter, value).map_err(|why| format!("{place}: {name}={value}: {why}"))?;
        }
        operation.request(one).map_err(|why| format!("{place}: request: {why}"))?;
        if one.faulted || !(200..300).contains(&one.status) {
            return Ok(());
        }
        let schema = operation.answers.get(&one.status).ok_or_else(|| format!("{place}: no status {}", one.status))?;
        if schema.is_null() {
            return if one.answer.is_null() { Ok(()) } else { Err(format!("{place}: answers nothing")) };
        }
        operation.hold(schema, &one.answer).map_err(|why| format!("{place}: answer: {why}"))
    }
}

impl Operation {
    fn request(&self, one: &Exchange) -> Result<(), String> {
        if self.bodies.is_empty() {
            return if one.body.is_empty() { Ok(()) } else { Err("takes no body".to_owned()) };
        }
        let kind = one.content_type.split(';').next().unwrap_or_default();
        let schema = self.bodies.get(kind).ok_or_else(|| format!("not as {kind}"))?;
        let body: Value = if kind == "application/json" {
            serde_json::from_str(&one.body).map_err(|why| why.to_string())?
        } else {
            let pairs = one.body.split('&').filter_map(|pair| pair.split_once('='));
            Value::Object(pairs.map(|(name, value)| (name.to_owned(), value.into())).collect())
        };
        self.hold(schema, &body)
    }

    /// By the schema, and without fields that it does not name.
    fn hold(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let whole = json!({ "allOf": [schema], "components": self.components });
        let validator = jsonschema::draft4::new(&whole).map_err(|why| format!("the schema: {why}"))?;
        validator.validate(value).map_err(|why| format!("{why} at {}", why.instance_path()))?;
        self.unknown(schema, value).map_or(Ok(()), |name| Err(format!("no field {name}")))
    }

    fn resolved<'s>(&'s self, schema: &'s Value) -> &'s Value {
        let name = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/"));
        name.map_or(schema, |name| &self.components["schemas"][name])
    }

    fn unknown(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolved(schema);
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            return values.iter().find_map(|value| self.unknown(items, value));
        }
        let properties = schema.get("properties").and_then(Value::as_object).filter(|all| !all.is_empty())?;
        let fields: &Map<String, Value> = value.as_object()?;
        fields.iter().find_map(|(name, value)| match properties.get(name) {
            None => Some(name.clone()),
            Some(schema) => self.unknown(schema, value),
        })
    }
}

fn read(operation: &Value, components: &Value) -> Operation {
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none).iter();
    let query = parameters.filter(|parameter| parameter["in"] == "query");
    let query = query.map(|parameter| (parameter["name"].as_str().unwrap().to_owned(), parameter["schema"].clone()));
    let contents = |value: &Value| value["content"].as_object().cloned().unwrap_or_default();
    let bodies =
        contents(&operation["requestBody"]).into_iter().map(|(kind, one)| (kind, nullable(one["schema"].clone())));
    let answers = operation["responses"].as_object().unwrap().iter().filter_map(|(status, answer)| {
        let schema = contents(answer).into_iter().next().map(|(_, one)| nullable(one["schema"].clone()));
        Some((status.parse().ok()?, schema.unwrap_or_default()))
    });
    let components = json!({ "schemas": nullable(components["schemas"].clone()) });
    Operation { query: query.collect(), bodies: bodies.collect(), answers: answers.collect(), components }
}

/// Values of properties of a contact may be null, which the documents leave out; and `example: null` says nothing.
fn nullable(mut schema: Value) -> Value {
    match &mut schema {
        Value::Object(fields) => {
            let is_text = fields.get("type").is_some_and(|kind| kind == "string");
            if is_text && fields.get("nullable") == Some(&Value::Bool(true)) {
                fields.insert("type".to_owned(), json!(["string", "null"]));
            }
            if let Some(values) = fields.get_mut("additionalProperties").filter(|values| values["type"] == "string") {
                values["type"] = json!(["string", "null"]);
            }
            // Of the two kinds of answers with a token one has all that the other has: none would be the only one.
            if let Some(kinds) = fields.remove("oneOf") {
                fields.insert("anyOf".to_owned(), kinds);
            }
            for value in fields.values_mut() {
                *value = nullable(std::mem::take(value));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = nullable(std::mem::take(item))),
        _ => {}
    }
    schema
}

fn check_parameter(schema: &Value, value: &str) -> Result<(), String> {
    match schema["type"].as_str().unwrap_or_default() {
        "integer" if value.parse::<i64>().is_err() => Err("no integer".to_owned()),
        "boolean" if !matches!(value, "true" | "false") => Err("no boolean".to_owned()),
        _ => Ok(()),
    }
}
