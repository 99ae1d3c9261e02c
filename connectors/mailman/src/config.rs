//! What a user sets of a list.

use kit::connector::DestinationSetup;
use kit::failure::Failure;
use serde_json::Value;

/// Characters of a list's name.
const LIST_CHARS_MAX: usize = 200;

/// What happens at Mailman to somebody who was erased here, beyond leaving the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Erase {
    /// Nothing.
    #[default]
    Leave,
    /// The user is deleted, with addresses, settings and every membership of that core.
    Delete,
}

/// A list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListConfig {
    /// Its id: `news.example.com`.
    pub list: String,
    /// The property that is sent as a new member's display name.
    pub display_name: Option<String>,
    /// Whether new members get Mailman's welcome message.
    pub welcome: bool,
    /// See [`Erase`].
    pub erase: Erase,
}

fn wrong(name: &str, expected: &str) -> Failure {
    Failure::Refused(format!("{name}: expected {expected}"))
}

/// The id of a list, given as such or as its posting address.
fn list_id(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (name, host) = text.split_once('@').or_else(|| text.split_once('.'))?;
    let usual = |part: &str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
    let right = !name.is_empty() && !host.is_empty() && usual(name) && usual(host) && !text.contains("..");
    (right && text.len() <= LIST_CHARS_MAX).then(|| format!("{name}.{host}"))
}

impl ListConfig {
    /// Reads what an operator gave; a setting that is not known is refused.
    ///
    /// # Errors
    /// [`Failure::Refused`] names the setting and what was expected.
    pub fn read(setup: &DestinationSetup) -> Result<ListConfig, Failure> {
        let settings = &setup.settings;
        const KNOWN: [&str; 4] = ["list", "display_name", "welcome", "erase"];
        if let Some(name) = settings.keys().find(|name| !KNOWN.contains(&name.as_str())) {
            return Err(Failure::Refused(format!("{name}: not a setting of a Mailman list")));
        }
        let list = settings.get("list").and_then(Value::as_str).and_then(list_id);
        let list = list.ok_or_else(|| wrong("list", "the address or id of a list, such as news@example.com"))?;
        let welcome = match settings.get("welcome") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| wrong("welcome", "true or false"))?,
        };
        let display_name = match settings.get("display_name").map(|value| value.as_str().map(str::trim)) {
            None => None,
            Some(Some(name)) if !name.is_empty() => Some(name.to_owned()),
            Some(_) => return Err(wrong("display_name", "the name of a property, such as first_name")),
        };
        let erase = match settings.get("erase").map(Value::as_str) {
            None | Some(Some("leave")) => Erase::Leave,
            Some(Some("delete")) => Erase::Delete,
            Some(_) => return Err(wrong("erase", "leave or delete")),
        };
        Ok(ListConfig { list, display_name, welcome, erase })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(settings: Value) -> Result<ListConfig, Failure> {
        let settings = settings.as_object().unwrap().clone();
        ListConfig::read(&DestinationSetup { settings, ..DestinationSetup::default() })
    }

    #[test]
    fn a_list_is_named_by_its_address_or_its_id() {
        for name in ["news@example.com", " News@Example.com", "news.example.com"] {
            assert_eq!(read(json!({ "list": name })).unwrap().list, "news.example.com", "{name}");
        }
        let list = read(json!({"list": "a@b.mx", "display_name": "first_name", "welcome": true, "erase": "delete"}));
        let list = list.unwrap();
        assert_eq!((list.display_name.as_deref(), list.welcome, list.erase), (Some("first_name"), true, Erase::Delete));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (settings, named) in [
            (json!({}), "list"),
            (json!({ "list": "news" }), "list"),
            (json!({ "list": "a/../b@example.com" }), "list"),
            (json!({ "list": "a..b@example.com" }), "list"),
            (json!({ "list": "a@b.mx", "welcome": "yes" }), "welcome"),
            (json!({ "list": "a@b.mx", "display_name": "" }), "display_name"),
            (json!({ "list": "a@b.mx", "erase": "all" }), "erase"),
            (json!({ "list": "a@b.mx", "unban": true }), "unban"),
        ] {
            let Err(Failure::Refused(why)) = read(settings.clone()) else { panic!("{settings}") };
            assert!(why.contains(named), "{why}");
        }
    }
}
