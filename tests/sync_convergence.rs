//! Lists against a real receiving endpoint: whatever is desired, whatever fails and whenever the
//! service is started again, the endpoint ends up holding exactly what is desired.

mod sync_support;

use model::ListMode;
use segmentd::sync::{ListCommand, ListState, SyncSettings};
use segmentd_simulators::receiver::Faults;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use sync_support::platform::{Platform, Trouble};
use sync_support::{Bench, Random, dead_address, settings};

/// Runs of the random test; each takes about a second.
const RUNS: u64 = 8;

fn faults(random: &mut Random) -> Faults {
    match random.below(5) {
        0 => Faults::default(),
        1 => Faults { fail_percent: 40, ..Faults::default() },
        2 => Faults { lose_answer_percent: 40, ..Faults::default() },
        3 => Faults { hang_up_percent: 40, ..Faults::default() },
        _ => Faults { status: if random.below(2) == 0 { 503 } else { 429 }, ..Faults::default() },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_and_restarts_the_endpoint_ends_with_exactly_what_is_desired() {
    let base = std::env::var("SEGMENTD_SEED").ok().and_then(|text| text.parse().ok());
    for run in 0..RUNS {
        let seed = base.unwrap_or(0x5eed) + run;
        println!("seed {seed} (SEGMENTD_SEED={seed} replays it first)");
        let mut random = Random(seed);
        let mut bench = Bench::new(seed).await;
        bench.define("news");
        bench.link("news", settings());
        for _ in 0..12 {
            for _ in 0..random.below(60) {
                let identifier = format!("u{}@example.com", random.below(40));
                let person = format!("p_{}", random.below(50));
                bench.desire("news", &identifier, &person, random.below(3) > 0);
            }
            bench.receiver.set_faults(faults(&mut random));
            tokio::time::sleep(Duration::from_millis(random.below(40))).await;
            match random.below(6) {
                0 => bench.restart().await,
                1 => bench.crash().await,
                2 => bench.checkpoint(),
                _ => {}
            }
        }
        bench.receiver.set_faults(Faults::default());
        bench.converges("news").await;
        let stats = bench.receiver.stats();
        assert_eq!((stats.bad_signature, stats.unreadable), (0, 0), "seed {seed}");
        bench.end().await;
    }
}

fn trouble(random: &mut Random) -> Trouble {
    match random.below(4) {
        0 => Trouble::default(),
        1 => Trouble { fail_percent: 40, ..Trouble::default() },
        2 => Trouble { lose_percent: 40, ..Trouble::default() },
        _ => Trouble { fail_percent: 20, lose_percent: 20, ..Trouble::default() },
    }
}

/// One run against a platform that is read back, with drift, late reads, lost answers and restarts.
async fn run_beside_others(seed: u64, mode: ListMode) {
    let mut random = Random(seed);
    let platform = Platform::new(seed).late(Duration::from_millis(random.below(800)), 1);
    let often = SyncSettings { reconcile_schedule: "* * * * * *".into(), ..settings() };
    let mut bench = Bench::new(seed).await;
    let mut put_there = BTreeSet::new();
    bench.define_as("news", mode);
    bench.put("news", often.clone(), Arc::new(platform.clone()));
    for _ in 0..12 {
        for _ in 0..random.below(60) {
            let (person, member) = (format!("p_{}", random.below(50)), random.below(3) > 0);
            bench.desire("news", &format!("u{}@example.com", random.below(40)), &person, member);
        }
        for _ in 0..random.below(6) {
            let (identifier, member) = (format!("u{}@example.com", random.below(40)), random.below(2) == 0);
            platform.meddle(&identifier, member);
            put_there.extend(Some(identifier).filter(|_| member));
            platform.meddle(&format!("theirs{}@example.com", random.below(5)), random.below(3) > 0);
        }
        platform.set_trouble(trouble(&mut random));
        tokio::time::sleep(Duration::from_millis(random.below(300))).await;
        match random.below(6) {
            0 => bench.restart().await,
            1 => bench.crash().await,
            2 => bench.checkpoint(),
            _ => continue,
        }
        bench.put("news", often.clone(), Arc::new(platform.clone()));
    }
    platform.calm();
    // What was changed last is settled for every read.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    bench.reconciled("news").await;
    let theirs = |identifier: &String| identifier.starts_with("theirs");
    let wanted = bench.wanted("news");
    let mut held = platform.members();
    match mode {
        ListMode::Own => assert!(!held.iter().any(theirs), "seed {seed}"),
        _ => held.retain(|identifier| !theirs(identifier)),
    }
    let missing: Vec<_> = wanted.iter().filter(|identifier| !held.contains(identifier)).collect();
    assert!(missing.is_empty(), "seed {seed}, {mode:?}: {missing:?} are missing");
    // A list that only mirrors may leave whom somebody else put there.
    held.retain(|identifier| mode == ListMode::Own || wanted.contains(identifier) || !put_there.contains(identifier));
    assert_eq!(held, wanted, "seed {seed}, {mode:?}");
    assert_eq!(platform.broken_rules(), Vec::<String>::new(), "seed {seed}");
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_others_change_and_however_late_it_is_read_a_platform_ends_with_what_is_desired() {
    let base = std::env::var("SEGMENTD_SEED").ok().and_then(|text| text.parse().ok());
    let base: u64 = base.unwrap_or(0xd41f7);
    println!("seeds from {base} (SEGMENTD_SEED={base} replays them)");
    let runs =
        (0..RUNS).map(|run| run_beside_others(base + run, if run % 2 == 0 { ListMode::Own } else { ListMode::Mirror }));
    futures_util::future::join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_service_lets_go_of_the_store_whatever_it_was_doing() {
    let mut bench = Bench::new(9).await;
    bench.define("news");
    // One change a call, so that a flush is under way nearly all the time.
    bench.link("news", SyncSettings { batch_changes_max: 1, ..settings() });
    for round in 0..20u64 {
        for number in 0..300 {
            bench.desire("news", &format!("u{number}@example.com"), "p_1", (number + round).is_multiple_of(2));
        }
        bench.status("news");
        // Opens the same files again at once, and panics if somebody still has them.
        bench.reopen_at_once().await;
    }
    bench.command("news", ListCommand::ConfirmBrake);
    bench.converges("news").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_dead_lists_leave_the_latency_of_a_living_one_alone() {
    let mut bench = Bench::new(1).await;
    bench.define("alive");
    bench.link("alive", settings());
    for number in 0..50 {
        let list = format!("dead{number}");
        bench.define(&list);
        match number % 2 {
            0 => bench.link_to(&list, settings(), &dead_address().await),
            _ => bench.link_to_silent(&list, settings()).await,
        }
        for member in 0..20 {
            bench.desire(&list, &format!("u{member}@example.com"), &format!("p_{member}"), true);
        }
    }
    let failing = |bench: &Bench| (0..50).step_by(2).all(|number| bench.status(&format!("dead{number}")).failures > 2);
    bench.until("all failing", failing).await;
    let mut waits = Vec::new();
    for member in 0..40 {
        let begun = std::time::Instant::now();
        bench.desire("alive", &format!("v{member}@example.com"), "p_v", true);
        bench.until("delivered", |bench| bench.members("alive").len() == member + 1).await;
        waits.push(begun.elapsed());
    }
    waits.sort();
    println!("median {:?}, longest {:?}", waits[20], waits[39]);
    assert!(waits[20] < Duration::from_millis(250), "median {:?}", waits[20]);
    assert!((0..50).all(|number| bench.status(&format!("dead{number}")).confirmed == 0));
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_endpoint_delays_no_other_list() {
    let mut bench = Bench::new(1).await;
    for (list, address) in [("alive", None), ("dead", Some(dead_address().await)), ("silent", None)] {
        bench.define(list);
        match address {
            Some(address) => bench.link_to(list, settings(), &address),
            None if list == "silent" => bench.link_to_silent(list, settings()).await,
            None => bench.link(list, settings()),
        }
        for number in 0..300 {
            bench.desire(list, &format!("u{number}@example.com"), &format!("p_{number}"), true);
        }
    }
    let begun = std::time::Instant::now();
    bench.converges("alive").await;
    assert!(begun.elapsed() < Duration::from_secs(5), "took {:?}", begun.elapsed());
    for list in ["dead", "silent"] {
        let status = bench.status(list);
        assert_eq!((status.desired, status.confirmed), (300, 0), "{list}");
        assert_eq!(status.to_add, 300, "{list}");
    }
    assert!(bench.status("dead").last_error.is_some());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_repairs_a_damaged_endpoint() {
    let mut bench = Bench::new(2).await;
    bench.define("news");
    bench.link("news", settings());
    for number in 0..400 {
        bench.desire("news", &format!("u{number}@example.com"), &format!("p_{number}"), true);
    }
    bench.converges("news").await;
    bench.receiver.damage(
        "news",
        &["u7@example.com".into(), "u8@example.com".into()],
        &["stranger@example.com".into()],
    );
    assert_eq!(bench.receiver.members("news").len(), 399);
    bench.command("news", ListCommand::Snapshot);
    bench.converges("news").await;
    let stats = bench.receiver.stats();
    assert_eq!((stats.snapshots, stats.repaired), (1, 3));
    assert!(stats.largest_bytes < 20_000, "{} bytes", stats.largest_bytes);
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_on_schedule_goes_out_while_changes_never_pause() {
    let mut bench = Bench::new(3).await;
    bench.define("news");
    bench.link("news", SyncSettings { snapshot_schedule: "* * * * * *".into(), ..settings() });
    let until = std::time::Instant::now() + Duration::from_secs(10);
    let mut number = 0u64;
    while bench.receiver.stats().snapshots < 2 && std::time::Instant::now() < until {
        number += 1;
        bench.desire("news", &format!("u{}@example.com", number % 500), "p_1", !number.is_multiple_of(3));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(bench.receiver.stats().snapshots >= 2);
    bench.converges("news").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_gone_stops_its_list_until_it_is_set_again() {
    let mut bench = Bench::new(4).await;
    bench.define("news");
    bench.receiver.set_faults(Faults { status: 410, ..Faults::default() });
    bench.link("news", settings());
    bench.desire("news", "a@example.com", "p_1", true);
    bench.until("stopped", |bench| bench.status("news").state == ListState::Stopped).await;
    assert_eq!(bench.alerts.list().len(), 1);
    let requests = bench.receiver.stats().requests;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.receiver.stats().requests, requests, "nothing is sent to a gone endpoint");
    bench.receiver.set_faults(Faults::default());
    bench.link("news", settings());
    bench.converges("news").await;
    assert!(bench.alerts.list().is_empty());
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_endpoint_asks_to_wait_is_waited() {
    let mut bench = Bench::new(5).await;
    bench.define("news");
    bench.receiver.set_faults(Faults { status: 503, retry_after_s: 2, ..Faults::default() });
    bench.link("news", settings());
    bench.desire("news", "a@example.com", "p_1", true);
    bench.until("asked", |bench| bench.receiver.stats().requests > 0).await;
    bench.receiver.set_faults(Faults::default());
    let begun = std::time::Instant::now();
    // Further changes don't shorten the wait.
    bench.desire("news", "b@example.com", "p_2", true);
    bench.converges("news").await;
    assert!(begun.elapsed() > Duration::from_millis(1_700), "{:?}", begun.elapsed());
    // The operator's word does.
    bench.receiver.set_faults(Faults { status: 503, retry_after_s: 600, ..Faults::default() });
    bench.desire("news", "c@example.com", "p_3", true);
    bench.until("asked again", |bench| bench.status("news").next_attempt_ms.is_some()).await;
    assert!(bench.status("news").next_attempt_ms.is_some_and(|wait| wait > 500_000));
    bench.receiver.set_faults(Faults::default());
    bench.command("news", ListCommand::Retry);
    bench.converges("news").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_is_tried_again_keeps_its_id() {
    let mut bench = Bench::new(6).await;
    bench.define("news");
    bench.receiver.set_faults(Faults { lose_answer_percent: 100, ..Faults::default() });
    bench.link("news", settings());
    bench.desire("news", "a@example.com", "p_1", true);
    bench.until("tried three times", |bench| bench.receiver.stats().requests >= 3).await;
    let stats = bench.receiver.stats();
    assert_eq!(stats.messages, 1, "all tries are the same message");
    bench.receiver.set_faults(Faults::default());
    bench.converges("news").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_are_failures_and_lead_nowhere() {
    let mut bench = Bench::new(7).await;
    bench.define("news");
    bench.receiver.set_faults(Faults { status: 307, ..Faults::default() });
    bench.link("news", settings());
    bench.desire("news", "a@example.com", "p_1", true);
    bench.until("failed twice", |bench| bench.status("news").failures >= 2).await;
    assert_eq!(bench.status("news").confirmed, 0);
    bench.receiver.set_faults(Faults::default());
    bench.converges("news").await;
    bench.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_rotated_loses_nothing() {
    let mut bench = Bench::new(8).await;
    bench.define("news");
    bench.link("news", settings());
    bench.desire("news", "a@example.com", "p_1", true);
    bench.converges("news").await;
    bench.rotate("news");
    bench.desire("news", "b@example.com", "p_2", true);
    bench.converges("news").await;
    bench.receiver.set_secrets(&[sync_support::NEW_SECRET.to_owned()]).unwrap();
    bench.desire("news", "a@example.com", "p_1", false);
    bench.converges("news").await;
    assert_eq!(bench.receiver.stats().bad_signature, 0);
    assert!(bench.destination("news").capabilities().snapshot_members_max > 0);
    bench.end().await;
}
