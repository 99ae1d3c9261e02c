//! The three ways in which a call shows its key: which one a host lets through depends on the host.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kit::http::Request;
use kit::signature::hmac_sha256;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::time::{SystemTime, UNIX_EPOCH};

/// How a key is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Auth {
    /// `Authorization: Basic`. Over TLS only.
    Basic,
    /// In the query, for hosts that drop `Authorization`. Over TLS only.
    Query,
    /// OAuth 1.0a with one leg: the secret is not sent. Where the site does not see TLS.
    Signed,
}

impl Auth {
    /// All of them, the best first.
    pub(crate) const ALL: [Auth; 3] = [Auth::Basic, Auth::Query, Auth::Signed];

    /// Its name among a connection's details.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Auth::Basic => "basic",
            Auth::Query => "query",
            Auth::Signed => "oauth1",
        }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Auth> {
        Auth::ALL.into_iter().find(|auth| auth.name() == name)
    }
}

/// Key and secret of a credential: `ck_...:cs_...`, or one a line.
pub(crate) fn pair(credential: &str) -> Option<(&str, &str)> {
    let mut parts = credential.split([':', ',']).flat_map(str::split_whitespace);
    let (key, secret) = (parts.next()?, parts.next()?);
    let right = key.starts_with("ck_") && secret.starts_with("cs_") && parts.next().is_none();
    right.then_some((key, secret))
}

/// Shows the key. `home` is the site's own address of itself, which is part of what is signed.
pub(crate) fn show(auth: Auth, home: &str, mut request: Request, token: &SecretString) -> Request {
    let Some((key, secret)) = pair(token.expose_secret()) else { return request };
    match auth {
        Auth::Basic => {
            let encoded = STANDARD.encode(format!("{key}:{secret}"));
            request.header("authorization", format!("Basic {encoded}"))
        }
        Auth::Query => {
            append(&mut request.url, &[("consumer_key", key), ("consumer_secret", secret)]);
            request
        }
        Auth::Signed => {
            let (timestamp, nonce) = (seconds().to_string(), nonce());
            sign(&mut request, home, (key, secret), (&timestamp, &nonce));
            request
        }
    }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

fn nonce() -> String {
    let mut bytes = [0u8; 16];
    // Without randomness the store refuses the second call of a second: it is made again.
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn append(url: &mut String, pairs: &[(&str, &str)]) {
    for (name, value) in pairs {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&format!("{}={}", encoded(name), encoded(value)));
    }
}

/// RFC 5849, 3.6: everything but unreserved characters.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn sign(request: &mut Request, home: &str, (key, secret): (&str, &str), (timestamp, nonce): (&str, &str)) {
    append(
        &mut request.url,
        &[
            ("oauth_consumer_key", key),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", "HMAC-SHA256"),
            ("oauth_timestamp", timestamp),
        ],
    );
    let Some(text) = base_string(request.method.as_str(), &request.url, home) else { return };
    let keyed = SecretString::from(format!("{secret}&"));
    let Some(mac) = hmac_sha256(&keyed, text.as_bytes()) else { return };
    append(&mut request.url, &[("oauth_signature", &STANDARD.encode(mac))]);
}

/// What is signed. The site works out its own address: that of its settings, plain since it sees no TLS, and the part
/// of the path behind it.
fn base_string(method: &str, url: &str, home: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let route = ["/wp-json", "/?"].iter().find_map(|mark| {
        let whole = format!("{}?", url.path());
        whole.find(mark).map(|at| whole.get(at..).unwrap_or_default().trim_end_matches('?').to_owned())
    })?;
    let site = home.trim_end_matches('/').split_once("://").map_or(home, |(_, rest)| rest);
    let mut pairs: Vec<(String, String)> =
        url.query_pairs().map(|(name, value)| (encoded(&name), encoded(&value))).collect();
    pairs.sort();
    let joined = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    Some(format!("{method}&{}&{}", encoded(&format!("http://{site}{route}")), encoded(&joined)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ck_0123:cs_4567";

    fn shown(auth: Auth) -> Request {
        show(
            auth,
            "https://shop.example",
            Request::get("https://shop.example/wp-json/wc/v3/orders?a=b%20c"),
            &KEY.into(),
        )
    }

    #[test]
    fn a_key_is_a_pair_in_several_writings() {
        for text in [KEY, " ck_0123 : cs_4567 ", "ck_0123\ncs_4567\n", "ck_0123,cs_4567"] {
            assert_eq!(pair(text), Some(("ck_0123", "cs_4567")), "{text:?}");
        }
        for text in ["", "ck_1", "cs_1:ck_1", "ck_1:cs_2:x", "abc:def"] {
            assert_eq!(pair(text), None, "{text:?}");
        }
        assert!(Auth::ALL.into_iter().all(|auth| Auth::named(auth.name()) == Some(auth)));
    }

    #[test]
    fn basic_and_query_carry_the_pair_and_a_signature_does_not() {
        let basic = shown(Auth::Basic).headers.remove(0);
        assert_eq!(basic, ("authorization", format!("Basic {}", STANDARD.encode(KEY))));
        assert!(shown(Auth::Query).url.ends_with("?a=b%20c&consumer_key=ck_0123&consumer_secret=cs_4567"));
        let signed = shown(Auth::Signed);
        assert!(signed.headers.is_empty() && !signed.url.contains("cs_4567"), "{}", signed.url);
        assert!(signed.url.contains("&oauth_signature="), "{}", signed.url);
    }

    #[test]
    fn what_is_signed_is_as_the_rfc_and_the_plugin_say() {
        let url = "https://proxy.example/tienda/wp-json/wc/v3/orders?b=x%20y&a=%2B&oauth_nonce=n";
        let text = base_string("GET", url, "https://shop.example/tienda/").unwrap();
        let wanted = "GET&http%3A%2F%2Fshop.example%2Ftienda%2Fwp-json%2Fwc%2Fv3%2Forders&\
                      a%3D%252B%26b%3Dx%2520y%26oauth_nonce%3Dn";
        assert_eq!(text, wanted);
        let plain = base_string("GET", "http://shop.example/?rest_route=/wc/v3/orders", "http://shop.example").unwrap();
        assert_eq!(plain, "GET&http%3A%2F%2Fshop.example%2F&rest_route%3D%252Fwc%252Fv3%252Forders");
    }
}
