//! E-mail addresses.

/// Bytes of an address (RFC 5321).
const BYTES_MAX: usize = 254;
/// Characters that only quoting allows: an address with one is not one that people have.
const QUOTED_ONLY: &[char] = &['<', '>', '(', ')', '[', ']', ',', ';', ':', '"', '\\', '@'];

/// An e-mail address, trimmed and lower-cased, dots and plus signs kept; `None` when it can't be one.
pub fn email(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    if address.len() > BYTES_MAX || address.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (local, domain) = address.rsplit_once('@')?;
    let quoted = local.contains(QUOTED_ONLY) || domain.contains(QUOTED_ONLY);
    let labels = domain.contains('.') && domain.split('.').all(|label| !label.is_empty());
    (!local.is_empty() && !quoted && labels).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_cased_and_keep_dots_and_plus() {
        assert_eq!(email("  Ana.B+x@Example.COM "), Some("ana.b+x@example.com".to_owned()));
        assert_eq!(email("JOSÉ@niño.mx"), Some("josé@niño.mx".to_owned()));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@x.com", "a".repeat(BYTES_MAX));
        for text in [
            "",
            "ana",
            "ana@",
            "@x.com",
            "ana@localhost",
            "a b@x.com",
            "ana@x..com",
            "ana@.com",
            "ana@x.com.",
            "a@b@x.com",
            "Ana <ana@x.com>",
            "<ana@x.com>",
            "mailto:ana@x.com",
            "a@x.com,b@x.com",
            "ana\u{0}@x.com",
            &long,
        ] {
            assert_eq!(email(text), None, "{text}");
        }
    }
}
