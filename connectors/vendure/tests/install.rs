//! Connecting a store: what is found out, what is missing, and where the plugin sends to.

mod support;

use kit::failure::Failure;
use kit::token::FixedToken;
use secrecy::ExposeSecret;
use segmentd_connector_vendure::CONNECTOR;
use serde_json::json;
use std::sync::Arc;
use support::server::Store;
use support::{connected, connection};

#[tokio::test]
async fn a_store_says_who_it_is_and_what_a_key_lacks_is_named() {
    let (store, install) = (Store::start().await, CONNECTOR.install.unwrap());
    store.held().precision = Some(3);
    let found = install.identify(&connected(&store), None).await.unwrap();
    assert_eq!((found.account.as_str(), found.missing.len()), (store.base.as_str(), 0), "{:?}", found.missing);
    assert_eq!(
        (&found.details["precision"], &found.details["consent_at"]),
        (&json!("3"), &json!("acceptsMarketingAt"))
    );
    store.held().bare = true;
    store.held().forbidden.push("customers");
    let found = install.identify(&connected(&store), None).await.unwrap();
    assert_eq!((found.missing.len(), &found.details["customers"]), (3, &json!("hidden")), "{:?}", found.missing);
    store.held().forbidden.push("orders");
    let none = install.identify(&connected(&store), None).await;
    assert!(matches!(none, Err(Failure::NeedsAuthorization(_))), "{none:?}");
    let wrong = connection(&store.base, Arc::new(FixedToken("wrong".into())));
    assert!(matches!(install.identify(&wrong, None).await, Err(Failure::NeedsAuthorization(_))));
    let mut odd = connected(&store);
    odd.settings.insert("shop".to_owned(), json!("x"));
    assert!(matches!(install.identify(&odd, None).await, Err(Failure::Refused(_))));
}

#[tokio::test]
async fn the_plugin_is_told_where_to_send_and_with_what_secret_to_sign() {
    let (store, install) = (Store::start().await, CONNECTOR.install.unwrap());
    let ours = connected(&store);
    let made = install.register(&ours).await.unwrap();
    let (url, secret) = store.held().hook.clone().unwrap();
    assert_eq!((made.made.len(), url), (1, ours.hook_url.clone()));
    assert_eq!(made.hook_secret.unwrap().expose_secret(), secret);
    assert_eq!(secret.len(), 64);
    let kept = install.register(&ours).await.unwrap();
    assert_eq!((kept.kept, kept.hook_secret.is_none()), (1, true));
    // Somebody else's is left alone when we go.
    store.held().hook = Some(("https://other.example".to_owned(), "s".to_owned()));
    install.unregister(&ours).await.unwrap();
    assert!(store.held().hook.is_some());
    let again = install.register(&ours).await.unwrap();
    assert_eq!(again.made.len(), 1);
    install.unregister(&ours).await.unwrap();
    assert_eq!(store.held().hook, None);
    for (bare, forbidden) in [(true, Vec::new()), (false, vec!["updateGlobalSettings"])] {
        store.held().bare = bare;
        store.held().forbidden = forbidden;
        let refused = install.register(&ours).await.unwrap();
        assert_eq!((refused.refused.len(), refused.made.len()), (1, 0));
    }
    assert!(store.held().broken_rules.is_empty(), "{:?}", store.held().broken_rules);
}
