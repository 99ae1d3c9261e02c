//! Where a link may lead: only what was checked when it was made.

use super::LinkError;
use reqwest::Url;

/// Bytes of a target's address.
pub const TARGET_BYTES_MAX: usize = 2_048;

/// The address in its canonical ASCII form, fit for a `Location` header.
///
/// Only `http` and `https` with a host, without a user name or password: those would show in the
/// address bar as something else than where the link leads.
pub(super) fn checked(text: &str) -> Result<String, LinkError> {
    let refused = |why: &str| LinkError::Target { why: why.to_owned() };
    let text = text.trim();
    if text.len() > TARGET_BYTES_MAX {
        return Err(refused("it is longer than 2,048 bytes"));
    }
    // A parser of addresses drops these silently.
    if text.chars().any(char::is_control) {
        return Err(refused("it holds a control character"));
    }
    let url = Url::parse(text).map_err(|why| refused(&why.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refused("only http and https are allowed"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(refused("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused("it holds a user name or password"));
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_addresses_become_ascii() {
        let ok = |text: &str| checked(text).unwrap();
        assert_eq!(ok(" https://tienda.example/ofertas?a=1#x "), "https://tienda.example/ofertas?a=1#x");
        assert_eq!(ok("http://EXAMPLE.com"), "http://example.com/");
        assert_eq!(ok("https://niño.example/año"), "https://xn--nio-8ma.example/a%C3%B1o");
    }

    #[test]
    fn anything_else_is_refused() {
        let long = format!("https://x.example/{}", "a".repeat(TARGET_BYTES_MAX));
        for text in [
            "",
            "tienda.example",
            "//tienda.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://x.example/",
            "https://",
            "https://bank.example@evil.example/",
            "https://x.example/\r\nSet-Cookie: a=b",
            &long,
        ] {
            assert!(matches!(checked(text), Err(LinkError::Target { .. })), "{text}");
        }
    }
}
