//! How Mailchimp names a contact in addresses of its API, and how audiences are named.

use kit::failure::Failure;
use md5::{Digest, Md5};

/// Characters of an audience's id; real ones have 10.
const AUDIENCE_CHARS_MAX: usize = 40;

/// The MD5 of the lower-cased address, in lower-case hex.
pub(crate) fn subscriber_hash(email: &str) -> String {
    digest(email).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first half of that hash: a short name for what is remembered of many.
pub(crate) fn key(email: &str) -> u64 {
    digest(email).iter().take(8).fold(0, |key, byte| key << 8 | u64::from(*byte))
}

fn digest(email: &str) -> [u8; 16] {
    Md5::digest(email.trim().to_lowercase().as_bytes()).into()
}

/// An address as it is compared: trimmed and lower-cased.
pub(crate) fn folded(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether a text can be the id of an audience.
pub(crate) fn is_audience(text: &str) -> bool {
    (1..=AUDIENCE_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id of an audience; [`Failure::Refused`] when it can't be one.
pub(crate) fn audience(text: &str) -> Result<String, Failure> {
    let id = text.trim();
    if is_audience(id) {
        return Ok(id.to_owned());
    }
    Err(Failure::Refused(format!("{text:?} is no audience id: expected letters and digits, such as \"a6b5da1054\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_of_the_lower_cased_address() {
        assert_eq!(subscriber_hash("Ana@Example.com"), "cdb9d6a1dddc375a09cc83e3001598dc");
        assert_eq!(subscriber_hash(" ana@example.com "), "cdb9d6a1dddc375a09cc83e3001598dc");
        assert_eq!(key("Ana@Example.com"), 0xcdb9_d6a1_dddc_375a);
    }

    #[test]
    fn an_audience_id_is_letters_and_digits() {
        assert_eq!(audience(" a6b5da1054 "), Ok("a6b5da1054".to_owned()));
        for text in ["", "a/b", "../lists", "a b", &"a".repeat(41)] {
            assert!(matches!(audience(text), Err(Failure::Refused(_))), "{text}");
        }
    }
}
