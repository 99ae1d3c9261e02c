//! Fields whose form may vary: ids and amounts as numbers or as text, times that can't be read.

use model::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Bytes of an id: a number, or a UUID.
const ID_BYTES_MAX: usize = 64;

fn plain(json: &str) -> Option<String> {
    match serde_json::from_str::<String>(json) {
        Ok(text) => Some(text),
        Err(_) if json.starts_with(|first: char| first.is_ascii_digit() || first == '-') => Some(json.to_owned()),
        Err(_) => None,
    }
}

/// Text, or a number as its text; anything else, and text that says nothing, is none.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(plain(raw.get()).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// An id, as a number or as text.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(deserializer)?.filter(|id| is_id(id)))
}

/// Whether a text is one of the platform's ids: numbers, or UUIDs where the store is set up so.
pub(crate) fn is_id(text: &str) -> bool {
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(usual)
}

/// An instant; what can't be read is none.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(text(deserializer)?.as_deref().and_then(Time::parse))
}

/// A whole number of the smallest units; what is none is none.
pub(crate) fn minor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let text = text(deserializer)?;
    Ok(text.and_then(|text| text.strip_suffix(".0").unwrap_or(&text).parse().ok()))
}

/// A part that is its default where it can't be read.
pub(crate) fn soft<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, Default, PartialEq)]
    struct One {
        #[serde(default, deserialize_with = "id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "minor")]
        total: Option<i64>,
        #[serde(default, deserialize_with = "time")]
        at: Option<Time>,
    }

    #[test]
    fn every_form_is_read_and_none_fails() {
        let read = |json: &str| serde_json::from_str::<One>(json).unwrap();
        let one = read(r#"{"id":"17","total":37740,"at":"2026-11-25T19:03:28.059Z"}"#);
        assert_eq!(
            (one.id.as_deref(), one.total, one.at),
            (Some("17"), Some(37_740), Time::parse("2026-11-25T19:03:28.059Z"))
        );
        let other = read(r#"{"id":17,"total":"37740","at":null}"#);
        assert_eq!((other.id.as_deref(), other.total, other.at), (Some("17"), Some(37_740), None));
        assert_eq!(read(r#"{"id":"../x","total":1.5,"at":"soon"}"#), One::default());
        assert_eq!(read(r#"{"id":null,"total":null}"#), One::default());
    }
}
