//! The list, against an account that keeps Klaviyo's rules.

mod support;

use kit::failure::Failure;
use kit::sync::{Batch, Change};
use segmentd_simulators::klaviyo::{Fault, Faults, NewProfile, SimOptions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use support::{LIST, World, batch, change, options, reasons};

const IMPORT: &str = "POST profile-bulk-import-jobs";
const REMOVE: &str = "DELETE lists/Y6nRLr/relationships/profiles";

fn profile(email: &str) -> NewProfile {
    NewProfile { email: email.to_owned(), ..NewProfile::default() }
}

fn count(calls: &[String], wanted: &str) -> usize {
    calls.iter().filter(|call| call.starts_with(wanted)).count()
}

#[tokio::test]
async fn who_comes_is_imported_who_goes_is_taken_out_and_nobodys_consent_changes() {
    let world = World::start(options()).await;
    let suppressed = NewProfile { suppressed: Some("HARD_BOUNCE".to_owned()), ..profile("bounced@x.mx") };
    let unsubscribed = NewProfile { consent: "UNSUBSCRIBED".to_owned(), ..profile("gone@x.mx") };
    let subscribed = NewProfile { consent: "SUBSCRIBED".to_owned(), ..profile("old@x.mx") };
    let ids = [suppressed, unsubscribed, subscribed].map(|profile| world.sim.add_profile(profile));
    world.sim.put_member(LIST, &ids[2]);
    let before = ["bounced@x.mx", "gone@x.mx", "old@x.mx"].map(|email| world.sim.profile(email).unwrap());
    let list = world.list(json!({}));
    let refusals = list
        .push(&batch("b1", &["new@x.mx", "bounced@x.mx", "gone@x.mx"], &["old@x.mx", "nobody@x.mx"]))
        .await
        .unwrap();
    assert_eq!(refusals, []);
    assert_eq!(world.members(), ["bounced@x.mx", "gone@x.mx", "new@x.mx"]);
    assert_eq!(["bounced@x.mx", "gone@x.mx", "old@x.mx"].map(|email| world.sim.profile(email).unwrap()), before);
    assert_eq!(world.sim.profile("new@x.mx").unwrap().consent, "NEVER_SUBSCRIBED");
    let calls = world.called();
    // Before the first removal: whether an import of before a restart is under way.
    assert_eq!(calls[..4], ["GET profile-bulk-import-jobs", IMPORT, "GET profiles", REMOVE]);
    assert!(calls[4..].iter().all(|call| call.starts_with("GET profile-bulk-import-jobs/")), "{calls:?}");
    assert_eq!(world.sim.violations(), [""; 0]);
}

#[tokio::test]
async fn who_an_import_fails_for_is_told_one_by_one_and_the_others_are_in() {
    let world = World::start(options()).await;
    world.sim.refuse("bad1@x.mx", "invalid", "Invalid email address");
    world.sim.refuse("late@x.mx", "throttled", "Try again");
    let many: Vec<String> = (0..250).map(|number| format!("bad-{number}@x.mx")).collect();
    many.iter().for_each(|email| world.sim.refuse(email, "invalid", "Invalid email address"));
    let mut adds = vec!["a@x.mx", "bad1@x.mx", "late@x.mx", "no address", "b@x.mx"];
    adds.extend(many.iter().map(String::as_str));
    let list = world.list(json!({}));
    let refusals = list.push(&batch("b1", &adds, &[])).await.unwrap();
    let told = reasons(&refusals);
    assert_eq!(told.len(), 253);
    assert_eq!(told["bad1@x.mx"], "not taken by Klaviyo: Invalid input. Invalid email address");
    assert!(told["no address"].contains("Invalid email address") && told["late@x.mx"].starts_with("Klaviyo failed"));
    assert_eq!(world.members(), ["a@x.mx", "b@x.mx"]);
    let late = refusals.iter().find(|refusal| refusal.identifier == "late@x.mx").unwrap();
    assert_eq!(list.passes_after(late), Some(Duration::from_secs(3_600)));
    // 253 errors are three pages of 100.
    let calls = world.calls();
    assert_eq!(calls.iter().filter(|call| call.path.ends_with("/import-errors")).count(), 3);
}

#[tokio::test]
async fn errors_that_name_nobody_are_told_apart_by_who_is_in_the_list() {
    let world = World::start(options()).await;
    world.sim.refuse("bad@x.mx", "invalid", "Invalid");
    world.sim.set_telling(false);
    let refusals = world.list(json!({})).push(&batch("b1", &["a@x.mx", "bad@x.mx"], &[])).await.unwrap();
    assert_eq!(reasons(&refusals).into_keys().collect::<Vec<_>>(), ["bad@x.mx"]);
}

#[tokio::test]
async fn an_import_that_is_cancelled_is_begun_again_and_one_that_is_slow_is_waited_for() {
    let world = World::start(options()).await;
    let list = world.list(json!({}));
    world.sim.cancel_next_job();
    let failure = list.push(&batch("b1", &["a@x.mx"], &[])).await.unwrap_err();
    assert!(matches!(&failure, Failure::Retry { why, .. } if why.contains("cancelled")), "{failure}");
    assert_eq!(list.push(&batch("b1", &["a@x.mx"], &[])).await, Ok(vec![]));
    assert_eq!((world.members().len(), count(&world.called(), IMPORT)), (1, 2));
}

#[tokio::test]
async fn a_batch_that_failed_amid_goes_on_where_it_was() {
    let world = World::start(options()).await;
    let old = world.sim.add_profile(profile("old@x.mx"));
    world.sim.put_member(LIST, &old);
    let list = world.list(json!({}));
    // The import is begun, the look-up is done, the removal is lost after it was done; then a look at the job fails.
    let script = [Fault::None, Fault::None, Fault::LostAnswer, Fault::None, Fault::Unavailable].into();
    world.sim.set_faults(Faults { script, ..Faults::default() });
    let one = batch("b1", &["a@x.mx"], &["old@x.mx"]);
    let mut failures = 0;
    while list.push(&one).await.is_err() {
        failures += 1;
        assert!(failures < 5, "it never ends");
    }
    assert_eq!(world.members(), ["a@x.mx"]);
    let calls = world.called();
    assert_eq!((count(&calls, IMPORT), count(&calls, REMOVE)), (1, 2), "{calls:?}");
}

#[tokio::test]
async fn an_import_whose_answer_was_lost_ends_before_anything_else_is_sent() {
    let world = World::start(SimOptions { job_step: Duration::from_millis(600), ..options() }).await;
    let list = world.list(json!({}));
    world.sim.set_faults(Faults { script: [Fault::DropAfter].into(), ..Faults::default() });
    assert!(matches!(list.push(&batch("b1", &["a@x.mx"], &[])).await, Err(Failure::Retry { .. })));
    // The batch is given up; what follows takes the same person out.
    let after = batch("b2", &[], &["a@x.mx"]);
    let waits = list.push(&after).await.unwrap_err();
    assert!(matches!(&waits, Failure::Retry { why, after: Some(_) } if why.contains("may be under way")), "{waits}");
    let mut tries = 0;
    while list.push(&after).await.is_err() {
        tries += 1;
        assert!(tries < 50, "it never ends");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.members(), [""; 0]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(world.members(), [""; 0], "nothing comes later");
}

#[tokio::test]
async fn calls_are_as_few_as_their_sizes_allow() {
    let world = World::start(options()).await;
    let emails = |from: usize, to: usize| (from..to).map(|number| format!("c{number}@x.mx")).collect::<Vec<_>>();
    let (old, new) = (emails(0, 2_500), emails(2_500, 12_500));
    for email in &old {
        let id = world.sim.add_profile(profile(email));
        world.sim.put_member(LIST, &id);
    }
    let list = world.list(json!({}));
    let (mut held, mut after) = (BTreeSet::new(), None);
    loop {
        let page = list.held(after.as_deref()).await.unwrap();
        held.extend(page.held);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(held, old.iter().cloned().collect());
    assert_eq!(world.called().len(), 25, "pages of 100");
    let (adds, removes): (Vec<&str>, Vec<&str>) =
        (new.iter().map(String::as_str).collect(), old.iter().map(String::as_str).collect());
    assert_eq!(list.push(&batch("b1", &adds, &removes)).await, Ok(vec![]));
    assert_eq!(world.sim.members(LIST), new.into_iter().collect());
    let calls = world.called();
    assert_eq!((count(&calls, IMPORT), count(&calls, REMOVE), count(&calls, "GET profiles")), (1, 3, 0), "{calls:?}");
    assert!(calls.len() <= 6, "{calls:?}");
    assert_eq!(world.sim.throttled(), 0);
}

#[tokio::test]
async fn ids_that_are_none_any_more_keep_nobody_in() {
    for telling in [true, false] {
        let world = World::start(options()).await;
        let ids: Vec<String> = (0..5)
            .map(|number| {
                let id = world.sim.add_profile(profile(&format!("c{number}@x.mx")));
                world.sim.put_member(LIST, &id);
                id
            })
            .collect();
        world.sim.set_telling(telling);
        let list = world.list(json!({}));
        list.held(None).await.unwrap();
        // One is deleted, and one merged: its address is another profile's now.
        world.sim.delete_profile(&ids[1]);
        world.sim.delete_profile(&ids[3]);
        let merged = world.sim.add_profile(profile("c3@x.mx"));
        world.sim.put_member(LIST, &merged);
        let all = ["c0@x.mx", "c1@x.mx", "c2@x.mx", "c3@x.mx", "c4@x.mx"];
        assert_eq!(list.push(&batch("b1", &[], &all)).await, Ok(vec![]));
        assert_eq!(world.members(), [""; 0], "telling: {telling}");
        world.calls();
    }
}

#[tokio::test]
async fn whoever_is_in_the_list_is_held_by_the_best_name_and_can_be_taken_out_by_it() {
    let world = World::start(options()).await;
    let phone = NewProfile { phone_number: "+525512345678".to_owned(), ..NewProfile::default() };
    for new in [profile("a@x.mx"), phone, NewProfile::default()] {
        let id = world.sim.add_profile(new);
        world.sim.put_member(LIST, &id);
    }
    let list = world.list(json!({}));
    let held = list.held(None).await.unwrap().held;
    assert_eq!((held.len(), held[0].as_str(), held[1].as_str()), (3, "a@x.mx", "+525512345678"));
    assert!(held[2].starts_with("profile:01"), "{held:?}");
    let asked: Vec<String> = ["a@x.mx", "b@x.mx", "+525512345678"].map(str::to_owned).into();
    assert_eq!(list.holds(&asked).await.unwrap(), ["a@x.mx", "+525512345678"]);
    // Another one that remembers nothing.
    let names: Vec<&str> = held.iter().map(String::as_str).collect();
    assert_eq!(world.list(json!({})).push(&batch("b1", &[], &names)).await, Ok(vec![]));
    assert_eq!(world.members(), [""; 0]);
    world.calls();
}

#[tokio::test]
async fn properties_come_along_and_who_was_erased_is_deleted_if_the_list_says_so() {
    let world = World::start(options()).await;
    let list = world.list(json!({ "properties": { "first_name": "name", "Tier": "tier" }, "erase": "delete" }));
    assert_eq!(list.fields(), ["name", "tier"]);
    let mut ana = change("ana@x.mx", true);
    ana.fields = BTreeMap::from([("name".to_owned(), "Ana".to_owned()), ("tier".to_owned(), "gold".to_owned())]);
    let of = |id: &str, changes: Vec<Change>| Batch { changes, ..batch(id, &[], &[]) };
    list.push(&of("b1", vec![ana, change("luis@x.mx", true)])).await.unwrap();
    let seen = world.sim.profile("ana@x.mx").unwrap();
    assert_eq!((&seen.attributes["first_name"], &seen.properties["Tier"]), (&json!("Ana"), &json!("gold")));
    let erased = Change { cause: "erasure".to_owned(), ..change("ana@x.mx", false) };
    list.push(&of("b2", vec![erased, change("luis@x.mx", false)])).await.unwrap();
    assert!(world.sim.profile("ana@x.mx").is_none() && world.sim.profile("luis@x.mx").is_some());
    world.calls();
}

#[tokio::test]
async fn a_list_that_is_gone_and_scopes_that_are_missing_are_told() {
    let world = World::start(options()).await;
    let token = world.sim.issue_token(&["lists:read", "profiles:read"]);
    let list = support::destination(world.connection(&token), json!({})).unwrap();
    let Err(Failure::Blocked(why)) = list.push(&batch("b1", &["a@x.mx"], &[])).await else { panic!() };
    assert!(why.contains("lists:write"), "{why}");
    let list = world.list(json!({}));
    let id = world.sim.add_profile(profile("old@x.mx"));
    world.sim.put_member(LIST, &id);
    world.sim.delete_list(LIST);
    for batch in [batch("b1", &["a@x.mx"], &[]), batch("b2", &[], &["old@x.mx"])] {
        assert!(matches!(list.push(&batch).await, Err(Failure::Gone(_))));
    }
    assert!(matches!(list.held(None).await, Err(Failure::Gone(_))));
    assert!(matches!(list.holds(&["a@x.mx".to_owned()]).await, Err(Failure::Gone(_))));
    world.calls();
}

#[tokio::test]
async fn rates_are_kept_and_a_wait_that_is_asked_for_is_told() {
    let world = World::start(options()).await;
    let list = world.list(json!({}));
    for _ in 0..40 {
        list.held(None).await.unwrap();
    }
    assert_eq!(world.sim.throttled(), 0, "40 calls in a row keep to 75 a second");
    world.sim.set_faults(Faults { script: [Fault::TooMany(7)].into(), ..Faults::default() });
    let failure = list.held(None).await.unwrap_err();
    assert!(matches!(failure, Failure::Retry { after: Some(wait), .. } if wait == Duration::from_secs(7)), "{failure}");
    world.calls();
}

#[test]
fn settings_that_are_none_are_refused() {
    let setup = |settings: Value| kit::connector::DestinationSetup {
        settings: settings.as_object().unwrap().clone(),
        ..kit::connector::DestinationSetup::default()
    };
    let connect = segmentd_connector_klaviyo::CONNECTOR.sync.unwrap().connect;
    for settings in [json!({ "list": "Y6nRLr" }), json!({ "list": "a/b" })] {
        assert!(matches!(connect(&setup(settings)), Err(Failure::Refused(_))));
    }
}
