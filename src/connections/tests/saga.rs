//! Install and disconnect, with a failure and a kill at each step, and each step done twice.

use super::fake::{Parts, Plan, account, asked, plan, workspace};
use crate::connections::ConnectError;
use crate::control::Step;
use crate::control::pending::For;
use crate::oauth::TokenState;
use kit::failure::Failure;
use kit::token::Grant;
use model::SourceId;
use serde_json::Map;
use std::time::Duration;

fn authorized(name: &str) -> Grant {
    account(name, |account| (account.access, account.refresh) = (1, 1));
    Grant {
        access: "a1".into(),
        expires_in: Some(Duration::from_secs(3600)),
        refresh: Some("r1".into()),
        refresh_expires_in: None,
        scopes: None,
        extra: Map::new(),
    }
}

/// Makes a connection whose merchant has agreed.
async fn install(parts: &Parts, name: &str) {
    let made = parts.connections.make(&workspace(), asked("store", "again", name)).await.unwrap();
    assert!(made.connect_url.unwrap().starts_with("http://127.0.0.1:1/connect/"));
    let wanted = For { workspace: workspace(), id: SourceId::from("store") };
    parts.connections.granted(&wanted, name, &authorized(name)).await.unwrap();
}

fn registered(name: &str) -> usize {
    account(name, |account| account.registered.len())
}

const PASSING: fn() -> Failure = || Failure::retry("the platform is down", None);

#[tokio::test(flavor = "multi_thread")]
async fn an_install_ends_well_whatever_step_fails_or_is_lost() {
    for call in ["identify", "register"] {
        for (number, failing) in [Plan::Fail(PASSING()), Plan::Lose(PASSING())].into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let parts = Parts::open(dir.path()).await;
            let name = format!("fails-{call}-{number}");
            plan(&name, call, &[failing.clone(), failing]);
            install(&parts, &name).await;
            parts.until("store", Step::Running).await;
            assert_eq!(registered(&name), 1);
            let shown = parts.connections.show(&workspace(), &SourceId::from("store")).unwrap();
            assert_eq!((shown.failure, shown.name), (None, format!("The shop {name}")));
            parts.kill().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_install_goes_on_after_a_kill_before_or_after_each_step() {
    for call in ["identify", "register"] {
        for (number, killed) in [Plan::KillBefore, Plan::KillAfter].into_iter().enumerate() {
            let dir = tempfile::tempdir().unwrap();
            let parts = Parts::open(dir.path()).await;
            let name = format!("killed-{call}-{number}");
            plan(&name, call, &[killed]);
            install(&parts, &name).await;
            parts.called(&name, call, 1).await;
            parts.kill().await;
            let parts = Parts::open(dir.path()).await;
            parts.connections.start();
            parts.until("store", Step::Running).await;
            assert_eq!(registered(&name), 1);
            parts.kill().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_whose_step_was_not_kept_is_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let id = SourceId::from("store");
    parts.connections.make(&workspace(), asked("store", "again", "half-kept")).await.unwrap();
    let live = parts.connections.find(&workspace(), &id).unwrap();
    live.tokens.grant(&authorized("half-kept")).await.unwrap();
    drop(live);
    parts.kill().await;
    let parts = Parts::open(dir.path()).await;
    parts.connections.start();
    parts.until("store", Step::Running).await;
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_may_be_done_twice() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    install(&parts, "twice").await;
    parts.until("store", Step::Running).await;
    let live = parts.connections.find(&workspace(), &SourceId::from("store")).unwrap();
    for step in [Step::Identifying, Step::Announcing, Step::Registering] {
        live.edit(&parts.connections, |record| {
            record.step = step;
            Ok(())
        })
        .unwrap();
        parts.connections.begin_life(&live);
        parts.until("store", Step::Running).await;
        assert_eq!(registered("twice"), 1, "{step:?}");
    }
    drop(live);
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disconnect_ends_well_after_failures_and_kills_and_twice() {
    let plans: [&[Plan]; 4] =
        [&[Plan::Fail(PASSING())], &[Plan::Lose(PASSING())], &[Plan::KillBefore], &[Plan::KillAfter]];
    for (number, planned) in plans.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        let mut parts = Parts::open(dir.path()).await;
        let (name, id) = (format!("leaves-{number}"), SourceId::from("store"));
        install(&parts, &name).await;
        parts.until("store", Step::Running).await;
        plan(&name, "unregister", planned);
        parts.connections.take_down(&workspace(), &id, false).unwrap();
        parts.called(&name, "unregister", 1).await;
        if matches!(planned, [Plan::KillBefore | Plan::KillAfter]) {
            parts.kill().await;
            parts = Parts::open(dir.path()).await;
            parts.connections.start();
        }
        parts.until("store", Step::Disconnected).await;
        assert_eq!(registered(&name), 0);
        parts.connections.take_down(&workspace(), &id, false).unwrap();
        parts.until("store", Step::Disconnected).await;
        let shown = parts.connections.show(&workspace(), &id).unwrap();
        assert_eq!(shown.token.generation, 0, "its tokens are forgotten");
        // The merchant may come back.
        let wanted = For { workspace: workspace(), id: id.clone() };
        parts.connections.granted(&wanted, &name, &authorized(&name)).await.unwrap();
        parts.until("store", Step::Running).await;
        assert_eq!(registered(&name), 1);
        // And go for good.
        parts.connections.take_down(&workspace(), &id, true).unwrap();
        let begun = std::time::Instant::now();
        while parts.connections.record(&workspace(), &id).is_ok() {
            assert!(begun.elapsed() < Duration::from_secs(20), "it is not forgotten");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        parts.kill().await;
        let parts = Parts::open(dir.path()).await;
        assert!(matches!(parts.connections.record(&workspace(), &id), Err(ConnectError::NoConnection(_))));
        parts.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_once_and_the_wrong_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    install(&parts, "only-one").await;
    let again = parts.connections.make(&workspace(), asked("other", "again", "Only-One")).await;
    assert!(matches!(again, Err(ConnectError::Taken(..))), "{again:?}");
    let same_id = parts.connections.make(&workspace(), asked("store", "again", "another")).await;
    assert!(matches!(same_id, Err(ConnectError::NotNow(_))), "{same_id:?}");
    let reserved = parts.connections.make(&workspace(), asked("email", "again", "another")).await;
    assert!(matches!(reserved, Err(ConnectError::BadId(_))), "{reserved:?}");
    let unknown = parts.connections.make(&workspace(), asked("x", "nobody", "another")).await;
    assert!(matches!(unknown, Err(ConnectError::NoConnector(..))), "{unknown:?}");
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_an_alert_at_once_until_the_merchant_agrees_again() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    plan("refuses", "identify", &[Plan::Fail(Failure::NeedsAuthorization("no".to_owned()))]);
    install(&parts, "refuses").await;
    parts.called("refuses", "identify", 1).await;
    let begun = std::time::Instant::now();
    while parts.alerts.list().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5), "no alert");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(parts.alerts.list()[0].kind, "authorization");
    let wanted = For { workspace: workspace(), id: SourceId::from("store") };
    parts.connections.granted(&wanted, "refuses", &authorized("refuses")).await.unwrap();
    parts.until("store", Step::Running).await;
    assert!(parts.alerts.list().is_empty());
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_account_is_not_used_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    install(&parts, "right").await;
    parts.until("store", Step::Running).await;
    let wanted = For { workspace: workspace(), id: SourceId::from("store") };
    let other = parts.connections.granted(&wanted, "wrong", &authorized("wrong")).await;
    assert!(matches!(other, Err(ConnectError::OtherAccount)), "{other:?}");
    // A platform that names no account until the token is used: identify finds out.
    account("right", |account| account.answers_as = Some("wrong".to_owned()));
    parts.connections.granted(&wanted, "", &authorized("right")).await.unwrap();
    let begun = std::time::Instant::now();
    while !parts.alerts.list().iter().any(|alert| alert.kind == "authorization") {
        assert!(begun.elapsed() < Duration::from_secs(10), "no alert");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let shown = parts.connections.show(&workspace(), &wanted.id).unwrap();
    assert_eq!(shown.token.state, TokenState::Refused);
    account("right", |account| account.answers_as = None);
    parts.connections.granted(&wanted, "right", &authorized("right")).await.unwrap();
    parts.until("store", Step::Running).await;
    assert!(parts.alerts.list().is_empty());
    parts.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_is_not_stopped_half_way_and_a_visit_does_not_bring_back_what_was_removed() {
    let dir = tempfile::tempdir().unwrap();
    let parts = Parts::open(dir.path()).await;
    let (name, id) = ("goes", SourceId::from("store"));
    install(&parts, name).await;
    parts.until("store", Step::Running).await;
    assert!(!parts.connections.needs_merchant(&parts.connections.record(&workspace(), &id).unwrap()));
    plan(name, "unregister", &[Plan::KillBefore]);
    parts.connections.take_down(&workspace(), &id, true).unwrap();
    parts.called(name, "unregister", 1).await;
    let wanted = For { workspace: workspace(), id: id.clone() };
    let back = parts.connections.granted(&wanted, name, &authorized(name)).await;
    assert!(matches!(back, Err(ConnectError::NotNow(_))), "{back:?}");
    parts.kill().await;
}
