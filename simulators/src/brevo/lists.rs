//! Lists: who is on them, put on and taken off, at most 150 in a call, which may fail in part.

use super::contacts::page;
use super::http::{Call, Reply};
use super::world::World;
use serde_json::{Value, json};

const CHANGES_MAX: usize = 150;
const PAGE_MAX: usize = 500;

/// `GET /contacts/lists/{id}/contacts`
pub(super) fn members(world: &World, call: &Call, list: u64) -> Reply {
    if !world.lists.contains_key(&list) {
        return Reply::error(404, "document_not_found", "List ID does not exist");
    }
    let on = world.contacts.values().filter(|contact| contact.lists.contains(&list)).collect();
    page(call, on, PAGE_MAX).map_or_else(|reply| reply, |found| Reply::json(200, found))
}

/// `POST /contacts/lists/{id}/contacts/add` and `/remove`. Of those that fail no reason is said; when all do, the whole
/// call is refused.
pub(super) fn change(world: &mut World, list: u64, body: &Value, add: bool) -> Reply {
    if !world.lists.contains_key(&list) {
        return Reply::error(404, "document_not_found", "List ID does not exist");
    }
    let kinds = ["emails", "ids", "extIds"].iter().filter(|kind| body.get(**kind).is_some()).count();
    let Some(emails) = body["emails"].as_array().filter(|emails| kinds == 1 && !emails.is_empty()) else {
        world.wrong(format!("add or remove {body}"));
        return Reply::error(400, "missing_parameter", "exactly one of emails, ids and extIds is needed");
    };
    if emails.len() > CHANGES_MAX {
        world.wrong(format!("{} in one call", emails.len()));
        return Reply::error(400, "out_of_range", "at most 150 contacts in a call");
    }
    let (mut success, mut failure, now) = (Vec::new(), Vec::new(), world.now);
    for email in emails.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>() {
        let refuses = world.refuses.contains(&email);
        let done = world.of_email_mut(&email).is_some_and(|contact| {
            contact.modified = now;
            !refuses && if add { contact.lists.insert(list) } else { contact.lists.remove(&list) }
        });
        if done { success.push(email) } else { failure.push(email) }
    }
    if success.is_empty() {
        let already = if add { "already in list" } else { "already removed from list" };
        return Reply::error(400, "invalid_parameter", &format!("Contact {already} and/or does not exist"));
    }
    Reply::json(201, json!({ "contacts": { "success": success, "failure": failure, "total": emails.len() } }))
}
