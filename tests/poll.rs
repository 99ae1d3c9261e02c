//! Connections are read: their past, then what changes; whatever fails, hangs or is killed, and wherever.

mod fake;
mod poll_support;

use fake::FakeCore;
use fake::gate::{Gate, Wrong};
use futures_util::future::join_all;
use kit::failure::Failure;
use kit::receive::{Pointer, Request, Version};
use model::{Command, Identity};
use poll_support::platform::Shop;
use poll_support::{Run, copy, minutes, settings, source, workspace};
use segmentd::poll::{PollSettings, Scope, Share, StreamState};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn scope() -> Scope {
    Scope::new(&workspace(), &source())
}

fn message_ids(core: &FakeCore) -> BTreeSet<String> {
    core.events().into_iter().map(|event| event.message_id).collect()
}

fn redacted(core: &FakeCore) -> bool {
    let whom = Identity::email("c1@example.com");
    core.commands().iter().any(|command| matches!(command, Command::Redact { identity, .. } if *identity == whom))
}

/// What a shop of 7 orders, 7 customers and 4 changes comes to.
fn everything() -> BTreeSet<String> {
    let past = (0..7).flat_map(|number| [format!("past-o{number}"), format!("past-c{number}")]);
    let changes = (0..4).map(|number| format!("change-o{number}-{}", minutes(1).0));
    past.chain(changes).chain(["fetched-o2".to_owned()]).collect()
}

fn shop(gate: &Arc<Gate>, twice: bool) -> &'static Shop {
    let shop = Shop::new(7, gate, twice);
    (0..4).for_each(|number| shop.change("orders", &format!("o{number}"), minutes(1)));
    shop.data.lock().unwrap().missing = vec!["a topic".to_owned()];
    shop
}

async fn settled(run: &Run) {
    run.until("everything is there", |run| {
        let status = run.status();
        let quiet = status.pointers_waiting == 0 && status.requests_waiting == 0 && !status.holds_lists;
        quiet && message_ids(&run.core) == everything() && redacted(&run.core)
    })
    .await;
    run.until("all is read once more", |run| run.status().streams.iter().all(|stream| stream.last_poll.is_some()))
        .await;
}

/// One whole life with something wrong at one step; how often a step was reached in all.
async fn life(at: usize, wrong: Wrong, twice: bool) -> usize {
    let gate = Arc::new(Gate::new(at, wrong));
    let (shop, core) = (shop(&gate, twice), Arc::new(FakeCore::default()));
    *core.gate.lock().unwrap() = (wrong != Wrong::Hangs && wrong != Wrong::Panics).then(|| gate.clone());
    let dir = tempfile::tempdir().unwrap();
    let run = Run::open(&dir.path().join("first"), &core, shop, settings());
    run.start().await;
    if wrong == Wrong::Dies && at > 0 {
        run.until("it dies", |_| gate.happened()).await;
        // Others still run up to their next step: what they do until the files are copied counts.
        copy(&run.dir, &dir.path().join("second"));
        let cursor_was: Vec<_> = run.status().streams.iter().map(|stream| stream.done).collect();
        run.close().await;
        *core.gate.lock().unwrap() = None;
        let shop = self::shop(&Arc::new(Gate::new(0, wrong)), twice);
        let run = Run::open(&dir.path().join("second"), &core, shop, settings());
        let held = run.told.all();
        let unread = run.service.status(&workspace(), &source()).unwrap().is_some_and(|status| status.holds_lists);
        assert_eq!(held.contains(&"hold store".to_owned()), unread, "before anything is started");
        run.start().await;
        settled(&run).await;
        let kept = gate.steps().iter().any(|step| step == "backfill page kept");
        if let Some(cursor) = shop.calls("backfill", "orders").first() {
            assert!(cursor.is_some() || !kept, "what was kept is not read again");
            assert!(cursor.as_ref().is_none_or(|cursor| cursor.parse::<u64>().unwrap() <= cursor_was[0]));
        }
        run.close().await;
    } else {
        settled(&run).await;
        assert!(at == 0 || gate.happened(), "step {at} is reached");
        run.close().await;
    }
    gate.steps().len()
}

async fn every_step(wrong: Wrong, twice: bool) {
    // Steps differ from run to run a little, for some things go on side by side: those that all have, however busy
    // the machine is.
    let steps = life(0, wrong, twice).await.min(40);
    assert!(steps > 35, "{steps}");
    let all: Vec<usize> = (1..=steps).collect();
    for some in all.chunks(6) {
        join_all(some.iter().map(|at| life(*at, wrong, twice))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_at_any_step_loses_nothing() {
    every_step(Wrong::Fails, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_step_loses_nothing() {
    every_step(Wrong::Dies, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_may_be_done_twice() {
    every_step(Wrong::Dies, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connector_that_hangs_is_cut_and_one_that_panics_has_failed() {
    for at in [1, 2, 3, 5, 8, 11] {
        tokio::join!(life(at, Wrong::Hangs, false), life(at, Wrong::Panics, false));
    }
}

fn quiet_shop() -> &'static Shop {
    Shop::new(7, &Arc::new(Gate::new(0, Wrong::Fails)), false)
}

fn rarely() -> PollSettings {
    PollSettings { schedule: "0 0 0 1 1 *".to_owned(), ..settings() }
}

#[tokio::test]
async fn lists_wait_until_all_of_the_past_is_applied() {
    let (core, dir) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap());
    *core.applied_through.lock().unwrap() = Some(2);
    let shop = quiet_shop();
    shop.fail("fetch", "", (0..4).map(|_| Failure::retry("busy", None)));
    let run = Run::open(dir.path(), &core, shop, rarely());
    run.start().await;
    assert_eq!(run.told.all()[0], "hold store", "before the start returns");
    run.until("the past is read", |run| run.status().streams[..2].iter().all(|stream| stream.backfilled)).await;
    run.until("the pointer is fetched", |run| run.status().pointers_waiting == 0).await;
    // Longer than it takes to look again.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(run.status().holds_lists && !run.told.all().contains(&"release store".to_owned()));
    assert_eq!((run.status().streams[0].done, run.status().streams[0].total), (7, Some(7)));
    *core.applied_through.lock().unwrap() = None;
    run.until("lists are let go", |run| run.told.all().contains(&"release store".to_owned())).await;
    assert!(!run.status().holds_lists);
    assert!(message_ids(&core).contains("fetched-o2"), "what the past points at belongs to it");
    run.close().await;
    let run = Run::open(dir.path(), &core, quiet_shop(), rarely());
    assert_eq!(run.told.all(), Vec::<String>::new(), "nothing is held any more");
    run.close().await;
}

#[tokio::test]
async fn a_connection_that_needs_a_person_pauses_and_goes_on_where_it_was() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    let run = Run::open(dir.path(), &core, shop, rarely());
    shop.fail("backfill", "customers", [Failure::NeedsAuthorization("revoked".to_owned())]);
    run.start().await;
    run.until("it pauses", |run| run.status().paused.is_some()).await;
    let told = run.told.all();
    assert_eq!(told.iter().filter(|what| what.starts_with("needs authorization store: ")).count(), 1, "{told:?}");
    assert!(!run.status().running && run.status().holds_lists);
    assert!(!run.service.poll_now(&workspace(), &source()));
    let calls = shop.data.lock().unwrap().calls.len();
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert_eq!(shop.data.lock().unwrap().calls.len(), calls, "nothing is called meanwhile");
    run.start().await;
    run.until("it ends", |run| !run.status().holds_lists).await;
    assert_eq!(shop.calls("backfill", "orders").len(), 1, "what was read is not read again");
    assert!(run.status().paused.is_none() && run.status().running);
    run.close().await;
}

#[tokio::test]
async fn a_stream_that_is_refused_holds_up_neither_others_nor_their_polls() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    let run = Run::open(dir.path(), &core, shop, settings());
    shop.fail("backfill", "orders", (0..200).map(|_| Failure::Refused("no such scope".to_owned())));
    run.start().await;
    run.until("others are polled", |run| run.status().streams[1].last_poll.is_some()).await;
    let status = run.status();
    assert!(status.streams[1].backfilled && !status.streams[0].backfilled && status.holds_lists);
    assert_eq!(status.streams[0].state, StreamState::Failed);
    assert!(status.streams[0].last_error.as_ref().unwrap().contains("no such scope"));
    assert_eq!(shop.calls("poll", "orders").len(), 0);
    assert!(run.alerts.list().iter().any(|alert| alert.id == "poll:shop:store/orders"), "told at once");
    shop.data.lock().unwrap().failures.clear();
    run.until("it goes on by itself", |run| !run.status().holds_lists).await;
    assert!(run.alerts.list().is_empty());
    run.close().await;
}

#[tokio::test]
async fn a_poll_comes_on_the_schedule_and_on_demand_with_the_cursor_of_the_last() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    let run = Run::open(dir.path(), &core, shop, rarely());
    run.start().await;
    run.until("the first poll", |run| run.status().streams.iter().all(|stream| stream.last_poll.is_some())).await;
    shop.change("carts", "k1", minutes(1));
    assert!(run.service.poll_now(&workspace(), &source()));
    run.until("a change", |run| message_ids(&run.core).iter().any(|id| id.starts_with("change-k1"))).await;
    shop.change("carts", "k2", minutes(2));
    run.until("idle", |run| run.status().streams.iter().all(|stream| stream.state == StreamState::Waiting)).await;
    assert!(run.service.poll_now(&workspace(), &source()));
    run.until("the next", |run| message_ids(&run.core).iter().any(|id| id.starts_with("change-k2"))).await;
    assert_eq!(shop.calls("poll", "carts"), [None, None, Some("1".to_owned())]);
    assert_eq!(run.status().history_since.unwrap(), minutes(-60 * 24 * 60).to_string());
    assert!(run.status().next_poll.is_some_and(|next| next.ends_with("-01-01T00:00:00Z")));
    run.close().await;
}

#[tokio::test]
async fn pointers_collapse_and_one_that_is_refused_spoils_no_batch() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    shop.data.lock().unwrap().refused = Some("p3".to_owned());
    let run = Run::open(dir.path(), &core, shop, rarely());
    let pointer = |id: &str| Pointer { kind: "order".to_owned(), id: id.to_owned() };
    for _ in 0..50 {
        let storm: Vec<_> = ["p1", "p2", "p3", "p4"].map(pointer).to_vec();
        run.service.inbox().keep(&scope(), &[], &storm, true, minutes(0)).await.unwrap();
    }
    assert_eq!(run.service.inbox().waiting(&scope()).unwrap(), (4, 0));
    run.start().await;
    run.until("others are fetched", |run| {
        let ids = message_ids(&run.core);
        ["p1", "p2", "p4"].iter().all(|id| ids.contains(&format!("fetched-{id}")))
    })
    .await;
    run.until("it is given up", |run| run.status().pointers_given_up == 1).await;
    assert_eq!(run.status().pointers_waiting, 0);
    let fetches = shop.data.lock().unwrap().fetches.clone();
    assert!(fetches.iter().all(|batch| batch.len() <= 2));
    assert_eq!(fetches.iter().filter(|batch| batch.contains(&"p1".to_owned())).count(), 1, "{fetches:?}");
    assert!(run.alerts.list().iter().any(|alert| alert.id == "fetch:shop:store"));
    run.close().await;
}

#[tokio::test]
async fn requests_are_carried_out_without_their_connection_and_after_it_is_forgotten() {
    let (core, dir) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap());
    core.fail_next([segmentd::shard::api::SubmitError::Stopping]);
    let run = Run::open(dir.path(), &core, quiet_shop(), rarely());
    let who = vec![Identity::email("c1@example.com"), Identity::anonymous("web", "a")];
    let requests = [
        Request::Redact { identities: who.clone() },
        Request::Export { identities: who.clone(), reference: "r1".to_owned() },
        Request::Forget { identities: vec![Identity::email("c2@example.com")] },
        Request::RedactAccount,
    ];
    run.service.inbox().keep(&scope(), &requests, &[], true, minutes(0)).await.unwrap();
    run.service.forget(&workspace(), &source()).await.unwrap();
    let began = std::time::Instant::now();
    while run.service.inbox().waiting(&scope()).unwrap().1 > 0 {
        assert!(began.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    let redact = Command::Redact { source: source(), identity: who[0].clone() };
    let forget = Command::Withdraw { source: source(), identity: Identity::email("c2@example.com") };
    let commands = core.commands();
    assert!(commands.len() == 2 && commands.contains(&redact) && commands.contains(&forget), "{commands:?}");
    let told: BTreeSet<String> = run.told.all().into_iter().collect();
    for what in ["export r1 2", "exports of 2 forgotten", "redact account store", "release store"] {
        assert!(told.contains(what), "{told:?}");
    }
    run.close().await;
}

#[tokio::test]
async fn a_forgotten_connection_begins_anew() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    let run = Run::open(dir.path(), &core, shop, rarely());
    run.start().await;
    run.until("the past is read", |run| !run.status().holds_lists).await;
    run.service.forget(&workspace(), &source()).await.unwrap();
    run.service.forget(&workspace(), &source()).await.unwrap();
    assert!(run.service.status(&workspace(), &source()).unwrap().is_none());
    run.start().await;
    run.until("the past is read again", |run| !run.status().holds_lists).await;
    assert_eq!(shop.calls("backfill", "orders"), [None, None]);
    run.close().await;
}

#[tokio::test]
async fn what_polls_find_that_deliveries_missed_is_counted() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    let run = Run::open(dir.path(), &core, shop, rarely());
    run.start().await;
    run.until("the past is read", |run| !run.status().holds_lists).await;
    run.clock.set(minutes(60));
    for (id, at) in [("early", 5), ("shown", 30), ("missed", 40)] {
        shop.change("orders", id, minutes(at));
    }
    let thing = Pointer { kind: "order".to_owned(), id: "shown".to_owned() };
    let shown = [Version { thing, updated: minutes(30) }];
    run.service.inbox().completeness().delivered(&scope(), &shown, minutes(30)).unwrap();
    run.service.poll_now(&workspace(), &source());
    run.until("polled", |run| message_ids(&run.core).iter().any(|id| id.starts_with("change-missed"))).await;
    run.until("idle", |run| run.status().streams.iter().all(|stream| stream.state == StreamState::Waiting)).await;
    assert_eq!(run.status().completeness.day, Share { found: 2, missed: 1 });
    let mut text = String::new();
    segmentd::poll::metrics::write(&run.service.statuses().unwrap(), &mut text);
    assert!(text.contains("segmentd_connection_missed_day{workspace=\"shop\",source=\"store\"} 1"), "{text}");
    run.close().await;
}

#[tokio::test]
async fn registrations_are_repaired_and_a_log_that_is_behind_is_waited_for() {
    let (core, dir, shop) = (Arc::new(FakeCore::default()), tempfile::tempdir().unwrap(), quiet_shop());
    shop.data.lock().unwrap().missing = vec!["orders/paid".to_owned()];
    core.fail_next([segmentd::shard::api::SubmitError::Overloaded { retry_after_s: 1 }]);
    // The wait is longer than a connector may be silent.
    let run = Run::open(
        dir.path(),
        &core,
        shop,
        PollSettings { backfill_silence_max: Duration::from_millis(1_500), ..rarely() },
    );
    run.start().await;
    run.until("registered", |run| run.status().registration.checked.is_some()).await;
    let registration = run.status().registration;
    assert_eq!((registration.repaired, registration.kept), (vec!["orders/paid".to_owned()], 2));
    assert!(run.told.all().contains(&"registered store: orders/paid".to_owned()));
    run.until("the past is read", |run| !run.status().holds_lists).await;
    assert_eq!(shop.calls("backfill", "orders").len(), 1, "the call went on");
    assert!(run.service.register_now(&workspace(), &source()));
    run.until("looked at again", |run| run.status().registration.repaired.is_empty()).await;
    run.close().await;
}
