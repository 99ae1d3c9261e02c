//! A list against a core: what is added, what is refused and why, what is read back, and what a list that is gone
//! means.

mod support;

use kit::failure::Failure;
use kit::token::FixedToken;
use model::Channel;
use segmentd_connector_mailman::CONNECTOR;
use serde_json::json;
use std::sync::Arc;
use support::core::Core;
use support::{KEY, batch, change, connection, held, list};

#[tokio::test]
async fn members_come_and_go_without_a_mail_and_read_back_by_pages() {
    let core = Core::start().await;
    let news = list(&core, json!({ "display_name": "first_name" }));
    assert_eq!((news.leaving_withdraws(), news.fields()), (Some(Channel::Email), vec!["first_name".to_owned()]));
    let mut ana = change("ana+x%y@example.com", true);
    ana.fields.insert("first_name".to_owned(), "Ana".to_owned());
    let mut both = batch(&["bo@example.com"], &[]);
    both.changes.push(ana);
    assert_eq!(news.push(&both).await.unwrap(), []);
    assert_eq!(core.held().members["ana+x%y@example.com"], "Ana");
    assert_eq!(news.push(&both).await.unwrap(), [], "a repeat changes nothing");
    assert!(core.held().welcomed.is_empty());
    for number in 0..1_200 {
        core.held().members.insert(format!("p{number}@example.com"), String::new());
    }
    assert_eq!(held(news.as_ref()).await.unwrap(), core.members());
    let asked = ["ana+x%y@example.com", "nobody@example.com"].map(str::to_owned);
    assert_eq!(news.holds(&asked).await.unwrap(), asked[..1]);
    let mut gone = batch(&[], &["nobody@example.com"]);
    gone.changes.push(change("Bo@Example.com", false));
    assert_eq!(news.push(&gone).await.unwrap(), []);
    assert_eq!(news.holds(&["bo@example.com".to_owned()]).await.unwrap(), Vec::<String>::new());
    assert!(core.held().broken_rules.is_empty(), "{:?}", core.held().broken_rules);
}

#[tokio::test]
async fn who_is_not_taken_is_named_with_the_reason_and_a_request_that_waits_for_the_person_is_replaced() {
    let core = Core::start().await;
    {
        let mut held = core.held();
        held.banned.insert("ban@example.com".to_owned());
        held.pending.insert("t1".to_owned(), ("eva@example.com".to_owned(), "subscriber"));
        held.pending.insert("t2".to_owned(), ("mod@example.com".to_owned(), "moderator"));
    }
    let all = batch(&["ban@example.com", "eva@example.com", "mod@example.com", "no address"], &[]);
    let mut refused = list(&core, json!({})).push(&all).await.unwrap();
    refused.sort_by(|one, other| one.identifier.cmp(&other.identifier));
    let told: Vec<(&str, &str)> = refused.iter().map(|one| (one.identifier.as_str(), one.reason.as_str())).collect();
    assert_eq!(
        told,
        [
            ("ban@example.com", "Membership is banned"),
            ("mod@example.com", "a request of this address waits for the list's moderators"),
            ("no address", "Invalid Parameter \"subscriber\": ."),
        ]
    );
    assert_eq!((core.members(), core.held().pending.len()), (vec!["eva@example.com".to_owned()], 1));
    assert!(core.held().banned.contains("ban@example.com"), "a ban is never taken back");
}

#[tokio::test]
async fn an_erased_person_is_deleted_there_only_where_the_list_says_so() {
    for (erase, deleted) in [("leave", 0), ("delete", 1)] {
        let core = Core::start().await;
        core.held().members.insert("ana@example.com".to_owned(), String::new());
        let mut gone = batch(&[], &["ana@example.com"]);
        gone.changes[0].cause = "erasure".to_owned();
        let news = list(&core, json!({ "erase": erase, "welcome": true }));
        // The core drops who has left the list already along with the user.
        core.held().members.insert("bo@example.com".to_owned(), String::new());
        assert_eq!(news.push(&gone).await.unwrap(), []);
        let calls = core.held().calls.iter().filter(|call| call.starts_with("DELETE /3.1/users/")).count();
        assert_eq!((core.members(), calls), (vec!["bo@example.com".to_owned()], deleted));
    }
}

#[tokio::test]
async fn members_of_a_list_that_is_gone_did_not_leave_it() {
    let core = Core::start().await;
    core.held().list_gone = true;
    let news = list(&core, json!({}));
    assert!(matches!(news.push(&batch(&["a@example.com"], &[])).await, Err(Failure::Gone(_))));
    assert!(matches!(news.push(&batch(&[], &["a@example.com"])).await, Err(Failure::Gone(_))));
    assert!(matches!(news.held(None).await, Err(Failure::Gone(_))));
    assert!(matches!(news.holds(&["a@example.com".to_owned()]).await, Err(Failure::Gone(_))));
}

#[tokio::test]
async fn a_core_says_who_it_is_and_a_wrong_password_needs_somebody() {
    let core = Core::start().await;
    let install = CONNECTOR.install.unwrap();
    let connected = |key: &str| connection(&core.base, Arc::new(FixedToken(key.into())));
    let found = install.identify(&connected(KEY), None).await.unwrap();
    assert_eq!((found.account.as_str(), found.missing.len()), (core.base.as_str(), 0));
    assert!(found.name.contains("3.3.10"), "{}", found.name);
    let wrong = install.identify(&connected("restadmin:wrong"), None).await;
    assert!(matches!(wrong, Err(Failure::NeedsAuthorization(_))), "{wrong:?}");
    assert!(matches!(install.identify(&connected("restadmin"), None).await, Err(Failure::Refused(_))));
}
