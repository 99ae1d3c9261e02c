//! Lists one rule at a time: crash points, replays, brake, holds, modes, refusals.

mod sync_support;

use model::{ListMode, SegmentId, WorkspaceId};
use segmentd::sync::{ListCommand, ListState, SyncSettings, Whose};
use std::sync::Arc;
use std::time::Duration;
use sync_support::double::{Death, Double};
use sync_support::{Bench, settings};

/// A list that goes to a double.
async fn with_double(mode: ListMode) -> (Bench, Double) {
    let mut bench = Bench::new(1).await;
    let double = Double::default();
    bench.define_as("news", mode);
    bench.put("news", settings(), Arc::new(double.clone()));
    (bench, double)
}

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}@example.com")).collect()
}

async fn fill(bench: &mut Bench, double: &Double, count: usize) {
    for (number, identifier) in addresses(count).iter().enumerate() {
        bench.desire("news", identifier, &format!("p_{number}"), true);
    }
    bench.until("filled", |_| double.members().len() == count).await;
    bench.until("idle", |bench| bench.status("news").to_add == 0).await;
}

async fn quiet() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_crash_before_or_after_sending_whatever_is_desired_by_then_is_sent() {
    for death in [Death::BeforeSend, Death::AfterSend] {
        for still_desired in [true, false] {
            let (mut bench, double) = with_double(ListMode::Mirror).await;
            bench.checkpoint();
            double.die(death, bench.path(), bench.next_path());
            bench.desire("news", "a@example.com", "p_1", true);
            bench.until("dead", |_| double.is_dead()).await;
            bench.reopen_copied().await;
            if !still_desired {
                // Known before the list can send anything again.
                bench.desire("news", "a@example.com", "p_1", false);
            }
            bench.status("news");
            bench.put("news", settings(), Arc::new(double.clone()));
            let wanted = if still_desired { vec!["a@example.com".to_owned()] } else { Vec::new() };
            bench.until("as desired", |bench| bench.status("news").to_add + bench.status("news").to_remove == 0).await;
            assert_eq!(double.members(), wanted, "{death:?}, still desired: {still_desired}");
            let last = double.batches().pop().expect("something was sent after the crash");
            assert_eq!(last.changes[0].member, still_desired, "{death:?}");
            bench.end().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entering_and_leaving_before_anything_is_sent_comes_to_nothing() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    bench.command("news", ListCommand::Hold);
    bench.desire("news", "a@example.com", "p_1", true);
    bench.desire("news", "a@example.com", "p_1", false);
    assert_eq!(bench.status("news").to_add, 0);
    bench.command("news", ListCommand::Release);
    quiet().await;
    assert!(double.batches().is_empty());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_passes_to_another_person_stays_and_leaves_with_them() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 1).await;
    let address = addresses(1).remove(0);
    bench.desire("news", &address, "p_other", true);
    quiet().await;
    assert_eq!(double.members(), std::slice::from_ref(&address));
    bench.desire("news", &address, "p_other", false);
    bench.until("gone", |_| double.members().is_empty()).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_survives_a_restart_and_sends_nothing() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    bench.command("news", ListCommand::Hold);
    bench.restart().await;
    bench.put("news", settings(), Arc::new(double.clone()));
    bench.desire("news", "a@example.com", "p_1", true);
    quiet().await;
    assert_eq!(bench.status("news").state, ListState::Held);
    assert!(double.batches().is_empty());
    bench.command("news", ListCommand::Release);
    bench.until("sent", |_| double.members().len() == 1).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_wait_for_what_the_daemon_waits_for_also_those_that_come_meanwhile() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    let workspace = WorkspaceId::from("shop");
    let (all, segment) = (Whose::Workspace, Whose::Segment(SegmentId::from("vip")));
    bench.service.wait_for(&workspace, &all, "backfill", "the store is being read in");
    bench.service.wait_for(&workspace, &segment, "build", "the segment is being built");
    bench.service.wait_for(&workspace, &Whose::Segment(SegmentId::from("other")), "other", "not ours");
    bench.service.wait_for(&WorkspaceId::from("elsewhere"), &all, "elsewhere", "not ours");
    bench.define("later");
    let later = Double::default();
    bench.put("later", settings(), Arc::new(later.clone()));
    for list in ["news", "later"] {
        bench.desire(list, "a@example.com", "p_1", true);
    }
    quiet().await;
    bench.service.done_waiting(&workspace, &segment, "build");
    quiet().await;
    for list in ["news", "later"] {
        let status = bench.status(list);
        assert_eq!((status.state, status.reason.as_deref()), (ListState::Held, Some("the store is being read in")));
    }
    assert!(double.batches().is_empty() && later.batches().is_empty());
    bench.service.done_waiting(&workspace, &all, "backfill");
    bench.until("sent", |_| double.members().len() == 1 && later.members().len() == 1).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_removal_waits_for_the_operator_while_additions_go_on() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 200).await;
    bench.command("news", ListCommand::Hold);
    for identifier in addresses(60) {
        bench.desire("news", &identifier, "p", false);
    }
    bench.desire("news", "new@example.com", "p_new", true);
    bench.command("news", ListCommand::Release);
    bench.until("the addition went", |_| double.members().contains(&"new@example.com".to_owned())).await;
    quiet().await;
    let status = bench.status("news");
    assert_eq!((status.state, status.to_remove), (ListState::Braked, 60));
    assert_eq!(double.members().len(), 201);
    assert_eq!(bench.alerts.list().len(), 1);
    bench.command("news", ListCommand::ConfirmBrake);
    bench.until("removed", |_| double.members().len() == 141).await;
    bench.until("calm", |bench| bench.alerts.list().is_empty()).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removals_that_are_held_wait_over_a_restart_until_confirmed() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 3).await;
    bench.service.clock_leapt("the clock leapt");
    bench.restart().await;
    bench.put("news", settings(), Arc::new(double.clone()));
    bench.desire("news", "u000@example.com", "p_0", false);
    bench.desire("news", "new@example.com", "p_9", true);
    bench.until("added", |_| double.members().len() == 4).await;
    quiet().await;
    assert_eq!(bench.status("news").reason.as_deref(), Some("the clock leapt"));
    assert_eq!(double.members().len(), 4, "nobody was removed");
    bench.command("news", ListCommand::ConfirmBrake);
    bench.until("removed", |_| double.members().len() == 3).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sync_is_shown_before_it_is_started() {
    let mut bench = Bench::new(1).await;
    let double = Double::default();
    bench.define("news");
    bench.put("news", SyncSettings { dry_run_first: true, ..settings() }, Arc::new(double.clone()));
    bench.desire("news", "a@example.com", "p_1", true);
    quiet().await;
    let status = bench.status("news");
    assert_eq!((status.state, status.to_add), (ListState::DryRun, 1));
    assert_eq!(status.sample, ["a@example.com"]);
    assert!(double.batches().is_empty());
    bench.command("news", ListCommand::Start);
    bench.until("sent", |_| double.members().len() == 1).await;
    assert!(double.batches()[0].first_sync);
    bench.until("over", |bench| !bench.status("news").first_sync).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_add_only_list_removes_nobody_until_it_is_emptied() {
    let (mut bench, double) = with_double(ListMode::AddOnly).await;
    fill(&mut bench, &double, 3).await;
    bench.desire("news", "u000@example.com", "p_0", false);
    quiet().await;
    assert_eq!(double.members().len(), 3);
    bench.unlink("news", true);
    bench.until("emptied", |_| double.members().is_empty()).await;
    bench.until("forgotten", |bench| !bench.exists("news")).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_stay_there_when_a_list_is_left() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 3).await;
    bench.unlink("news", false);
    assert!(!bench.exists("news"));
    quiet().await;
    assert_eq!(double.members().len(), 3);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_neither_empties_a_list_that_was_linked_again_nor_brings_one_back() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 3).await;
    bench.unlink("news", true);
    bench.until("forgotten", |bench| !bench.exists("news")).await;
    bench.define("news");
    bench.define("other");
    bench.unlink("other", false);
    bench.put("news", settings(), Arc::new(double.clone()));
    bench.desire("news", "z@example.com", "p_z", true);
    bench.until("sent", |_| double.members() == ["z@example.com"]).await;
    let sent = double.batches().len();
    // Everything since the beginning comes again, in other groups.
    bench.replay();
    quiet().await;
    assert_eq!(double.members(), ["z@example.com"]);
    assert_eq!(double.batches().len(), sent, "nothing was sent for what is old");
    assert!(!bench.exists("other"));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_is_refused_is_named_and_keeps_nobody_else_back() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    double.refuse("bad@example.com");
    bench.desire("news", "bad@example.com", "p_1", true);
    bench.desire("news", "good@example.com", "p_2", true);
    bench.until("sent", |_| double.members() == ["good@example.com"]).await;
    bench.until("named", |bench| bench.status("news").refused_count == 1).await;
    let status = bench.status("news");
    assert_eq!(status.refused.get("bad@example.com").map(String::as_str), Some("no"));
    assert_eq!((status.to_add, status.desired, status.confirmed), (0, 2, 1));
    bench.desire("news", "bad@example.com", "p_1", false);
    bench.until("forgotten", |bench| bench.status("news").refused_count == 0).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_is_forgotten_after_two_checkpoints_and_stays_away_in_a_replay() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 2).await;
    bench.desire("news", "u000@example.com", "p_0", false);
    bench.until("gone", |_| double.members().len() == 1).await;
    bench.until("idle", |bench| bench.status("news").to_remove == 0).await;
    assert!(bench.store_holds("u000@example.com"));
    for round in 0..2 {
        // A checkpoint that is tried again counts once.
        bench.checkpoint();
        bench.checkpoint();
        bench.desire("news", &format!("more{round}@example.com"), "p_9", true);
    }
    assert!(!bench.store_holds("u000@example.com"));
    assert!(bench.store_holds("u001@example.com"));
    bench.restart().await;
    bench.put("news", settings(), Arc::new(double.clone()));
    quiet().await;
    assert!(!double.members().contains(&"u000@example.com".to_owned()));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_with_the_engine_mends_the_books_and_the_list() {
    let mut bench = Bench::new(1).await;
    bench.define("news");
    bench.link("news", settings());
    for (number, identifier) in addresses(3).iter().enumerate() {
        bench.desire("news", identifier, &format!("p_{number}"), true);
    }
    bench.converges("news").await;
    let engine = [("u001@example.com", "p_1"), ("x@example.com", "p_x")];
    let engine = engine.map(|(identifier, person)| (identifier.to_owned(), person.to_owned()));
    let found = bench.resync("news", engine.to_vec()).await;
    assert_eq!((found.added, found.removed), (1, 2));
    bench.until("mended", |bench| bench.members("news").into_iter().collect::<Vec<_>>() == engine).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_erased_goes_past_the_brake_and_out_of_a_snapshot_that_was_made() {
    let (mut bench, double) = with_double(ListMode::Mirror).await;
    fill(&mut bench, &double, 200).await;
    bench.command("news", ListCommand::Hold);
    for identifier in addresses(60) {
        bench.desire("news", &identifier, "p", false);
    }
    bench.erase("news", "u199@example.com");
    bench.command("news", ListCommand::Release);
    bench.until("erased", |_| !double.members().contains(&"u199@example.com".to_owned())).await;
    quiet().await;
    assert_eq!(double.members().len(), 199, "the other removals wait");
    assert_eq!(bench.status("news").state, ListState::Braked);
    for _ in 0..2 {
        bench.desire("news", "more@example.com", "p", true);
        bench.checkpoint();
    }
    assert!(!bench.store_holds("u199@example.com"), "nothing of it is kept");
    bench.end().await;
}
