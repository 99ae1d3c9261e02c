//! What holds for every route, put into the OpenAPI document: the key, the errors, names for clients.

use serde_json::{Map, Value, json};

/// Parts of paths, and what they are.
const PARTS: [(&str, &str); 13] = [
    ("workspace", "Id of the workspace"),
    ("source", "Id of the tracking source"),
    ("segment", "Id of the segment"),
    ("list", "Id of the list"),
    ("person", "`p_...`, `email:ADDRESS`, `phone:NUMBER`, `user:SOURCE:ID` or `PLATFORM:ID`"),
    ("code", "The last part of the link's address"),
    ("key", "Id of the key"),
    ("connector", "Name of the connector: `shopify`, `mailchimp`"),
    ("connection", "Id of the connection"),
    ("export", "Name of the export"),
    ("command", "What to tell the list"),
    ("transition", "A transition"),
    ("version", "Number of the version"),
];

/// Makes the document whole.
pub(super) fn complete(document: &mut Value) {
    if let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) {
        let key = json!({"type": "http", "scheme": "bearer", "description": "a key of this API: sk_..."});
        components.insert("securitySchemes".to_owned(), json!({ "key": key }));
    }
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, item) in paths {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                one(path, method, operation);
            }
        }
    }
}

fn one(path: &str, method: &str, operation: &mut Map<String, Value>) {
    operation.insert("operationId".to_owned(), json!(name(path, method)));
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let known = PARTS.iter().find(|(part, _)| parameter["name"] == *part && parameter["in"] == "path");
        if let (Some((_, what)), None) = (known, parameter.get("description")) {
            parameter["description"] = json!(what);
        }
    }
    if path == "/openapi.json" {
        operation.insert("security".to_owned(), json!([]));
        return;
    }
    operation.insert("security".to_owned(), json!([{"key": []}]));
    let (body, parts) = (operation.contains_key("requestBody"), path.contains('{'));
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let query = parameters.is_some_and(|all| all.iter().any(|one| one["in"] == "query"));
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    for (status, what, is) in [
        ("400", "what was sent can't be read", body || query || parts),
        ("401", "the key is missing or unknown", true),
        ("403", "the key lacks the scope", true),
        ("404", "there is no such thing", parts),
        ("409", "it can't be done as things stand", method != "get"),
        ("413", "the body is too large", body),
        ("415", "the body is no JSON by its content-type", body),
        ("422", "it can't be carried out, and why", body || query || parts),
        ("429", "too much at once; see Retry-After", true),
        ("503", "not now; see Retry-After", true),
    ] {
        if is && !responses.contains_key(status) {
            let schema = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
            let answer = json!({"description": what, "content": {"application/problem+json": schema}});
            responses.insert(status.to_owned(), answer);
        }
    }
}

/// A name that no other operation has: `get` and the words of the path.
fn name(path: &str, method: &str) -> String {
    let mut name = method.to_owned();
    let mut pieces = path.trim_end_matches(".json").split('/').filter(|piece| !piece.is_empty()).peekable();
    while let Some(piece) = pieces.next() {
        let word = piece.trim_matches(['{', '}']);
        // The name of a collection is spared where one of it is meant.
        if piece.starts_with('{') || !pieces.peek().is_some_and(|next| next.starts_with('{')) || name == *method {
            for part in word.split('-') {
                let mut letters = part.chars();
                name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                name.extend(letters);
            }
        }
    }
    name
}
