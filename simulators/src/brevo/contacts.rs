//! Contacts: made, shown, listed, deleted.

use super::http::{Call, Reply};
use super::world::{Contact, World};
use serde_json::{Value, json};

const LIMIT: usize = 50;

pub(super) fn time(seconds: i64) -> String {
    let stamp = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// As in lists of contacts.
pub(super) fn listed(contact: &Contact) -> Value {
    json!({"id": contact.id, "email": contact.email, "emailBlacklisted": contact.blacklisted, "smsBlacklisted": false,
        "listIds": contact.lists, "listUnsubscribed": contact.left, "modifiedAt": time(contact.modified),
        "createdAt": time(contact.created), "attributes": contact.attributes})
}

/// The page that `limit`, `offset`, `sort` and `modifiedSince` ask for; newest first unless `sort` is `asc`.
pub(super) fn page(call: &Call, mut found: Vec<&Contact>, max: usize) -> Result<Value, Reply> {
    let number = |name: &str, usual: usize| {
        let wrong = |_| Reply::error(400, "out_of_range", &format!("{name} is not a number"));
        call.query.get(name).map_or(Ok(usual), |text| text.parse().map_err(wrong))
    };
    let (limit, offset) = (number("limit", LIMIT)?, number("offset", 0)?);
    if limit > max {
        return Err(Reply::error(400, "out_of_range", &format!("Limit exceeds max value {max}")));
    }
    if let Some(text) = call.query.get("modifiedSince") {
        let wrong = |_| Reply::error(400, "invalid_parameter", "modifiedSince is not a date");
        let since = text.parse::<jiff::Timestamp>().map_err(wrong)?.as_second();
        found.retain(|contact| contact.modified >= since);
    }
    found.sort_by_key(|contact| contact.id);
    if call.query.get("sort").map(String::as_str) != Some("asc") {
        found.reverse();
    }
    let count = found.len();
    let rows: Vec<Value> = found.into_iter().skip(offset).take(limit).map(listed).collect();
    Ok(json!({ "contacts": rows, "count": count }))
}

/// `POST /contacts`
pub(super) fn make(world: &mut World, body: &Value) -> Reply {
    let email = body["email"].as_str().unwrap_or_default().to_owned();
    for field in ["emailBlacklisted", "smsBlacklisted"] {
        if body.get(field).is_some() {
            world.wrong(format!("POST contacts sets {field}"));
        }
    }
    if world.refuses.contains(&email) || !email.contains('@') {
        return Reply::error(400, "invalid_parameter", "Invalid email address");
    }
    let lists = body.get("listIds").and_then(Value::as_array).cloned().unwrap_or_default();
    if lists.iter().any(|list| list.as_u64().is_none_or(|list| !world.lists.contains_key(&list))) {
        world.wrong(format!("POST contacts {body}"));
        return Reply::error(400, "invalid_parameter", "List ids are not valid or do not exist");
    }
    let exists = world.of_email(&email).is_some();
    if exists && body["updateEnabled"] != true {
        return Reply::error(400, "duplicate_parameter", "Unable to create contact, email is already associated");
    }
    let (id, made) = world.upsert(&email);
    let now = world.now;
    if let Some(contact) = world.contacts.get_mut(&id) {
        contact.lists.extend(lists.iter().filter_map(Value::as_u64));
        contact.attributes.extend(body["attributes"].as_object().cloned().unwrap_or_default());
        contact.modified = now;
    }
    if made { Reply::json(201, json!({ "id": id })) } else { Reply::empty(204) }
}

fn missing() -> Reply {
    Reply::error(404, "document_not_found", "Contact does not exist")
}

fn found<'w>(world: &'w World, call: &Call, identifier: &str) -> Option<&'w Contact> {
    match call.query.get("identifierType").map(String::as_str) {
        Some("contact_id") => world.contacts.get(&identifier.parse().ok()?),
        Some("email_id") => world.of_email(identifier),
        None if identifier.contains('@') => world.of_email(identifier),
        None => world.contacts.get(&identifier.parse().ok()?),
        Some(_) => None,
    }
}

/// `GET /contacts/{identifier}`
pub(super) fn show(world: &World, call: &Call, identifier: &str) -> Reply {
    found(world, call, identifier).map_or_else(missing, |contact| {
        let mut shown = listed(contact);
        shown["statistics"] = json!({});
        Reply::json(200, shown)
    })
}

/// `DELETE /contacts/{identifier}`
pub(super) fn delete(world: &mut World, call: &Call, identifier: &str) -> Reply {
    let Some((id, email)) = found(world, call, identifier).map(|one| (one.id, one.email.clone())) else {
        return missing();
    };
    world.contacts.remove(&id);
    world.by_email.remove(&email);
    Reply::empty(204)
}
