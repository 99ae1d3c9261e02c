//! What a store gives back after a checkpoint.

use super::db::Db;
use super::journal::{Entry, Page, Place};
use super::state::{CheckpointMark, ShardStore, WorkspaceCheckpoint};
use engine::effect::{Cause, Presence, Transition};
use engine::given::{Given, Rule};
use engine::storage::*;
use model::{Identity, Source, SourceKind, Time};
use std::collections::BTreeSet;
use std::sync::Arc;

fn db(dir: &tempfile::TempDir) -> Db {
    Db::open(dir.path(), 8 << 20).unwrap()
}

fn open(dir: &tempfile::TempDir) -> Result<ShardStore, super::db::StoreError> {
    ShardStore::open(&db(dir), 0, &dir.path().join("log"))
}

fn part(changes: Changes) -> WorkspaceCheckpoint {
    let (entries, floor, erased) = (Arc::default(), Time::MIN, BTreeSet::new());
    WorkspaceCheckpoint { number: 1, id: "shop".into(), changes, entries, floor, erased }
}

fn mark(position: u64) -> CheckpointMark {
    CheckpointMark { position, time: Time(position as i64 * 100) }
}

fn message(number: u64) -> MessageKey {
    MessageKey::new("web", &number.to_string())
}

fn transition(position: u64, person: &str) -> Transition {
    Transition {
        segment: if position.is_multiple_of(2) { "even" } else { "odd" }.into(),
        version: 1,
        person: person.to_owned(),
        entered: true,
        at: Time(-5),
        found: Time(7),
        cause: Cause::Merge,
        position,
    }
}

fn person() -> PersonRecord {
    let identity = Identity::email("ana@example.com");
    let link = LinkRecord { key: identity.key(), kind: identity.kind, time: Time(3), canonical: "user:web:u1".into() };
    let fact = FactRecord {
        anchor: 0,
        own_anchor: 0,
        message: message(1),
        source: 0,
        name: Some(4),
        time: 5,
        delay: 6,
        properties: vec![1, 2, 3],
        traits: Vec::new(),
        consent: Vec::new(),
        order: Some((OrderKey::new("web", "o1"), "m1".to_owned())),
    };
    let tail = ChunkRecord { anchors: vec![identity.key()], facts: vec![fact] };
    PersonRecord { nodes: vec![NodeRecord { identity, links: vec![link] }], chunks: vec![(9, 128)], tail }
}

fn history() -> HistoryRecord {
    let past =
        PastVersionRecord { version: 1, name: "V".to_owned(), definition: "{}".to_owned(), since: Some(3), until: 64 };
    HistoryRecord { last_version: 3, since: Some(64), held: true, stopped: Some("why".to_owned()), past: vec![past] }
}

#[test]
fn histories_of_versions_are_read_as_they_were_written() {
    let golden = b"\x01\x03\x01\x80\x01\x01\x01\x03why\x01\x01\x01V\x02{}\x01\x06\x80\x01";
    assert_eq!(super::codec::encode("history of a segment", &history()).unwrap(), golden);
    assert_eq!(super::codec::decode::<HistoryRecord>("history of a segment", golden).unwrap(), history());
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    store.commit(mark(1), &[part(everything())]).unwrap();
    assert_eq!(store.load(1).unwrap().histories, [("vip".into(), history())]);
    let gone = Changes { histories: vec![("vip".into(), None)], ..Changes::default() };
    store.commit(mark(2), &[part(gone)]).unwrap();
    assert_eq!(store.load(1).unwrap().histories, []);
}

fn everything() -> Changes {
    let key = Identity::email("ana@example.com").key();
    let source = Source { id: "web".into(), kind: SourceKind::Browser, orders: Default::default() };
    let counters = CountersRecord { position: 3, now: 300, next_person: 8, ..CountersRecord::default() };
    let members = BitmapKey { kind: BitmapKind::Members, bitmap: 2, upper: 1 };
    Changes {
        counters,
        definitions: Some(DefinitionsRecord { sources: vec![source], ..DefinitionsRecord::default() }),
        histories: vec![("vip".into(), Some(history()))],
        names: Some((0, vec!["total".to_owned(), "sku".to_owned()])),
        people: Vec::new(),
        new_chunks: 0,
        persons: vec![(7, Some(person()))],
        chunks: vec![(9, Some(person().tail))],
        holders: Arc::new([(key, Some(7))].into_iter().collect()),
        orders: Arc::new(
            [(
                OrderKey::new("web", "o1"),
                Some(OrderRecord {
                    incomplete: true,
                    time: Time(5),
                    message_id: "m1".into(),
                    anchor: key,
                    others: vec![key],
                }),
            )]
            .into_iter()
            .collect(),
        ),
        messages: Arc::new([(message(1), ()), (message(2), ())].into_iter().collect()),
        messages_kept: None,
        bitmaps: vec![(members, Some(vec![1, 2, 3]))],
        timers: vec![(0, vec![5, i64::MAX]), (2, vec![6])],
        forgotten: Some(Time(7)),
    }
}

#[test]
fn a_checkpoint_comes_back_whole_after_reopening_and_removals_remove() {
    let dir = tempfile::tempdir().unwrap();
    let changes = everything();
    {
        let store = open(&dir).unwrap();
        assert_eq!(store.mark().unwrap().position, 0);
        store.commit(mark(3), &[part(changes.clone())]).unwrap();
    }
    let store = open(&dir).unwrap();
    assert_eq!(store.mark().unwrap(), mark(3));
    assert_eq!(store.workspaces().unwrap(), [(1, "shop".into())]);
    let saved = store.load(1).unwrap();
    assert_eq!(saved.counters, changes.counters);
    assert_eq!(Some(saved.definitions), changes.definitions);
    assert_eq!(saved.names, ["total", "sku"]);
    assert_eq!(saved.bitmaps, [(changes.bitmaps[0].0, vec![1, 2, 3])]);
    assert_eq!(saved.timers, changes.timers);
    let storage = store.storage(1).unwrap();
    assert_eq!(storage.person(7).unwrap(), Some(person()));
    assert_eq!(storage.person(8).unwrap(), None);
    assert_eq!(storage.chunk(9).unwrap(), Some(person().tail));
    let (holder, _) = changes.holders.iter().next().unwrap();
    let (order, record) = changes.orders.iter().next().unwrap();
    assert_eq!(storage.holder(holder).unwrap(), Some(7));
    assert_eq!(storage.order(order).unwrap(), *record);
    assert!(storage.seen(&message(2)).unwrap() && !storage.seen(&message(3)).unwrap());
    let gone = Changes {
        persons: vec![(7, None)],
        chunks: vec![(9, None)],
        holders: Arc::new([(*holder, None)].into_iter().collect()),
        orders: Arc::new([(*order, None)].into_iter().collect()),
        bitmaps: vec![(changes.bitmaps[0].0, None)],
        names: Some((2, vec!["price".to_owned()])),
        ..Changes::default()
    };
    store.commit(mark(4), &[part(gone)]).unwrap();
    assert_eq!(storage.person(7).unwrap(), None);
    assert_eq!(storage.chunk(9).unwrap(), None);
    assert_eq!(storage.holder(holder).unwrap(), None);
    assert_eq!(storage.order(order).unwrap(), None);
    let saved = store.load(1).unwrap();
    assert_eq!((saved.bitmaps, saved.names.len()), (Vec::new(), 3));
}

#[test]
fn messages_stay_known_through_merges_and_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    let storage = store.storage(1).unwrap();
    let per_run = 300;
    for run in 0..70 {
        let keys = (run * per_run..(run + 1) * per_run).map(|number| (message(number), ()));
        let messages = Arc::new(keys.collect());
        let parts = [part(Changes { messages, ..Changes::default() })];
        store.commit(mark(run + 1), &parts).unwrap();
        store.tidy(&parts).unwrap();
    }
    drop(store);
    let known = 70 * per_run;
    let check = |storage: &dyn Storage| {
        (0..known).for_each(|number| assert!(storage.seen(&message(number)).unwrap(), "{number}"));
        (known..2 * known).for_each(|number| assert!(!storage.seen(&message(number)).unwrap(), "{number}"));
    };
    check(&storage);
    drop(storage);
    let database = db(&dir);
    let store = ShardStore::open(&database, 0, &dir.path().join("log")).unwrap();
    check(&store.storage(1).unwrap());
    let parts = database.tree("shard-0").unwrap().scan_prefix([0, 0, 0, 1, b'M']).count();
    assert!(parts < 30, "runs are merged: {parts} parts are left");
}

#[test]
fn messages_older_than_events_are_kept_are_forgotten_and_their_runs_are_few() {
    const DAY: i64 = 86_400_000_000;
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    let (per_run, runs, kept_days) = (10, 400_u64, 80);
    for run in 0..runs {
        let messages = (run * per_run..(run + 1) * per_run).map(|number| (message(number), ())).collect();
        let messages = Arc::new(messages);
        let counters = CountersRecord { now: run as i64 * DAY, ..CountersRecord::default() };
        let parts = [part(Changes { messages, counters, messages_kept: Some(kept_days * DAY), ..Changes::default() })];
        store.commit(mark(run + 1), &parts).unwrap();
        store.tidy(&parts).unwrap();
    }
    drop(store);
    let database = db(&dir);
    let store = ShardStore::open(&database, 0, &dir.path().join("log")).unwrap();
    let storage = store.storage(1).unwrap();
    let since = (runs - 1 - kept_days as u64 + 1) * per_run;
    (since..runs * per_run).for_each(|number| assert!(storage.seen(&message(number)).unwrap(), "{number}"));
    // A run goes as a whole: an eighth of the time later at most.
    let long_gone = since - 11 * per_run;
    (0..long_gone).for_each(|number| assert!(!storage.seen(&message(number)).unwrap(), "{number}"));
    let parts = database.tree("shard-0").unwrap().scan_prefix([0, 0, 0, 1, b'M']).count();
    assert!(parts <= 17, "one run for each span that is over: {parts} parts are left");
}

#[test]
fn another_workspace_of_the_shard_sees_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    store.commit(mark(3), &[part(everything())]).unwrap();
    let other = store.storage(2).unwrap();
    assert_eq!(other.person(7).unwrap(), None);
    assert!(!other.seen(&message(1)).unwrap());
    assert_eq!(store.load(2).unwrap(), Saved::default());
}

#[test]
fn the_journal_is_read_in_pages_also_within_a_position() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    for (checkpoint, positions) in [(1, 1..=4_u64), (2, 5..=9)] {
        let mut part = part(Changes::default());
        let lines = positions.flat_map(|at| [transition(at, "p_1"), transition(at, "p_2")].map(Entry::Transition));
        part.entries = Arc::new(lines.collect());
        store.commit(mark(checkpoint), &[part]).unwrap();
    }
    let read = |segment: Option<&str>, position, seen, limit| {
        let mut page = Page::new(Arc::default(), segment.map(Into::into), Place { position, seen }, u64::MAX, limit);
        store.journal(1, &mut page).unwrap();
        let (found, next) = page.found();
        (found.iter().map(|found| found.position).collect::<Vec<_>>(), next.map(|next| (next.position, next.seen)))
    };
    assert_eq!(read(None, 3, 0, 3), (vec![3, 3, 4], Some((4, 1))));
    assert_eq!(read(None, 4, 1, 3), (vec![4, 5, 5], Some((5, 2))));
    assert_eq!(read(None, 5, 2, 1), (vec![6], Some((6, 1))));
    assert_eq!(read(Some("even"), 0, 0, 100), (vec![2, 2, 4, 4, 6, 6, 8, 8], None));
    assert_eq!(read(Some("even"), 4, 1, 2), (vec![4, 6], Some((6, 1))));
    assert_eq!(read(None, 9, 0, 2), (vec![9, 9], None), "a page that is just full is the last");
    assert_eq!(read(None, 10, 0, 100), (vec![], None));
}

#[test]
fn erased_people_leave_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    let mut first = part(Changes::default());
    first.entries = Arc::new([transition(1, "p_1"), transition(2, "p_2")].map(Entry::Transition).to_vec());
    store.commit(mark(2), &[first]).unwrap();
    let mut second = part(Changes::default());
    second.erased.insert("p_1".to_owned());
    store.commit(mark(3), &[second]).unwrap();
    let mut page = Page::new(Arc::default(), None, Place::default(), u64::MAX, 10);
    store.journal(1, &mut page).unwrap();
    assert_eq!(page.found().0, [transition(2, "p_2")]);
}

#[test]
fn who_comes_is_one_line_and_as_many_transitions_as_hold_of_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir).unwrap();
    let rule = |segment: &str, bitmap, from, until| Rule { segment: segment.into(), version: 3, bitmap, from, until };
    let rules = [rule("quiet", 1, 2, None), rule("gone", 2, 0, Some(5)), rule("new", 3, 5, None)];
    let given = Arc::new(Given::new(rules));
    let came = |position, person: &str, but: &[u32]| {
        let (at, found, cause) = (Time(-5), Time(7), Cause::Event);
        let (person, but) = (person.to_owned(), but.to_vec());
        Entry::Presence(Presence { person, came: true, at, found, cause, position, but })
    };
    let mut part = part(Changes::default());
    let lines = [came(5, "p_1", &[]), came(6, "p_2", &[1]), Entry::Transition(transition(6, "p_2"))];
    part.entries = Arc::new(lines.to_vec());
    store.commit(mark(9), &[part]).unwrap();
    let read = |segment: Option<&str>, seen, limit| {
        let from = Place { position: 5, seen };
        let mut page = Page::new(given.clone(), segment.map(Into::into), from, u64::MAX, limit);
        store.journal(1, &mut page).unwrap();
        let (found, next) = page.found();
        let told = |one: &Transition| format!("{} {} {}", one.position, one.segment.as_str(), one.person);
        (found.iter().map(told).collect::<Vec<_>>(), next.map(|next| (next.position, next.seen)))
    };
    assert_eq!(read(None, 0, 9).0, ["5 gone p_1", "5 quiet p_1", "6 new p_2", "6 even p_2"]);
    assert_eq!(read(None, 0, 1), (vec!["5 gone p_1".to_owned()], Some((5, 1))));
    assert_eq!(read(None, 1, 2), (vec!["5 quiet p_1".to_owned(), "6 new p_2".to_owned()], Some((6, 1))));
    assert_eq!(read(Some("quiet"), 0, 9), (vec!["5 quiet p_1".to_owned()], None));
}
