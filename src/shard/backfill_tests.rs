//! New segments and counts over more people than a shard looks at by itself.

use super::api::*;
use super::tests::{
    DAY, START, World, create, event, info, open, open_with, options, shop, submit, until, viewed_within_a_day,
};
use crate::shard::past::JournalAsk;
use model::Command;

const PEOPLE: u64 = 18_000;

/// Every second one has viewed something within a day, the others the day before.
async fn filled(world: &World) {
    submit(world, create()).await;
    for from in (0..PEOPLE).step_by(1_000) {
        let seen = |person: u64| START - if person.is_multiple_of(2) { DAY / 2 } else { 2 * DAY };
        submit(world, (from..from + 1_000).map(|person| event(person, person, seen(person))).collect()).await;
    }
}

async fn recent(world: &World) -> SegmentInfo {
    world.shards.segment(&shop(), &"recent".into()).await.unwrap().answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_is_built_beside_events_and_checkpoints_and_is_exact_when_it_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let mut often = options(dir.path());
    often.checkpoint_dirty_bytes = 100_000;
    let world = open_with(dir.path(), START, often).unwrap();
    filled(&world).await;
    submit(&world, vec![viewed_within_a_day()]).await;
    // These come in while it is built: of those who were out, and of new ones.
    let mut more = 0;
    while recent(&world).await.version == 0 {
        let number = PEOPLE + more;
        let person = if more.is_multiple_of(3) { number } else { (more * 2 + 1) % PEOPLE };
        submit(&world, vec![event(person, number, START)]).await;
        more += 1;
        assert!(more < PEOPLE, "it is never built");
    }
    let in_force = recent(&world).await.members;
    let shop = shop();
    let counted = world.shards.preview(&shop, r#"{"event":"Page Viewed","window":{"last":"1d"}}"#, true);
    let counted = counted.await.unwrap().answer;
    assert_eq!((counted.exact, counted.count, counted.people), (true, in_force, info(&world).await.people));
    let outs = (0..more).filter(|n| !n.is_multiple_of(3)).map(|n| (n * 2 + 1) % PEOPLE);
    let outs: std::collections::BTreeSet<u64> = outs.collect();
    let news = (0..more).filter(|n| n.is_multiple_of(3)).count() as u64;
    assert_eq!(in_force, PEOPLE / 2 + outs.len() as u64 + news);
    // The timers of those who were found elsewhere fire, too.
    world.clock.set(model::Time(START + DAY / 2));
    until(|| async { recent(&world).await.members == in_force - PEOPLE / 2 }).await;
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_builds_at_an_activation_what_it_had_no_time_to_build() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    filled(&world).await;
    world.shards.checkpoint().unwrap();
    submit(&world, vec![viewed_within_a_day()]).await;
    until(|| async { recent(&world).await.version == 1 }).await;
    submit(&world, vec![event(1, PEOPLE, START)]).await;
    let journal = async |world: &World| {
        let page = world
            .shards
            .transitions(&shop(), JournalAsk { limit: 10_000, ..JournalAsk::default() })
            .await
            .unwrap()
            .answer;
        page.items.into_iter().map(|one| (one.person, one.change, one.at, one.position)).collect::<Vec<_>>()
    };
    let (members, told) = (recent(&world).await.members, journal(&world).await);
    assert_eq!((members, told.len() as u64), (PEOPLE / 2 + 1, PEOPLE / 2 + 1));
    world.shards.abandon();
    drop(world);
    let world = open(dir.path(), START);
    assert_eq!(recent(&world).await.members, members);
    assert_eq!(journal(&world).await, told);
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_count_is_estimated_from_a_stable_sample_and_exact_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    filled(&world).await;
    let definition = r#"{"event":"Page Viewed","window":{"last":"1d"}}"#;
    let first = world.shards.preview(&shop(), definition, false).await.unwrap().answer;
    assert!(!first.exact && first.looked_at < PEOPLE && first.people == PEOPLE, "{first:?}");
    assert!(first.low <= PEOPLE / 2 && PEOPLE / 2 <= first.high && first.low < first.high, "{first:?}");
    assert_eq!(first.sample.len(), 10);
    world.shards.checkpoint().unwrap();
    let exact = world.shards.preview(&shop(), definition, true).await.unwrap().answer;
    assert_eq!((exact.exact, exact.count, exact.low, exact.high), (true, PEOPLE / 2, PEOPLE / 2, PEOPLE / 2));
    let refused = world.shards.preview(&shop(), r#"{"event":7}"#, false).await;
    assert!(matches!(refused, Err(QueryError::Refused(_))), "{refused:?}");
    // Who no longer waits holds up nobody after.
    let shop = shop();
    for _ in 0..8 {
        let count = world.shards.preview(&shop, definition, true);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(1), count).await;
    }
    let put = Command::SegmentDelete { id: "none".into() };
    submit(&world, vec![put]).await;
    assert_eq!(world.shards.preview(&shop, definition, true).await.unwrap().answer.count, PEOPLE / 2);
    world.shards.stop();
}
