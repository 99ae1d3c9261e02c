//! One workspace's load does not starve another's.

use super::api::*;
use super::tests::{DAY, START, create, event, open_with, options, shop, until};
use crate::shard::shards::Shards;
use model::{Command, SegmentDefinition, WorkspaceId};
use std::time::{Duration, Instant};

/// Longest time from a quiet workspace's event to its being applied, in these tests: far above
/// what it takes, far below what waiting for the whole flood would.
const PROMPT: Duration = Duration::from_secs(2);

async fn send(shards: &Shards, workspace: &WorkspaceId, commands: Vec<Command>) -> Duration {
    let begin = Instant::now();
    let accepted = shards.submit(workspace, commands).await.expect("a quiet workspace is never refused");
    shards.applied(workspace, accepted.position).await.unwrap();
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_refused_while_others_are_answered_and_applied() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path());
    options.limits.workspace_records_max = 500;
    let world = open_with(dir.path(), START, options).unwrap();
    let (flood, quiet): (WorkspaceId, _) = ("flood".into(), shop());
    send(&world.shards, &shop(), create()).await;
    send(&world.shards, &flood, create()).await;
    let mut slowest = Duration::ZERO;
    let (mut refused, mut accepted) = (0, 0);
    for round in 0..40_u64 {
        let batch = |n: u64| (0..100).map(|i| event(i, round * 2_000 + n * 100 + i, START)).collect();
        let sends = (0..20_u64).map(|n| world.shards.submit(&flood, batch(n)));
        let (sent, took) = tokio::join!(
            futures_util::future::join_all(sends),
            send(&world.shards, &quiet, vec![event(round, round, START)])
        );
        slowest = slowest.max(took);
        for sent in sent {
            match sent {
                Ok(_) => accepted += 1,
                Err(SubmitError::WorkspaceBusy { retry_after_s }) => {
                    assert!(retry_after_s >= 1);
                    refused += 1;
                }
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert!(refused > 0 && accepted > 0, "{refused} refused, {accepted} accepted");
    assert!(slowest < PROMPT, "an event of a quiet workspace took {slowest:?}");
    // Once it is applied there is room again.
    until(async || world.shards.submit(&flood, vec![event(1, 1_000_000, START)]).await.is_ok()).await;
    until(async || world.shards.workspace(&flood).await.unwrap().answer.events > accepted * 100).await;
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn building_and_counting_in_a_big_workspace_hold_nobody_up() {
    let dir = tempfile::tempdir().unwrap();
    let world = open_with(dir.path(), START, options(dir.path())).unwrap();
    let big: WorkspaceId = "big".into();
    send(&world.shards, &shop(), create()).await;
    send(&world.shards, &big, create()).await;
    for batch in 0..20_u64 {
        let events = (0..1_000).map(|n| event(batch * 1_000 + n, batch * 1_000 + n, START - DAY));
        send(&world.shards, &big, events.collect()).await;
    }
    let definition = r#"{"event":"Page Viewed","window":{"last":"30d"}}"#.to_owned();
    let put = SegmentDefinition { id: "viewed".into(), name: "Viewed".to_owned(), definition: definition.clone() };
    world.shards.submit(&big, vec![Command::SegmentPut(put)]).await.unwrap();
    let (preview, slowest) = tokio::join!(world.shards.preview(&big, &definition, true), async {
        let mut slowest = Duration::ZERO;
        for n in 0..50 {
            slowest = slowest.max(send(&world.shards, &shop(), vec![event(n, n, START)]).await);
        }
        slowest
    });
    assert_eq!(preview.unwrap().answer.count, 20_000);
    assert!(slowest < PROMPT, "an event of another workspace took {slowest:?}");
    until(async || {
        let segment = world.shards.segment(&big, &"viewed".into()).await.unwrap().answer;
        segment.state == "active" && segment.members == 20_000
    })
    .await;
    world.shards.stop();
}
