//! What a user sets of a list.

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use serde_json::Value;
use std::collections::BTreeMap;

/// Characters of a list's id; real ones have 6.
const LIST_CHARS_MAX: usize = 40;
/// Properties that a list sends.
pub const PROPERTIES_MAX: usize = 50;
/// Fields of a profile that are not among its own properties.
pub(crate) const OWN_FIELDS: [&str; 5] = ["first_name", "last_name", "organization", "title", "locale"];
/// Fields that say who a profile is: they come from the list's identifier alone.
const RESERVED: [&str; 7] = ["email", "phone_number", "external_id", "id", "_kx", "subscriptions", "consent"];

/// What happens at Klaviyo to a profile whose person was erased here, beyond leaving the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Erase {
    /// Nothing.
    #[default]
    Leave,
    /// It is deleted for good.
    Delete,
}

/// A list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListConfig {
    /// Its id.
    pub list: String,
    /// Field or property there to property here; sent with additions.
    pub properties: BTreeMap<String, String>,
    /// See [`Erase`].
    pub erase: Erase,
}

fn wrong(name: &str, expected: &str) -> Failure {
    Failure::Refused(format!("{name}: expected {expected}"))
}

impl ListConfig {
    /// Reads what an operator gave; a setting that is not known is refused.
    pub fn read(setup: &DestinationSetup) -> Result<ListConfig, Failure> {
        let settings = &setup.settings;
        const KNOWN: [&str; 3] = ["list", "properties", "erase"];
        if let Some(name) = settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Failure::Refused(format!("{name}: not a setting of a Klaviyo list")));
        }
        let list = settings.get("list").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let usual = list.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if list.is_empty() || list.len() > LIST_CHARS_MAX || !usual {
            return Err(wrong("list", "the id of a list, such as \"Y6nRLr\" (the end of its page's address)"));
        }
        let erase = match settings.get("erase").map(Value::as_str) {
            None | Some(Some("leave")) => Erase::Leave,
            Some(Some("delete")) => Erase::Delete,
            Some(_) => return Err(wrong("erase", "leave or delete")),
        };
        Ok(ListConfig { list: list.to_owned(), properties: properties(settings.get("properties"))?, erase })
    }
}

fn properties(value: Option<&Value>) -> Result<BTreeMap<String, String>, Failure> {
    let expected = "an object such as {\"first_name\": \"first_name\", \"Tier\": \"tier\"}, at most 50, none that says \
                    who a profile is";
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let one = |(there, here): (&String, &Value)| {
        let here = here.as_str().map(str::trim).filter(|name| !name.is_empty())?;
        let good = (1..=100).contains(&there.chars().count()) && !there.starts_with('$');
        (good && !RESERVED.contains(&there.as_str())).then(|| (there.clone(), here.to_owned()))
    };
    let fields = value.as_object().filter(|fields| fields.len() <= PROPERTIES_MAX);
    fields.and_then(|fields| fields.iter().map(one).collect()).ok_or_else(|| wrong("properties", expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: Value) -> Result<ListConfig, Failure> {
        ListConfig::read(&DestinationSetup {
            settings: settings.as_object().unwrap().clone(),
            ..DestinationSetup::default()
        })
    }

    #[test]
    fn a_list_is_named_by_its_id() {
        let list = read(json!({ "list": " Y6nRLr " })).unwrap();
        assert_eq!((list.list.as_str(), list.erase), ("Y6nRLr", Erase::Leave));
        let more = json!({ "list": "Y6nRLr", "erase": "delete", "properties": { "first_name": "name", "Tier": "t" } });
        let list = read(more).unwrap();
        assert_eq!((list.properties.len(), list.erase), (2, Erase::Delete));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, named) in [
            (json!({}), "list"),
            (json!({ "list": "../profiles" }), "list"),
            (json!({ "list": "a".repeat(41) }), "list"),
            (json!({ "list": "a", "erase": "all" }), "erase"),
            (json!({ "list": "a", "properties": ["x"] }), "properties"),
            (json!({ "list": "a", "properties": { "email": "x" } }), "properties"),
            (json!({ "list": "a", "properties": { "$consent": "x" } }), "properties"),
            (json!({ "list": "a", "subscribe": true }), "subscribe"),
        ] {
            let Err(Failure::Refused(why)) = read(settings.clone()) else { panic!("{settings}") };
            assert!(why.contains(named), "{why}");
        }
    }
}
