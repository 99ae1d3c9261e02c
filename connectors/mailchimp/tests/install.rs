//! Connecting an account, and its webhooks.

mod support;

use kit::failure::Failure;
use kit::install::{AuthorizeRequest, Install};
use secrecy::ExposeSecret;
use segmentd_connector_mailchimp::CONNECTOR;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::{Audience, Fault, KEY, LIST, World};

fn role() -> &'static dyn Install {
    CONNECTOR.install.unwrap()
}

#[tokio::test]
async fn a_code_becomes_a_token_that_never_expires_and_the_account_is_seen() {
    let world = World::start().await;
    let platform = world.platform();
    let redirect_uri = "https://segments.example.com/oauth/mailchimp";
    let begun = AuthorizeRequest { account: "", redirect_uri, state: "st", settings: &kit::install::NO_SETTINGS };
    let grant = role().exchange(&platform, &"the-code".into(), &begun).await.unwrap();
    assert_eq!((grant.access.expose_secret(), grant.expires_in), ("oauth-token-1", None));
    assert!(grant.refresh.is_none() && grant.scopes.is_none());
    let wrong = role().exchange(&platform, &"another".into(), &begun).await;
    assert!(matches!(wrong, Err(Failure::NeedsAuthorization(_))));
    world.take_calls();
    let who = role().identify(&world.unknown("oauth-token-1"), None).await.unwrap();
    assert_eq!((who.account.as_str(), who.name.as_str()), ("acc1", "Acme MX"));
    assert_eq!(who.details["api_endpoint"], format!("{}/us19", world.base));
    assert_eq!((&who.details["dc"], &who.details["time_zone"]), (&json!("us19"), &json!("America/Mexico_City")));
    assert!(who.missing.is_empty());
    assert_eq!(world.calls(), ["GET /login/oauth2/metadata", "GET /"]);
    world.assert_right();
}

#[tokio::test]
async fn an_api_key_says_where_its_account_is() {
    let world = World::start().await;
    let who = role().identify(&world.unknown(KEY), None).await.unwrap();
    assert_eq!((who.account.as_str(), who.name.as_str()), ("acc1", "Acme MX"));
    assert_eq!(world.calls(), ["GET /ping", "GET /"]);
    world.state().revoked = true;
    for token in [KEY, "oauth-token-1"] {
        let refused = role().identify(&world.unknown(token), None).await;
        assert!(matches!(refused, Err(Failure::NeedsAuthorization(_))), "{token}: {refused:?}");
    }
    world.assert_right();
}

#[tokio::test]
async fn a_token_is_not_sent_to_an_address_elsewhere() {
    let world = World::start().await;
    world.state().metadata_endpoint = Some("https://us19.api.mailchimp.com.evil.mx".to_owned());
    let refused = role().identify(&world.unknown("oauth-token-1"), None).await;
    assert!(matches!(refused, Err(Failure::PlatformChanged(_))), "{refused:?}");
    assert_eq!(world.calls(), ["GET /login/oauth2/metadata"]);
}

fn hooks(world: &World, list: &str) -> Vec<Value> {
    world.state().lists[list].hooks.clone()
}

#[tokio::test]
async fn each_audience_has_one_webhook_that_is_right_however_often_it_is_registered() {
    let world = World::start().await;
    world.state().lists.insert("ffffffffff".to_owned(), Audience::default());
    let connection = world.connection(json!({}));
    let done = role().register(&connection).await.unwrap();
    assert_eq!((done.made.len(), done.kept, done.refused.len()), (2, 0, 0));
    assert!(done.hook_secret.is_none());
    let hook = hooks(&world, LIST).remove(0);
    assert_eq!(hook["url"], connection.hook_url);
    assert_eq!(hook["sources"], json!({ "user": true, "admin": true, "api": false }));
    let done = role().register(&connection).await.unwrap();
    assert_eq!((done.made.len(), done.kept), (0, 2));
    {
        // Somebody switched one off in part, and doubled it; another's is not ours to touch.
        let mut state = world.state();
        let ours = &mut state.lists.get_mut(LIST).unwrap().hooks;
        ours[0]["events"]["unsubscribe"] = false.into();
        let mut double = ours[0].clone();
        double["id"] = "double".into();
        let mut other = ours[0].clone();
        (other["id"], other["url"]) = ("other".into(), "https://other.example.com".into());
        ours.extend([double, other]);
    }
    let done = role().register(&connection).await.unwrap();
    assert_eq!((done.made.len(), done.kept), (1, 1));
    let left = hooks(&world, LIST);
    assert_eq!(left.len(), 2);
    assert_eq!(left.iter().find(|hook| hook["url"] == connection.hook_url).unwrap()["events"]["unsubscribe"], true);
    for _ in 0..2 {
        role().unregister(&connection).await.unwrap();
        assert_eq!((hooks(&world, LIST).len(), hooks(&world, "ffffffffff").len()), (1, 0));
    }
    world.assert_right();
}

#[tokio::test]
async fn only_the_audiences_that_are_named_keep_a_webhook() {
    let world = World::start().await;
    world.state().lists.insert("ffffffffff".to_owned(), Audience::default());
    role().register(&world.connection(json!({}))).await.unwrap();
    let named = world.connection(json!({ "audiences": [LIST, "0000000000"] }));
    let done = role().register(&named).await.unwrap();
    assert_eq!((hooks(&world, LIST).len(), hooks(&world, "ffffffffff").len()), (1, 0));
    assert_eq!((done.kept, done.refused.len()), (1, 1), "{done:?}");
    let mut silent = world.connection(json!({}));
    silent.hook_url = String::new();
    world.take_calls();
    let done = role().register(&silent).await.unwrap();
    role().unregister(&silent).await.unwrap();
    assert_eq!((done.made.len(), world.calls().len()), (0, 0), "without a public address there is nothing to do");
    world.assert_right();
}

#[tokio::test]
async fn secrets_of_all_webhooks_come_together() {
    let world = World::start().await;
    let connection = world.connection(json!({}));
    world.state().signs_hooks = true;
    let one = role().register(&connection).await.unwrap().hook_secret.unwrap();
    assert_eq!(one.expose_secret().lines().count(), 1);
    world.state().lists.insert("ffffffffff".to_owned(), Audience::default());
    let done = role().register(&connection).await.unwrap();
    let both = done.hook_secret.unwrap();
    assert_eq!(both.expose_secret().lines().count(), 2, "the old one can't be asked for again: it is made anew");
    assert!(!both.expose_secret().contains(one.expose_secret()));
    assert_eq!((hooks(&world, LIST).len(), hooks(&world, "ffffffffff").len()), (1, 1));
    assert!(role().register(&connection).await.unwrap().hook_secret.is_none());
    world.assert_right();
}

#[tokio::test]
async fn no_failure_midway_leaves_a_webhook_whose_secret_is_lost() {
    // What fails, and the calls of that name that go well before.
    let steps = [
        ("GET /lists/ffffffffff/webhooks", 0),
        ("GET /lists/ffffffffff/webhooks", 1),
        ("GET /lists/ffffffffff/webhooks", 2),
        ("DELETE /lists/a1b2c3d4e5/webhooks", 0),
        ("DELETE /lists/ffffffffff/webhooks", 0),
        ("POST /lists/a1b2c3d4e5/webhooks", 0),
        ("POST /lists/a1b2c3d4e5/webhooks", 1),
        ("POST /lists/ffffffffff/webhooks", 0),
    ];
    for missing in [LIST, "ffffffffff"] {
        for (step, well) in steps {
            let world = World::start().await;
            world.state().signs_hooks = true;
            world.state().lists.insert("ffffffffff".to_owned(), Audience::default());
            let connection = world.connection(json!({}));
            let mut kept = role().register(&connection).await.unwrap().hook_secret.unwrap();
            world.state().lists.get_mut(missing).unwrap().hooks.clear();
            world.fail_after(step, well, Fault::Instead(500, ""));
            // Some of the steps are not on the way that is taken; then nothing fails.
            for check in 0..3 {
                match role().register(&connection).await {
                    Ok(done) => kept = done.hook_secret.unwrap_or(kept),
                    Err(failure) => assert!(check == 0 && matches!(failure, Failure::Retry { .. }), "{failure}"),
                }
            }
            let told: BTreeSet<String> = kept.expose_secret().lines().map(str::to_owned).collect();
            let ids = [LIST, "ffffffffff"].into_iter().flat_map(|list| hooks(&world, list));
            let there: BTreeSet<String> = ids.map(|hook| format!("secret-{}", hook["id"].as_str().unwrap())).collect();
            assert_eq!((&told, there.len()), (&there, 2), "{missing}: {step} after {well}");
            world.assert_right();
        }
    }
}

#[tokio::test]
async fn a_webhook_whose_answer_was_lost_is_not_kept_with_a_secret_that_nobody_heard() {
    let world = World::start().await;
    let connection = world.connection(json!({}));
    world.state().signs_hooks = true;
    world.fail("POST /lists/a1b2c3d4e5/webhooks", Fault::Lost, 1);
    assert!(matches!(role().register(&connection).await, Err(Failure::Retry { .. })));
    assert!(role().register(&connection).await.unwrap().hook_secret.is_some());
    assert_eq!(hooks(&world, LIST).len(), 1);
    world.assert_right();
}
