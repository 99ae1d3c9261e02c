//! Stores are connected: how they are called is found out, what the key may do is told, webhooks are mended.

mod support;

use kit::failure::Failure;
use kit::install::{Identified, Install};
use secrecy::ExposeSecret;
use segmentd_connector_woocommerce::CONNECTOR;
use serde_json::{Value, json};
use support::server::{Fault, Store};
use support::{KEY, known, unknown};

fn install() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

async fn identify(store: &Store) -> Result<Identified, Failure> {
    install().identify(&unknown(&store.base, "shop.example", KEY), None).await
}

#[tokio::test]
async fn a_store_tells_how_it_is_called() {
    let store = Store::start().await;
    let found = identify(&store).await.unwrap();
    assert_eq!((found.account.as_str(), found.name.as_str()), ("shop.example", "Tienda"));
    assert_eq!((found.missing.len(), found.scopes.join(" ")), (0, "read write".to_owned()));
    let wanted = json!({"home": support::HOME, "auth": "basic", "routes": "pretty", "changes": "modified",
        "refunds": "all", "customers": "readable", "currency": "MXN", "time_zone": "America/Mexico_City"});
    assert_eq!(Value::Object(found.details), wanted);
    let index = store.calls().into_iter().next().unwrap();
    assert!(index.starts_with("GET ?_fields="), "the key is not shown to anybody who answers: {index}");
}

#[tokio::test]
async fn the_way_that_a_host_lets_through_is_found() {
    for (ways, wanted) in [(&["basic"][..], "basic"), (&["query", "oauth1"], "query"), (&["oauth1"], "oauth1")] {
        let store = Store::start().await;
        store.state().ways = ways.to_vec();
        assert_eq!(identify(&store).await.unwrap().details["auth"], wanted);
    }
    let store = Store::start().await;
    store.state().plain_permalinks = true;
    assert_eq!(identify(&store).await.unwrap().details["routes"], "plain");
    // Over a plain line the secret is never sent.
    let plain = Store::start().await;
    let connection = unknown(&plain.base, "http://shop.example", KEY);
    assert_eq!(install().identify(&connection, None).await.unwrap().details["auth"], "oauth1");
}

#[tokio::test]
async fn what_is_missing_is_told() {
    let store = Store::start().await;
    store.state().permissions = "read";
    store.state().old = true;
    store.fail("GET customers", Fault::Status(403, r#"{"code":"woocommerce_rest_cannot_view","message":"Sorry"}"#), 9);
    let found = identify(&store).await.unwrap();
    assert_eq!(found.missing.len(), 3, "{:?}", found.missing);
    for (missing, part) in found.missing.iter().zip(["may only read", "5.8", "customers can't be read"]) {
        assert!(missing.contains(part), "{missing}");
    }
    assert_eq!((&found.details["changes"], &found.details["refunds"]), (&json!("created"), &json!("each")));
    store.state().permissions = "write";
    assert!(matches!(identify(&store).await, Err(Failure::Refused(why)) if why.contains("read permissions")));
}

#[tokio::test]
async fn what_is_no_store_or_no_key_is_refused_with_a_reason() {
    let store = Store::start().await;
    store.state().revoked = true;
    assert!(matches!(identify(&store).await, Err(Failure::NeedsAuthorization(_))));
    let wrong = unknown(&store.base, "shop.example", "abc");
    assert!(matches!(install().identify(&wrong, None).await, Err(Failure::Refused(why)) if why.contains("ck_")));
    store.fail("GET ?_fields", Fault::Status(301, ""), 9);
    assert!(matches!(identify(&store).await, Err(Failure::Refused(why)) if why.contains("sends callers on")));
    let down = Store::start().await;
    down.fail("", Fault::Status(503, "<html>maintenance"), 9);
    assert!(matches!(identify(&down).await, Err(Failure::Retry { .. })));
    let mut plain = unknown(&down.base, "http://shop.example", KEY);
    let mut platform = (*plain.platform).clone();
    platform.settings.remove("allow_plain_http");
    plain.platform = std::sync::Arc::new(platform);
    assert!(
        matches!(install().identify(&plain, None).await, Err(Failure::Refused(why)) if why.contains("allow_plain_http"))
    );
}

#[tokio::test]
async fn webhooks_are_made_kept_mended_and_taken_back() {
    let store = Store::start().await;
    let connection = known(&store.base, json!({}));
    let foreign = json!({"id": 3, "name": "theirs", "topic": "order.created", "status": "active",
        "delivery_url": "https://other.example/hooks/woocommerce/t0ken2"});
    store.state().hooks.push(foreign.clone());
    let made = install().register(&connection).await.unwrap();
    assert_eq!((made.made.len(), made.kept, made.refused.len()), (7, 0, 0));
    let secret = made.hook_secret.unwrap().expose_secret().to_owned();
    assert!(store.state().hooks[1..].iter().all(|hook| hook["secret"] == secret && hook["status"] == "active"));
    assert!(secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit()), "safe from WordPress");
    // Again: all are right, and the secret is the same.
    let again = install().register(&connection).await.unwrap();
    assert_eq!((again.made.len(), again.kept), (0, 7));
    assert_eq!(again.hook_secret.unwrap().expose_secret(), secret);
    // Disabled after failures, deleted by somebody, doubled by a lost answer, from another address of ours.
    {
        let mut state = store.state();
        state.hooks[1]["status"] = json!("disabled");
        state.hooks.remove(2);
        let mut double = state.hooks[3].clone();
        double["id"] = json!(99);
        state.hooks.push(double);
        state.hooks[4]["delivery_url"] = json!("https://old.example/hooks/woocommerce/t0ken");
    }
    let mended = install().register(&connection).await.unwrap();
    assert_eq!((mended.made.len(), mended.kept), (3, 4), "{:?}", mended.made);
    assert!(mended.made[0].contains("was disabled"), "{:?}", mended.made);
    assert_eq!(store.state().hooks.len(), 8);
    // A new key makes a new secret.
    let other = format!("{}8", &KEY[..KEY.len() - 1]);
    let mut renewed = unknown(&store.base, "shop.example", &other);
    renewed.details = connection.details.clone();
    assert!(
        matches!(install().register(&renewed).await, Err(Failure::NeedsAuthorization(_))),
        "the store knows one key"
    );
    install().unregister(&connection).await.unwrap();
    assert_eq!(store.state().hooks, [foreign]);
    store.state().permissions = "read";
    let refused = install().register(&connection).await.unwrap();
    assert_eq!((refused.made.len(), refused.refused.len()), (0, 7));
}
