//! Calls held against Brevo's OpenAPI document, where it is at hand.

use segmentd_simulators::brevo::Seen;
use serde_json::{Value, json};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/specs/brevo/brevo-v3.json");

/// The document; `None`, with the reason printed, where it is absent.
pub fn load() -> Option<Value> {
    let Ok(text) = std::fs::read_to_string(DOCUMENT) else {
        eprintln!("SKIPPED: calls are not held against Brevo's OpenAPI document, which is not here");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn fits(template: &str, path: &[String]) -> bool {
    let parts: Vec<&str> = template.split('/').skip(1).collect();
    parts.len() == path.len() && parts.iter().zip(path).all(|(part, found)| part == found || part.starts_with('{'))
}

/// What is wrong with a call.
pub fn check(document: &Value, seen: &Seen) -> Result<(), String> {
    let paths = document["paths"].as_object().unwrap();
    // A path without places counts before one with them.
    let mut fitting: Vec<(&String, &Value)> = paths.iter().filter(|(path, _)| fits(path, &seen.path)).collect();
    fitting.sort_by_key(|(path, _)| path.matches('{').count());
    let method = seen.method.to_lowercase();
    let operation = fitting.iter().find_map(|(_, methods)| methods.get(&method));
    let operation = operation.ok_or_else(|| format!("no such operation: {seen:?}"))?;
    let none = Vec::new();
    let parameters = operation["parameters"].as_array().unwrap_or(&none);
    for (name, value) in &seen.query {
        let found = parameters.iter().find(|one| one["in"] == "query" && one["name"] == *name);
        let schema = &found.ok_or_else(|| format!("no parameter {name}: {seen:?}"))?["schema"];
        let read = if schema["type"] == "integer" { value.parse::<i64>().ok().into() } else { json!(value) };
        let validator = jsonschema::draft4::new(schema).unwrap();
        validator.validate(&read).map_err(|why| format!("{name}={value}: {why}"))?;
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    match (schema.is_null(), seen.body.is_null()) {
        (true, true) => Ok(()),
        (true, false) => Err(format!("it takes no body: {seen:?}")),
        // The alternatives of these bodies overlap in the document, which refuses every one of them.
        _ if matches!(seen.path.last().map(String::as_str), Some("add" | "remove")) => Ok(()),
        _ => {
            let mut whole = json!({ "allOf": [schema] });
            whole["components"] = document["components"].clone();
            let validator = jsonschema::draft4::new(&whole).unwrap();
            validator.validate(&seen.body).map_err(|why| format!("{why}: {seen:?}"))
        }
    }
}
