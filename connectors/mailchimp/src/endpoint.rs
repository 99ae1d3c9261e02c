//! Where an account's API is, and how calls show who they are.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::api::bearer;
use kit::failure::Failure;
use kit::http::Request;
use kit::platform::{Connection, Platform};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

/// Where accounts are on the internet.
const DOMAIN: &str = ".api.mailchimp.com";

/// The data centre that an API key ends with (`...-us19`); `None` for what is no API key.
pub(crate) fn data_center(key: &str) -> Option<&str> {
    let (_, end) = key.trim().rsplit_once('-')?;
    let digits = end.trim_start_matches(|c: char| c.is_ascii_lowercase());
    let letters = end.len() - digits.len();
    let right = (2..=4).contains(&letters) && (1..=4).contains(&digits.len());
    (right && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(end)
}

/// Puts the credential in its place: an API key as the password of Basic authentication (any user name will do),
/// a token of the OAuth flow as Bearer.
pub(crate) fn authorize(request: Request, token: &SecretString) -> Request {
    match data_center(token.expose_secret()) {
        Some(_) => {
            let pair = STANDARD.encode(format!("segmentd:{}", token.expose_secret().trim()));
            request.header("authorization", format!("Basic {pair}"))
        }
        None => bearer(request, token),
    }
}

/// The login server: authorization, tokens, and whose a token is.
pub(crate) fn login(platform: &Platform) -> String {
    platform.base("login", "https://login.mailchimp.com")
}

/// Where the account of a data centre is.
pub(crate) fn of_data_center(platform: &Platform, dc: &str) -> String {
    platform.base(dc, &format!("https://{dc}{DOMAIN}"))
}

/// Checks an address that the platform named, before a token is sent there; without a trailing slash.
pub(crate) fn check(platform: &Platform, dc: &str, endpoint: &str) -> Result<String, Failure> {
    // The text itself is not repeated: it came from outside.
    let foreign = || Failure::PlatformChanged("the account's address is not one of Mailchimp's".to_owned());
    let url = Url::parse(endpoint.trim()).map_err(|_| foreign())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let right = match &platform.address {
        Some(_) => Url::parse(&of_data_center(platform, dc)).is_ok_and(|base| lies_under(&base, &url)),
        None => url.scheme() == "https" && url.port().is_none() && is_mailchimp(&url),
    };
    if !plain || !right {
        return Err(foreign());
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn is_mailchimp(url: &Url) -> bool {
    let label = url.host_str().and_then(|host| host.strip_suffix(DOMAIN)).unwrap_or_default();
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(usual) && url.path().trim_matches('/').is_empty()
}

fn lies_under(base: &Url, url: &Url) -> bool {
    let (above, path) = (base.path().trim_end_matches('/'), url.path());
    let below = path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    base.origin() == url.origin() && below
}

/// The base address of the API for a connection.
pub(crate) fn api_base(connection: &Connection) -> Result<String, Failure> {
    let unknown = || Failure::Refused("the account's address is not known; connect it again".to_owned());
    let endpoint = connection.detail("api_endpoint").ok_or_else(unknown)?;
    let dc = connection.detail("dc").unwrap_or_default();
    Ok(format!("{}/3.0", check(&connection.platform, dc, endpoint)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(address: Option<&str>) -> Platform {
        Platform { address: address.map(str::to_owned), ..Platform::default() }
    }

    #[test]
    fn the_data_centre_is_the_end_of_a_key() {
        assert_eq!(data_center("0123456789abcdef0123456789abcdef-us19"), Some("us19"));
        for token in ["0123456789abcdef0123456789abcdef", "oauth-token-1", "a-b", "x-us", "x-19", "x-us19x", ""] {
            assert_eq!(data_center(token), None, "{token}");
        }
    }

    #[test]
    fn keys_go_as_basic_and_tokens_as_bearer() {
        let header = |token: &str| {
            let request = authorize(Request::get("http://x"), &token.into());
            request.headers.into_iter().find(|(name, _)| *name == "authorization").unwrap().1
        };
        assert_eq!(header("oauth-token-1"), "Bearer oauth-token-1");
        assert_eq!(header("key-us1"), format!("Basic {}", STANDARD.encode("segmentd:key-us1")));
    }

    #[test]
    fn only_addresses_of_mailchimp_get_a_token() {
        let own = platform(None);
        let right = check(&own, "us19", "https://us19.api.mailchimp.com/");
        assert_eq!(right.as_deref(), Ok("https://us19.api.mailchimp.com"));
        for text in [
            "http://us19.api.mailchimp.com",
            "https://api.mailchimp.com",
            "https://us19.api.mailchimp.com.evil.mx",
            "https://evil.mx/.api.mailchimp.com",
            "https://a.b.api.mailchimp.com",
            "https://us19.api.mailchimp.com:8443",
            "https://u:p@us19.api.mailchimp.com",
            "https://us19.api.mailchimp.com/x",
            "https://us19.api.mailchimp.com?x=1",
            "us19",
        ] {
            assert!(matches!(check(&own, "us19", text), Err(Failure::PlatformChanged(_))), "{text}");
        }
    }

    #[test]
    fn elsewhere_it_has_to_lie_under_the_address_that_is_set() {
        let set = platform(Some("http://127.0.0.1:4000/mc"));
        assert!(check(&set, "us19", "http://127.0.0.1:4000/mc/us19").is_ok());
        assert!(check(&set, "us19", "http://127.0.0.1:4000/mc").is_ok());
        for text in ["http://127.0.0.1:4000/mcx", "http://127.0.0.1:4001/mc", "https://us19.api.mailchimp.com"] {
            assert!(check(&set, "us19", text).is_err(), "{text}");
        }
        let by_account = platform(Some("http://127.0.0.1:4000/{account}"));
        assert!(check(&by_account, "us19", "http://127.0.0.1:4000/us19").is_ok());
        assert!(check(&by_account, "us19", "http://127.0.0.1:4000/us20").is_err());
        assert_eq!(login(&by_account), "http://127.0.0.1:4000/login");
    }
}
