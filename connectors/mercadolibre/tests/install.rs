//! Connecting a seller, against the simulator.

mod support;

use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Install, NO_SETTINGS};
use kit::token::Grant;
use secrecy::ExposeSecret;
use segmentd_connector_mercadolibre::CONNECTOR;
use segmentd_simulators::mercadolibre::SimOptions;
use serde_json::{Map, Value, json};
use support::{World, map, platform};

const BACK: &str = "https://segments.example/oauth/callback/mercadolibre";

fn install() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

fn begun<'a>(state: &'a str, settings: &'a Map<String, Value>) -> AuthorizeRequest<'a> {
    AuthorizeRequest { account: "", redirect_uri: BACK, state, settings }
}

/// A seller agrees; with what the browser comes back.
async fn agree(world: &World, state: &str) -> Vec<(String, String)> {
    let url = install().authorize(&platform(world.sim.base()), &begun(state, &NO_SETTINGS)).unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    let answer = client.get(format!("{url}&sim_approve=1")).send().await.unwrap();
    let to: reqwest::Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    to.query_pairs().into_owned().collect()
}

async fn connect(world: &World) -> Result<Grant, Failure> {
    let platform = platform(world.sim.base());
    let back = install().callback(&platform, &agree(world, "st").await, 0)?;
    install().exchange(&platform, &back.code, &begun("st", &NO_SETTINGS)).await
}

#[tokio::test]
async fn a_seller_agrees_and_a_refresh_token_is_good_once() {
    let world = World::start().await;
    let grant = connect(&world).await.unwrap();
    assert_eq!(grant.expires_in.unwrap().as_secs(), 21_600);
    assert!(grant.refresh_expires_in.unwrap().as_secs() > 180 * 86_400);
    assert_eq!(grant.scopes.unwrap(), ["offline_access", "read", "write"]);
    let platform = platform(world.sim.base());
    let refresh = grant.refresh.unwrap();
    let next = install().refresh(&platform, support::SELLER, &refresh).await.unwrap();
    assert_ne!(next.refresh.unwrap().expose_secret(), refresh.expose_secret());
    let again = install().refresh(&platform, support::SELLER, &refresh).await;
    assert!(matches!(again, Err(Failure::NeedsAuthorization(_))), "{again:?}");
}

#[tokio::test]
async fn a_code_is_good_for_whoever_began() {
    let world = World::start().await;
    let platform = platform(world.sim.base());
    let back = install().callback(&platform, &agree(&world, "one").await, 0).unwrap();
    let other = install().exchange(&platform, &back.code, &begun("two", &NO_SETTINGS)).await;
    assert!(matches!(other, Err(Failure::NeedsAuthorization(_))), "{other:?}");
    world.sim.set_operator(true);
    let back = install().callback(&platform, &agree(&world, "st").await, 0);
    let Err(Failure::NeedsAuthorization(why)) = back else { panic!("{back:?}") };
    assert!(why.contains("invalid_operator_user_id"), "{why}");
}

#[tokio::test]
async fn who_it_is_is_told_with_currency_and_zone_of_the_site() {
    for (site, currency, zone) in [("MLM", "MXN", "America/Mexico_City"), ("MLB", "BRL", "America/Sao_Paulo")] {
        let mut options = SimOptions::default();
        options.sellers[0].site = site.to_owned();
        let world = World::with(options).await;
        let scopes = ["read".to_owned()];
        let who = install().identify(&world.connection(), Some(&scopes)).await.unwrap();
        assert_eq!((who.account.as_str(), who.name.as_str()), (support::SELLER, "TIENDA"));
        let told = ["site", "currency", "time_zone", "app_id"].map(|name| who.details[name].as_str().unwrap());
        assert_eq!(told, [site, currency, zone, support::APP]);
        assert_eq!(who.missing.len(), 1, "{:?}", who.missing);
    }
    let mut options = SimOptions::default();
    options.sellers[0].site = "CBT".to_owned();
    let world = World::with(options).await;
    assert!(matches!(install().identify(&world.connection(), None).await, Err(Failure::Refused(_))));
}

#[test]
fn sellers_log_in_at_the_host_of_their_country() {
    let platform = |site: Option<&str>| {
        let settings = site.map(|site| map(json!({"site": site}))).unwrap_or_default();
        kit::platform::Platform { address: None, settings, ..support::platform("") }
    };
    let host = |site: Option<&str>, settings: Value| {
        install().authorize(&platform(site), &begun("st", &map(settings))).map(|url| url.host_str().unwrap().to_owned())
    };
    assert_eq!(host(Some("MLM"), json!({})).unwrap(), "auth.mercadolibre.com.mx");
    assert_eq!(host(Some("MLM"), json!({"site": "mlb"})).unwrap(), "auth.mercadolivre.com.br");
    for (site, settings) in [(None, json!({})), (Some("MLM"), json!({"site": "MX"}))] {
        let Err(Failure::Refused(why)) = host(site, settings) else { panic!("{site:?}") };
        assert!(why.contains("site") && why.contains("MLA"), "{why}");
    }
    let url = install().authorize(&platform(Some("MLA")), &begun("st", &NO_SETTINGS)).unwrap();
    let query: Map<String, Value> =
        url.query_pairs().map(|(name, value)| (name.into(), value.as_ref().into())).collect();
    assert_eq!((&query["state"], &query["redirect_uri"]), (&json!("st"), &json!(BACK)));
    assert_eq!((&query["code_challenge_method"], query.get("scope")), (&json!("S256"), None));
    assert!(install().account(" 779432305 ").is_ok() && install().account("TIENDA").is_err());
}
