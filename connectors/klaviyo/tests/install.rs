//! Connecting: by OAuth with PKCE, and by a key.

mod support;

use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Install};
use secrecy::ExposeSecret;
use segmentd_connector_klaviyo::CONNECTOR;
use segmentd_simulators::klaviyo::SimOptions;
use std::time::Duration;
use support::{KEY, World, options};

const BACK: &str = "https://segments.example.com/oauth/callback/klaviyo";

fn role() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

fn request(state: &str) -> AuthorizeRequest<'_> {
    AuthorizeRequest { account: "", redirect_uri: BACK, state, settings: &kit::install::NO_SETTINGS }
}

/// The merchant agrees; what the browser comes back with.
async fn agree(world: &World, state: &str) -> Vec<(String, String)> {
    let platform = world.platform(world.sim.base());
    let url = role().authorize(&platform, &request(state)).unwrap();
    let answer = kit::http::HttpClient::new(true).unwrap();
    let answer = answer.send(kit::http::Request::get(format!("{url}&sim_approve=1"))).await.unwrap();
    let to = answer.header("location").unwrap().to_owned();
    let (_, query) = to.split_once('?').unwrap();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

#[tokio::test]
async fn a_code_is_good_for_whoever_began_and_the_pair_is_refreshed_until_it_is_taken_back() {
    let world = World::start(options()).await;
    let platform = world.platform(world.sim.base());
    let back = role().callback(&platform, &agree(&world, "st-1").await, 0).unwrap();
    assert_eq!(back.state, "st-1");
    let stolen = role().exchange(&platform, &back.code, &request("st-2")).await;
    assert!(matches!(stolen, Err(Failure::NeedsAuthorization(_))), "another browser's code");
    let back = role().callback(&platform, &agree(&world, "st-1").await, 0).unwrap();
    let grant = role().exchange(&platform, &back.code, &request("st-1")).await.unwrap();
    assert_eq!(grant.expires_in, Some(Duration::from_secs(3_600)));
    assert!(grant.scopes.as_ref().unwrap().contains(&"lists:write".to_owned()));
    let who = role().identify(&world.connection(grant.access.expose_secret()), grant.scopes.as_deref()).await.unwrap();
    assert_eq!((who.account.as_str(), who.name.as_str(), who.missing.len()), ("AbC123", "Tienda", 0));
    assert_eq!((&who.details["currency"], &who.details["time_zone"]), (&"MXN".into(), &"America/Mexico_City".into()));
    let refresh = grant.refresh.unwrap();
    world.sim.expire_tokens();
    let new = role().refresh(&platform, "AbC123", &refresh).await.unwrap();
    assert!(world.sim.is_good(new.access.expose_secret()));
    role().unregister(&world.connection(new.access.expose_secret())).await.unwrap();
    assert!(!world.sim.is_good(new.access.expose_secret()));
    let gone = role().refresh(&platform, "AbC123", &refresh).await;
    assert!(matches!(gone, Err(Failure::NeedsAuthorization(_))), "{:?}", gone.err());
    world.calls();
}

#[tokio::test]
async fn a_key_tells_whose_it_is_and_what_it_lacks() {
    let keys = [("pk_full", ""), ("pk_reads", "accounts:read lists:read"), ("pk_none", "profiles:read")];
    let keys = keys.map(|(key, scopes)| (key.to_owned(), scopes.split_whitespace().map(str::to_owned).collect()));
    // Whose a key is may be asked once a second.
    let world = World::start(SimOptions { keys: keys.into(), limits: false, ..options() }).await;
    let identify = async |key: &str| role().identify(&world.connection(key), None).await;
    assert_eq!(identify("pk_full").await.unwrap().missing, [""; 0]);
    let reads = identify("pk_reads").await.unwrap();
    assert_eq!((reads.scopes.len(), reads.missing.len()), (2, 1));
    assert!(reads.missing[0].starts_with("profiles:read: "), "{:?}", reads.missing);
    let Err(Failure::NeedsAuthorization(why)) = identify("pk_none").await else { panic!() };
    assert!(why.contains("accounts:read"), "{why}");
    assert!(matches!(identify(KEY).await, Err(Failure::NeedsAuthorization(_))));
    role().unregister(&world.connection("pk_full")).await.unwrap();
    assert!(role().register(&world.connection("pk_full")).await.unwrap().made.is_empty());
    world.calls();
}

#[tokio::test]
async fn scopes_that_a_merchant_did_not_grant_are_told() {
    let world = World::start(options()).await;
    let granted = ["accounts:read", "lists:read", "profiles:read", "profiles:write"].map(str::to_owned);
    let token = world.sim.issue_token(&["accounts:read"]);
    let who = role().identify(&world.connection(&token), Some(&granted)).await.unwrap();
    let missing: Vec<&str> = who.missing.iter().map(|one| one.split(": ").next().unwrap()).collect();
    assert_eq!(missing, ["lists:write", "data-privacy:write"]);
}
