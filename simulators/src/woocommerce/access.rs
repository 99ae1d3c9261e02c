//! Who calls: how a key is shown, and what it may do.

use super::oauth1;
use super::problem::{Reply, refusal};
use super::query::{Query, text};
use super::world::{Key, Shop};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Nonces that are remembered.
const NONCES_MAX: usize = 100_000;

/// A call, as far as it matters here.
pub(super) struct Caller<'a> {
    pub(super) method: &'a str,
    /// The path behind the store's folder.
    pub(super) path: &'a str,
    /// Everything in the query, `rest_route` too.
    pub(super) query: &'a Query,
    pub(super) authorization: Option<&'a str>,
}

fn basic(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let (key, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((key.to_owned(), secret.to_owned()))
}

fn wrong(message: &str) -> Reply {
    let realm = "Basic realm=\"WooCommerce API. Use a consumer key in the username field and a consumer secret\"";
    refusal(401, "woocommerce_rest_authentication_error", message).with("www-authenticate", realm.to_owned())
}

/// The key of a call; `None` for an anonymous one.
fn key(shop: &mut Shop, caller: &Caller<'_>) -> Result<Option<Key>, Reply> {
    let find = |shop: &Shop, name: &str| shop.keys.iter().find(|key| key.key == name).cloned();
    if shop.options.tls {
        let query = (text(caller.query, "consumer_key"), text(caller.query, "consumer_secret"));
        let shown = if !query.0.is_empty() && !query.1.is_empty() {
            Some((query.0.to_owned(), query.1.to_owned()))
        } else {
            caller.authorization.filter(|_| !shop.options.drops_authorization).and_then(basic)
        };
        let Some((name, secret)) = shown else { return Ok(None) };
        return match find(shop, &name) {
            None => Ok(None),
            Some(key) if key.secret == secret => Ok(Some(key)),
            Some(_) => Err(wrong("Consumer secret is invalid.")),
        };
    }
    match oauth1::missing(caller.query) {
        None => return Ok(None),
        Some(missing) if !missing.is_empty() => {
            let message = format!("Missing OAuth parameters: {}", missing.join(", "));
            return Err(refusal(401, "woocommerce_rest_authentication_missing_parameter", &message));
        }
        Some(_) => {}
    }
    let Some(key) = find(shop, text(caller.query, "oauth_consumer_key")) else {
        return Err(wrong("Consumer key is invalid."));
    };
    let site = shop.options.home.split_once("://").map_or(shop.options.home.as_str(), |(_, site)| site);
    let url = format!("http://{site}{}", caller.path);
    if let Some(why) = oauth1::wrong(caller.method, &url, caller.query, &key.secret, shop.now()) {
        return Err(wrong(why));
    }
    let nonce = (key.key.clone(), text(caller.query, "oauth_nonce").to_owned());
    if shop.nonces.len() >= NONCES_MAX || !shop.nonces.insert(nonce) {
        return Err(wrong("Invalid nonce - nonce has already been used."));
    }
    Ok(Some(key))
}

/// Whether a call may do what it is about to.
pub(super) fn may(shop: &mut Shop, caller: &Caller<'_>) -> Result<(), Reply> {
    let reads = matches!(caller.method, "GET" | "HEAD" | "OPTIONS");
    let (what, verb) = if reads { ("view", "list") } else { ("edit", "edit") };
    let cannot = |status| {
        let message = format!("Sorry, you cannot {verb} resources.");
        refusal(status, &format!("woocommerce_rest_cannot_{what}"), &message)
    };
    let Some(key) = key(shop, caller)? else { return Err(cannot(401)) };
    let needed = if reads { "read" } else { "write" };
    if !key.permissions.split('_').any(|right| right == needed) {
        return Err(wrong(&format!("The API key provided does not have {needed} permissions.")));
    }
    if key.manages { Ok(()) } else { Err(cannot(403)) }
}
