//! Lists: made, found by name, their members changed and read.

use super::contact::show;
use super::problem::Problem;
use super::server::{Call, Outcome, batch, fields};
use super::world::World;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const CONTACTS: &str = "0-1";
/// Ids of one change of members; the documented order of magnitude.
const IDS_MAX: usize = 100_000;
/// Inputs of one batch.
const BATCH_MAX: usize = 100;
/// A list with more members can't be emptied at once.
const EMPTIED_MAX: usize = 100_000;

pub(super) struct List {
    id: u64,
    pub name: String,
    kind: String,
    created: i64,
    /// Members and since when.
    pub members: BTreeMap<u64, i64>,
}

impl List {
    pub fn new(id: u64, name: &str, kind: &str, created: i64) -> List {
        List { id, name: name.to_owned(), kind: kind.to_owned(), created, members: BTreeMap::new() }
    }

    fn show(&self) -> Value {
        json!({ "list": {
            "listId": self.id.to_string(), "listVersion": 1, "name": self.name, "objectTypeId": CONTACTS,
            "processingType": self.kind, "processingStatus": "COMPLETE", "size": self.members.len(),
            "createdAt": show(self.created), "updatedAt": show(self.created),
        } })
    }
}

pub(super) fn answer(world: &mut World, call: &Call<'_>) -> Outcome {
    let parts: Vec<&str> = call.path.iter().skip(3).map(String::as_str).collect();
    match (call.method, parts.as_slice()) {
        ("POST", []) => create(world, call),
        ("GET", ["object-type-id", CONTACTS, "name", name]) => {
            call.only(&["includeFilters"])?;
            let lists = &world.portal(call.portal).lists;
            let list = lists.values().find(|list| list.name.eq_ignore_ascii_case(name));
            let absent = || Problem::not_found(format!("List does not exist with name {name}"));
            Ok((200, list.ok_or_else(absent)?.show()))
        }
        ("POST", ["records", "memberships", "batch", "read"]) => memberships(world, call),
        ("GET", [id]) => {
            call.only(&["includeFilters"])?;
            Ok((200, list(world, call, id)?.show()))
        }
        ("DELETE", [id]) => {
            let id = list(world, call, id)?.id;
            world.portal(call.portal).lists.remove(&id);
            Ok((204, Value::Null))
        }
        ("GET", [id, "memberships"]) => members(world, call, id),
        ("DELETE", [id, "memberships"]) => empty(world, call, id),
        ("PUT", [id, "memberships", "add"]) => change(world, call, id, (ids(&call.body)?, Vec::new())),
        ("PUT", [id, "memberships", "remove"]) => change(world, call, id, (Vec::new(), ids(&call.body)?)),
        ("PUT", [id, "memberships", "add-and-remove"]) => {
            fields(&call.body, &["recordIdsToAdd", "recordIdsToRemove"])?;
            let both = (ids(&call.body["recordIdsToAdd"])?, ids(&call.body["recordIdsToRemove"])?);
            change(world, call, id, both)
        }
        _ => Err(Problem::new(405, "METHOD_NOT_ALLOWED", "The simulator does not play this operation.")),
    }
}

fn create(world: &mut World, call: &Call<'_>) -> Outcome {
    let known = ["name", "objectTypeId", "processingType", "listFolderId", "customProperties", "filterBranch"];
    fields(&call.body, &known)?;
    let text = |name: &str| call.body[name].as_str().unwrap_or_default();
    let (name, kind) = (text("name"), text("processingType"));
    if name.trim().is_empty() || text("objectTypeId") != CONTACTS {
        return Err(Problem::invalid("name or objectTypeId is not as expected"));
    }
    if !["MANUAL", "SNAPSHOT", "DYNAMIC"].contains(&kind) {
        return Err(Problem::invalid("processingType: expected MANUAL, DYNAMIC or SNAPSHOT"));
    }
    if world.portal(call.portal).lists.values().any(|list| list.name.eq_ignore_ascii_case(name)) {
        return Err(Problem::invalid(format!("A list with the name {name:?} exists already")));
    }
    let id = world.new_list(call.portal, name, kind);
    Ok((200, list(world, call, &id.to_string())?.show()))
}

fn list<'w>(world: &'w mut World, call: &Call<'_>, id: &str) -> Result<&'w mut List, Problem> {
    let absent = || Problem::not_found(format!("List does not exist with ID {id}"));
    let number: u64 = id.parse().map_err(|_| absent())?;
    world.portal(call.portal).lists.get_mut(&number).ok_or_else(absent)
}

fn ids(value: &Value) -> Result<Vec<String>, Problem> {
    let wrong = || Problem::invalid("Invalid input JSON: expected a list of ids as text");
    let all: Option<Vec<String>> =
        value.as_array().ok_or_else(wrong)?.iter().map(|id| id.as_str().map(str::to_owned)).collect();
    let all = all.ok_or_else(wrong)?;
    if all.len() > IDS_MAX {
        return Err(Problem::invalid(format!("More than {IDS_MAX} ids")));
    }
    Ok(all)
}

fn change(world: &mut World, call: &Call<'_>, id: &str, (add, remove): (Vec<String>, Vec<String>)) -> Outcome {
    call.only(&[])?;
    if !["MANUAL", "SNAPSHOT"].contains(&list(world, call, id)?.kind.as_str()) {
        return Err(Problem::invalid("Members of this list are kept by its filters"));
    }
    let at = world.tick();
    let place = world.portal(call.portal);
    let alive = |id: &String| {
        let id = id.parse().ok().map(|id| place.merged.get(&id).copied().unwrap_or(id));
        id.filter(|id| place.contacts.get(id).is_some_and(|contact| !contact.archived))
    };
    let mut missing = BTreeSet::new();
    let mut known = |all: &[String]| -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for id in all {
            match alive(id) {
                Some(number) => found.push((id.clone(), number)),
                None => drop(missing.insert(id.clone())),
            }
        }
        found
    };
    let (add, remove) = (known(&add), known(&remove));
    let members = &mut list(world, call, id)?.members;
    let mut added = Vec::new();
    for (text, number) in add {
        if let std::collections::btree_map::Entry::Vacant(free) = members.entry(number) {
            free.insert(at);
            added.push(text);
        }
    }
    let removed: Vec<String> =
        remove.into_iter().filter(|(_, number)| members.remove(number).is_some()).map(|(text, _)| text).collect();
    Ok((200, json!({ "recordsIdsAdded": added, "recordIdsRemoved": removed, "recordIdsMissing": missing })))
}

fn members(world: &mut World, call: &Call<'_>, id: &str) -> Outcome {
    call.only(&["limit", "after", "before"])?;
    let limit = call.limit(100, 250)?;
    let wrong = |_| Problem::invalid("after: not a place that was given");
    let after: u64 = call.get("after").map(str::parse).transpose().map_err(wrong)?.unwrap_or_default();
    let members = &list(world, call, id)?.members;
    let mut all = members.range(after..);
    let shown: Vec<Value> = all
        .by_ref()
        .take(limit)
        .map(|(id, at)| json!({ "recordId": id.to_string(), "membershipTimestamp": show(*at) }))
        .collect();
    let mut body = json!({ "results": shown, "total": members.len() });
    if let Some((next, _)) = all.next() {
        body["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok((200, body))
}

fn empty(world: &mut World, call: &Call<'_>, id: &str) -> Outcome {
    let list = list(world, call, id)?;
    if list.members.len() >= EMPTIED_MAX {
        return Err(Problem::invalid("The list has too many members to be emptied"));
    }
    list.members.clear();
    Ok((204, Value::Null))
}

fn memberships(world: &mut World, call: &Call<'_>) -> Outcome {
    call.only(&[])?;
    fields(&call.body, &["inputs"])?;
    let inputs = call.body["inputs"].as_array().map(Vec::as_slice).unwrap_or_default();
    if inputs.is_empty() || inputs.len() > BATCH_MAX {
        return Err(Problem::invalid(format!("inputs: expected 1 to {BATCH_MAX}")));
    }
    let lists = &world.portal(call.portal).lists;
    let mut results = Vec::new();
    for input in inputs {
        fields(input, &["objectTypeId", "recordId"])?;
        let record = input["recordId"].as_str().unwrap_or_default();
        let number: u64 = record.parse().map_err(|_| Problem::invalid("recordId: expected a number"))?;
        let inside = lists.values().filter(|list| list.members.contains_key(&number));
        let inside: Vec<Value> =
            inside.map(|list| json!({ "listId": list.id.to_string(), "listVersion": 1 })).collect();
        results.push(json!({ "objectTypeId": CONTACTS, "recordId": record, "recordListMemberships": inside }));
    }
    Ok(batch(200, results, Vec::new()))
}
