//! Tokens: offline and expiring, in pairs.

use crate::{config, scopes};
use kit::failure::Failure;
use kit::http::HttpClient;
use kit::oauth::{BodyStyle, Server};
use kit::platform::{App, Platform};
use kit::token::Grant;
use reqwest::Url;
use secrecy::SecretString;
use std::time::Duration;

/// The life of a token whose answer does not tell it.
const LIFE_USUAL: Duration = Duration::from_secs(3_600);

fn server(platform: &Platform, shop: &str) -> Server {
    let base = config::base(platform, shop);
    Server {
        authorize_url: format!("{base}/admin/oauth/authorize"),
        token_url: format!("{base}/admin/oauth/access_token"),
        scope_separator: ",",
        body: BodyStyle::Json,
    }
}

pub(super) fn app(platform: &Platform) -> Result<&App, Failure> {
    let unset = || Failure::Refused("no Shopify app is set up: set its client id and secret".to_owned());
    platform.app.as_ref().ok_or_else(unset)
}

pub(super) fn authorize(platform: &Platform, shop: &str, back: (&str, &str)) -> Result<Url, Failure> {
    server(platform, shop).authorize(app(platform)?, back, &scopes::asked(platform), &[])
}

pub(super) async fn exchange(platform: &Platform, shop: &str, code: (&SecretString, &str)) -> Result<Grant, Failure> {
    let http = HttpClient::new(platform.allow_private)?;
    // Tokens that never expire are refused to new apps, and to all public ones from 2027 on.
    let expiring = [("expiring", "1".to_owned())];
    let grant = server(platform, shop).exchange(&http, app(platform)?, code, &expiring).await?;
    Ok(with_life(grant))
}

pub(super) async fn refresh(platform: &Platform, shop: &str, refresh: &SecretString) -> Result<Grant, Failure> {
    let http = HttpClient::new(platform.allow_private)?;
    let grant = server(platform, shop).refresh(&http, app(platform)?, refresh, &[]).await?;
    let grant = with_life(grant);
    // A refresh whose answer names no new refresh token leaves the old one: the token expires all the same.
    Ok(Grant { expires_in: grant.expires_in.or(Some(LIFE_USUAL)), ..grant })
}

/// A token with a refresh token expires, whether the answer says when or not.
fn with_life(grant: Grant) -> Grant {
    let usual = grant.refresh.as_ref().map(|_| LIFE_USUAL);
    Grant { expires_in: grant.expires_in.or(usual), ..grant }
}
