//! Keys and calls that come in the query string: beacons and pixels.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::collections::BTreeMap;

/// Parameters of a query string; of a repeated one the first.
pub(super) fn parameters(query: Option<&str>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for pair in query.unwrap_or_default().split('&').take(100) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        found.entry(decode(name)).or_insert_with(|| decode(value));
    }
    found
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (byte, tail.split_at_checked(2)) {
            (b'+', _) => bytes.push(b' '),
            (b'%', Some((digits, after))) => match hex(digits) {
                Some(decoded) => {
                    bytes.push(decoded);
                    rest = after;
                }
                None => bytes.push(byte),
            },
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The call of a pixel: `data` is base64 of its JSON.
pub(super) fn pixel_data(parameters: &BTreeMap<String, String>) -> Option<Vec<u8>> {
    let data = parameters.get("data")?.trim().replace(' ', "+");
    let data = data.trim_end_matches('=');
    let standard = || STANDARD_NO_PAD.decode(data).or_else(|_| STANDARD.decode(data));
    standard().or_else(|_| URL_SAFE_NO_PAD.decode(data)).ok()
}

/// The call of RudderStack's pixel: flat parameters.
pub(super) fn pixel_call(parameters: &BTreeMap<String, String>) -> Vec<u8> {
    let mut call = serde_json::Map::new();
    let mut properties = serde_json::Map::new();
    for (name, value) in parameters {
        match name.as_str() {
            "writeKey" => {}
            "userId" | "anonymousId" | "event" | "name" | "messageId" | "timestamp" | "sentAt" => {
                call.insert(name.clone(), value.clone().into());
            }
            other => {
                let property = other.strip_prefix("properties.").unwrap_or(other);
                properties.insert(property.to_owned(), value.clone().into());
            }
        }
    }
    call.insert("properties".to_owned(), properties.into());
    serde_json::Value::Object(call).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_are_decoded() {
        let found = parameters(Some("writeKey=a%2Fb&event=Page+Viewed&x=%zz&x=2"));
        assert_eq!(found["writeKey"], "a/b");
        assert_eq!(found["event"], "Page Viewed");
        assert_eq!(found["x"], "%zz");
    }
}
