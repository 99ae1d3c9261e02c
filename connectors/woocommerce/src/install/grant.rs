//! The store's page on which the merchant agrees, what its server posts then, and how the browser comes back.

use crate::{config, sign, store};
use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Callback, Posted};
use kit::platform::Platform;
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Map;

/// Characters of a state, a key or a secret.
const TEXT_CHARS_MAX: usize = 256;

/// What a store's server posts.
#[derive(Deserialize)]
struct Body {
    #[serde(deserialize_with = "crate::fields::text")]
    user_id: Option<String>,
    consumer_key: String,
    consumer_secret: String,
    #[serde(default)]
    key_permissions: String,
}

/// What a permission lets a key do.
pub(super) fn rights(permission: &str) -> Vec<String> {
    let both = permission.split('_').filter(|word| matches!(*word, "read" | "write"));
    both.map(str::to_owned).collect()
}

/// The store's page. Its server posts the key to the same address to which the browser comes back.
pub(super) fn authorize(platform: &Platform, account: &str, request: &AuthorizeRequest<'_>) -> Result<Url, Failure> {
    if !request.redirect_uri.to_lowercase().starts_with("https://") {
        let why = "a store hands its key to https addresses alone: set public_url to one, or connect by a key";
        return Err(Failure::Refused(why.to_owned()));
    }
    let base = store::base(platform, account)?;
    let wrong = |_| Failure::Refused("the store's address can't be used".to_owned());
    let parameters = [
        ("app_name", config::app_name(platform)),
        ("scope", "read_write"),
        ("user_id", request.state),
        ("return_url", request.redirect_uri),
        ("callback_url", request.redirect_uri),
    ];
    let mut url = Url::parse(&format!("{base}/wc-auth/v1/authorize")).map_err(wrong)?;
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url)
}

/// Reads what was posted: nothing in it is to be believed before the browser is back and the key was tried.
pub(super) fn posted(body: &[u8]) -> Result<Posted, Failure> {
    let refused = |what: &str| Failure::Refused(format!("what the store's server posts has no {what}"));
    // The reason is not repeated: it may hold a part of the secret.
    let body: Body = serde_json::from_slice(body).map_err(|_| refused("key in JSON"))?;
    let state = body.user_id.filter(|state| state.len() <= TEXT_CHARS_MAX).ok_or_else(|| refused("user_id"))?;
    let whole = format!("{}:{}", body.consumer_key.trim(), body.consumer_secret.trim());
    if whole.len() > 2 * TEXT_CHARS_MAX || sign::pair(&whole).is_none() {
        return Err(refused("consumer_key ck_... with a consumer_secret cs_..."));
    }
    let scopes = Some(rights(&body.key_permissions)).filter(|rights| !rights.is_empty());
    let (expires_in, refresh, refresh_expires_in, extra) = (None, None, None, Map::new());
    let access = SecretString::from(whole);
    Ok(Posted { state, grant: Grant { access, expires_in, refresh, refresh_expires_in, scopes, extra } })
}

/// The only value of a parameter.
fn only<'a>(query: &'a [(String, String)], name: &str) -> Result<&'a str, Failure> {
    let mut values = query.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str());
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        _ => Err(Failure::Refused(format!("expected {name}, once"))),
    }
}

/// How the browser comes back.
pub(super) fn returned(query: &[(String, String)]) -> Result<Callback, Failure> {
    let (success, state) = (only(query, "success")?, only(query, "user_id")?);
    match success {
        "1" => Ok(Callback { code: SecretString::default(), state: state.to_owned(), account: None }),
        _ => Err(Failure::NeedsAuthorization("the merchant did not agree".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    const BACK: &str = "https://segments.example/oauth/callback/woocommerce";

    fn request(redirect_uri: &str) -> AuthorizeRequest<'_> {
        AuthorizeRequest {
            account: "shop.example/tienda",
            redirect_uri,
            state: "st",
            settings: &kit::install::NO_SETTINGS,
        }
    }

    #[test]
    fn the_merchant_is_sent_to_the_stores_own_page() {
        let url = authorize(&Platform::default(), "shop.example/tienda", &request(BACK)).unwrap();
        assert!(url.as_str().starts_with("https://shop.example/tienda/wc-auth/v1/authorize?"), "{url}");
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["app_name", "scope", "user_id", "return_url", "callback_url"]);
        assert_eq!((only(&pairs, "user_id"), only(&pairs, "scope")), (Ok("st"), Ok("read_write")));
        assert_eq!((only(&pairs, "return_url"), only(&pairs, "callback_url")), (Ok(BACK), Ok(BACK)));
        let plain = authorize(&Platform::default(), "shop.example", &request("http://127.0.0.1/back"));
        assert!(matches!(plain, Err(Failure::Refused(_))));
        assert!(authorize(&Platform::default(), "http://shop.example", &request(BACK)).is_err());
    }

    #[test]
    fn what_is_posted_is_a_whole_key_for_a_state() {
        let body = br#"{"key_id":17,"user_id":"st","consumer_key":"ck_1","consumer_secret":"cs_2",
            "key_permissions":"read_write"}"#;
        let posted = posted(body).unwrap();
        assert_eq!((posted.state.as_str(), posted.grant.access.expose_secret()), ("st", "ck_1:cs_2"));
        assert_eq!(posted.grant.scopes, Some(vec!["read".to_owned(), "write".to_owned()]));
        for body in [
            "",
            "{}",
            r#"{"user_id":"","consumer_key":"ck_1","consumer_secret":"cs_2"}"#,
            r#"{"user_id":"st","consumer_key":"ck_1"}"#,
            r#"{"user_id":"st","consumer_key":"cs_2","consumer_secret":"ck_1"}"#,
        ] {
            let error = super::posted(body.as_bytes()).unwrap_err();
            assert!(matches!(&error, Failure::Refused(why) if !why.contains("cs_2")), "{error}");
        }
    }

    #[test]
    fn what_the_browser_brings_back_is_checked() {
        let read = |pairs: &[(&str, &str)]| {
            let query: Vec<_> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            returned(&query)
        };
        assert_eq!(read(&[("success", "1"), ("user_id", "st")]).unwrap().state, "st");
        assert!(matches!(read(&[("success", "0"), ("user_id", "st")]), Err(Failure::NeedsAuthorization(_))));
        for pairs in
            [&[("success", "1")][..], &[("user_id", "st")], &[("success", "1"), ("success", "1"), ("user_id", "a")]]
        {
            assert!(matches!(read(pairs), Err(Failure::Refused(_))), "{pairs:?}");
        }
    }
}
