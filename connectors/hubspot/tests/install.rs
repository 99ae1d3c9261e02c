//! Accounts are connected, known by their token, and lose it.

mod support;

use kit::failure::Failure;
use kit::install::{Install, RefreshReuse};
use secrecy::ExposeSecret;
use segmentd_connector_hubspot::CONNECTOR;
use segmentd_simulators::hubspot::{SCOPES, SimOptions};
use std::time::Duration;
use support::{PORTAL, World};

fn role() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

#[tokio::test]
async fn a_code_becomes_a_pair_whose_account_and_scopes_are_known() {
    let world = World::start(SimOptions::default()).await;
    let platform = world.platform(world.sim.base());
    let redirect_uri = "https://segments.example.com/oauth/callback/hubspot";
    let request =
        kit::install::AuthorizeRequest { account: "", redirect_uri, state: "st", settings: &kit::install::NO_SETTINGS };
    let mut url = role().authorize(&platform, &request).unwrap();
    url.query_pairs_mut().append_pair("sim_approve", "1");
    let client = reqwest_client();
    let back = client.get(url).send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let back = reqwest::Url::parse(&back).unwrap();
    let query: Vec<(String, String)> = back.query_pairs().into_owned().collect();
    let callback = role().callback(&platform, &query, 0).unwrap();
    let grant = role().exchange(&platform, &callback.code, &request).await.unwrap();
    assert_eq!(grant.expires_in, Some(Duration::from_secs(1_800)));
    let who = role().identify(&world.connection_with(grant.access.expose_secret()), None).await.unwrap();
    assert_eq!((who.account, who.missing.len()), (PORTAL.to_string(), 0));
    assert_eq!(who.scopes, SCOPES);
    // A code is good once.
    let again = role().exchange(&platform, &callback.code, &request).await;
    assert!(again.is_err(), "a code is good once");
    world.assert_right();
}

#[tokio::test]
async fn a_refresh_goes_on_until_the_app_is_taken_off() {
    let world = World::start(SimOptions::default()).await;
    let platform = world.platform(world.sim.base());
    let (_, refresh) = world.sim.pair(PORTAL);
    for _ in 0..2 {
        let grant = role().refresh(&platform, "", &refresh.as_str().into()).await.unwrap();
        assert_eq!(grant.refresh.unwrap().expose_secret(), refresh);
    }
    assert_eq!(role().capabilities().refresh_reuse, RefreshReuse::UntilNewIsUsed);
    world.sim.uninstall(PORTAL);
    let dead = role().refresh(&platform, "", &refresh.as_str().into()).await;
    assert!(matches!(dead, Err(Failure::NeedsAuthorization(_))), "{dead:?}");
    world.assert_right();
}

#[tokio::test]
async fn a_private_app_is_known_by_its_token_and_what_it_lacks_is_told() {
    let world = World::start(SimOptions::default()).await;
    let token = world.sim.private_token(PORTAL, &["crm.objects.contacts.read"]);
    let who = role().identify(&world.connection_with(&token), None).await.unwrap();
    assert_eq!(who.account, PORTAL.to_string());
    assert_eq!(who.missing.len(), 3, "{:?}", who.missing);
    for unknown in ["pat-na1-00000000", "CJ-unknown"] {
        let who = role().identify(&world.connection_with(unknown), None).await;
        assert!(matches!(who, Err(Failure::NeedsAuthorization(_))), "{who:?}");
    }
}

fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}
