//! What an operator sets of a list: which one it is, and what is sent with people.

use crate::description::{Description, List};
use crate::file::Kind;
use crate::nearest::nearest;
use kit::failure::Failure;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Characters of a name.
const NAME_CHARS_MAX: usize = 250;
/// Properties sent with people.
const FIELDS_MAX: usize = 50;

/// Reads them; what is not described is refused.
pub(super) fn read(of: &Description, list: &List, given: &Map<String, Value>) -> Result<Map<String, Value>, Failure> {
    let known: Vec<&str> = list.settings.keys().map(String::as_str).collect();
    if let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) {
        let why = format!("{name}: not a setting of a list on {}{}", of.title, nearest(name, &known));
        return Err(Failure::Refused(why));
    }
    let mut settings = Map::new();
    for (name, setting) in &list.settings {
        let wrong = || Failure::Refused(format!("{name}: expected {}", setting.says));
        let Some(value) = given.get(name).filter(|value| !value.is_null()) else {
            if setting.needed {
                return Err(wrong());
            }
            continue;
        };
        settings.insert(name.clone(), checked(setting.kind, value).ok_or_else(wrong)?);
    }
    Ok(settings)
}

fn checked(kind: Kind, value: &Value) -> Option<Value> {
    match (kind, value) {
        (Kind::Digits, Value::Number(number)) => number.as_u64().map(|number| number.to_string().into()),
        (Kind::Digits, Value::String(text)) => {
            let text = text.trim();
            let fine = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
            fine.then(|| text.into())
        }
        (Kind::Name, Value::String(text)) => {
            let text = text.trim();
            let fine = (1..=NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
            fine.then(|| text.into())
        }
        (Kind::Flag, Value::Bool(flag)) => Some((*flag).into()),
        (Kind::Fields, Value::Object(fields)) => {
            let name = |text: &str| (1..=NAME_CHARS_MAX).contains(&text.trim().chars().count());
            let fine = |(there, here): (&String, &Value)| name(there) && here.as_str().is_some_and(name);
            (fields.len() <= FIELDS_MAX && fields.iter().all(fine)).then(|| value.clone())
        }
        _ => None,
    }
}

/// Name there to property here.
pub(super) fn fields(list: &List, settings: &Map<String, Value>) -> BTreeMap<String, String> {
    let of_kind = list.settings.iter().filter(|(_, setting)| setting.kind == Kind::Fields);
    let objects = of_kind.filter_map(|(name, _)| settings.get(name).and_then(Value::as_object));
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    objects.flatten().map(|(there, here)| (there.trim().to_owned(), text(here))).collect()
}

/// Those that tell which list it is.
pub(super) fn which<'s>(
    list: &'s List,
    settings: &'s Map<String, Value>,
) -> impl Iterator<Item = (&'s String, String)> {
    let tells = list.settings.iter().filter(|(_, setting)| matches!(setting.kind, Kind::Digits | Kind::Name));
    tells.filter_map(|(name, _)| Some((name, settings.get(name)?.as_str()?.to_owned())))
}

/// Whether a flag is set.
pub(super) fn flag(settings: &Map<String, Value>, name: &str) -> bool {
    settings.get(name).and_then(Value::as_bool).unwrap_or(false)
}
