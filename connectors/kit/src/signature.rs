//! HMAC-SHA256 signatures, compared in constant time with each of several secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The HMAC-SHA256 of a message.
pub fn hmac_sha256(secret: &SecretString, message: &[u8]) -> Option<[u8; 32]> {
    Some(keyed(secret, message)?.finalize().into_bytes().into())
}

fn keyed(secret: &SecretString, message: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(message);
    Some(mac)
}

/// Whether one of the secrets made the signature. All of them are tried: time tells nothing.
pub fn verified(secrets: &[SecretString], message: &[u8], signature: &[u8]) -> bool {
    let one = |secret| keyed(secret, message).is_some_and(|mac| mac.verify_slice(signature).is_ok());
    secrets.iter().fold(false, |right, secret| one(secret) | right)
}

/// A signature written in base64 with padding; nothing else is taken.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32)
}

/// A signature written in lower-case hex; nothing else is taken.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    bytes.chunks_exact(2).map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_secrets_verifies_and_spellings_are_strict() {
        let secrets: Vec<SecretString> = vec!["new".into(), "old".into()];
        let signature = hmac_sha256(&secrets[1], b"body").unwrap();
        assert!(verified(&secrets, b"body", &signature));
        assert!(!verified(&secrets, b"Body", &signature));
        assert!(!verified(&secrets[..1], b"body", &signature));
        assert!(!verified(&[], b"body", &signature));
        let hex: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(from_hex(&hex).as_deref(), Some(signature.as_slice()));
        assert_eq!(from_hex(&hex.to_uppercase()), None);
        assert_eq!(from_hex(&hex[..62]), None);
        assert_eq!(from_base64(&STANDARD.encode(signature)).as_deref(), Some(signature.as_slice()));
        assert_eq!(from_base64(STANDARD.encode(signature).trim_end_matches('=')), None);
    }
}
