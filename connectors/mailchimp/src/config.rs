//! What a user sets: of a list, and of a connection.

use crate::address::audience;
use kit::connector::DestinationSetup;
use kit::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Characters of a tag's name.
pub const TAG_CHARS_MAX: usize = 100;
/// Merge fields of one list.
pub const MERGE_FIELDS_MAX: usize = 30;

/// What happens at Mailchimp to a contact whose person was erased here, beyond leaving the tag.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Erase {
    /// Nothing.
    #[default]
    Leave,
    /// It is archived.
    Archive,
    /// It is deleted for good; the address can't be imported again.
    Delete,
}

/// A list: a tag of an audience.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListConfig {
    /// The audience's id.
    pub audience: String,
    /// The tag's name.
    pub tag: String,
    /// Whether people who are not on the audience are added to it (as subscribed); else they are refused.
    pub add_contacts: bool,
    /// Merge tag there (`FNAME`) to property here (`first_name`); sent with contacts that are created.
    pub merge_fields: BTreeMap<String, String>,
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
        const KNOWN: [&str; 5] = ["audience", "tag", "add_contacts", "merge_fields", "erase"];
        if let Some(name) = settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Failure::Refused(format!("{name}: not a setting of a Mailchimp list")));
        }
        let text = |name: &str| settings.get(name).and_then(Value::as_str).map(str::trim).unwrap_or_default();
        let tag = text("tag");
        if tag.is_empty() || tag.chars().count() > TAG_CHARS_MAX || tag.chars().any(char::is_control) {
            return Err(wrong("tag", "a name of 1 to 100 characters"));
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
        Ok(ListConfig {
            audience: audience(text("audience"))?,
            tag: tag.to_owned(),
            add_contacts,
            merge_fields: merge_fields(settings.get("merge_fields"))?,
            erase,
        })
    }
}

fn merge_fields(value: Option<&Value>) -> Result<BTreeMap<String, String>, Failure> {
    let expected = "an object such as {\"FNAME\": \"first_name\"}, at most 30 fields";
    let Some(value) = value else { return Ok(BTreeMap::new()) };
    let fields = value.as_object().filter(|fields| fields.len() <= MERGE_FIELDS_MAX);
    let is_tag = |tag: &str| {
        let usual = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        (1..=20).contains(&tag.len()) && tag.bytes().all(usual) && tag != "EMAIL"
    };
    let one = |(tag, property): (&String, &Value)| {
        let property = property.as_str().map(str::trim).filter(|name| !name.is_empty())?;
        is_tag(tag).then(|| (tag.clone(), property.to_owned()))
    };
    let read = fields.and_then(|fields| fields.iter().map(one).collect());
    read.ok_or_else(|| wrong("merge_fields", expected))
}

/// The audiences that a connection watches: those of its setting `audiences`; `None` for all of the account.
pub fn audiences(settings: &Map<String, Value>) -> Result<Option<Vec<String>>, Failure> {
    let Some(value) = settings.get("audiences").filter(|value| !value.is_null()) else { return Ok(None) };
    let ids = value.as_array().ok_or_else(|| wrong("audiences", "a list of audience ids"))?;
    let mut read: Vec<String> =
        ids.iter().map(|id| audience(id.as_str().unwrap_or_default())).collect::<Result<_, _>>()?;
    read.sort();
    read.dedup();
    Ok(Some(read))
}

/// Whether what contacts said before the connection began is read, too (setting `backfill`; no, unless it says so).
pub fn backfills(settings: &Map<String, Value>) -> bool {
    settings.get("backfill").and_then(Value::as_bool).unwrap_or(false)
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
    fn contacts_are_added_unless_the_list_says_otherwise() {
        let list = read(json!({ "audience": "a1", "tag": " vip " })).unwrap();
        assert_eq!((list.tag.as_str(), list.add_contacts, list.erase), ("vip", true, Erase::Leave));
        let list = read(json!({ "audience": "a1", "tag": "vip", "add_contacts": false, "erase": "delete",
            "merge_fields": { "FNAME": "first_name" } }))
        .unwrap();
        assert_eq!((list.add_contacts, list.erase), (false, Erase::Delete));
        assert_eq!(list.merge_fields, BTreeMap::from([("FNAME".to_owned(), "first_name".to_owned())]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, named) in [
            (json!({ "tag": "vip" }), "audience"),
            (json!({ "audience": "a/b", "tag": "vip" }), "audience"),
            (json!({ "audience": "a1" }), "tag"),
            (json!({ "audience": "a1", "tag": "x".repeat(101) }), "tag"),
            (json!({ "audience": "a1", "tag": "vip", "add_contacts": "yes" }), "add_contacts"),
            (json!({ "audience": "a1", "tag": "vip", "erase": "all" }), "erase"),
            (json!({ "audience": "a1", "tag": "vip", "merge_fields": { "fname": "x" } }), "merge_fields"),
            (json!({ "audience": "a1", "tag": "vip", "merge_fields": { "EMAIL": "x" } }), "merge_fields"),
            (json!({ "audience": "a1", "tag": "vip", "status": "subscribed" }), "status"),
        ] {
            let Err(Failure::Refused(why)) = read(settings.clone()) else { panic!("{settings}") };
            assert!(why.contains(named), "{why}");
        }
        assert!(read(json!({ "audience": "a1", "tag": "ñ".repeat(100) })).is_ok());
    }

    #[test]
    fn audiences_of_a_connection_are_ids() {
        let of = |value: Value| audiences(value.as_object().unwrap());
        assert_eq!(of(json!({})), Ok(None));
        assert_eq!(of(json!({ "audiences": ["b", "a", "b"] })), Ok(Some(vec!["a".to_owned(), "b".to_owned()])));
        assert!(of(json!({ "audiences": "a" })).is_err());
        assert!(of(json!({ "audiences": ["a/../b"] })).is_err());
        assert!(!backfills(&Map::new()));
    }
}
