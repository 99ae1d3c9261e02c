//! Which definitions an engine has to refuse: they refer to what is not there, or ask for entries into what asks for
//! entries itself.

use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Definitions by segment: those in force and those being built, but for the one that the new one replaces.
pub type Definitions = BTreeMap<String, Vec<Json>>;

/// Whether a definition is refused beside others, whichever of them come into force.
pub fn is_refused(id: &str, definition: &Json, others: &Definitions) -> bool {
    let mut all = others.clone();
    all.entry(id.to_owned()).or_default().push(definition.clone());
    let mut referred = Vec::new();
    references(definition, &mut referred);
    referred.iter().any(|(other, _)| !others.contains_key(other)) || all.values().flatten().any(|one| nests(one, &all))
}

/// What a definition refers to, each with whether it asks for entries into it.
fn references(definition: &Json, into: &mut Vec<(String, bool)>) {
    match definition {
        Json::Array(parts) => parts.iter().for_each(|part| references(part, into)),
        Json::Object(parts) => {
            for (key, entered) in [("segment", false), ("entered", true)] {
                into.extend(parts.get(key).and_then(Json::as_str).map(|other| (other.to_owned(), entered)));
            }
            parts.values().for_each(|part| references(part, into));
        }
        _ => (),
    }
}

/// Whether it asks for entries into something that asks for entries.
fn nests(definition: &Json, all: &Definitions) -> bool {
    let mut referred = Vec::new();
    references(definition, &mut referred);
    referred.iter().any(|(other, entered)| *entered && asks_entries(other, all))
}

fn asks_entries(id: &str, all: &Definitions) -> bool {
    // Nobody enters what is frozen, whatever it asks.
    let definitions = all.get(id).into_iter().flatten().filter(|definition| definition.get("frozen").is_none());
    definitions.into_iter().any(|definition| {
        let mut referred = Vec::new();
        references(definition, &mut referred);
        referred.iter().any(|(other, entered)| *entered || asks_entries(other, all))
    })
}
