//! The journal by time: amid waves of timers instants fall along it.

use super::db::Db;
use super::journal::{Entry, HeldThen, Page, Place, Span};
use super::state::{CheckpointMark, ShardStore, WorkspaceCheckpoint};
use engine::effect::{Cause, Transition};
use engine::storage::Changes;
use model::Time;
use std::path::Path;
use std::sync::Arc;

/// Segment, person, and the instants at which they left and at which it was found; the latter is the position.
type Line = (&'static str, &'static str, i64, u64);

fn left((segment, person, at, position): Line) -> Transition {
    Transition {
        segment: segment.into(),
        version: 1,
        person: person.to_owned(),
        entered: false,
        at: Time(at),
        found: Time(position as i64),
        cause: Cause::Time,
        position,
    }
}

/// A store with a blob for each checkpoint: its lines, and before when all was told by then.
fn store(dir: &Path, checkpoints: &[(&[Line], i64)]) -> ShardStore {
    let store = ShardStore::open(&Db::open(dir, 8 << 20).unwrap(), 0, &dir.join("log")).unwrap();
    for (number, (lines, floor)) in checkpoints.iter().enumerate() {
        let part = WorkspaceCheckpoint {
            number: 1,
            id: "shop".into(),
            changes: Changes::default(),
            entries: Arc::new(lines.iter().copied().map(left).map(Entry::Transition).collect()),
            floor: Time(*floor),
            erased: Default::default(),
        };
        store.commit(CheckpointMark { position: number as u64 + 1, time: Time(0) }, &[part]).unwrap();
    }
    store
}

fn between(store: &ShardStore, segment: Option<&str>, (since, until): (i64, i64)) -> Vec<String> {
    let mut page = Page::new(Arc::default(), segment.map(Into::into), Place::default(), u64::MAX, 100);
    page = page.between(Time(since), Time(until));
    store.journal(1, &mut page).unwrap();
    page.found().0.into_iter().map(|found| found.person).collect()
}

/// Half of a wave at 100, then what comes in meanwhile, then the other half.
const WAVE: [Line; 4] =
    [("a", "p_1", 100, 101), ("b", "p_2", 105, 105), ("a", "p_3", 100, 106), ("a", "p_4", 110, 110)];

#[test]
fn what_follows_something_later_is_on_the_page_of_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path(), &[(&WAVE[..2], 100), (&WAVE[2..], 110)]);
    assert_eq!(between(&store, Some("a"), (100, 101)), ["p_1", "p_3"]);
    assert_eq!(between(&store, None, (100, 101)), ["p_1", "p_3"]);
    assert_eq!(between(&store, None, (101, 110)), ["p_2"]);
}

#[test]
fn a_time_is_sought_by_when_lines_were_found() {
    let dir = tempfile::tempdir().unwrap();
    let blobs: [&[Line]; 5] = [
        &[("a", "p_1", 10, 10)],
        &[("a", "p_2", 25, 25)],
        &[("a", "p_3", 5, 30), ("a", "p_4", 30, 30)],
        &[("a", "p_5", 5, 31)],
        &[("a", "p_6", 40, 40)],
    ];
    let store = store(dir.path(), &blobs.map(|lines| (lines, 5)));
    assert_eq!(between(&store, None, (20, 40)), ["p_2", "p_4"]);
    assert_eq!(between(&store, None, (26, 100)), ["p_4", "p_6"]);
    assert_eq!(between(&store, None, (5, 11)), ["p_1", "p_3", "p_5"]);
    assert_eq!(between(&store, None, (40, 41)), ["p_6"]);
    assert_eq!(between(&store, None, (41, 50)), [""; 0]);
}

#[test]
fn no_more_is_read_once_nothing_earlier_can_follow() {
    let dir = tempfile::tempdir().unwrap();
    let later: Line = ("a", "p_5", 120, 120);
    let store = store(dir.path(), &[(&WAVE[..2], 100), (&WAVE[2..], 110), (&[later], 120)]);
    let shown = |before| {
        let (mut shown, span) = (Vec::new(), Span { first: 0, last: u64::MAX, before: Time(before) });
        let all = store.scan_journal(1, span, &mut |entry| {
            shown.push(entry.person().to_owned());
            true
        });
        (shown, all.unwrap())
    };
    let all = ["p_1", "p_2", "p_3", "p_4", "p_5"];
    assert_eq!(shown(100), (vec![], false));
    assert_eq!(shown(101), (all[..4].iter().map(|who| (*who).to_owned()).collect(), false));
    assert_eq!(shown(121), (all.map(str::to_owned).to_vec(), true));
}

#[test]
fn who_was_in_is_told_by_all_that_became_true_by_then() {
    let mut held = HeldThen::new("a".into(), Time(100), None, 10);
    for (entered, line) in [(true, ("a", "p_1", 90, 90)), (true, ("a", "p_3", 91, 91)), (true, ("a", "p_9", 105, 105))]
    {
        held.take(Transition { entered, ..left(line) });
    }
    held.take(left(WAVE[2]));
    assert!(held.known);
    assert_eq!(held.found(), (vec!["p_1".to_owned()], None));
}
