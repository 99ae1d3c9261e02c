//! Authorization as the platform documents it.

mod shopify_support;

use segmentd_simulators::shopify::{AppOptions, ShopOptions, ShopifySim, SimOptions, sign};
use serde_json::{Value, json};
use shopify_support::{SECRET, SHOP, client};
use std::collections::BTreeMap;

const BACK: &str = "https://app.example.com/auth/callback";

fn options() -> SimOptions {
    let app = AppOptions { redirect_uris: vec![BACK.to_owned()], ..AppOptions::default() };
    SimOptions { app, shops: vec![ShopOptions::named(SHOP)], ..SimOptions::default() }
}

fn url(base: &str, changes: &[(&str, &str)]) -> String {
    let mut query: BTreeMap<&str, &str> = BTreeMap::from([
        ("client_id", "client-id-0001"),
        ("scope", "read_orders,read_customers,write_customers"),
        ("redirect_uri", BACK),
        ("state", "s1"),
        ("sim_approve", "1"),
    ]);
    query.extend(changes.iter().copied());
    query.retain(|_, value| !value.is_empty());
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{base}/{SHOP}/admin/oauth/authorize?{query}")
}

/// Approves; the parameters of the callback.
async fn approve(base: &str, changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let answer = client().get(url(base, changes)).send().await.unwrap();
    assert_eq!(answer.status(), 302, "{}", answer.text().await.unwrap());
    let location = answer.headers()["location"].to_str().unwrap();
    let (target, query) = location.split_once('?').unwrap();
    assert_eq!(target, BACK);
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

async fn token(base: &str, body: Value) -> (u16, Value) {
    let mut whole = json!({"client_id": "client-id-0001", "client_secret": SECRET});
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    let url = format!("{base}/{SHOP}/admin/oauth/access_token");
    let answer = client().post(url).json(&whole).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn works(base: &str, token: &str) -> bool {
    let url = format!("{base}/{SHOP}/admin/api/2026-10/graphql.json");
    let body = json!({"query": "{ shop { name } }"});
    let answer = client().post(url).header("X-Shopify-Access-Token", token).json(&body).send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    if status == 401 {
        let said = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        assert_eq!(body, json!({"errors": said}));
    }
    status == 200
}

#[tokio::test]
async fn the_screen_checks_what_is_asked_and_leads_back_signed() {
    let sim = ShopifySim::start(options()).await.unwrap();
    let wrong: [&[(&str, &str)]; 6] = [
        &[("client_id", "other")],
        &[("redirect_uri", "https://app.example.com/auth/callback/")],
        &[("redirect_uri", "https://evil.example/")],
        &[("state", "")],
        &[("scope", "everything")],
        &[("scope", "")],
    ];
    for changes in wrong {
        let answer = client().get(url(sim.base(), changes)).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{changes:?}");
    }
    let screen = client().get(url(sim.base(), &[("sim_approve", "")])).send().await.unwrap().text().await.unwrap();
    assert!(screen.contains("<li>write_customers</li>") && screen.contains("approve"), "{screen}");
    let form = [
        ("client_id", "client-id-0001"),
        ("scope", "read_orders"),
        ("redirect_uri", BACK),
        ("state", "a b=c"),
        ("decision", "approve"),
    ];
    let post = |form: Vec<(&'static str, &'static str)>| {
        client().post(format!("{}/{SHOP}/admin/oauth/authorize", sim.base())).form(&form).send()
    };
    let answer = post(form.to_vec()).await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let query = location.split_once('?').unwrap().1;
    let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "hmac", "host", "shop", "state", "timestamp"]);
    assert_eq!(pairs[1].1, sign::query(SECRET, &pairs));
    assert_eq!((pairs[3].1.as_str(), pairs[4].1.as_str()), (SHOP, "a b=c"));
    let denied = post([form[0], form[1], form[2], form[3], ("decision", "deny")].to_vec()).await.unwrap();
    assert_eq!(denied.status(), 200);
    let unknown = client().get(format!("{}/other.myshopify.com/admin/oauth/authorize", sim.base())).send().await;
    assert_eq!(unknown.unwrap().status(), 404);
}

#[tokio::test]
async fn a_code_gives_a_pair_once_and_soon() {
    let sim = ShopifySim::start(options()).await.unwrap();
    sim.set_clock(Some(1_772_366_400));
    let back = approve(sim.base(), &[]).await;
    let code = &back["code"];
    let (status, _) = token(sim.base(), json!({"code": code, "client_secret": "wrong", "expiring": "1"})).await;
    assert_eq!(status, 401);
    let (status, eternal) = token(sim.base(), json!({"code": code})).await;
    assert_eq!((status, eternal["error"].is_string()), (403, true), "a public app gets no eternal token");
    let (status, pair) = token(sim.base(), json!({"code": code, "expiring": "1"})).await;
    assert_eq!(status, 200);
    assert!(pair["access_token"].as_str().unwrap().starts_with("shpat_"));
    assert!(pair["refresh_token"].as_str().unwrap().starts_with("shprt_"));
    // Compressed: writing implies reading.
    assert_eq!(pair["scope"], "read_orders,write_customers");
    assert_eq!((&pair["expires_in"], &pair["refresh_token_expires_in"]), (&json!(3600), &json!(7_776_000)));
    let (status, again) = token(sim.base(), json!({"code": code, "expiring": "1"})).await;
    assert_eq!(status, 400);
    assert!(again["error"].is_string() && again["error_description"].is_string());
    let late = approve(sim.base(), &[]).await;
    sim.advance(61);
    assert_eq!(token(sim.base(), json!({"code": late["code"], "expiring": "1"})).await.0, 400);
    // The same as a form.
    let form = [("client_id", "client-id-0001"), ("client_secret", SECRET), ("expiring", "1")];
    let code = approve(sim.base(), &[]).await["code"].clone();
    let request = client().post(format!("{}/{SHOP}/admin/oauth/access_token", sim.base()));
    let answer = request.form(&[form.as_slice(), &[("code", code.as_str())]].concat()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn refreshing_rotates_and_the_old_one_works_until_the_new_one_is_used() {
    let sim = ShopifySim::start(options()).await.unwrap();
    sim.set_clock(Some(1_772_366_400));
    let base = sim.base();
    let first = sim.shop(SHOP).install(&["read_orders"]).unwrap();
    let refresh = |token: &str| json!({"grant_type": "refresh_token", "refresh_token": token});
    let old = first.refresh_token.unwrap();
    assert!(works(base, &first.access_token).await);
    sim.advance(3600);
    assert!(!works(base, &first.access_token).await, "an hour is over");
    let (_, second) = token(base, refresh(&old)).await;
    // The answer was lost: the old one gives another pair.
    let (status, third) = token(base, refresh(&old)).await;
    assert_eq!(status, 200);
    assert_ne!(second["refresh_token"], third["refresh_token"]);
    assert!(works(base, third["access_token"].as_str().unwrap()).await);
    let (status, _) = token(base, refresh(third["refresh_token"].as_str().unwrap())).await;
    assert_eq!(status, 200);
    let (status, ended) = token(base, refresh(&old)).await;
    assert_eq!((status, &ended["error"]), (400, &json!("invalid_grant")), "the new one was used");
    // At most 30 days after its own first use, and 90 in all.
    let lone = sim.shop(SHOP).install(&["read_orders"]).unwrap().refresh_token.unwrap();
    assert_eq!(token(base, refresh(&lone)).await.0, 200);
    sim.advance(30 * 86_400 - 1);
    assert_eq!(token(base, refresh(&lone)).await.0, 200);
    sim.advance(1);
    assert_eq!(token(base, refresh(&lone)).await.0, 400);
    let unused = sim.shop(SHOP).install(&["read_orders"]).unwrap().refresh_token.unwrap();
    sim.advance(90 * 86_400);
    assert_eq!(token(base, refresh(&unused)).await.0, 400);
}

#[tokio::test]
async fn tokens_end_with_the_installation_and_with_their_secret() {
    let sim = ShopifySim::start(options()).await.unwrap();
    let (base, shop) = (sim.base(), sim.shop(SHOP));
    let pair = shop.install(&["read_orders"]).unwrap();
    shop.uninstall().unwrap();
    assert!(!works(base, &pair.access_token).await);
    let grant = json!({"grant_type": "refresh_token", "refresh_token": pair.refresh_token});
    assert_eq!(token(base, grant).await.0, 400);
    assert!(shop.uninstall().is_err(), "it is not there any more");
    let minted_by_old = shop.install(&["read_orders"]).unwrap();
    sim.change_app(|app| app.secrets.push("shpss_new".to_owned()));
    let minted_by_new = shop.install(&["read_orders"]).unwrap();
    assert!(works(base, &minted_by_old.access_token).await);
    sim.change_app(|app| drop(app.secrets.remove(0)));
    assert!(!works(base, &minted_by_old.access_token).await, "its secret was revoked");
    assert!(works(base, &minted_by_new.access_token).await);
}

#[tokio::test]
async fn a_custom_app_may_hold_an_eternal_token_and_migrate_it_once() {
    let mut options = options();
    options.app.public = false;
    options.shops[0].grants_only = Some(vec!["read_orders".to_owned(), "read_customers".to_owned()]);
    let sim = ShopifySim::start(options).await.unwrap();
    let code = approve(sim.base(), &[]).await["code"].clone();
    let (status, eternal) = token(sim.base(), json!({"code": code})).await;
    assert_eq!((status, eternal.get("expires_in")), (200, None));
    assert_eq!(eternal["scope"], "read_customers,read_orders", "fewer than asked");
    let offline = "urn:shopify:params:oauth:token-type:offline-access-token";
    let exchange = json!({
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": eternal["access_token"],
        "subject_token_type": offline, "requested_token_type": offline, "expiring": "1",
    });
    let (status, pair) = token(sim.base(), exchange.clone()).await;
    assert_eq!((status, &pair["expires_in"]), (200, &json!(3600)));
    assert!(!works(sim.base(), eternal["access_token"].as_str().unwrap()).await);
    assert_eq!(token(sim.base(), exchange).await.1["error"], "invalid_subject_token");
    let client = token(sim.base(), json!({"grant_type": "client_credentials"})).await;
    assert_eq!((client.0, &client.1["error"]), (400, &json!("shop_not_permitted")));
}
