//! Where a Mailman core answers: its address as people type it, and its one spelling.

use kit::failure::Failure;
use kit::platform::Platform;
use reqwest::Url;
use serde_json::Value;
use std::net::IpAddr;

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 500;
/// Versions of the API that somebody may have copied with the address.
const VERSIONS: [&str; 3] = ["/3.0", "/3.1", "/3.2"];
/// How accounts at plain addresses begin.
const PLAIN: &str = "http://";

/// The one spelling of an address: host, port if it is unusual, and folder; `http://` before it if it is a plain one.
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
    let host = url.host_str().filter(|host| host.contains('.') || host.contains(':') || *host == "localhost")?;
    if !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    let path = url.path().trim_end_matches('/');
    let folder = VERSIONS.iter().find_map(|version| path.strip_suffix(version)).unwrap_or(path);
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{plain}{host}{port}{folder}"))
}

/// Whether calls stay on this machine.
fn is_loopback(bare: &str) -> bool {
    let host = bare.split('/').next().unwrap_or_default();
    let (host, _) =
        host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit())).unwrap_or((host, ""));
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || literal.is_ok_and(|address| address.is_loopback())
}

/// The base address of the API, with its version.
pub(crate) fn api(platform: &Platform, account: &str) -> Result<String, Failure> {
    let bare = account.strip_prefix(PLAIN);
    let allowed = platform.settings.get("allow_plain_http").and_then(Value::as_bool).unwrap_or(false);
    if bare.is_some_and(|bare| !is_loopback(bare)) && !allowed {
        let why = "the core is at a plain http address: its password and who is on its lists would pass in the open. \
                   Put TLS before it and connect its https address; or the operator sets allow_plain_http for mailman";
        return Err(Failure::Refused(why.to_owned()));
    }
    let own = if bare.is_some() { account.to_owned() } else { format!("https://{account}") };
    let base = platform.base(bare.unwrap_or(account), &own);
    Ok(format!("{}/3.1", base.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_has_one_spelling() {
        for typed in ["lists.example.com:8001", "https://Lists.example.com:8001/3.1/", "https://lists.example.com:8001"]
        {
            assert_eq!(account(typed).as_deref(), Some("lists.example.com:8001"), "{typed}");
        }
        assert_eq!(account("http://127.0.0.1:8001/3.0").as_deref(), Some("http://127.0.0.1:8001"));
        assert_eq!(account("https://lists.example.com/rest").as_deref(), Some("lists.example.com/rest"));
        for wrong in ["", "lists", "ftp://lists.example.com", "http://restadmin:restpass@localhost:8001", "a b.example"]
        {
            assert_eq!(account(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_plain_address_needs_the_operators_word_unless_it_is_this_machine() {
        let mut platform = Platform::default();
        assert_eq!(api(&platform, "http://127.0.0.1:8001").as_deref(), Ok("http://127.0.0.1:8001/3.1"));
        assert_eq!(api(&platform, "http://localhost:8001").as_deref(), Ok("http://localhost:8001/3.1"));
        assert_eq!(api(&platform, "lists.example.com/a").as_deref(), Ok("https://lists.example.com/a/3.1"));
        for plain in ["http://lists.example.com", "http://localhost.example.com", "http://127x.example"] {
            assert!(matches!(api(&platform, plain), Err(Failure::Refused(_))), "{plain}");
        }
        platform.settings.insert("allow_plain_http".to_owned(), json!(true));
        assert_eq!(api(&platform, "http://lists.example.com").as_deref(), Ok("http://lists.example.com/3.1"));
    }
}
