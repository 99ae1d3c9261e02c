//! Addresses and codes in one form, before anything is compared or stored.

mod country;
mod phone;

pub use country::country;
pub use phone::phone;

/// An e-mail address, trimmed and lower-cased; `None` when it can't be one.
pub fn email(text: &str) -> Option<String> {
    let address = text.trim().to_lowercase();
    let (local, domain) = address.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control();
    let fits = !local.is_empty() && domain.contains('.') && address.len() <= 254 && address.chars().all(plain);
    fits.then_some(address)
}

/// An id, trimmed; `None` for what careless senders write when they have none.
pub fn id(text: &str) -> Option<String> {
    const JUNK: [&str; 8] = ["null", "undefined", "0", "anonymous", "none", "nan", "[object object]", "-1"];
    let id = text.trim();
    let junk = id.is_empty() || JUNK.contains(&id.to_ascii_lowercase().as_str());
    (!junk).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_trimmed_and_lower_cased_and_keep_dots_and_plus() {
        assert_eq!(email("  Ana.B+x@Example.COM "), Some("ana.b+x@example.com".to_owned()));
        for text in ["", "ana", "ana@", "@x.com", "ana@localhost", "a b@x.com"] {
            assert_eq!(email(text), None, "{text}");
        }
    }

    #[test]
    fn junk_is_no_id() {
        for text in ["", " ", "null", "undefined", "0", "anonymous"] {
            assert_eq!(id(text), None, "{text}");
        }
        assert_eq!(id(" u1 "), Some("u1".to_owned()));
    }
}
