//! A tag that is kept equal to a segment: calls, refusals, repeats.

mod support;

use kit::failure::Failure;
use kit::sync::{Batch, Change, Destination, Refusal};
use serde_json::{Value, json};
use std::time::Duration;
use support::{Fault, LIST, World, adds, batch, change, reasons, removes};

const TAG_CALL: &str = "POST /lists/a1b2c3d4e5/segments/";
const CREATE_CALL: &str = "POST /lists/a1b2c3d4e5";

fn many(count: usize, member: bool) -> Vec<Change> {
    (0..count).map(|number| change(&format!("person{number}-{member}@x.mx"), member)).collect()
}

#[tokio::test]
async fn a_full_batch_takes_two_calls_when_contacts_are_new_and_one_when_they_are_known() {
    let world = World::start().await;
    let list = world.list(json!({}));
    world.tag("vip", &[]);
    assert_eq!(list.push(&batch(many(500, true))).await, Ok(Vec::new()));
    let tag = world.state().lists[LIST].tags.keys().next().copied().unwrap();
    let change_tag = format!("{TAG_CALL}{tag}");
    let search = "GET /lists/a1b2c3d4e5/tag-search".to_owned();
    assert_eq!(world.calls(), [CREATE_CALL.to_owned(), search, change_tag.clone()]);
    assert_eq!(world.tagged("vip").len(), 500);
    let mut both = many(500, true);
    both.iter_mut().for_each(|change| change.member = false);
    assert_eq!(list.push(&batch(both)).await, Ok(Vec::new()));
    assert_eq!(world.calls().join(" "), change_tag);
    let mut mixed = many(500, true);
    mixed.extend(many(500, false));
    assert_eq!(list.push(&batch(mixed)).await, Ok(Vec::new()));
    assert_eq!(world.calls(), [change_tag], "known contacts and as many removals: one call");
    assert_eq!(world.tagged("vip").len(), 500);
    world.assert_right();
}

#[tokio::test]
async fn more_than_the_platform_takes_goes_in_parts() {
    let world = World::start().await;
    let mut changes = many(1_100, true);
    changes.extend(many(600, false));
    assert_eq!(world.list(json!({})).push(&batch(changes)).await, Ok(Vec::new()));
    assert_eq!(world.tagged("vip").len(), 1_100);
    assert_eq!(world.calls().iter().filter(|call| call.starts_with(TAG_CALL)).count(), 3);
    world.assert_right();
}

#[tokio::test]
async fn each_who_is_not_taken_is_named_with_the_platforms_reason() {
    let world = World::start().await;
    let list = world.list(json!({}));
    let generic = "ERROR_GENERIC";
    world.state().refusing.extend([
        ("gone@x.mx".to_owned(), (generic, "gone@x.mx is in a compliance state due to unsubscribe", "")),
        ("never@x.mx".to_owned(), (generic, "never@x.mx was permanently deleted and cannot be re-imported.", "")),
        ("fake@x.mx".to_owned(), (generic, "fake@x.mx looks fake or invalid", "")),
        ("busy@x.mx".to_owned(), (generic, "busy@x.mx has signed up to a lot of lists very recently; we're not", "")),
    ]);
    world.put("known@x.mx", "subscribed");
    let all = adds(&["ana@x.mx", "gone@x.mx", "never@x.mx", "fake@x.mx", "busy@x.mx", "known@x.mx"]);
    let refusals = list.push(&all).await.unwrap();
    let why = reasons(&refusals);
    assert_eq!(why.keys().copied().collect::<Vec<_>>(), ["busy@x.mx", "fake@x.mx", "gone@x.mx", "never@x.mx"]);
    assert!(why["gone@x.mx"].contains("compliance state due to unsubscribe"), "{why:?}");
    assert_eq!(world.tagged("vip"), ["ana@x.mx", "known@x.mx"]);
    let passing: Vec<_> = refusals.iter().filter_map(|refusal| list.passes_after(refusal)).collect();
    let passing_in_hours = [6, 24].map(|hours| Duration::from_secs(hours * 3600));
    assert_eq!(passing, passing_in_hours, "the limit passes, and who subscribes anew leaves the compliance state");
    world.assert_right();
}

#[tokio::test]
async fn who_may_not_be_mailed_there_is_taken_out_again_and_nobody_is_subscribed_anew() {
    let world = World::start().await;
    let list = world.list(json!({}));
    let statuses = ["unsubscribed", "cleaned", "pending", "transactional"];
    for status in statuses {
        world.put(&format!("{status}@x.mx"), status);
    }
    let who: Vec<String> = statuses.iter().map(|status| format!("{status}@x.mx")).collect();
    let mut names: Vec<&str> = who.iter().map(String::as_str).collect();
    names.push("ana@x.mx");
    let refusals = list.push(&adds(&names)).await.unwrap();
    let why = reasons(&refusals);
    assert_eq!(why.len(), 4);
    for status in statuses {
        assert!(why[format!("{status}@x.mx").as_str()].starts_with(status), "{why:?}");
        assert_eq!(world.state().lists[LIST].contacts[&format!("{status}@x.mx")].status, status);
    }
    assert_eq!(world.tagged("vip"), ["ana@x.mx"]);
    for refusal in &refusals {
        assert_eq!(list.passes_after(refusal), Some(Duration::from_secs(24 * 3600)), "{refusal:?}");
    }
    // By a form of Mailchimp's.
    world.put("unsubscribed@x.mx", "subscribed");
    let refusals = list.push(&adds(&["unsubscribed@x.mx", "cleaned@x.mx"])).await.unwrap();
    assert_eq!(reasons(&refusals).keys().copied().collect::<Vec<_>>(), ["cleaned@x.mx"]);
    assert_eq!(world.tagged("vip"), ["ana@x.mx", "unsubscribed@x.mx"]);
    world.assert_right();
}

#[tokio::test]
async fn a_lost_answer_at_any_step_is_made_good_by_a_repeat() {
    for lost in ["tag-search", "POST /lists/a1b2c3d4e5/segments", TAG_CALL, CREATE_CALL] {
        for silent in [false, true] {
            let world = World::start().await;
            world.state().silent_repeats = silent;
            world.put("off@x.mx", "unsubscribed");
            world.put("old@x.mx", "subscribed");
            let list = world.list(json!({}));
            world.fail(lost, Fault::Lost, 1);
            let all = batch(vec![change("ana@x.mx", true), change("off@x.mx", true), change("old@x.mx", false)]);
            let first = list.push(&all).await;
            assert!(matches!(first, Err(Failure::Retry { .. })), "{lost}: {first:?}");
            let refusals = list.push(&all).await.unwrap();
            assert!(refusals.iter().all(|refusal| refusal.identifier == "off@x.mx"), "{lost}: {refusals:?}");
            // What was put in without a word on its status is found when members are read back.
            let mut held = list.held(None).await.unwrap().held;
            held.sort();
            assert_eq!(held, ["ana@x.mx"], "{lost} {silent}");
            assert_eq!(world.tagged("vip"), ["ana@x.mx"], "{lost} {silent}");
            assert_eq!(world.state().lists[LIST].tags.len(), 1, "{lost}: one tag");
            world.assert_right();
        }
    }
}

#[tokio::test]
async fn failures_say_what_happens_next() {
    let invalid = r#"{"title":"API Key Invalid","status":401,"detail":"x"}"#;
    let disabled = r#"{"title":"User Disabled","status":403,"detail":"x"}"#;
    let crowded = r#"{"title":"Too Many Requests","status":429,"detail":"limit of 10 simultaneous connections"}"#;
    let world = World::start().await;
    world.tag("vip", &[]);
    let list = world.list(json!({}));
    for (status, body, needs) in [
        (429, crowded, false),
        (403, "", false),
        (500, "", false),
        (503, "<html>", false),
        (504, "", false),
        (401, invalid, true),
        (403, disabled, true),
    ] {
        world.fail(CREATE_CALL, Fault::Instead(status, body), 1);
        match list.push(&adds(&["ana@x.mx"])).await.unwrap_err() {
            Failure::NeedsAuthorization(_) => assert!(needs, "{status} {body}"),
            Failure::Retry { .. } => assert!(!needs, "{status} {body}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    assert_eq!(list.push(&adds(&["ana@x.mx"])).await, Ok(Vec::new()));
    world.state().lists.clear();
    assert!(matches!(list.push(&adds(&["bea@x.mx"])).await, Err(Failure::Gone(_))));
    world.assert_right();
}

#[tokio::test]
async fn a_tag_that_is_gone_is_looked_up_again_or_made() {
    let world = World::start().await;
    let old = world.tag("vip", &[]);
    let list = world.list(json!({}));
    list.push(&adds(&["ana@x.mx"])).await.unwrap();
    world.state().lists.get_mut(LIST).unwrap().tags.remove(&old);
    assert_eq!(list.held(None).await.unwrap().held, Vec::<String>::new());
    assert_eq!(list.push(&removes(&["ana@x.mx"])).await, Ok(Vec::new()), "nothing to take out of");
    assert!(world.state().lists[LIST].tags.is_empty());
    assert_eq!(list.push(&adds(&["ana@x.mx"])).await, Ok(Vec::new()));
    assert_eq!(world.tagged("vip"), ["ana@x.mx"]);
    // Of another spelling there is one already: that one is it.
    world.state().lists.get_mut(LIST).unwrap().tags.clear();
    world.tag("VIP", &[]);
    let other = world.list(json!({}));
    assert_eq!(other.push(&adds(&["bea@x.mx"])).await, Ok(Vec::new()));
    assert_eq!(world.tagged("VIP"), ["bea@x.mx"]);
    world.assert_right();
}

#[tokio::test]
async fn a_removal_only_leaves_the_tag_unless_the_list_wants_more_on_erasure() {
    for (erase, left) in [("leave", Some("subscribed")), ("archive", Some("archived")), ("delete", None)] {
        let world = World::start().await;
        let list = world.list(json!({ "erase": erase }));
        list.push(&adds(&["ana@x.mx", "bea@x.mx"])).await.unwrap();
        let mut erased = change("ana@x.mx", false);
        erased.cause = "erasure".to_owned();
        for _ in 0..2 {
            let both = batch(vec![erased.clone(), change("bea@x.mx", false)]);
            assert_eq!(list.push(&both).await, Ok(Vec::new()), "twice is as once");
        }
        assert!(world.tagged("vip").is_empty());
        let state = world.state();
        let of = |email: &str| state.lists[LIST].contacts.get(email).map(|contact| contact.status.as_str());
        assert_eq!((of("ana@x.mx"), of("bea@x.mx")), (left, Some("subscribed")), "{erase}");
        drop(state);
        world.assert_right();
    }
}

#[tokio::test]
async fn who_was_archived_meanwhile_is_brought_back_and_a_list_may_add_nobody() {
    let world = World::start().await;
    let list = world.list(json!({}));
    list.push(&adds(&["ana@x.mx"])).await.unwrap();
    list.push(&removes(&["ana@x.mx"])).await.unwrap();
    world.put("ana@x.mx", "archived");
    assert_eq!(list.push(&adds(&["ana@x.mx"])).await, Ok(Vec::new()));
    assert_eq!(world.tagged("vip"), ["ana@x.mx"]);
    let closed = world.list(json!({ "tag": "closed", "add_contacts": false }));
    world.take_calls();
    let refusals = closed.push(&adds(&["ana@x.mx", "new@x.mx"])).await.unwrap();
    assert_eq!(reasons(&refusals).keys().copied().collect::<Vec<_>>(), ["new@x.mx"]);
    assert_eq!(closed.passes_after(&refusals[0]), Some(Duration::from_secs(24 * 3600)));
    assert!(!world.calls().iter().any(|call| call == CREATE_CALL));
    assert_eq!(world.tagged("closed"), ["ana@x.mx"]);
    world.assert_right();
}

/// What a batch that is tried until it goes comes to, and how many tries that took.
async fn pushed_at_last(list: &dyn Destination, batch: &Batch) -> (Vec<Refusal>, usize) {
    for tries in 1..20 {
        if let Ok(refusals) = list.push(batch).await {
            return (refusals, tries);
        }
    }
    panic!("never");
}

#[tokio::test]
async fn a_tag_that_is_late_is_waited_for_but_not_for_ever() {
    let world = World::start().await;
    world.state().late.insert("ana@x.mx".to_owned());
    let list = world.list(json!({}));
    for _ in 0..2 {
        assert!(matches!(list.push(&adds(&["ana@x.mx", "bea@x.mx"])).await, Err(Failure::Retry { .. })));
    }
    world.state().late.clear();
    assert_eq!(list.push(&adds(&["ana@x.mx", "bea@x.mx"])).await, Ok(Vec::new()));
    world.state().late.insert("eva@x.mx".to_owned());
    // Given up, it begins anew: the counting does not stay.
    for _ in 0..2 {
        let (refusals, tries) = pushed_at_last(list.as_ref(), &adds(&["ana@x.mx", "eva@x.mx"])).await;
        assert_eq!((reasons(&refusals).keys().copied().collect::<Vec<_>>(), tries), (vec!["eva@x.mx"], 5));
        assert_eq!(list.passes_after(&refusals[0]), Some(Duration::from_secs(600)), "the tag shows it in the end");
    }
    world.state().late.clear();
    assert_eq!(list.push(&adds(&["eva@x.mx"])).await, Ok(Vec::new()));
    assert_eq!(world.tagged("vip"), ["ana@x.mx", "bea@x.mx", "eva@x.mx"]);
    world.assert_right();
}

#[tokio::test]
async fn contacts_that_are_late_since_different_times_are_given_up_together() {
    let world = World::start().await;
    world.state().late.extend(["ana@x.mx", "eva@x.mx"].map(str::to_owned));
    let list = world.list(json!({}));
    for _ in 0..3 {
        assert!(matches!(list.push(&adds(&["ana@x.mx"])).await, Err(Failure::Retry { .. })));
    }
    let (refusals, tries) = pushed_at_last(list.as_ref(), &adds(&["ana@x.mx", "eva@x.mx"])).await;
    assert_eq!((refusals.len(), tries), (2, 5));
    world.assert_right();
}

#[tokio::test]
async fn merge_fields_go_with_new_contacts_alone_and_keep_nobody_out() {
    let world = World::start().await;
    world.put("old@x.mx", "subscribed");
    let refusing = ("ERROR_GENERIC", "Please enter a date", "BIRTHDAY");
    world.state().refusing.insert("bea@x.mx".to_owned(), refusing);
    let list = world.list(json!({ "merge_fields": { "FNAME": "first_name", "BIRTHDAY": "birthday" } }));
    assert_eq!(list.fields(), ["birthday", "first_name"]);
    let mut all = adds(&["ana@x.mx", "bea@x.mx", "old@x.mx"]);
    for change in &mut all.changes {
        change.fields.insert("first_name".to_owned(), "José".to_owned());
        change
            .fields
            .insert("birthday".to_owned(), if change.identifier.starts_with('b') { "soon" } else { "" }.to_owned());
    }
    assert_eq!(list.push(&all).await, Ok(Vec::new()));
    let state = world.state();
    let of = |email: &str| state.lists[LIST].contacts[email].merge_fields.clone();
    assert_eq!(of("ana@x.mx"), json!({ "FNAME": "José" }));
    assert_eq!((of("bea@x.mx"), of("old@x.mx")), (Value::Null, Value::Null));
    drop(state);
    assert_eq!(world.tagged("vip"), ["ana@x.mx", "bea@x.mx", "old@x.mx"]);
    world.assert_right();
}

#[tokio::test]
async fn one_address_that_spoils_a_call_does_not_keep_the_others_out() {
    let world = World::start().await;
    let list = world.list(json!({}));
    world.state().poison.insert("person7-true@x.mx".to_owned());
    let mut changes = many(20, true);
    changes.extend(many(3, false));
    let refusals = list.push(&batch(changes)).await.unwrap();
    assert_eq!(reasons(&refusals).keys().copied().collect::<Vec<_>>(), ["person7-true@x.mx"]);
    assert_eq!(world.tagged("vip").len(), 19);
    let poisoned = list.push(&removes(&["person7-true@x.mx", "person8-true@x.mx"])).await;
    assert_eq!(poisoned, Ok(Vec::new()));
    assert_eq!(world.tagged("vip").len(), 18);
    world.assert_right();
}

#[tokio::test]
async fn members_are_read_back_whatever_their_status_and_in_smaller_pages_when_it_takes_too_long() {
    let world = World::start().await;
    let names: Vec<String> = (0..1_200).map(|number| format!("person{number}@x.mx")).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    for (number, name) in all.iter().enumerate() {
        world.put(name, ["subscribed", "unsubscribed", "cleaned", "transactional"][number % 4]);
    }
    world.tag("vip", &all);
    let list = world.list(json!({}));
    world.fail("/members", Fault::Instead(504, ""), 1);
    let (mut held, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = list.held(after.as_deref()).await.unwrap();
        held.extend(page.held);
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    held.sort();
    let mut expected = names.clone();
    expected.sort();
    assert_eq!((held == expected, pages), (true, 3), "pages of 500 after one of 1,000 took too long");
    assert_eq!(world.take_calls().iter().filter_map(|call| call.query.get("count").cloned()).next().unwrap(), "1000");
    let ask = ["person1@x.mx", "nobody@x.mx"].map(str::to_owned);
    assert_eq!(list.holds(&ask).await.unwrap(), ["person1@x.mx"]);
    let mut many_asked = names[..300].to_vec();
    many_asked.push("nobody@x.mx".to_owned());
    assert_eq!(list.holds(&many_asked).await.unwrap(), names[..300]);
    assert_eq!(world.tagged("vip").len(), 1_200, "reading takes nobody out who was not put in by us");
    assert!(matches!(list.held(Some("x")).await, Err(Failure::Refused(_))));
    world.assert_right();
}

#[tokio::test]
async fn which_destination_it_is_names_account_audience_and_tag() {
    let world = World::start().await;
    assert_eq!(world.list(json!({})).identity(), "mailchimp acc1 audience a1b2c3d4e5 tag vip");
    let settings = json!({ "audience": LIST }).as_object().unwrap().clone();
    assert!(matches!(world.try_list(settings), Err(Failure::Refused(_))));
}
