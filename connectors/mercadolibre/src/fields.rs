//! Fields whose form varies: ids as numbers and as text, amounts that are null, and dates in five spellings.

use model::Time;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Bytes of an id; real ones have up to 16.
const ID_BYTES_MAX: usize = 32;

/// A part that is its default where it is null or can't be read.
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
    Ok(text(deserializer)?.filter(|id| is_id(id)))
}

/// Whether a text is one of the platform's numbers.
pub(crate) fn is_id(text: &str) -> bool {
    let digits = (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    digits && text.bytes().any(|digit| digit != b'0')
}

/// An amount, given as a number or as text, exact; what can't be read is none.
pub(crate) fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    // The digits as they stand: no way through a float.
    Ok(text(deserializer)?.and_then(|text| exact(&text)))
}

fn exact(text: &str) -> Option<Decimal> {
    let scientific = || Decimal::from_scientific(text).ok();
    Decimal::from_str_exact(text).ok().or_else(scientific)
}

/// A list of texts.
pub(crate) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    items(deserializer)
}

/// An instant; what can't be read is none.
pub(crate) fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    Ok(text(deserializer)?.as_deref().and_then(parse_time))
}

/// An instant in one of the platform's spellings: `Z`, `-04:00`, and `-0400` without the colon.
pub(crate) fn parse_time(text: &str) -> Option<Time> {
    let text = text.trim();
    let with_colon = || {
        let (rest, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
        let sign = rest.as_bytes().get(rest.len().checked_sub(3)?)?;
        matches!(sign, b'+' | b'-').then(|| format!("{rest}:{minutes}"))
    };
    Time::parse(text).or_else(|| Time::parse(&with_colon()?)).filter(|time| time.0 > 0)
}

/// An instant as filters take it: milliseconds, UTC, with an offset whose sign needs no escaping.
pub(crate) fn written(time: Time) -> String {
    let text: String = time.to_string().chars().take(23).collect();
    format!("{text}-00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct One {
        #[serde(default, deserialize_with = "id")]
        id: Option<String>,
        #[serde(default, deserialize_with = "amount")]
        total: Option<Decimal>,
        #[serde(default, deserialize_with = "texts")]
        tags: Vec<String>,
        #[serde(default, deserialize_with = "time")]
        at: Option<Time>,
    }

    fn read(json: &str) -> One {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn ids_and_amounts_are_read_in_every_form_and_none_fails() {
        let one = read(r#"{"id":2000009713473608,"total":880.10,"tags":["paid",1,null]}"#);
        assert_eq!((one.id.as_deref(), one.tags), (Some("2000009713473608"), vec!["paid".to_owned()]));
        assert_eq!(one.total.unwrap().to_string(), "880.10");
        assert_eq!(read(r#"{"id":" 7 ","total":"1E+2"}"#).total, Some(Decimal::ONE_HUNDRED));
        for none in [r#"{"id":0,"total":null}"#, r#"{"id":"MLA1","total":"1,5"}"#, r#"{"id":{},"tags":{}}"#, "{}"] {
            assert_eq!((read(none).id, read(none).total, read(none).at), (None, None, None), "{none}");
        }
    }

    #[test]
    fn dates_are_read_in_every_spelling() {
        let noon = Time::parse("2026-11-01T12:00:00Z");
        for text in [
            "2026-11-01T08:00:00.000-04:00",
            "2026-11-01T09:00:00.000-0300",
            "2026-11-01T12:00:00Z",
            "2026-11-01T12:00:00.000000000Z",
            "2026-11-01T08:00:00-0400",
        ] {
            assert_eq!(parse_time(text), noon, "{text}");
        }
        for text in ["", "0", "-0400", "2026-11-01", "ñandú", "1970-01-01T00:00:00Z"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
        assert_eq!(written(noon.unwrap()), "2026-11-01T12:00:00.000-00:00");
    }
}
