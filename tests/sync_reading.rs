//! Lists whose members can be read back: drift, first syncs, restores, lag, and a kill at every call.

mod sync_support;

use kit::failure::Failure;
use model::{ListId, ListMode, WorkspaceId};
use segmentd::shard::api::QueryError;
use segmentd::sync::{Departure, ListCommand, ListState, People, SyncSettings};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use sync_support::platform::{Platform, SIDE, Trouble};
use sync_support::{Bench, settings};

fn addresses(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:03}@example.com")).collect()
}

/// A list of so many members that are there already.
async fn filled(mode: ListMode, platform: &Platform, count: usize) -> Bench {
    let mut bench = Bench::new(1).await;
    bench.define_as("news", mode);
    for (number, identifier) in addresses(count).iter().enumerate() {
        bench.desire("news", identifier, &format!("p_{number}"), true);
    }
    bench.put("news", settings(), Arc::new(platform.clone()));
    let done = |bench: &Bench| {
        let status = bench.status("news");
        status.to_add == 0 && !status.reconciling
    };
    bench.until("filled", done).await;
    assert_eq!(platform.members().len(), count);
    bench
}

async fn quiet() {
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sides_of_a_call_are_filled_and_a_lone_change_goes_at_once() {
    let platform = Platform::new(1);
    let mut bench = filled(ListMode::Mirror, &platform, 25).await;
    bench.command("news", ListCommand::Hold);
    let before = platform.batches().len();
    for identifier in addresses(25) {
        bench.desire("news", &identifier, "p", false);
    }
    for identifier in addresses(50).split_off(25) {
        bench.desire("news", &identifier, "p", true);
    }
    bench.command("news", ListCommand::Release);
    bench.until("sent", |_| platform.members() == addresses(50).split_off(25)).await;
    let batches = platform.batches().split_off(before);
    let sides = |batch: &kit::sync::Batch| {
        let adds = batch.changes.iter().filter(|change| change.member).count();
        (adds, batch.changes.len() - adds)
    };
    assert_eq!(batches.iter().map(sides).collect::<Vec<_>>(), [(SIDE, SIDE), (SIDE, SIDE), (5, 5)]);
    let begun = Instant::now();
    bench.desire("news", "alone@example.com", "p", true);
    bench.until("sent", |_| platform.members().contains(&"alone@example.com".to_owned())).await;
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert!(platform.broken_rules().is_empty());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_taken_out_by_others_is_asked_for_and_put_back_and_strangers_go_only_where_the_list_is_ours() {
    for mode in [ListMode::AddOnly, ListMode::Mirror, ListMode::Own] {
        let platform = Platform::new(1);
        let bench = filled(mode, &platform, 20).await;
        platform.meddle("u003@example.com", false);
        platform.meddle("stranger@example.com", true);
        let status = bench.reconciled("news").await;
        let mut wanted = addresses(20);
        if mode != ListMode::Own {
            wanted.insert(0, "stranger@example.com".to_owned());
            wanted.sort();
        }
        assert_eq!(platform.members(), wanted, "{mode:?}");
        assert!(platform.asked().contains(&"u003@example.com".to_owned()), "{mode:?}");
        let (drift, strangers) = if mode == ListMode::Own { (2, 0) } else { (1, 1) };
        assert_eq!(
            (status.drift_found, status.drift_repaired, status.strangers),
            (drift, drift, strangers),
            "{mode:?}"
        );
        assert!(status.last_reconciled.is_some());
        let sent = platform.batches().len();
        let again = bench.reconciled("news").await;
        assert_eq!((again.drift_found, platform.batches().len()), (drift, sent), "{mode:?}: nothing is left to do");
        bench.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_did_not_hold_is_made_again_until_it_was_seen_to_hold() {
    let platform = Platform::new(1);
    let mut bench = filled(ListMode::Mirror, &platform, 5).await;
    let gone = "u002@example.com";
    bench.desire("news", gone, "p_2", false);
    bench.until("removed", |bench| bench.status("news").to_remove == 0 && platform.members().len() == 4).await;
    platform.meddle(gone, true);
    for round in 0..3 {
        bench.desire("news", &format!("more{round}@example.com"), "p", true);
        bench.checkpoint();
    }
    bench.restart().await;
    bench.put("news", settings(), Arc::new(platform.clone()));
    for round in 3..6 {
        bench.desire("news", &format!("more{round}@example.com"), "p", true);
        bench.checkpoint();
    }
    assert!(bench.store_holds(gone), "still known, for nobody saw that it is gone");
    bench.reconciled("news").await;
    assert!(!platform.members().contains(&gone.to_owned()));
    bench.reconciled("news").await;
    for round in 6..9 {
        bench.desire("news", &format!("more{round}@example.com"), "p", true);
        bench.checkpoint();
    }
    assert!(!bench.store_holds(gone), "seen to be gone and forgotten");
    platform.meddle(gone, true);
    let status = bench.reconciled("news").await;
    assert_eq!((status.strangers, platform.members().contains(&gone.to_owned())), (1, true), "it is theirs now");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_lags_behind_what_we_sent_is_no_drift() {
    let platform = Platform::new(1).late(Duration::from_millis(700), 1);
    let mut bench = filled(ListMode::Own, &platform, 12).await;
    for identifier in addresses(4) {
        bench.desire("news", &identifier, "p", false);
    }
    bench.until("removed", |bench| platform.members().len() == 8 && bench.status("news").to_remove == 0).await;
    let sent = platform.batches().len();
    let status = bench.reconciled("news").await;
    assert_eq!((status.drift_found, platform.batches().len()), (0, sent));
    // It is not known of the last run's changes when they were sent.
    bench.desire("news", "late@example.com", "p", true);
    bench.until("sent", |_| platform.members().len() == 9).await;
    bench.restart().await;
    bench.put("news", settings(), Arc::new(platform.clone()));
    let sent = platform.batches().len();
    let status = bench.reconciled("news").await;
    assert_eq!((status.drift_found, platform.batches().len()), (0, sent));
    platform.meddle("u007@example.com", false);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let status = bench.reconciled("news").await;
    assert_eq!((status.drift_found, platform.members().len()), (1, 9));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_strangers_wait_behind_the_brake() {
    let platform = Platform::new(1);
    let bench = filled(ListMode::Own, &platform, 150).await;
    for number in 0..60 {
        platform.meddle(&format!("x{number}@example.com"), true);
    }
    bench.service.reconcile_now(&WorkspaceId::from("shop"), &ListId::from("news")).unwrap();
    bench.until("braked", |bench| bench.status("news").state == ListState::Braked).await;
    bench.until("compared", |bench| !bench.status("news").reconciling).await;
    quiet().await;
    assert_eq!((platform.members().len(), bench.status("news").to_remove), (210, 60), "they are judged together");
    bench.command("news", ListCommand::ConfirmBrake);
    bench.until("removed", |_| platform.members() == addresses(150)).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_most_are_missing_they_are_sent_again_without_asking_for_each() {
    let platform = Platform::new(1);
    let bench = filled(ListMode::Mirror, &platform, 1_300).await;
    for identifier in addresses(1_300) {
        platform.meddle(&identifier, false);
    }
    let status = bench.reconciled("news").await;
    assert_eq!(platform.members().len(), 1_300);
    assert_eq!((status.drift_found, status.drift_repaired, platform.asked().len()), (1_300, 1_300, 1_000));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sync_shows_what_it_would_do_to_those_who_are_there_already() {
    for (mode, adds, removes) in [(ListMode::Own, 1, 9), (ListMode::Mirror, 1, 0), (ListMode::AddOnly, 1, 0)] {
        let mut bench = Bench::new(1).await;
        let platform = Platform::new(1);
        let there = addresses(10);
        there.iter().for_each(|identifier| platform.meddle(identifier, true));
        bench.define_as("news", mode);
        bench.desire("news", "u004@example.com", "p_4", true);
        bench.desire("news", "new@example.com", "p_n", true);
        bench.put("news", SyncSettings { dry_run_first: true, ..settings() }, Arc::new(platform.clone()));
        bench.until("read", |bench| bench.status("news").last_reconciled.is_some()).await;
        let status = bench.status("news");
        assert_eq!((status.state, status.to_add, status.to_remove), (ListState::DryRun, adds, removes), "{mode:?}");
        assert_eq!((status.drift_found, platform.batches().len()), (0, 0), "{mode:?}");
        bench.command("news", ListCommand::Start);
        bench.until("over", |bench| !bench.status("news").first_sync).await;
        let kept = if mode == ListMode::Own { vec!["u004@example.com".to_owned()] } else { there };
        let mut wanted = [vec!["new@example.com".to_owned()], kept].concat();
        wanted.sort();
        assert_eq!(platform.members(), wanted, "{mode:?}");
        // Whom the segment wanted and found there counts as ours.
        bench.desire("news", "u004@example.com", "p_4", false);
        bench.until("left", |bench| bench.status("news").to_remove == 0 && bench.status("news").desired == 1).await;
        quiet().await;
        assert_eq!(platform.members().contains(&"u004@example.com".to_owned()), mode == ListMode::AddOnly, "{mode:?}");
        bench.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_before_a_new_destination_was_read_and_reads_that_fail_later_keep_nothing_back() {
    let mut bench = Bench::new(1).await;
    let platform = Platform::new(1);
    let no_reads = Trouble { reads: Some(Failure::retry("no reads today", None)), ..Trouble::default() };
    platform.set_trouble(no_reads.clone());
    bench.define_as("news", ListMode::Own);
    bench.desire("news", "a@example.com", "p_1", true);
    bench.put("news", settings(), Arc::new(platform.clone()));
    bench.until("alert", |bench| bench.alerts.list().iter().any(|alert| alert.kind == "reading")).await;
    let status = bench.status("news");
    assert_eq!((status.state, platform.batches().len()), (ListState::Reading, 0));
    assert!(status.last_error.unwrap().contains("no reads today") && status.failures >= 10);
    platform.calm();
    bench.until("sent", |_| platform.members() == ["a@example.com"]).await;
    assert!(bench.alerts.list().is_empty());
    platform.set_trouble(no_reads);
    bench.service.reconcile_now(&WorkspaceId::from("shop"), &ListId::from("news")).unwrap();
    bench.until("failing", |bench| bench.status("news").failures > 1).await;
    bench.desire("news", "b@example.com", "p_2", true);
    bench.until("sent", |_| platform.members().len() == 2).await;
    assert!(bench.status("news").reconciling);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_read_on_schedule() {
    let platform = Platform::new(1);
    let mut bench = filled(ListMode::Mirror, &platform, 3).await;
    let often = SyncSettings { reconcile_schedule: "* * * * * *".to_owned(), ..settings() };
    bench.put("news", often, Arc::new(platform.clone()));
    platform.meddle("u001@example.com", false);
    bench.until("mended", |_| platform.members() == addresses(3)).await;
    bench.desire("news", "u000@example.com", "p_0", false);
    bench.until("removed", |_| platform.members().len() == 2).await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_the_difference_is_shown_and_nothing_is_sent_until_the_operator_says_so() {
    let platform = Platform::new(1);
    let mut bench = filled(ListMode::Mirror, &platform, 20).await;
    platform.meddle("u000@example.com", false);
    platform.meddle("later@example.com", true);
    bench.restore().await;
    let sent = platform.batches().len();
    bench.put("news", settings(), Arc::new(platform.clone()));
    bench.until("read", |bench| bench.status("news").last_reconciled.is_some()).await;
    let status = bench.status("news");
    assert_eq!((status.state, status.to_add, status.to_remove), (ListState::Held, 1, 0));
    assert_eq!((status.confirmed, status.strangers), (19, 1));
    quiet().await;
    assert_eq!(platform.batches().len(), sent);
    bench.command("news", ListCommand::Release);
    bench.until("sent", |_| platform.members().len() == 21).await;
    assert_eq!(platform.batches().len(), sent + 1, "only what differs is sent");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_comparison_with_the_engine_sends_only_what_the_platform_lacks() {
    let platform = Platform::new(1);
    let bench = filled(ListMode::Mirror, &platform, 20).await;
    let sent = platform.batches().len();
    let engine = addresses(21).split_off(1).into_iter().map(|address| (address, "p".to_owned())).collect();
    let found = bench.resync("news", engine).await;
    assert_eq!((found.added, found.removed), (1, 1));
    bench.until("mended", |_| platform.members() == addresses(21).split_off(1)).await;
    let changes: usize = platform.batches().split_off(sent).iter().map(|batch| batch.changes.len()).sum();
    assert_eq!(changes, 2);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_refused_and_is_there_nevertheless_is_asked_for_again() {
    let platform = Platform::new(1);
    platform.refuse("bad@example.com");
    let mut bench = filled(ListMode::Mirror, &platform, 2).await;
    bench.desire("news", "bad@example.com", "p_b", true);
    bench.until("refused", |bench| bench.status("news").refused_count == 1).await;
    let sent = platform.batches().len();
    bench.reconciled("news").await;
    assert_eq!(platform.batches().len(), sent, "refused for good");
    platform.meddle("bad@example.com", true);
    let status = bench.reconciled("news").await;
    assert_eq!((status.refused_count, status.drift_found, platform.batches().len()), (1, 1, sent + 1));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_that_passes_is_tried_again_by_itself_also_after_a_restart() {
    let platform = Platform::new(1);
    let mut bench = filled(ListMode::Mirror, &platform, 2).await;
    platform.refuse_once("soon@example.com", Duration::from_millis(200));
    bench.desire("news", "soon@example.com", "p_s", true);
    bench.until("refused", |bench| bench.status("news").refused_count == 1).await;
    bench.until("tried again", |_| platform.members().contains(&"soon@example.com".to_owned())).await;
    assert_eq!(bench.status("news").refused_count, 0);
    platform.refuse_once("later@example.com", Duration::from_millis(200));
    bench.desire("news", "later@example.com", "p_l", true);
    bench.until("refused", |bench| bench.status("news").refused_count == 1).await;
    bench.restart().await;
    bench.put("news", settings(), Arc::new(platform.clone()));
    bench.until("tried again", |_| platform.members().contains(&"later@example.com".to_owned())).await;
    bench.end().await;
}

struct Names;

#[async_trait::async_trait]
impl People for Names {
    async fn properties(
        &self,
        _: &WorkspaceId,
        person: &str,
        names: &[String],
    ) -> Result<BTreeMap<String, String>, QueryError> {
        static ASKED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        if ASKED.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            return Err(QueryError::Unavailable("not yet".to_owned()));
        }
        Ok(names.iter().map(|name| (name.clone(), format!("{name} of {person}"))).collect())
    }

    async fn left(&self, _: &WorkspaceId, left: Vec<Departure>) -> Result<(), QueryError> {
        unreachable!("nobody leaves here: {left:?}")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn additions_carry_the_properties_that_the_list_asks_for() {
    let mut bench = Bench::new(1).await;
    bench.service.ask_people(Arc::new(Names));
    let platform = Platform::new(1).with_fields(&["first_name"]);
    bench.define("news");
    bench.put("news", settings(), Arc::new(platform.clone()));
    bench.desire("news", "a@example.com", "p_1", true);
    bench.until("sent", |_| platform.members().len() == 1).await;
    assert_eq!(
        platform.fields_of("a@example.com"),
        BTreeMap::from([("first_name".into(), "first_name of p_1".into())])
    );
    bench.desire("news", "a@example.com", "p_1", false);
    bench.until("removed", |_| platform.members().is_empty()).await;
    assert!(platform.batches().last().unwrap().changes[0].fields.is_empty());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_call_a_list_ends_exact() {
    let cases = (1..=9).flat_map(|call| [(call, true), (call, false)]);
    let killed = |(call, does_it): (usize, bool)| async move {
        let platform = Platform::new(call as u64);
        let mut bench = Bench::new(1).await;
        bench.define_as("news", ListMode::Own);
        addresses(12).iter().step_by(3).for_each(|identifier| platform.meddle(identifier, true));
        for identifier in addresses(30).split_off(8) {
            bench.desire("news", &identifier, "p", true);
        }
        bench.checkpoint();
        platform.hang_at(call, does_it);
        bench.put("news", settings(), Arc::new(platform.clone()));
        bench.until("under way", |bench| platform.hangs() || bench.status("news").confirmed == 22).await;
        platform.meddle("u020@example.com", false);
        if !platform.hangs() {
            // The first sync took fewer calls: the comparison after it is cut off.
            bench.service.reconcile_now(&WorkspaceId::from("shop"), &ListId::from("news")).unwrap();
            bench.until("cut off", |_| platform.hangs()).await;
        }
        bench.desire("news", "u009@example.com", "p", false);
        bench.desire("news", "last@example.com", "p", true);
        bench.crash().await;
        platform.calm();
        bench.put("news", settings(), Arc::new(platform.clone()));
        bench.reconciled("news").await;
        assert_eq!(platform.members(), bench.wanted("news"), "killed at call {call}, done: {does_it}");
        assert!(platform.broken_rules().is_empty(), "{:?}", platform.broken_rules());
        bench.end().await;
    };
    futures_util::future::join_all(cases.map(killed)).await;
}
