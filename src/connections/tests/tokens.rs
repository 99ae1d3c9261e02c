//! Tokens: one refresh for all who wait, nothing lost over kills, and refusals that are told.

use super::fake::{Parts, Plan, account, asked, plan, workspace};
use crate::connections::Connections;
use crate::control::rotation::now;
use crate::control::{Step, StoredTokens};
use crate::oauth::TokenState;
use kit::failure::Failure;
use kit::token::{Grant, Token, Tokens};
use model::SourceId;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;

const ID: &str = "store";

/// A connection of a connector, with a token that has ended.
async fn with_old_token(parts: &Parts, connector: &str, name: &str) -> Arc<crate::oauth::ConnectionTokens> {
    parts.connections.make(&workspace(), asked(ID, connector, name)).await.unwrap();
    account(name, |account| (account.access, account.refresh) = (1, 1));
    keep(&parts.connections, -1, false);
    let live = parts.connections.find(&workspace(), &SourceId::from(ID)).unwrap();
    Arc::clone(&live.tokens)
}

/// Keeps the first token, which ends in so many seconds.
fn keep(connections: &Connections, ends_in_s: i64, refresh_begun: bool) {
    let now = now();
    let tokens = StoredTokens {
        access: "a1".into(),
        refresh: Some("r1".into()),
        expires: Some(now.plus_micros(ends_in_s * 1_000_000)),
        refresh_expires: None,
        generation: 1,
        issued: now.plus_micros(-3_600_000_000),
        refresh_begun,
        refused: None,
        revoked: false,
        scopes: None,
    };
    connections.control().put_tokens(&workspace(), &SourceId::from(ID), &tokens).unwrap();
}

fn refreshes(name: &str) -> u32 {
    account(name, |account| account.calls.get("refresh").copied().unwrap_or(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn all_who_ask_at_once_get_the_token_of_one_refresh() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let tokens = with_old_token(&parts, "once", "crowd").await;
    assert_eq!(tokens.status().unwrap().state, TokenState::Expiring);
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.current().await.unwrap().value.expose_secret().to_owned() })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.unwrap(), "a2");
    }
    assert_eq!(refreshes("crowd"), 1);
    assert_eq!(tokens.status().unwrap().state, TokenState::Fresh);
    // So do all whose token is refused at once.
    let old = tokens.current().await.unwrap();
    let asking: Vec<_> = (0..50)
        .map(|_| {
            let (tokens, old) = (Arc::clone(&tokens), old.clone());
            tokio::spawn(async move { tokens.refused(&old, "401").await.unwrap().generation })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.unwrap(), 3);
    }
    assert_eq!(refreshes("crowd"), 2);
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_asked_for_again_where_the_old_token_is_still_good() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    plan("lost-again", "refresh", &[Plan::Lose(Failure::retry("no answer", None))]);
    let tokens = with_old_token(&parts, "again", "lost-again").await;
    assert!(matches!(tokens.current().await, Err(Failure::Retry { .. })));
    assert_eq!(tokens.current().await.unwrap().generation, 2);
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_is_down_costs_no_token_that_is_good_once() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let down = Plan::Fail(Failure::retry("down", None));
    plan("once-down", "refresh", &[down.clone(), down]);
    let tokens = with_old_token(&parts, "once", "once-down").await;
    for _ in 0..2 {
        assert!(matches!(tokens.current().await, Err(Failure::Retry { .. })));
    }
    assert_eq!(tokens.current().await.unwrap().generation, 2);
    assert_eq!(tokens.status().unwrap().state, TokenState::Fresh);
    assert!(parts.alerts.list().is_empty());
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_lost_is_told_once_the_token_turns_out_to_be_spent() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    plan("once-lost", "refresh", &[Plan::Lose(Failure::retry("no answer", None))]);
    let tokens = with_old_token(&parts, "once", "once-lost").await;
    assert!(matches!(tokens.current().await, Err(Failure::Retry { .. })));
    assert!(matches!(tokens.current().await, Err(Failure::NeedsAuthorization(_))));
    assert_eq!(tokens.status().unwrap().state, TokenState::Lost);
    assert_eq!(parts.alerts.list()[0].kind, "authorization");
    assert!(matches!(tokens.current().await, Err(Failure::NeedsAuthorization(_))), "and it is not shown again");
    assert_eq!(refreshes("once-lost"), 1);
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_still_good_serves_while_the_platform_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let down = Plan::Fail(Failure::retry("down", None));
    plan("down", "refresh", &[down.clone(), down]);
    let tokens = with_old_token(&parts, "again", "down").await;
    keep(&parts.connections, 60, false);
    assert_eq!(tokens.current().await.unwrap().value.expose_secret(), "a1");
    assert_eq!(refreshes("down"), 1);
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_a_refresh_is_noticed_at_start_where_only_the_merchant_can_help() {
    for (connector, state) in [("once", TokenState::Lost), ("again", TokenState::Expiring)] {
        let dir = tempfile::tempdir().unwrap();
        let parts = Parts::open(dir.path()).await;
        let name = format!("killed-{connector}");
        plan(&name, "refresh", &[Plan::KillAfter]);
        let tokens = with_old_token(&parts, connector, &name).await;
        let waiting = tokio::spawn({
            let tokens = Arc::clone(&tokens);
            async move { tokens.current().await.map(|token| token.generation) }
        });
        parts.called(&name, "refresh", 1).await;
        assert_eq!(tokens.status().unwrap().state, TokenState::Refreshing);
        waiting.abort();
        drop(tokens);
        // What the killed daemon left: a refresh that was begun.
        keep(&parts.connections, -1, true);
        let reopened = Connections::open(
            Arc::clone(&parts.connections.control),
            Arc::clone(&parts.connections.core),
            Arc::clone(&parts.connections.sync),
            Arc::clone(&parts.alerts),
            parts.connections.settings.clone(),
        )
        .unwrap();
        let live = reopened.find(&workspace(), &SourceId::from(ID)).unwrap();
        assert_eq!(live.tokens.status().unwrap().state, state, "{connector}");
        let told = parts.alerts.list().iter().any(|alert| alert.kind == "authorization");
        assert_eq!(told, connector == "once");
        match connector {
            "once" => {
                assert!(matches!(live.tokens.current().await, Err(Failure::NeedsAuthorization(_))));
                assert_eq!(refreshes(&name), 1, "a spent token is not sent again");
            }
            _ => assert_eq!(live.tokens.current().await.unwrap().generation, 2),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_told_and_a_new_grant_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let tokens = with_old_token(&parts, "again", "gone").await;
    account("gone", |account| (account.access, account.refresh) = (0, 0));
    assert!(matches!(tokens.current().await, Err(Failure::NeedsAuthorization(_))));
    assert_eq!(tokens.status().unwrap().state, TokenState::Revoked);
    assert_eq!(parts.alerts.list()[0].kind, "authorization");
    let old = Token { value: "a1".into(), generation: 1 };
    assert!(tokens.refused(&old, "401").await.is_err(), "nothing is asked for again");
    assert_eq!(refreshes("gone"), 0, "the platform refused it before it counted");
    parts.connections.control().delete_tokens(&workspace(), &SourceId::from(ID)).unwrap();
    assert_eq!(tokens.status().unwrap().state, TokenState::None);
    parts.until(ID, Step::Authorizing).await;
    drop(tokens);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_under_way_writes_over_nothing_that_comes_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let slow = Plan::Slow(Duration::from_millis(300));
    plan("slow", "refresh", &[slow.clone(), slow]);
    let tokens = with_old_token(&parts, "again", "slow").await;
    let refresh = |tokens: &Arc<crate::oauth::ConnectionTokens>| {
        let tokens = Arc::clone(tokens);
        tokio::spawn(async move { tokens.current().await.map(|token| token.generation) })
    };
    let agreed = Grant {
        access: "b1".into(),
        expires_in: Some(Duration::from_secs(3600)),
        refresh: Some("r9".into()),
        refresh_expires_in: None,
        scopes: None,
        extra: serde_json::Map::new(),
    };
    // The merchant agrees anew while the old token is being refreshed.
    let waiting = refresh(&tokens);
    parts.called("slow", "refresh", 1).await;
    tokens.grant(&agreed).await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(tokens.current().await.unwrap().value.expose_secret(), "b1");
    // It is disconnected while the old token is being refreshed.
    account("slow", |account| account.refresh = 1);
    keep(&parts.connections, -1, false);
    let waiting = refresh(&tokens);
    parts.called("slow", "refresh", 2).await;
    tokens.forget().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(tokens.status().unwrap().state, TokenState::None);
    drop(tokens);
    parts.kill().await;
}
