//! What may become of a platform's JSON without notice.

use serde_json::{Map, Value, json};

/// Variants of one body at most.
const VARIANTS_MAX: usize = 400;

/// The body with a field that nobody knows in every object.
pub fn with_unknown(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut more: Map<String, Value> =
                fields.iter().map(|(name, value)| (name.clone(), with_unknown(value))).collect();
            more.insert("zz_unheard_of".to_owned(), json!({ "a": [1, null, "b"] }));
            Value::Object(more)
        }
        Value::Array(items) => items.iter().map(with_unknown).collect(),
        other => other.clone(),
    }
}

/// The body with every number written as text.
pub fn with_text_for_numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::String(number.to_string()),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), with_text_for_numbers(value))).collect()
        }
        Value::Array(items) => items.iter().map(with_text_for_numbers).collect(),
        other => other.clone(),
    }
}

/// The body without each of its fields in turn, and with `null` in its place: the field's path and what is left.
pub fn without_each(value: &Value) -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    collect(value, &mut String::new(), &mut paths);
    let mut variants = Vec::new();
    for path in paths.into_iter().take(VARIANTS_MAX / 2) {
        let Some((parent, field)) = path.rsplit_once('/') else { continue };
        let field = field.replace("~1", "/").replace("~0", "~");
        for null in [false, true] {
            let mut less = value.clone();
            let Some(Value::Object(fields)) = less.pointer_mut(parent) else { continue };
            if null {
                fields.insert(field.clone(), Value::Null);
            } else {
                fields.remove(&field);
            }
            let what = if null { "null at" } else { "without" };
            variants.push((format!("{what} {path}"), less));
        }
    }
    variants
}

fn collect(value: &Value, at: &mut String, paths: &mut Vec<String>) {
    let mut step = |name: &str, value: &Value, is_field: bool| {
        let length = at.len();
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        if is_field {
            paths.push(at.clone());
        }
        collect(value, at, paths);
        at.truncate(length);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| step(name, value, true)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, value)| step(&number.to_string(), value, false));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_taken_away_once_and_nulled_once() {
        let body = json!({ "a": 1, "b": [{ "c/d": "x" }] });
        let variants = without_each(&body);
        let cases: Vec<&str> = variants.iter().map(|(case, _)| case.as_str()).collect();
        let expected =
            ["without /a", "null at /a", "without /b", "null at /b", "without /b/0/c~1d", "null at /b/0/c~1d"];
        assert_eq!(cases, expected);
        assert_eq!(variants[4].1, json!({ "a": 1, "b": [{}] }));
        assert_eq!(with_text_for_numbers(&body), json!({ "a": "1", "b": [{ "c/d": "x" }] }));
        assert_eq!(with_unknown(&body)["b"][0]["zz_unheard_of"]["a"][0], 1);
    }
}
