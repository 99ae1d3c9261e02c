//! What connections ask of whole shards: of whom a source told, withdrawal, and exports.

use super::api::{Core, JournalAsk, PersonKey, QueryError};
use super::tests::*;
use model::{Command, Identity};

async fn told_of(world: &World) -> Vec<Identity> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.shards.people_of(&shop(), &"web".into(), after, 100).await.unwrap();
        found.extend(page.identities);
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

/// A person's export as JSON.
async fn export(world: &World, person: &PersonKey) -> serde_json::Value {
    let export = world.shards.export(&shop(), person).await.unwrap();
    let text = tokio::task::spawn_blocking(move || export.text().unwrap()).await.unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_is_withdrawn_person_by_person_and_the_export_tells_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    submit(&world, vec![viewed_within_a_day()]).await;
    until(|| async { world.shards.segment(&shop(), &"recent".into()).await.unwrap().answer.version == 1 }).await;
    submit(&world, (0..600).map(|n| event(n, n, START)).collect()).await;
    let whole = export(&world, &user(3)).await;
    assert_eq!(whole["events"].as_array().unwrap().len(), 1);
    assert_eq!((&whole["segments"][0], &whole["memberships"][0]["change"]), (&"recent".into(), &"entered".into()));
    assert_eq!(whole["memberships"].as_array().unwrap().len(), 1, "nobody else's");
    world.shards.checkpoint().unwrap();
    let found = told_of(&world).await;
    assert_eq!(found.len(), 600);
    let withdraw = |identity| Command::Withdraw { source: "web".into(), identity };
    submit(&world, found.into_iter().map(withdraw).collect()).await;
    assert_eq!(told_of(&world).await, []);
    assert_eq!(members(&world).await, 0);
    let whole = export(&world, &user(3)).await;
    assert_eq!(whole["events"], serde_json::json!([]));
    let memberships = whole["memberships"].as_array().unwrap();
    assert_eq!(memberships.len(), 2, "one from the store, one that is not there yet");
    assert_eq!((&memberships[1]["change"], &memberships[1]["cause"]), (&"left".into(), &"redact".into()));
    world.shards.checkpoint().unwrap();
    world.shards.stop();
    drop(world);
    let world = open(dir.path(), START);
    let journal = world
        .shards
        .transitions(&shop(), JournalAsk { limit: 10_000, ..JournalAsk::default() })
        .await
        .unwrap()
        .answer
        .items;
    assert_eq!(journal.iter().filter(|one| one.cause == "redact").count(), 600, "the cause is kept in the store");
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_there_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    let missing = |what, id: &str| QueryError::NotFound { what, id: id.to_owned() };
    let no_source = world.shards.people_of(&shop(), &"nothing".into(), None, 1).await;
    assert_eq!(no_source.unwrap_err(), missing("source", "nothing"));
    let bad = world.shards.people_of(&shop(), &"web".into(), Some("x".to_owned()), 1).await;
    assert!(matches!(bad.unwrap_err(), QueryError::Refused(_)));
    assert_eq!(world.shards.export(&shop(), &user(1)).await.err(), Some(missing("person", "user:web:u1")));
    let nowhere = world.shards.export(&"nowhere".into(), &user(1)).await;
    assert_eq!(nowhere.err(), Some(missing("workspace", "nowhere")));
    world.shards.stop();
}
