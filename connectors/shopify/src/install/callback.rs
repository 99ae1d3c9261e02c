//! What a browser brings back, signed by the platform over all its parameters.

use super::oauth::app;
use crate::shop;
use kit::failure::Failure;
use kit::install::Callback;
use kit::platform::Platform;
use kit::signature::{from_hex, verified};
use reqwest::Url;
use std::collections::BTreeMap;

/// How far a request's time may lie from ours, seconds.
const AGE_SECONDS_MAX: i64 = 300;
/// Parameters of a request.
const PARAMETERS_MAX: usize = 50;

fn refused(why: &str) -> Failure {
    Failure::Refused(format!("the request is not to be trusted: {why}"))
}

/// The parameters, after their signature, age and shop were checked; with the shop.
fn checked<'a>(
    platform: &Platform,
    query: &'a [(String, String)],
    now: i64,
) -> Result<(BTreeMap<&'a str, &'a str>, String), Failure> {
    if query.len() > PARAMETERS_MAX {
        return Err(refused("too many parameters"));
    }
    let mut parameters = BTreeMap::new();
    for (name, value) in query {
        if parameters.insert(name.as_str(), value.as_str()).is_some() {
            return Err(refused("a parameter is given twice"));
        }
    }
    let signature = parameters.get("hmac").and_then(|hmac| from_hex(hmac));
    let signature = signature.ok_or_else(|| refused("no hmac in hex"))?;
    if !verified(&app(platform)?.secrets, signed_text(&parameters).as_bytes(), &signature) {
        return Err(refused("none of the app's secrets made its hmac"));
    }
    let timestamp = parameters.get("timestamp").filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let timestamp: i64 = timestamp.and_then(|text| text.parse().ok()).ok_or_else(|| refused("no timestamp"))?;
    if now.saturating_sub(timestamp).saturating_abs() > AGE_SECONDS_MAX {
        return Err(refused("its timestamp is more than 5 minutes off; begin again"));
    }
    let shop = parameters.get("shop").and_then(|shop| shop::parse(shop));
    Ok((parameters, shop.ok_or_else(|| refused("it names no shop"))?))
}

/// What the platform signs: everything but the signature, sorted by name, in form encoding.
fn signed_text(parameters: &BTreeMap<&str, &str>) -> String {
    let Ok(mut url) = Url::parse("https://shop/") else { return String::new() };
    let signed = parameters.iter().filter(|(name, _)| !matches!(**name, "hmac" | "signature"));
    url.query_pairs_mut().extend_pairs(signed);
    url.query().unwrap_or_default().to_owned()
}

pub(super) fn callback(platform: &Platform, query: &[(String, String)], now: i64) -> Result<Callback, Failure> {
    let (parameters, shop) = checked(platform, query, now)?;
    if let Some(error) = parameters.get("error") {
        let why: String = error.chars().filter(|letter| !letter.is_control()).take(100).collect();
        return Err(Failure::NeedsAuthorization(format!("the merchant did not agree: {why}")));
    }
    let given = |name: &str| parameters.get(name).copied().filter(|value| !value.is_empty());
    let code = given("code").ok_or_else(|| refused("no code"))?.into();
    let state = given("state").ok_or_else(|| refused("no state"))?.to_owned();
    Ok(Callback { code, state, account: Some(shop) })
}

pub(super) fn arrival(platform: &Platform, query: &[(String, String)], now: i64) -> Result<String, Failure> {
    checked(platform, query, now).map(|(_, shop)| shop)
}
