//! What a user sets: of a list, and of a connection.

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Characters of a list's name.
const NAME_CHARS_MAX: usize = 250;
/// Properties sent with contacts that are created, and further ones that are read.
const PROPERTIES_MAX: usize = 50;

/// What happens to a contact whose person was erased here, beyond leaving the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum Erase {
    /// Nothing.
    #[default]
    Leave,
    /// It is archived, and can be restored for 90 days.
    Archive,
    /// It is deleted for good; the address is blocked there.
    Delete,
}

/// A list of contacts whose members we keep.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ListConfig {
    /// Its name.
    pub(crate) list: String,
    /// Whether people who are no contacts yet are made some; else they are refused.
    pub(crate) add_contacts: bool,
    /// Property there to property here, sent with contacts that are created.
    pub(crate) properties: BTreeMap<String, String>,
    /// See [`Erase`].
    pub(crate) erase: Erase,
}

fn wrong(name: &str, expected: &str) -> Failure {
    Failure::Refused(format!("{name}: expected {expected}"))
}

/// Whether it is the internal name of a property.
fn is_property(name: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=100).contains(&name.len()) && name.bytes().all(usual)
}

impl ListConfig {
    /// Reads what an operator gave; a setting that is not known is refused.
    pub(crate) fn read(setup: &DestinationSetup) -> Result<ListConfig, Failure> {
        let settings = &setup.settings;
        const KNOWN: [&str; 4] = ["list", "add_contacts", "properties", "erase"];
        if let Some(name) = settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Failure::Refused(format!("{name}: not a setting of a HubSpot list")));
        }
        let list = settings.get("list").and_then(Value::as_str).map(str::trim).unwrap_or_default();
        if list.is_empty() || list.chars().count() > NAME_CHARS_MAX || list.chars().any(char::is_control) {
            return Err(wrong("list", "a name of 1 to 250 characters"));
        }
        let add_contacts = match settings.get("add_contacts") {
            None => true,
            Some(value) => value.as_bool().ok_or_else(|| wrong("add_contacts", "true or false"))?,
        };
        let erase = match settings.get("erase").map(Value::as_str) {
            None | Some(Some("leave")) => Erase::Leave,
            Some(Some("archive")) => Erase::Archive,
            Some(Some("delete")) => Erase::Delete,
            Some(_) => return Err(wrong("erase", "leave, archive or delete")),
        };
        let properties = properties(settings.get("properties"))?;
        Ok(ListConfig { list: list.to_owned(), add_contacts, properties, erase })
    }
}

fn properties(value: Option<&Value>) -> Result<BTreeMap<String, String>, Failure> {
    let expected = "an object such as {\"firstname\": \"first_name\"}, at most 50 properties, email not among them";
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let fields = value.as_object().filter(|fields| fields.len() <= PROPERTIES_MAX);
    let one = |(there, here): (&String, &Value)| {
        let here = here.as_str().map(str::trim).filter(|name| !name.is_empty())?;
        (is_property(there) && there != "email").then(|| (there.clone(), here.to_owned()))
    };
    let read = fields.and_then(|fields| fields.iter().map(one).collect());
    read.ok_or_else(|| wrong("properties", expected))
}

/// Further properties of contacts that are read, by a connection's setting `properties` (`["industry"]`); what is no
/// property's name is left out.
pub(crate) fn further(settings: &Map<String, Value>) -> Vec<&str> {
    let names = settings.get("properties").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).filter(|name| is_property(name)).take(PROPERTIES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: Value) -> Result<ListConfig, Failure> {
        ListConfig::read(&DestinationSetup {
            address: String::new(),
            secrets: Vec::new(),
            allow_private: true,
            connection: None,
            settings: settings.as_object().unwrap().clone(),
            ..DestinationSetup::default()
        })
    }

    #[test]
    fn what_is_wrong_is_named() {
        let list = read(json!({ "list": " VIP ", "erase": "archive", "properties": { "firstname": "first_name" } }));
        let list = list.unwrap();
        assert_eq!((list.list.as_str(), list.add_contacts, list.erase), ("VIP", true, Erase::Archive));
        for (settings, named) in [
            (json!({}), "list"),
            (json!({ "list": "x".repeat(251) }), "list"),
            (json!({ "list": "v", "add_contacts": "yes" }), "add_contacts"),
            (json!({ "list": "v", "erase": "all" }), "erase"),
            (json!({ "list": "v", "properties": { "email": "x" } }), "properties"),
            (json!({ "list": "v", "properties": { "First Name": "x" } }), "properties"),
            (json!({ "list": "v", "tag": "x" }), "tag"),
        ] {
            let Err(Failure::Refused(why)) = read(settings) else { panic!("{named} was taken") };
            assert!(why.starts_with(named), "{why}");
        }
    }

    #[test]
    fn further_properties_are_names() {
        let settings = json!({ "properties": ["industry", "No Name", 7, "x_1"] });
        assert_eq!(further(settings.as_object().unwrap()), ["industry", "x_1"]);
    }
}
