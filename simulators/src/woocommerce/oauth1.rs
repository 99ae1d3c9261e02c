//! OAuth 1.0a with one leg, as the plugin checks it over plain lines.

use super::query::{Query, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far a timestamp may be off, seconds.
const TIMESTAMP_OFF_MAX: i64 = 15 * 60;
/// What has to be there.
const NEEDED: [&str; 5] =
    ["oauth_consumer_key", "oauth_timestamp", "oauth_nonce", "oauth_signature", "oauth_signature_method"];

/// Parameters that are missing; `None` when the call is not signed at all.
pub(super) fn missing(query: &Query) -> Option<Vec<&'static str>> {
    query.keys().any(|name| name.starts_with("oauth_")).then(|| {
        let lacking = NEEDED.into_iter().filter(|name| text(query, name).is_empty());
        lacking.collect()
    })
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Why a signed call is not taken; `url` is the site's own address with the path of the call.
pub(super) fn wrong(method: &str, url: &str, query: &Query, secret: &str, now: i64) -> Option<&'static str> {
    let timestamp: i64 = text(query, "oauth_timestamp").parse().unwrap_or(0);
    if (now - timestamp).abs() > TIMESTAMP_OFF_MAX {
        return Some("Invalid timestamp.");
    }
    if text(query, "oauth_signature_method") != "HMAC-SHA256" {
        return Some("Invalid signature - signature method is invalid.");
    }
    let mut pairs: Vec<String> = query
        .iter()
        .filter(|(name, _)| *name != "oauth_signature")
        .map(|(name, value)| format!("{}={}", percent(name), percent(value)))
        .collect();
    pairs.sort();
    let message = [method.to_owned(), percent(url), percent(&pairs.join("&"))].join("&");
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(format!("{secret}&").as_bytes()).ok()?;
    mac.update(message.as_bytes());
    let right = STANDARD.encode(mac.finalize().into_bytes());
    (text(query, "oauth_signature") != right).then_some("Invalid signature - provided signature does not match.")
}
