//! Authorization: the consent screen, codes, tokens and their ends.

mod authorize;
mod exchange;
mod install;
pub(super) mod scopes;

pub(super) use authorize::{approve, authorize};
pub(super) use exchange::exchange;
pub(super) use install::Installation;
pub use install::Installed;

use super::sign;
use super::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::collections::BTreeMap;

/// An authorization code that was not used.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) scopes: Vec<String>,
    pub(super) expires_at: i64,
    pub(super) online: bool,
}

/// The codes of a shop.
pub(super) type Codes = BTreeMap<String, Code>;

/// Whether a host is a shop's: as strict as the platform.
pub(super) fn is_shop(host: &str) -> bool {
    let Some(name) = host.strip_suffix(".myshopify.com") else { return false };
    let letter = |letter: char| letter.is_ascii_alphanumeric();
    name.chars().next().is_some_and(letter) && name.chars().all(|one| letter(one) || one == '-')
}

/// `host` of a callback: the shop's place in the admin.
fn admin_host(shop: &str) -> String {
    let name = shop.strip_suffix(".myshopify.com").unwrap_or(shop);
    STANDARD_NO_PAD.encode(format!("admin.shopify.com/store/{name}"))
}

/// Parameters with their signature, as a query.
fn signed(world: &World, mut pairs: Vec<(String, String)>) -> String {
    let secret = world.options.app.secrets.first().map(String::as_str).unwrap_or_default();
    let hmac = sign::query(secret, &pairs);
    pairs.push(("hmac".to_owned(), hmac));
    pairs.sort();
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The query with which the platform opens the app's URL.
pub(super) fn install_query(world: &mut World, shop: &str) -> String {
    let pairs = [("host", admin_host(shop)), ("shop", shop.to_owned()), ("timestamp", world.now().to_string())];
    signed(world, pairs.map(|(name, value)| (name.to_owned(), value)).to_vec())
}

/// The query of a request through the app proxy.
pub(super) fn proxy_query(world: &World, shop: &str, path_prefix: &str, customer: Option<u64>) -> String {
    let secret = world.options.app.secrets.first().map(String::as_str).unwrap_or_default();
    let pairs = [
        ("shop", shop.to_owned()),
        ("path_prefix", path_prefix.to_owned()),
        ("timestamp", world.now().to_string()),
        ("logged_in_customer_id", customer.map(|id| id.to_string()).unwrap_or_default()),
    ];
    let mut pairs = pairs.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let signature = sign::proxy(secret, &pairs);
    pairs.push(("signature".to_owned(), signature));
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
