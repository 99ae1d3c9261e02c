//! What came of a delivery or of a task, in a form that can be compared.

use kit::receive::Facts;
use model::{Event, EventKind};
use std::collections::{BTreeMap, BTreeSet};

/// Characters shown of what differs.
const SHOWN_CHARS: usize = 300;

/// What was told: what it is by its key. Times of receipt are not in it.
pub type Told = BTreeMap<String, String>;

/// Of facts.
pub fn of_facts(facts: &Facts) -> Told {
    let mut told = Told::new();
    for event in &facts.events {
        let Event { received: _, source, message_id, kind, time, identities, properties, traits, consent } = event;
        let what = format!("{source:?} {kind:?} {time:?} {identities:?} {properties:?} {traits:?} {consent:?}");
        told.insert(format!("event {message_id}"), what);
    }
    told.extend(
        facts.pointers.iter().map(|pointer| (format!("pointer {} {}", pointer.kind, pointer.id), String::new())),
    );
    told.extend(facts.requests.iter().map(|request| (format!("request {request:?}"), String::new())));
    told.extend(facts.versions.iter().map(|version| (format!("version {version:?}"), String::new())));
    told
}

/// What was told under ids that the platform gives: hashes of a body in an id may differ when the body does.
pub fn core(told: &Told) -> BTreeSet<&String> {
    let events = told.iter().filter(|(key, _)| key.starts_with("event "));
    let others = told.keys().filter(|key| !key.starts_with("event "));
    events.map(|(_, what)| what).chain(others).collect()
}

/// The first thing that is not the same.
pub fn difference(expected: &Told, found: &Told) -> String {
    let short = |text: &str| text.chars().take(SHOWN_CHARS).collect::<String>();
    for (key, what) in expected {
        match found.get(key) {
            None => return format!("{} is missing", short(key)),
            Some(other) if other != what => return format!("{}: {} became {}", short(key), short(what), short(other)),
            Some(_) => {}
        }
    }
    let more = found.keys().find(|key| !expected.contains_key(*key));
    more.map_or_else(|| "nothing differs".to_owned(), |key| format!("{} is too much", short(key)))
}

/// Why facts are not about anybody.
pub fn of_nobody(facts: &Facts) -> Option<String> {
    let nobody =
        |event: &&Event| event.identities.is_empty() || event.identities.iter().any(|one| one.value.is_empty());
    if let Some(event) = facts.events.iter().find(nobody) {
        return Some(format!("the event {:?} is of nobody", event.message_id));
    }
    let nameless = facts.events.iter().any(|event| event.message_id.is_empty());
    if nameless {
        return Some("an event has no id".to_owned());
    }
    let empty = facts.pointers.iter().any(|pointer| pointer.id.is_empty() || pointer.id == "null");
    empty.then(|| "a pointer points at nothing".to_owned())
}

/// What says that the older of two is the newer one.
pub fn wrong_order(older: &Facts, newer: &Facts) -> Option<String> {
    let mut told = older.pointers.iter().filter(|pointer| newer.pointers.contains(pointer)).count();
    for old in &older.versions {
        let Some(new) = newer.versions.iter().find(|new| new.thing == old.thing) else { continue };
        told += 1;
        if old.updated > new.updated {
            return Some(format!(
                "{:?} of the older one is {:?}, of the newer one {:?}",
                old.thing, old.updated, new.updated
            ));
        }
    }
    for old in &older.events {
        let same = |new: &&Event| new.kind == old.kind && new.identities.iter().any(|one| old.identities.contains(one));
        let Some(new) = newer.events.iter().find(same) else { continue };
        told += 1;
        if old.time > new.time {
            let name = match &old.kind {
                EventKind::Activity(name) => name.as_str(),
                EventKind::Profile => "a profile",
            };
            return Some(format!("{name} of the older one is of {:?}, of the newer one {:?}", old.time, new.time));
        }
    }
    (told == 0).then(|| "nothing tells which of them is older, and nothing is read anew".to_owned())
}
