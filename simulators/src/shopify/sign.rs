//! The three signatures of the platform. Pinned by vectors of the official package.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

fn mac(secret: &str, message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signature of a webhook: base64 over the raw body.
pub fn webhook(secret: &str, body: &[u8]) -> String {
    STANDARD.encode(mac(secret, body))
}

/// The message that the query of an OAuth callback is signed over: sorted by name, form-encoded.
pub fn query_message(pairs: &[(String, String)]) -> String {
    let mut sorted: Vec<&(String, String)> =
        pairs.iter().filter(|(name, _)| name != "hmac" && name != "signature").collect();
    sorted.sort();
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(sorted.iter().map(|(name, value)| (name, value)))
        .finish()
}

/// Signature of the query of an OAuth callback or an installation link: lower-case hex.
pub fn query(secret: &str, pairs: &[(String, String)]) -> String {
    hex(&mac(secret, query_message(pairs).as_bytes()))
}

/// Signature of a request through the app proxy: `name=value`, sorted, without separator.
pub fn proxy(secret: &str, pairs: &[(String, String)]) -> String {
    let mut names: Vec<&String> = pairs.iter().map(|(name, _)| name).filter(|name| *name != "signature").collect();
    names.sort();
    names.dedup();
    let one = |name: &&String| {
        let values: Vec<&str> =
            pairs.iter().filter(|(other, _)| other == *name).map(|(_, value)| value.as_str()).collect();
        format!("{name}={}", values.join(","))
    };
    hex(&mac(secret, names.iter().map(one).collect::<String>().as_bytes()))
}
