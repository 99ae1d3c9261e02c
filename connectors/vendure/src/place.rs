//! Where a store is: its address as people type it, its one spelling, and where its admin API answers.

use kit::failure::Failure;
use kit::platform::Connection;
use reqwest::Url;
use serde_json::Value;
use std::net::IpAddr;

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 500;
/// What may stand behind a store's address when somebody copies it.
const INSIDE: [&str; 3] = ["/admin-api", "/shop-api", "/dashboard"];
/// Where the admin API is, unless the setting `admin_api` says otherwise.
const ADMIN_API: &str = "admin-api";
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
    let folder = INSIDE.iter().find_map(|inside| path.split_once(inside)).map_or(path, |(before, _)| before);
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

/// The address of the admin API.
pub(crate) fn admin_api(connection: &Connection) -> Result<String, Failure> {
    let (platform, account) = (&connection.platform, connection.account.as_str());
    let bare = account.strip_prefix(PLAIN);
    let allowed = platform.settings.get("allow_plain_http").and_then(Value::as_bool).unwrap_or(false);
    if bare.is_some_and(|bare| !is_loopback(bare)) && !allowed {
        let why = "the store is at a plain http address: its key and what its customers buy would pass in the open. \
                   Give it a certificate and connect its https address; or the operator sets allow_plain_http for \
                   vendure";
        return Err(Failure::Refused(why.to_owned()));
    }
    let own = if bare.is_some() { account.to_owned() } else { format!("https://{account}") };
    let base = platform.base(bare.unwrap_or(account), &own);
    let path = connection.setting("admin_api").unwrap_or(ADMIN_API).trim_matches('/');
    Ok(format!("{}/{path}", base.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for typed in [
            "shop.example",
            " https://Shop.Example/ ",
            "https://shop.example/admin-api",
            "shop.example/dashboard/orders",
        ] {
            assert_eq!(account(typed).as_deref(), Some("shop.example"), "{typed}");
        }
        assert_eq!(account("https://shop.example:8443/eu/").as_deref(), Some("shop.example:8443/eu"));
        assert_eq!(account("http://127.0.0.1:3000/shop-api").as_deref(), Some("http://127.0.0.1:3000"));
        for wrong in ["", "shop", "ftp://shop.example", "https://u:p@shop.example", "a b.example"] {
            assert_eq!(account(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_stays_on_this_machine_is_told_from_what_only_looks_so() {
        for (bare, stays) in [
            ("127.0.0.1:3000", true),
            ("localhost", true),
            ("[::1]:3000", true),
            ("localhost:3000/a", true),
            ("127.0.0.1.example", false),
            ("localhost.example:80", false),
            ("10.0.0.1", false),
        ] {
            assert_eq!(is_loopback(bare), stays, "{bare}");
        }
    }
}
