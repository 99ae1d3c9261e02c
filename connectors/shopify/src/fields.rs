//! Fields whose form varies: ids as numbers or text, instants, lists as text.

use model::Time;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Bytes of an id or a token.
const ID_BYTES_MAX: usize = 256;

/// An id, from a number, a text or a `gid://shopify/Type/1`; null, 0 and anything else are none. Numbers keep
/// all their digits.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(id_of(raw.get()))
}

fn id_of(json: &str) -> Option<String> {
    let text = match serde_json::from_str::<String>(json) {
        Ok(text) => text,
        Err(_) if json.bytes().all(|byte| byte.is_ascii_digit()) => json.to_owned(),
        Err(_) => return None,
    };
    let text = if text.starts_with("gid://") { gid_number(&text)?.to_owned() } else { text };
    kit::normalize::id(&text).filter(|id| id.len() <= ID_BYTES_MAX)
}

/// The number in `gid://shopify/Type/1`; what stands after a question mark is no part of it.
pub(crate) fn gid_number(gid: &str) -> Option<&str> {
    let end = gid.rsplit('/').next()?;
    let number = end.split('?').next()?;
    (!number.is_empty()).then_some(number)
}

/// The gid of a thing.
pub(crate) fn gid(kind: &str, id: &str) -> String {
    format!("gid://shopify/{kind}/{id}")
}

/// Whether an id is one of the platform's numbers.
pub(crate) fn is_number(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// An instant; what can't be read is none.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(Time::parse))
}

/// Tags or codes: a list, or text with commas; null is none.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    if let Ok(list) = serde_json::from_str::<Vec<String>>(raw.get()) {
        return Ok(Some(list));
    }
    let text = serde_json::from_str::<Option<String>>(raw.get()).ok().flatten();
    let split =
        |text: String| text.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    Ok(text.map(split))
}

/// A cart's token in its one spelling: newer ones carry a key after a question mark.
pub(crate) fn token(text: &str) -> Option<String> {
    let token = text.split('?').next()?;
    kit::normalize::id(token).filter(|token| token.len() <= ID_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_keep_their_digits() {
        assert_eq!(id_of("9007199254740993").as_deref(), Some("9007199254740993"));
        assert_eq!(id_of("18446744073709551615").as_deref(), Some("18446744073709551615"));
        assert_eq!(id_of("\"gid://shopify/Order/820982911946154508\"").as_deref(), Some("820982911946154508"));
        assert_eq!(id_of("\"eeafa272\"").as_deref(), Some("eeafa272"));
        for none in ["null", "0", "1.5", "1e3", "-1", "true", "{}", "\"\"", "\"gid://\""] {
            assert_eq!(id_of(none), None, "{none}");
        }
    }

    #[test]
    fn tags_come_as_text_or_list() {
        #[derive(Deserialize)]
        struct Tags(#[serde(deserialize_with = "texts")] Option<Vec<String>>);
        let read = |json: &str| serde_json::from_str::<Tags>(json).unwrap().0;
        assert_eq!(read("\"a, b c,\""), Some(vec!["a".to_owned(), "b c".to_owned()]));
        assert_eq!(read("[\"a\"]"), Some(vec!["a".to_owned()]));
        assert_eq!(read("\"\""), Some(Vec::new()));
        assert_eq!(read("null"), None);
        assert_eq!(token("abc?key=1").as_deref(), Some("abc"));
    }
}
