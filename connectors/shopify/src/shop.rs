//! Names of shops.

/// Bytes of a shop's name (a DNS name has no more).
const BYTES_MAX: usize = 253;

/// The one spelling of a shop's name: `[a-z0-9][a-z0-9-]*.myshopify.com`, lower case. Nothing else is a shop.
pub(crate) fn parse(text: &str) -> Option<String> {
    if text.len() > BYTES_MAX || !text.is_ascii() {
        return None;
    }
    let shop = text.to_ascii_lowercase();
    let name = shop.strip_suffix(".myshopify.com")?;
    let right = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.bytes().next().is_some_and(|byte| byte != b'-');
    (begins && name.bytes().all(right)).then_some(shop)
}

/// What somebody typed: also with `https://` before it and slashes after it.
pub(crate) fn typed(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    parse(text.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shops_are_shops() {
        assert_eq!(parse("Acme-MX.myshopify.com").as_deref(), Some("acme-mx.myshopify.com"));
        assert_eq!(typed(" https://Acme.myshopify.com/ ").as_deref(), Some("acme.myshopify.com"));
        for text in [
            "",
            "acme",
            ".myshopify.com",
            "-acme.myshopify.com",
            "ac_me.myshopify.com",
            "a.b.myshopify.com",
            "acme.myshopify.com\n",
            "acme.myshopify.com/",
            "acme.myshopify.com.evil.example",
            "evil.example/acme.myshopify.com",
            "https://acme.myshopify.com",
            "admin.shopify.com/store/acme",
            "ácme.myshopify.com",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(typed("evil.example/acme.myshopify.com"), None);
        assert_eq!(parse(&format!("{}.myshopify.com", "a".repeat(300))), None);
    }
}
