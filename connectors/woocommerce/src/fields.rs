//! Fields whose form varies with versions, plugins and PHP: numbers as text, empty lists for empty objects.

use model::Time;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Bytes of an id.
const ID_BYTES_MAX: usize = 64;

/// A part that is its default where it can't be read: PHP writes an empty object as a list.
pub(crate) fn soft<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// The items of a list that can be read.
pub(crate) fn items<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let all: Vec<Box<RawValue>> = serde_json::from_str(raw.get()).unwrap_or_default();
    Ok(all.iter().filter_map(|one| serde_json::from_str(one.get()).ok()).collect())
}

/// Text, or a number as its text; anything else, and text that says nothing, is none.
pub(crate) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    Ok(plain(raw.get()).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

fn plain(json: &str) -> Option<String> {
    match serde_json::from_str::<String>(json) {
        Ok(text) => Some(text),
        Err(_) if json.starts_with(|first: char| first.is_ascii_digit() || first == '-') => Some(json.to_owned()),
        Err(_) => None,
    }
}

/// An id: digits, as a number or as text; 0 is none.
pub(crate) fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text(deserializer)?.filter(|id| is_id(id) && id.bytes().any(|digit| digit != b'0')))
}

/// Whether a text is one of the platform's ids.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An instant of a `*_gmt` field, which carries no zone; what can't be read is none.
pub(crate) fn gmt<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(text(deserializer)?.as_deref().and_then(parse_gmt))
}

/// See [`gmt`].
pub(crate) fn parse_gmt(text: &str) -> Option<Time> {
    let text = text.trim().replacen(' ', "T", 1);
    Time::parse(&text).or_else(|| Time::parse(&format!("{text}Z"))).filter(|time| time.0 > 0)
}

/// An instant as the API takes it: whole seconds, UTC, without a zone.
pub(crate) fn naive(time: Time) -> String {
    time.to_string().chars().take(19).collect()
}

/// An amount, given as text or as a number, exact; what can't be read is none.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    // The digits as they stand: no way through a float.
    Ok(text(deserializer)?.and_then(|text| Decimal::from_str_exact(&text).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug, Default, PartialEq)]
    struct Inner {
        #[serde(default, deserialize_with = "text")]
        city: Option<String>,
    }

    #[derive(Deserialize)]
    struct Outer {
        #[serde(default, deserialize_with = "id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "amount")]
        total: Option<Decimal>,
        #[serde(default, deserialize_with = "soft")]
        billing: Inner,
        #[serde(default, deserialize_with = "items")]
        lines: Vec<Inner>,
        #[serde(default, deserialize_with = "gmt")]
        at: Option<Time>,
    }

    fn read(json: &str) -> Outer {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_form_is_read_and_none_fails() {
        let one = read(r#"{"id":727,"total":"29.350","billing":{"city":" CDMX "},"lines":[{"city":1},[],null]}"#);
        assert_eq!((one.id.as_deref(), one.total.unwrap().to_string().as_str()), (Some("727"), "29.350"));
        assert_eq!((one.billing.city.as_deref(), one.lines.len()), (Some("CDMX"), 2));
        let other = read(r#"{"id":"9007199254740993","total":3.3333333333333335,"billing":[],"lines":{},"at":null}"#);
        assert_eq!(other.id.as_deref(), Some("9007199254740993"));
        assert_eq!(other.total.unwrap().to_string(), "3.3333333333333335");
        assert_eq!((other.billing, other.lines.len(), other.at), (Inner::default(), 0, None));
        for none in [r#"{"id":0,"total":""}"#, r#"{"id":"x","total":"1,5"}"#, r#"{"id":null,"total":true}"#, "{}"] {
            assert_eq!((read(none).id, read(none).total), (None, None), "{none}");
        }
    }

    #[test]
    fn instants_are_gmt() {
        let noon = Time::parse("2026-03-22T12:00:00Z");
        for text in ["2026-03-22T12:00:00", "2026-03-22 12:00:00", "2026-03-22T12:00:00Z", "2026-03-22T06:00:00-06:00"]
        {
            assert_eq!(parse_gmt(text), noon, "{text}");
        }
        for text in ["0000-00-00T00:00:00", "", "yesterday", "1970-01-01T00:00:00"] {
            assert_eq!(parse_gmt(text), None, "{text}");
        }
        assert_eq!(naive(noon.unwrap()), "2026-03-22T12:00:00");
    }
}
