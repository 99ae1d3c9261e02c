//! Whole shards over a folder: nothing acknowledged is lost or applied twice.

use super::api::*;
use super::clock::{Clock, SimulatedClock};
use super::options::{LoggedAlerts, ShardError, ShardOptions};
use super::shards::Shards;
use crate::store::db::{Db, StoreError};
use model::{Command, Event, EventKind, Identity, SegmentDefinition, Source, SourceKind, Time, Value, WorkspaceId};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub(super) const START: i64 = 1_700_000_000_000_000;
pub(super) const DAY: i64 = 86_400_000_000;

#[derive(Default)]
pub(super) struct Sink {
    pub(super) positions: Mutex<Vec<u64>>,
    pub(super) persisted: Mutex<Vec<u64>>,
}

impl EffectSink for Sink {
    fn accept(&self, batch: EffectBatch) {
        self.positions.lock().unwrap().push(batch.position);
    }

    fn persist_through(&self, _shard: u32, position: u64) -> Result<(), StoreError> {
        self.persisted.lock().unwrap().push(position);
        Ok(())
    }
}

pub(super) struct World {
    pub(super) shards: Shards,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) sink: Arc<Sink>,
}

pub(super) fn options(dir: &Path) -> ShardOptions {
    let mut options = ShardOptions::in_dir(dir.join("log"));
    options.limits.free_space_reserve_bytes = 0;
    options.checkpoint_every = Duration::from_secs(3600);
    options
}

pub(super) fn open_with(dir: &Path, now: i64, options: ShardOptions) -> Result<World, ShardError> {
    let db = Db::open(&dir.join("store"), 8 << 20)?;
    let (clock, sink) = (Arc::new(SimulatedClock::new(Time(now))), Arc::new(Sink::default()));
    let shards = Shards::open(db, options, clock.clone(), sink.clone(), Arc::new(LoggedAlerts))?;
    Ok(World { shards, clock, sink })
}

pub(super) fn open(dir: &Path, now: i64) -> World {
    open_with(dir, now, options(dir)).unwrap()
}

pub(super) fn shop() -> WorkspaceId {
    "shop".into()
}

pub(super) fn create() -> Vec<Command> {
    let workspace = Command::WorkspacePut {
        name: "Shop".to_owned(),
        time_zone: "America/Mexico_City".to_owned(),
        currency: "MXN".to_owned(),
        retention_days: 1095,
        crowded_links_max: 10,
    };
    let source = Source { id: "web".into(), kind: SourceKind::Server, orders: Default::default() };
    vec![workspace, Command::SourcePut(source)]
}

pub(super) fn event(person: u64, number: u64, time: i64) -> Command {
    Command::Event(Box::new(Event {
        source: "web".into(),
        message_id: format!("m{number}"),
        kind: EventKind::Activity("Page Viewed".to_owned()),
        time: Time(time),
        received: Time(time),
        identities: vec![Identity::user("web", &format!("u{person}"))],
        properties: [("path".to_owned(), Value::text("/"))].into(),
        traits: [("country".to_owned(), Value::text("MX"))].into(),
        consent: Vec::new(),
    }))
}

pub(super) fn user(person: u64) -> PersonKey {
    PersonKey::Identity(Identity::user("web", &format!("u{person}")))
}

pub(super) async fn submit(world: &World, commands: Vec<Command>) -> Accepted {
    let accepted = world.shards.submit(&shop(), commands).await.unwrap();
    world.shards.applied(&shop(), accepted.position).await.unwrap();
    accepted
}

pub(super) async fn info(world: &World) -> WorkspaceInfo {
    world.shards.workspace(&shop()).await.unwrap().answer
}

/// Waits until `holds`, at most ten seconds.
pub(super) async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < Duration::from_secs(10), "it does not come");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_there_exactly_once_after_a_crash_without_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    let events = (0..300).map(|number| event(number % 10, number, START + number as i64));
    let sends = events.map(|event| world.shards.submit(world_id(), vec![event]));
    for sent in futures_util::future::join_all(sends).await {
        sent.unwrap();
    }
    world.shards.abandon();
    assert!(world.sink.persisted.lock().unwrap().is_empty(), "no checkpoint was written");
    drop(world);
    let world = open(dir.path(), START);
    let found = info(&world).await;
    assert_eq!((found.events, found.duplicates, found.people), (300, 0, 10));
    for person in 0..10 {
        let person = world.shards.person(&shop(), &user(person)).await.unwrap().answer;
        assert_eq!(person.events, 30);
        assert_eq!(person.properties["country"], "MX");
    }
    assert_eq!(world.shards.stats()[0].applied, 302);
    world.shards.stop();
}

fn world_id() -> &'static WorkspaceId {
    static ID: std::sync::OnceLock<WorkspaceId> = std::sync::OnceLock::new();
    ID.get_or_init(shop)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn crashes_before_and_after_checkpoints_lose_nothing_and_duplicates_stay_known() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..6_u64 {
        let world = open(dir.path(), START + round as i64);
        if round == 0 {
            submit(&world, create()).await;
        }
        assert_eq!(info(&world).await.events, round * 20);
        submit(&world, (0..10).map(|n| event(n, round * 20 + n, START)).collect()).await;
        if round % 2 == 0 {
            world.shards.checkpoint().unwrap();
        }
        submit(&world, (10..20).map(|n| event(n, round * 20 + n, START)).collect()).await;
        let before = info(&world).await.duplicates;
        submit(&world, vec![event(0, 0, START), event(0, round * 20 + 15, START)]).await;
        assert_eq!(info(&world).await.duplicates, before + 2);
        if round % 3 == 1 { world.shards.stop() } else { world.shards.abandon() }
    }
    let world = open(dir.path(), START);
    let found = info(&world).await;
    assert_eq!((found.events, found.duplicates, found.people), (120, 12, 20));
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_stop_leaves_nothing_to_replay_and_answers_stopping() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    let accepted = submit(&world, vec![event(1, 1, START)]).await;
    world.shards.stop();
    assert_eq!(*world.sink.persisted.lock().unwrap(), [accepted.position]);
    assert_eq!(world.shards.submit(&shop(), vec![event(1, 2, START)]).await, Err(SubmitError::Stopping));
    assert!(world.shards.workspace(&shop()).await.is_err());
    drop(world);
    let world = open(dir.path(), START);
    assert_eq!(world.shards.stats()[0].checkpoint, accepted.position);
    assert_eq!(info(&world).await.events, 1);
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_workspace_is_refused_and_a_new_one_is_usable_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    let refused = world.shards.submit(&shop(), vec![event(1, 1, START)]).await;
    assert_eq!(refused, Err(SubmitError::UnknownWorkspace(shop())));
    let unknown = world.shards.workspace(&shop()).await.err().unwrap();
    assert!(matches!(unknown, QueryError::NotFound { what: "workspace", .. }));
    world.shards.submit(&shop(), create()).await.unwrap();
    submit(&world, vec![event(1, 1, START)]).await;
    assert_eq!(info(&world).await.name, "Shop");
    assert_eq!(world.shards.workspaces().await.len(), 1);
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shard_s_time_follows_the_clock_and_does_not_go_back_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.shards.as_of(&shop()).await.unwrap(), Time(START + 5_000_000));
    world.clock.set(Time(START));
    assert_eq!(world.shards.as_of(&shop()).await.unwrap(), Time(START + 5_000_000));
    submit(&world, vec![event(1, 1, START)]).await;
    world.shards.stop();
    drop(world);
    let world = open(dir.path(), START - DAY);
    assert_eq!(world.shards.as_of(&shop()).await.unwrap(), Time(START + 5_000_000));
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_log_stops_the_start_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    for number in 0..5 {
        submit(&world, vec![event(number, number, START)]).await;
    }
    world.shards.abandon();
    drop(world);
    let file = dir.path().join("log/shard-0/00000000000000000001.log");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[300] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let error = open_with(dir.path(), START, options(dir.path())).err().unwrap().to_string();
    assert!(error.contains("00000000000000000001.log at byte"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_number_of_shards_is_refused_and_several_shards_keep_their_workspaces() {
    let dir = tempfile::tempdir().unwrap();
    let three = || ShardOptions { shards: 3, ..options(dir.path()) };
    let world = open_with(dir.path(), START, three()).unwrap();
    let ids: Vec<WorkspaceId> = (0..12).map(|number| WorkspaceId(format!("shop-{number}"))).collect();
    for (number, id) in ids.iter().enumerate() {
        world.shards.submit(id, create()).await.unwrap();
        world.shards.submit(id, (0..number as u64).map(|n| event(n, n, START)).collect()).await.unwrap();
    }
    world.shards.stop();
    drop(world);
    let error = open_with(dir.path(), START, options(dir.path())).err().unwrap();
    assert!(matches!(error, ShardError::ShardCount { made: 3, set: 1 }), "{error}");
    let world = open_with(dir.path(), START, three()).unwrap();
    let found = world.shards.workspaces().await;
    assert_eq!(found.len(), 12);
    assert!(found.iter().all(|one| one.id == format!("shop-{}", one.events)));
    let busy = world.shards.stats().iter().filter(|stats| stats.applied > 0).count();
    assert!(busy > 1, "workspaces are spread over shards");
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_come_by_themselves_while_events_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let often = ShardOptions { checkpoint_every: Duration::from_millis(20), ..options(dir.path()) };
    let world = open_with(dir.path(), START, often).unwrap();
    submit(&world, create()).await;
    for number in 0..200 {
        submit(&world, vec![event(number % 7, number, START)]).await;
    }
    until(|| async { world.shards.stats()[0].checkpoint == 202 }).await;
    assert!(world.sink.persisted.lock().unwrap().len() > 1);
    world.shards.abandon();
    drop(world);
    let world = open(dir.path(), START);
    assert_eq!(info(&world).await.events, 200);
    world.shards.stop();
}

pub(super) fn viewed_within_a_day() -> Command {
    let definition = r#"{"event":"Page Viewed","window":{"last":"1d"}}"#.to_owned();
    Command::SegmentPut(SegmentDefinition { id: "recent".into(), name: "Recent".to_owned(), definition })
}

pub(super) async fn members(world: &World) -> u64 {
    world.shards.segment(&shop(), &"recent".into()).await.unwrap().answer.members
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_fills_in_the_background_and_time_alone_empties_it_also_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    submit(&world, (0..50).map(|n| event(n, n, START)).collect()).await;
    submit(&world, vec![viewed_within_a_day()]).await;
    until(|| async { world.shards.segment(&shop(), &"recent".into()).await.unwrap().answer.version == 1 }).await;
    assert_eq!(members(&world).await, 50);
    world.clock.set(Time(START + DAY - 1));
    submit(&world, vec![event(1, 100, START + 1_000_000)]).await;
    assert_eq!(members(&world).await, 50);
    world.clock.set(Time(START + DAY));
    until(|| async { members(&world).await == 1 }).await;
    world.shards.abandon();
    drop(world);
    let world = open(dir.path(), START + 2 * DAY);
    until(|| async { members(&world).await == 0 }).await;
    let journal = world
        .shards
        .transitions(&shop(), JournalAsk { segment: Some("recent".into()), limit: 1_000, ..JournalAsk::default() })
        .await
        .unwrap()
        .answer
        .items;
    assert_eq!(journal.len(), 100, "fifty entered, fifty left");
    let last = journal.last().unwrap();
    assert_eq!((last.change.as_str(), last.cause.as_str()), ("left", "time"));
    assert_eq!(last.at, Time(START + DAY + 1_000_000).to_string(), "at the instant, however late it was found");
    world.shards.checkpoint().unwrap();
    let stored = world
        .shards
        .transitions(&shop(), JournalAsk { segment: Some("recent".into()), limit: 1_000, ..JournalAsk::default() })
        .await
        .unwrap()
        .answer
        .items;
    assert_eq!(stored.len(), 100);
    assert!(world.clock.now() > Time(START));
    world.shards.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erasure_takes_a_person_out_of_the_journal_under_every_id_they_had() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path(), START);
    submit(&world, create()).await;
    submit(&world, vec![viewed_within_a_day()]).await;
    until(|| async { world.shards.segment(&shop(), &"recent".into()).await.unwrap().answer.version == 1 }).await;
    let email = Identity::email("ana@example.com");
    let by = |number, identities: Vec<Identity>| match event(1, number, START) {
        Command::Event(event) => Command::Event(Box::new(Event { identities, ..*event })),
        other => other,
    };
    let user = Identity::user("web", "u1");
    submit(&world, vec![by(1, vec![user.clone()]), by(2, vec![email.clone()]), event(2, 3, START)]).await;
    world.shards.checkpoint().unwrap();
    submit(&world, vec![by(4, vec![user, email.clone()])]).await;
    let journal = async || {
        let page = world.shards.transitions(&shop(), JournalAsk { limit: 100, ..JournalAsk::default() }).await.unwrap();
        page.answer.items.len()
    };
    assert_eq!(journal().await, 4, "three entered, one of them is absorbed");
    submit(&world, vec![Command::Erase { identity: email }]).await;
    world.shards.checkpoint().unwrap();
    assert_eq!(journal().await, 1, "the other person's");
    world.shards.stop();
}

struct FailingSink;

impl EffectSink for FailingSink {
    fn accept(&self, _batch: EffectBatch) {}

    fn persist_through(&self, _shard: u32, _position: u64) -> Result<(), StoreError> {
        Err(StoreError::Io { path: "sink".into(), source: std::io::ErrorKind::StorageFull.into() })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_ends_also_while_no_checkpoint_can_be_written_and_records_wait_for_one() {
    let dir = tempfile::tempdir().unwrap();
    let db = Db::open(&dir.path().join("store"), 8 << 20).unwrap();
    let clock = Arc::new(SimulatedClock::new(Time(START)));
    let often = ShardOptions { checkpoint_dirty_bytes: 1, ..options(dir.path()) };
    let shards = Shards::open(db, often, clock, Arc::new(FailingSink), Arc::new(LoggedAlerts)).unwrap();
    shards.submit(&shop(), create()).await.unwrap();
    for number in 0..20 {
        shards.submit(&shop(), vec![event(number, number, START)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stats = &shards.stats()[0];
    assert!(stats.applied < stats.appended, "no more is applied than can be written");
    let (told, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        shards.stop();
        drop(shards);
        told.send(()).unwrap();
    });
    let waited = tokio::task::spawn_blocking(move || stopped.recv_timeout(Duration::from_secs(15)));
    waited.await.unwrap().expect("it stops");
    let world = open(dir.path(), START);
    assert_eq!(info(&world).await.events, 20);
    world.shards.stop();
}
