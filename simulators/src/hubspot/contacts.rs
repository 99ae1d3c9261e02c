//! Contacts: pages, batches, and their deletion.

use super::contact::is_address;
use super::problem::Problem;
use super::server::{Call, Outcome, batch, fields};
use super::world::{Portal, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Inputs of one batch.
const BATCH_MAX: usize = 100;

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Outcome {
    let parts: Vec<&str> = call.path.iter().skip(4).map(String::as_str).collect();
    match (call.method, parts.as_slice()) {
        ("GET", []) => page(world, call),
        ("GET", [id]) => one(world, call, id),
        ("DELETE", [id]) => {
            call.only(&[])?;
            // Deleting twice is no error.
            world.archive(call.portal, number(id)?);
            Ok((204, Value::Null))
        }
        ("POST", ["batch", "read"]) => read(world, call),
        ("POST", ["batch", "upsert"]) => upsert(world, call),
        ("POST", ["gdpr-delete"]) => forget(world, call),
        _ => Err(Problem::new(405, "METHOD_NOT_ALLOWED", "The simulator does not play this operation.")),
    }
}

fn number(text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| Problem::invalid(format!("{text} is not a valid id")))
}

fn asked(text: Option<&str>) -> Vec<String> {
    text.unwrap_or_default().split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn page(world: &mut World, call: &Call<'_>) -> Outcome {
    call.only(&["limit", "after", "properties", "archived", "associations", "propertiesWithHistory"])?;
    let limit = call.limit(10, 100)?;
    let after = call.get("after").map(number).transpose()?.unwrap_or_default();
    let archived = call.get("archived") == Some("true");
    let asked = asked(call.get("properties"));
    let place = world.portal(call.portal);
    let mut all = place.contacts.range(after..).map(|(_, one)| one).filter(|one| one.archived == archived);
    let shown: Vec<_> = all.by_ref().take(limit).collect();
    let mut body = json!({ "results": shown.iter().map(|one| one.show(&asked)).collect::<Vec<_>>() });
    if let Some(next) = all.next() {
        body["paging"] = json!({ "next": { "after": next.id.to_string(), "link": "?after=" } });
    }
    Ok((200, body))
}

fn one(world: &mut World, call: &Call<'_>, name: &str) -> Outcome {
    call.only(&["properties", "idProperty", "archived", "associations", "propertiesWithHistory"])?;
    let place = world.portal(call.portal);
    let found = find(place, call.get("idProperty"), name);
    let contact =
        found.and_then(|id| place.contacts.get(&id)).ok_or_else(|| Problem::not_found("resource not found"))?;
    Ok((200, contact.show(&asked(call.get("properties")))))
}

/// The contact that a name means; one that was merged is found in the other.
fn find(place: &Portal, by: Option<&str>, name: &str) -> Option<u64> {
    let id = match by {
        Some("email") => *place.by_email.get(&name.trim().to_lowercase())?,
        _ => name.parse().ok()?,
    };
    let id = place.merged.get(&id).copied().unwrap_or(id);
    place.contacts.get(&id).filter(|contact| !contact.archived).map(|contact| contact.id)
}

fn inputs(body: &Value) -> Result<&Vec<Value>, Problem> {
    let inputs = body["inputs"].as_array().ok_or_else(|| Problem::invalid("inputs: expected a list"))?;
    if inputs.is_empty() || inputs.len() > BATCH_MAX {
        return Err(Problem::invalid(format!("inputs: expected 1 to {BATCH_MAX}, got {}", inputs.len())));
    }
    Ok(inputs)
}

fn read(world: &mut World, call: &Call<'_>) -> Outcome {
    call.only(&["archived"])?;
    fields(&call.body, &["idProperty", "inputs", "properties", "propertiesWithHistory"])?;
    let (asked, by) = (texts(&call.body["properties"]), call.body["idProperty"].as_str());
    if by.is_some_and(|by| by != "email" && by != "hs_object_id") {
        return Err(Problem::invalid("idProperty: not a unique property"));
    }
    let place = world.portal(call.portal);
    let (mut found, mut missing) = (BTreeSet::new(), Vec::new());
    for input in inputs(&call.body)? {
        fields(input, &["id"])?;
        let name = input["id"].as_str().ok_or_else(|| Problem::invalid("id: expected text"))?;
        match find(place, by, name) {
            Some(id) => drop(found.insert(id)),
            None => missing.push(name.to_owned()),
        }
    }
    let results = found.iter().filter_map(|id| place.contacts.get(id)).map(|one| one.show(&asked)).collect();
    let error = || {
        let message = "Could not get some CONTACT objects, they may be deleted or not exist.";
        json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": message, "context": { "ids": missing },
            "errors": [], "links": {} })
    };
    let errors = if missing.is_empty() { Vec::new() } else { vec![error()] };
    Ok(batch(200, results, errors))
}

fn upsert(world: &mut World, call: &Call<'_>) -> Outcome {
    call.only(&[])?;
    fields(&call.body, &["inputs"])?;
    let mut seen = BTreeSet::new();
    for input in inputs(&call.body)? {
        fields(input, &["id", "idProperty", "properties", "objectWriteTraceId"])?;
        if input["idProperty"] != "email" {
            return Err(Problem::invalid("idProperty: expected email"));
        }
        let email = input["id"].as_str().unwrap_or_default().trim().to_lowercase();
        if !is_address(&email) {
            let why = format!("Property values were not valid: email {email} is invalid");
            return Err(Problem::invalid(why));
        }
        if !seen.insert(email.clone()) {
            return Err(Problem::invalid(format!("Duplicate IDs found in batch input: [{email}]")));
        }
        let properties = input["properties"].as_object().ok_or_else(|| Problem::invalid("properties: expected"))?;
        if let Some(name) = properties.keys().find(|name| name.starts_with("unknown_")) {
            return Err(Problem::invalid(format!("Property \"{name}\" does not exist")));
        }
    }
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs(&call.body)? {
        let email = input["id"].as_str().unwrap_or_default().trim().to_lowercase();
        let place = world.portal(call.portal);
        if place.blocked.contains(&email) {
            errors
                .push(json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "The address was deleted \
                for good and can't be used again", "context": { "ids": [email] }, "errors": [], "links": {} }));
            continue;
        }
        let known = find(place, Some("email"), &email);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let properties = input["properties"].as_object().into_iter().flatten();
        let mut properties: super::Properties = properties.map(|(name, value)| (name.clone(), text(value))).collect();
        let id = match known {
            Some(id) => {
                properties.remove("email");
                if !properties.is_empty() {
                    world.change(call.portal, id, &properties);
                }
                id
            }
            None => {
                properties.insert("email".to_owned(), email);
                world.add(call.portal, &properties)
            }
        };
        let asked = ["email".to_owned()];
        let mut shown = world.portal(call.portal).contacts.get(&id).map(|one| one.show(&asked)).unwrap_or_default();
        shown["new"] = known.is_none().into();
        results.push(shown);
    }
    Ok(batch(200, results, errors))
}

fn forget(world: &mut World, call: &Call<'_>) -> Outcome {
    call.only(&[])?;
    fields(&call.body, &["objectId", "idProperty"])?;
    let name = call.body["objectId"].as_str().unwrap_or_default();
    let place = world.portal(call.portal);
    let found = find(place, call.body["idProperty"].as_str(), name);
    match found {
        Some(id) => world.forget(call.portal, id),
        // It is blocked all the same.
        None => drop(place.blocked.insert(name.to_lowercase())),
    }
    Ok((204, Value::Null))
}
