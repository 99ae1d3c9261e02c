//! Backup, restore and compaction of whole shards.

use super::api::{Core, QueryError};
use super::options::ShardOptions;
use super::tests::*;
use crate::store::backup::{self, BackupError, RestoreTo};
use crate::store::compact;
use crate::store::db::Db;
use model::{Command, Identity};
use std::path::Path;
use std::time::Duration;

fn restore_to(dir: &Path, erasures_file: Option<&Path>) -> RestoreTo {
    let erasures_file = erasures_file.map(Path::to_owned);
    RestoreTo { store_dir: dir.join("store"), log_dir: dir.join("log"), erasures_file, newer_log: None }
}

fn erase(person: u64) -> Command {
    Command::Erase { identity: Identity::user("web", &format!("u{person}")) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_taken_while_running_restores_to_the_same_people() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = copy.path().join("backup");
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    submit(&world, (0..100).map(|n| event(n % 20, n, START)).collect()).await;
    let summary = backup::write(&world.shards, &file).unwrap();
    assert!(summary.entries > 20);
    submit(&world, (100..110).map(|n| event(n, n, START)).collect()).await;
    world.shards.stop();

    backup::check(&file).unwrap();
    let restored = backup::restore(&file, &restore_to(copy.path(), None), &|_, _| Ok(())).unwrap();
    assert_eq!((restored.entries, restored.erasures), (summary.entries, 0));
    let again = backup::restore(&file, &restore_to(copy.path(), None), &|_, _| Ok(()));
    assert!(matches!(again, Err(BackupError::NotEmpty(_))));
    let world = open(copy.path(), START);
    let found = info(&world).await;
    assert_eq!((found.events, found.people), (100, 20));
    submit(&world, vec![event(0, 5, START), event(0, 1000, START)]).await;
    let found = info(&world).await;
    assert_eq!((found.events, found.duplicates), (101, 1), "old messages stay known");
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_with_any_damage_is_refused_before_anything_is_restored() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = copy.path().join("backup");
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    backup::write(&world.shards, &file).unwrap();
    world.shards.stop();
    let whole = std::fs::read(&file).unwrap();
    for at in (0..whole.len()).step_by(97) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        std::fs::write(&file, &flipped).unwrap();
        assert!(backup::restore(&file, &restore_to(copy.path(), None), &|_, _| Ok(())).is_err(), "byte {at}");
        std::fs::write(&file, &whole[..at]).unwrap();
        assert!(backup::restore(&file, &restore_to(copy.path(), None), &|_, _| Ok(())).is_err(), "cut at {at}");
    }
    assert!(!copy.path().join("store").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_erased_after_the_backup_stays_erased_after_restoring_it() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (file, ledger) = (copy.path().join("backup"), dir.path().join("erasures"));
    let with_ledger = ShardOptions { erasures_file: Some(ledger.clone()), ..options(dir.path()) };
    let world = open_with(dir.path(), START, with_ledger).unwrap();
    submit(&world, create()).await;
    submit(&world, (0..10).map(|n| event(n, n, START)).collect()).await;
    submit(&world, vec![erase(1)]).await;
    backup::write(&world.shards, &file).unwrap();
    world.clock.advance(Duration::from_secs(60));
    submit(&world, vec![event(77, 77, START), erase(2), erase(77), erase(88)]).await;
    world.shards.stop();
    assert_eq!(std::fs::read_to_string(&ledger).unwrap().lines().count(), 4);

    let restored = backup::restore(&file, &restore_to(copy.path(), Some(&ledger)), &|_, _| Ok(())).unwrap();
    assert_eq!(restored.erasures, 1, "one of them was in the backup");
    let world = open(copy.path(), START);
    assert_eq!(info(&world).await.people, 8);
    let gone = world.shards.person(&shop(), &user(2)).await;
    assert!(matches!(gone, Err(QueryError::NotFound { what: "person", .. })));
    // Facts not newer than the erasure are refused, of those whom the backup never knew too.
    submit(&world, vec![event(2, 500, START), event(77, 501, START), event(88, 502, START)]).await;
    assert_eq!(info(&world).await.people, 8);
    let later = START + 61_000_000;
    world.clock.set(model::Time(later));
    submit(&world, vec![event(2, 503, later)]).await;
    assert_eq!(info(&world).await.people, 9);
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_keeps_everything_and_an_interrupted_one_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    for round in 0..5 {
        submit(&world, (0..50).map(|n| event(n, round * 50 + n, START)).collect()).await;
        world.shards.checkpoint().unwrap();
    }
    world.shards.stop();
    drop(world);
    let store = dir.path().join("store");
    let (before, after) = compact::compact(&store).unwrap();
    assert!(before > 0 && after > 0);
    // As if it had been interrupted between the two renames, and while copying.
    std::fs::rename(&store, dir.path().join("store.compact-old")).unwrap();
    let partial = dir.path().join("store.compact-new");
    drop(Db::open(&partial, 1 << 20).unwrap());
    std::fs::remove_dir_all(&partial).unwrap();
    let world = open(dir.path(), START);
    assert_eq!(info(&world).await.events, 250);
    assert!(!dir.path().join("store.compact-old").exists());
    world.shards.stop();
}
