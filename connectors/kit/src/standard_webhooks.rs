//! Signing and verifying by Standard Webhooks 1.0, symmetric (`v1`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Seconds by which a timestamp may differ from now.
pub const TOLERANCE_S: i64 = 300;
const SECRET_PREFIX: &str = "whsec_";
const KEY_BYTES_MIN: usize = 24;
const KEY_BYTES_MAX: usize = 64;

/// Why a secret can't be used or a message is not accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SignatureError {
    /// Not `whsec_` and base64 of 24 to 64 bytes.
    #[error("the secret must be whsec_ and base64 of 24 to 64 bytes")]
    BadSecret,
    /// A header is missing, or the id can't be one.
    #[error("a signature header is missing")]
    MissingHeader,
    /// The timestamp is no whole number, or too far from now.
    #[error("the timestamp is not acceptable")]
    BadTimestamp,
    /// No signature fits.
    #[error("no signature fits")]
    NoMatch,
}

/// A signing secret. Its `Debug` shows nothing, and its memory is wiped.
#[derive(Clone, Debug)]
pub struct Secret(SecretSlice<u8>);

impl Secret {
    /// Reads `whsec_...`; the prefix may be missing.
    pub fn parse(text: &str) -> Result<Secret, SignatureError> {
        let encoded = text.trim().strip_prefix(SECRET_PREFIX).unwrap_or(text.trim());
        let key = STANDARD.decode(encoded).map_err(|_| SignatureError::BadSecret)?;
        if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(SignatureError::BadSecret);
        }
        Ok(Secret(key.into()))
    }

    /// Makes a new random secret and its text, to be shown once.
    pub fn generate() -> Result<(Secret, String), SignatureError> {
        let mut key = vec![0u8; 32];
        getrandom::fill(&mut key).map_err(|_| SignatureError::BadSecret)?;
        let text = format!("{SECRET_PREFIX}{}", STANDARD.encode(&key));
        Ok((Secret(key.into()), text))
    }

    fn mac(&self, id: &str, timestamp: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).ok()?;
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.to_string().as_bytes());
        mac.update(b".");
        mac.update(body);
        Some(mac)
    }

    /// The `v1,...` entry for one attempt. `timestamp` is in whole seconds since the epoch.
    pub fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let digest = self.mac(id, timestamp, body).map(|mac| STANDARD.encode(mac.finalize().into_bytes()));
        format!("v1,{}", digest.unwrap_or_default())
    }
}

/// The `webhook-signature` header: one entry for each secret, the newest first.
pub fn signature(secrets: &[Secret], id: &str, timestamp: i64, body: &[u8]) -> String {
    let entries: Vec<String> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
    entries.join(" ")
}

/// Verifies a message over its raw body, in constant time for each entry.
pub fn verify(
    secrets: &[Secret],
    headers: (Option<&str>, Option<&str>, Option<&str>),
    body: &[u8],
    now: i64,
) -> Result<(), SignatureError> {
    let (Some(id), Some(timestamp), Some(signatures)) = headers else { return Err(SignatureError::MissingHeader) };
    // A dot would let a part of the id pass for the timestamp.
    if id.is_empty() || id.contains('.') {
        return Err(SignatureError::MissingHeader);
    }
    let whole = !timestamp.is_empty() && timestamp.len() <= 12 && timestamp.bytes().all(|byte| byte.is_ascii_digit());
    let timestamp = timestamp.parse::<i64>().ok().filter(|_| whole).ok_or(SignatureError::BadTimestamp)?;
    if (now - timestamp).abs() > TOLERANCE_S {
        return Err(SignatureError::BadTimestamp);
    }
    // Verifiers disagree on an empty entry within the list: nobody sends one.
    if signatures.contains("  ") {
        return Err(SignatureError::NoMatch);
    }
    let mut fits = false;
    for entry in signatures.split(' ') {
        let Some(encoded) = entry.strip_prefix("v1,") else { continue };
        let Ok(claimed) = STANDARD.decode(encoded) else { continue };
        for secret in secrets {
            fits |= secret.mac(id, timestamp, body).is_some_and(|mac| mac.verify_slice(&claimed).is_ok());
        }
    }
    if fits { Ok(()) } else { Err(SignatureError::NoMatch) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_official_library_accepts_what_we_sign() {
        let (secret, text) = Secret::generate().unwrap();
        let official = standardwebhooks::Webhook::new(&text).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
        let body = br#"{"type":"segment.members.changed"}"#;
        let mut headers = http::HeaderMap::new();
        headers.insert("webhook-id", "msg_1".parse().unwrap());
        headers.insert("webhook-timestamp", now.to_string().parse().unwrap());
        headers.insert("webhook-signature", secret.sign("msg_1", now, body).parse().unwrap());
        official.verify(body, &headers).unwrap();
        assert!(official.verify(b"{}", &headers).is_err());
    }

    #[test]
    fn a_known_vector_is_signed_as_others_sign_it() {
        let body = br#"{"type":"segment.entered","timestamp":"2026-01-02T03:04:05Z","data":{"id":"p_1"}}"#;
        let signed = Secret::parse(SECRET).unwrap().sign("msg_01HZX", 1_767_323_045, body);
        assert_eq!(signed, "v1,ZinrjweJK/ZDMhR/j83N0QRO08Y/KrAnjwqOfq5YjxU=");
    }

    #[test]
    fn either_secret_of_a_rotation_is_accepted_and_nothing_else() {
        let (old, _) = Secret::generate().unwrap();
        let (new, _) = Secret::generate().unwrap();
        let both = signature(&[new.clone(), old.clone()], "m", 1_000, b"x");
        let headers = |signature| (Some("m"), Some("1000"), Some(signature));
        for secret in [old, new] {
            assert_eq!(verify(std::slice::from_ref(&secret), headers(both.as_str()), b"x", 1_300), Ok(()));
            assert_eq!(
                verify(std::slice::from_ref(&secret), headers(both.as_str()), b"y", 1_000),
                Err(SignatureError::NoMatch)
            );
            let late = verify(&[secret], headers(both.as_str()), b"x", 1_301);
            assert_eq!(late, Err(SignatureError::BadTimestamp));
        }
        let (other, _) = Secret::generate().unwrap();
        assert_eq!(verify(&[other], headers(both.as_str()), b"x", 1_000), Err(SignatureError::NoMatch));
    }

    #[test]
    fn malformed_signatures_are_refused_and_unknown_ones_skipped() {
        let secret = Secret::parse(SECRET).unwrap();
        let good = secret.sign("m", 1_000, b"x");
        let bare = good.trim_start_matches("v1,").to_owned();
        let check = |id, signatures: &str| {
            verify(std::slice::from_ref(&secret), (Some(id), Some("1000"), Some(signatures)), b"x", 1_000).is_ok()
        };
        for fine in [good.clone(), format!("v1a,AAAA {good}"), format!("v1,%%% {good}"), format!("{good} v1")] {
            assert!(check("m", &fine), "{fine}");
        }
        let unpadded = good.trim_end_matches('=').to_owned();
        let bad = [
            String::new(),
            "v1,".to_owned(),
            "v1".to_owned(),
            bare.clone(),
            format!("V1,{bare}"),
            format!("v2,{bare}"),
            format!("{good},x"),
            format!("v1,AAAA  {good}"),
            format!("v1,AAAA,{good}"),
            unpadded,
        ];
        for signatures in bad {
            assert!(!check("m", &signatures), "{signatures}");
        }
        assert!(!check("", &secret.sign("", 1_000, b"x")), "an empty id");
        assert!(!check("m.1", &secret.sign("m.1", 1_000, b"x")), "a dot in the id");
        for timestamp in ["", "abc", "1000.5", "1000abc", "-1000", "+1000", "1000000", "2026-03-01T12:00:00Z"] {
            let headers = (Some("m"), Some(timestamp), Some(good.as_str()));
            let verdict = verify(std::slice::from_ref(&secret), headers, b"x", 1_000);
            assert_eq!(verdict, Err(SignatureError::BadTimestamp), "{timestamp}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let (secret, _) = Secret::generate().unwrap();
        let key = format!("{:?}", secret.0.expose_secret());
        assert!(!format!("{secret:?}").contains(&key));
    }

    #[test]
    fn secrets_of_wrong_length_or_alphabet_are_refused() {
        for text in ["", "whsec_", "whsec_abc", "whsec_!!!", "whsec_AAAA"] {
            assert_eq!(Secret::parse(text).err(), Some(SignatureError::BadSecret), "{text}");
        }
    }
}
