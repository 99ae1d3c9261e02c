//! Where a store is: its address as people type it, its one spelling, and where its API answers.

use crate::config;
use kit::failure::Failure;
use kit::platform::Platform;
use reqwest::Url;

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 500;
/// What may stand behind a store's address when somebody copies it out of the browser.
const INSIDE: [&str; 5] = ["/wp-admin", "/wp-login.php", "/wp-json", "/wc-auth", "/index.php"];
/// How accounts at plain addresses begin.
const PLAIN: &str = "http://";

/// The one spelling of a store's address: host, port if it is unusual, and folder; `http://` before it if it is a plain
/// one.
pub(crate) fn account(typed: &str) -> Option<String> {
    let typed = typed.trim();
    if typed.is_empty() || typed.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let whole = if typed.contains("://") { typed.to_owned() } else { format!("https://{typed}") };
    let url = Url::parse(&whole).ok()?;
    let plain = match url.scheme() {
        "https" => "",
        "http" => PLAIN,
        _ => return None,
    };
    let host = url.host_str().filter(|host| !host.is_empty())?;
    if !url.username().is_empty() || url.password().is_some() || !(host.contains('.') || host == "localhost") {
        return None;
    }
    let inside = INSIDE.iter().filter_map(|inside| url.path().find(inside)).min();
    let folder = url.path().get(..inside.unwrap_or(url.path().len()))?.trim_end_matches('/');
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{plain}{host}{port}{folder}"))
}

/// Whether a store is at a plain address.
pub(crate) fn is_plain(account: &str) -> bool {
    account.starts_with(PLAIN)
}

/// Whether the store may be talked to at all: at a plain address only if the operator allows it.
pub(crate) fn allowed(platform: &Platform, account: &str) -> Result<(), Failure> {
    if is_plain(account) && !config::allows_plain_http(platform) {
        let why = "the store is at a plain http address: what its customers buy would pass in the open. Give it a \
                   certificate and connect its https address; or the operator sets allow_plain_http for woocommerce";
        return Err(Failure::Refused(why.to_owned()));
    }
    Ok(())
}

/// The base address of a store, without a slash at the end.
pub(crate) fn base(platform: &Platform, account: &str) -> Result<String, Failure> {
    allowed(platform, account)?;
    let bare = account.strip_prefix(PLAIN).unwrap_or(account);
    let own = if is_plain(account) { account.to_owned() } else { format!("https://{account}") };
    Ok(platform.base(bare, &own).trim_end_matches('/').to_owned())
}

/// Whether two addresses are of one site: a proxy may change the scheme, nothing else.
pub(crate) fn same_site(one: &str, other: &str) -> bool {
    let folded = |text: &str| {
        let text = text.trim().trim_end_matches('/').to_lowercase();
        text.split_once("://").map(|(_, rest)| rest.to_owned()).unwrap_or(text)
    };
    !one.trim().is_empty() && folded(one) == folded(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_has_one_spelling() {
        for typed in [
            "shop.example",
            " https://Shop.Example/ ",
            "https://shop.example:443",
            "https://shop.example/wp-admin/admin.php?page=wc-settings",
            "shop.example/wp-json/wc/v3",
        ] {
            assert_eq!(account(typed).as_deref(), Some("shop.example"), "{typed}");
        }
        assert_eq!(account("https://shop.example/Tienda/").as_deref(), Some("shop.example/Tienda"));
        assert_eq!(account("https://shop.example:8443/a/b").as_deref(), Some("shop.example:8443/a/b"));
        assert_eq!(account("http://Shop.example/").as_deref(), Some("http://shop.example"));
        assert_eq!(account("http://localhost:8080").as_deref(), Some("http://localhost:8080"));
        for wrong in ["", "shop", "ftp://shop.example", "https://u:p@shop.example", "https://", "a b.example"] {
            assert_eq!(account(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn plain_stores_need_the_operators_word() {
        let mut platform = Platform::default();
        assert_eq!(base(&platform, "shop.example/a").as_deref(), Ok("https://shop.example/a"));
        assert!(matches!(base(&platform, "http://shop.example"), Err(Failure::Refused(_))));
        platform.settings.insert("allow_plain_http".to_owned(), json!(true));
        assert_eq!(base(&platform, "http://shop.example").as_deref(), Ok("http://shop.example"));
        platform.address = Some("http://127.0.0.1:4/{account}".to_owned());
        assert_eq!(base(&platform, "http://shop.example").as_deref(), Ok("http://127.0.0.1:4/shop.example"));
    }

    #[test]
    fn a_clone_at_another_address_is_another_site() {
        assert!(same_site("https://shop.example/", "http://SHOP.example"));
        assert!(!same_site("https://staging.shop.example/", "https://shop.example"));
        assert!(!same_site("https://shop.example/b", "https://shop.example"));
        assert!(!same_site("", ""));
    }
}
