//! The calls as they come: every field may be absent, `null`, or of another type than documented.

use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Text that borrows from the body when nothing in it is escaped.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}

/// One call. Fields of later copies of a key win nothing: a repeated key is malformed.
#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Call<'a> {
    #[serde(borrow, default)]
    pub(super) r#type: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) message_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) anonymous_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) previous_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) group_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) event: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) category: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) original_timestamp: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) sent_at: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) traits: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) context: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) merge_properties: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) write_key: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) batch: Option<&'a RawValue>,
}

/// The parts of `context` that are used.
#[derive(serde::Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct Context<'a> {
    #[serde(borrow, default)]
    pub(super) traits: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) ip: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) user_agent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) locale: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) direct: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) page: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) campaign: Option<&'a RawValue>,
}

/// Text of a scalar: text as it is, a number by its digits. Anything else is absent.
pub(super) fn scalar(raw: Option<&RawValue>) -> Option<String> {
    let text = raw?.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

/// An object's parts, or none of them.
pub(super) fn parts<'a, T: serde::Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> T {
    raw.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}
