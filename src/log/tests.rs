//! What the log promises, tried against torn and flipped bytes and a failing disk.

use super::faults::FaultyFiles;
use super::*;
use crate::shard::api::SubmitError;
use crate::shard::clock::{Clock, SimulatedClock};
use model::{Command, Event, EventKind, Record, SegmentId, Time, Value, WorkspaceId};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const OPTIONS: LogOptions = LogOptions { segment_bytes: 1 << 20, preallocate_bytes: 4096 };

fn workspace() -> WorkspaceId {
    "shop".into()
}

fn command(number: u64) -> Command {
    Command::SegmentDelete { id: SegmentId(format!("segment-{number}")) }
}

fn open(dir: &Path) -> Result<(Log, Option<Cut>), LogError> {
    Log::open(dir, Arc::new(DiskFiles), OPTIONS, 0)
}

/// Appends one group; record `n` holds `command(n)`.
fn append(log: &mut Log, count: u64) -> Result<(), LogError> {
    let first = log.next_position();
    let commands: Vec<_> = (first..first + count).map(command).collect();
    let frames = Frames::encode(&workspace(), &commands)?;
    let mut group = Vec::new();
    let time = Time(first as i64 * 10);
    frames.seal_into(&mut group, first, time, 0);
    log.append(&group, count as u32, time)
}

fn records(log: &Log) -> Result<Vec<Record>, LogError> {
    log.read_from(log.first_position())?.collect()
}

fn is_prefix(found: &[Record]) -> bool {
    found.iter().zip(1..).all(|(record, n)| record.position == n && record.command == command(n))
}

fn only_file(dir: &Path) -> PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    files.remove(0)
}

/// A log of groups with these sizes: its bytes without the zeros, and where each group ends.
fn written(groups: &[u64]) -> (Vec<u8>, Vec<usize>) {
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path()).unwrap();
    let mut ends = Vec::new();
    for count in groups {
        append(&mut log, *count).unwrap();
        ends.push(log.size_bytes() as usize);
    }
    let mut bytes = std::fs::read(only_file(dir.path())).unwrap();
    bytes.truncate(log.size_bytes() as usize);
    (bytes, ends)
}

fn open_bytes(bytes: &[u8]) -> (tempfile::TempDir, Result<(Log, Option<Cut>), LogError>) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("00000000000000000001.log"), bytes).unwrap();
    let opened = open(dir.path());
    (dir, opened)
}

#[test]
fn what_was_appended_is_read_back_over_many_files() {
    let dir = tempfile::tempdir().unwrap();
    let small = LogOptions { segment_bytes: 200, preallocate_bytes: 64 };
    let (mut log, cut) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
    assert_eq!(cut, None);
    (1..=40).for_each(|count| append(&mut log, count % 3 + 1).unwrap());
    let end = log.next_position();
    drop(log);
    let (mut log, cut) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
    assert_eq!((log.next_position(), cut), (end, None));
    let found = records(&log).unwrap();
    assert_eq!(found.len() as u64, end - 1);
    assert!(is_prefix(&found));
    let tail: Vec<_> = log.read_from(end - 2).unwrap().map(|record| record.unwrap().position).collect();
    assert_eq!(tail, [end - 2, end - 1]);
    assert_eq!(log.last_time(), found.last().unwrap().time);
    append(&mut log, 1).unwrap();
    assert_eq!(records(&log).unwrap().len() as u64, end);
}

#[test]
fn an_event_survives_encoding() {
    let event = Event {
        source: "web".into(),
        message_id: "m1".to_owned(),
        kind: EventKind::Activity("Order Completed".to_owned()),
        time: Time(5),
        received: Time(6),
        identities: vec![model::Identity::email("ana@example.com")],
        properties: [("total".to_owned(), Value::Number("12.50".parse().unwrap()))].into(),
        traits: [("tags".to_owned(), Value::List(vec![Value::Bool(true), Value::text("a")]))].into(),
        consent: Vec::new(),
    };
    let command = Command::Event(Box::new(event));
    let dir = tempfile::tempdir().unwrap();
    let (mut log, _) = open(dir.path()).unwrap();
    let mut group = Vec::new();
    Frames::encode(&workspace(), std::slice::from_ref(&command)).unwrap().seal_into(&mut group, 1, Time(9), 0);
    log.append(&group, 1, Time(9)).unwrap();
    let expected = Record { position: 1, time: Time(9), workspace: workspace(), command };
    assert_eq!(records(&log).unwrap(), [expected]);
}

#[test]
fn the_bytes_of_version_1_stay_readable() {
    let mut group = Vec::new();
    Frames::encode(&workspace(), &[Command::Tick]).unwrap().seal_into(&mut group, 7, Time(-2), 3);
    let golden: &[u8] = &[
        7, 0, 0, 0, // payload length
        group[4], group[5], group[6], group[7], // checksum, checked below
        7, 0, 0, 0, 0, 0, 0, 0, // position
        254, 255, 255, 255, 255, 255, 255, 255, // time
        3, 0, 0, 0, // index in the group
        1, 4, b's', b'h', b'o', b'p', 1, // version, workspace, command
    ];
    assert_eq!(group, golden);
    let covered: Vec<u8> = golden[..4].iter().chain(&golden[8..]).copied().collect();
    assert_eq!(golden[4..8], crc32fast::hash(&covered).to_le_bytes());
}

#[test]
fn a_log_cut_at_any_byte_opens_with_whole_records_and_goes_on() {
    let (bytes, _) = written(&[1, 2, 1]);
    for end in 0..bytes.len() {
        for zeros in [0, 700] {
            let mut torn = bytes[..end].to_vec();
            torn.resize(end + zeros, 0);
            let (dir, opened) = open_bytes(&torn);
            let (mut log, cut) = opened.unwrap_or_else(|error| panic!("cut at {end}: {error}"));
            assert!(is_prefix(&records(&log).unwrap()), "cut at {end}");
            let kept = log.size_bytes() as usize;
            assert!(kept <= end);
            assert_eq!(cut.is_some(), kept < end && bytes[kept..end].iter().any(|b| *b != 0), "cut at {end}");
            append(&mut log, 2).unwrap();
            let next = log.next_position();
            drop(log);
            let (log, cut) = open(dir.path()).unwrap();
            assert_eq!((log.next_position(), cut), (next, None));
            assert!(is_prefix(&records(&log).unwrap()));
        }
    }
}

#[test]
fn a_flipped_byte_is_damage_in_the_middle_and_a_cut_at_the_end() {
    let (bytes, ends) = written(&[1, 3, 1, 1]);
    let last_begins = ends[ends.len() - 2];
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            flipped.resize(bytes.len() + 1000, 0);
            let (_dir, opened) = open_bytes(&flipped);
            match opened {
                Ok((log, cut)) => {
                    assert!(at >= last_begins, "byte {at} was durable and is gone");
                    assert_eq!(cut.unwrap().offset as usize, last_begins);
                    assert_eq!(records(&log).unwrap().len(), 5);
                }
                Err(LogError::Damaged { offset, .. }) => {
                    assert!(at < last_begins, "byte {at} is of the last record");
                    assert!(offset as usize <= at);
                }
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn a_flipped_byte_inside_the_last_group_is_damage_and_not_a_torn_group() {
    let (bytes, ends) = written(&[1, 40]);
    let mut flipped = bytes.clone();
    flipped[ends[0] + 700] ^= 4;
    assert!(matches!(open_bytes(&flipped).1, Err(LogError::Damaged { .. })));
}

#[test]
fn a_group_of_which_a_sector_is_missing_was_never_acknowledged_and_is_cut() {
    let (bytes, ends) = written(&[3, 40]);
    for sector in (ends[0] / 512)..(bytes.len() / 512) {
        let mut torn = bytes.clone();
        torn[(sector * 512).max(ends[0])..(sector + 1) * 512].fill(0);
        let (_dir, opened) = open_bytes(&torn);
        let (log, cut) = opened.unwrap_or_else(|error| panic!("sector {sector}: {error}"));
        assert!(cut.is_some());
        let found = records(&log).unwrap();
        assert!(is_prefix(&found) && found.len() >= 3 && found.len() < 43);
    }
}

#[test]
fn a_missing_sector_of_an_older_group_is_damage() {
    let (bytes, ends) = written(&[40, 1]);
    assert!(ends[0] > 1536);
    let mut torn = bytes.clone();
    torn[512..1024].fill(0);
    assert!(matches!(open_bytes(&torn).1, Err(LogError::Damaged { .. })));
}

#[test]
fn damage_in_an_older_file_stops_reading_and_names_the_place() {
    let dir = tempfile::tempdir().unwrap();
    let small = LogOptions { segment_bytes: 100, preallocate_bytes: 64 };
    let (mut log, _) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
    (0..6).for_each(|_| append(&mut log, 2).unwrap());
    let older = dir.path().join("00000000000000000005.log");
    let whole = std::fs::read(&older).unwrap();
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x10;
        std::fs::write(&older, &flipped).unwrap();
        let (log, _) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
        let mut applied = 0;
        let error = log.read_from(1).unwrap().find_map(|record| match record {
            Ok(record) => {
                applied = record.position;
                None
            }
            Err(error) => Some(error),
        });
        assert!(matches!(&error, Some(LogError::Damaged { path, .. }) if *path == older), "byte {at}: {error:?}");
        assert!((4..6).contains(&applied));
    }
    std::fs::remove_file(&older).unwrap();
    let (log, _) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
    let error = records(&log).unwrap_err();
    assert!(matches!(error, LogError::Gap { expected: 5, found: 7, .. }), "{error}");
}

#[test]
fn a_log_shorter_than_what_was_applied_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    append(&mut open(dir.path()).unwrap().0, 3).unwrap();
    assert!(Log::open(dir.path(), Arc::new(DiskFiles), OPTIONS, 3).is_ok());
    let error = Log::open(dir.path(), Arc::new(DiskFiles), OPTIONS, 4).err().unwrap();
    assert!(matches!(error, LogError::Short { end: 3, applied: 4, .. }), "{error}");
}

#[test]
fn a_failed_write_leaves_nothing_behind_and_the_next_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let (mut log, _) = Log::open(dir.path(), Arc::new(files.clone()), OPTIONS, 0).unwrap();
    append(&mut log, 2).unwrap();
    let size = log.size_bytes();
    for space in [0, 1, 30, 70, 5000] {
        files.space(space);
        assert!(append(&mut log, 50).is_err() || space == 5000);
        files.space(i64::MAX);
    }
    files.sync_fails(true);
    assert!(append(&mut log, 1).is_err());
    files.cut_fails(true);
    assert!(append(&mut log, 1).is_err(), "nothing is written over an end that could not be cut");
    files.sync_fails(false);
    assert!(append(&mut log, 1).is_err());
    files.cut_fails(false);
    assert!(log.size_bytes() >= size);
    append(&mut log, 1).unwrap();
    let next = log.next_position();
    assert!(is_prefix(&records(&log).unwrap()));
    drop(log);
    let (log, cut) = open(dir.path()).unwrap();
    assert_eq!((log.next_position(), cut), (next, None));
    assert!(is_prefix(&records(&log).unwrap()));
}

#[test]
fn a_file_that_could_not_be_begun_takes_no_position_from_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let small = LogOptions { segment_bytes: 300, preallocate_bytes: 64 };
    let (mut log, _) = Log::open(dir.path(), Arc::new(files.clone()), small, 0).unwrap();
    append(&mut log, 2).unwrap();
    files.dir_fails(true);
    assert!(append(&mut log, 20).is_err(), "a group that needs a new file");
    assert!(append(&mut log, 1).is_err(), "and one that would fit into the old one");
    files.dir_fails(false);
    append(&mut log, 1).unwrap();
    append(&mut log, 20).unwrap();
    append(&mut log, 1).unwrap();
    let found = records(&log).unwrap();
    assert!(is_prefix(&found) && found.len() == 24);
    drop(log);
    let (log, cut) = Log::open(dir.path(), Arc::new(DiskFiles), small, 24).unwrap();
    assert_eq!((log.next_position(), cut), (25, None));
    assert_eq!(log.read_from(4).unwrap().count(), 21);
}

#[test]
fn trimming_removes_whole_files_that_are_covered_and_old_enough() {
    let dir = tempfile::tempdir().unwrap();
    let small = LogOptions { segment_bytes: 100, preallocate_bytes: 64 };
    let (mut log, _) = Log::open(dir.path(), Arc::new(DiskFiles), small, 0).unwrap();
    (0..6).for_each(|_| append(&mut log, 2).unwrap());
    assert_eq!(log.trim(6, Time::MIN).unwrap(), 0, "nothing is old enough");
    assert_eq!(log.trim(6, Time::MAX).unwrap(), 2);
    assert_eq!(log.first_position(), 5);
    assert!(log.read_from(4).is_err());
    assert_eq!(log.trim(1000, Time::MAX).unwrap(), 3);
    assert_eq!(log.first_position(), 11, "the newest file stays");
    drop(log);
    let (log, _) = Log::open(dir.path(), Arc::new(DiskFiles), small, 8).unwrap();
    assert_eq!(log.next_position(), 13);
}

#[derive(Default)]
struct Handed(Mutex<Vec<DurableGroup>>);

impl Handover for Handed {
    fn hand_over(&self, group: DurableGroup) {
        self.0.lock().unwrap().push(group);
    }
}

fn appender(dir: &Path, files: Arc<dyn Files>, limits: AppenderLimits) -> (Appender, Arc<SimulatedClock>) {
    let (log, _) = Log::open(dir, files, OPTIONS, 0).unwrap();
    let clock = Arc::new(SimulatedClock::new(Time(1000)));
    (Appender::new(log, clock.clone(), limits, Time::MIN), clock)
}

fn submission(command: Command, internal: bool) -> (Submission, tokio::sync::oneshot::Receiver<appender::Answer>) {
    Submission::new(&workspace(), vec![command], internal).unwrap()
}

#[test]
fn a_thousand_waiters_are_answered_in_order_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (appender, _) = appender(dir.path(), Arc::new(DiskFiles), AppenderLimits::default());
    let handed = Arc::new(Handed::default());
    let thread = appender.start("test", handed.clone()).unwrap();
    let answers: Vec<_> = (1..=1000)
        .map(|n| {
            let (submission, answer) = submission(command(n), false);
            appender.submit(submission).unwrap();
            answer
        })
        .collect();
    for (answer, position) in answers.into_iter().zip(1..) {
        assert_eq!(answer.blocking_recv().unwrap().unwrap().position, position);
    }
    appender.stop();
    thread.join().unwrap();
    assert!(matches!(appender.submit(submission(Command::Tick, false).0), Err(SubmitError::Stopping)));
    let handed: Vec<Record> = handed.0.lock().unwrap().drain(..).flat_map(|group| group.records).collect();
    drop(appender);
    let (log, _) = open(dir.path()).unwrap();
    assert_eq!(handed, records(&log).unwrap());
    assert!(is_prefix(&handed) && handed.len() == 1000);
}

#[test]
fn time_never_goes_back_and_nothing_shares_the_instant_of_an_earlier_tick() {
    let dir = tempfile::tempdir().unwrap();
    let (appender, clock) = appender(dir.path(), Arc::new(DiskFiles), AppenderLimits::default());
    let thread = appender.start("test", Arc::new(Handed::default())).unwrap();
    let send = |command| {
        let (submission, answer) = submission(command, false);
        appender.submit(submission).unwrap();
        answer.blocking_recv().unwrap().unwrap().time
    };
    assert_eq!(send(command(1)), Time(1000));
    assert_eq!(appender.time_if_idle(0, Time::MAX), None, "position 1 is not applied yet");
    assert_eq!(appender.time_if_idle(1, Time::MAX), Some(Time(1000)));
    clock.set(Time(500));
    assert_eq!(send(command(2)), Time(1000));
    clock.set(Time(2000));
    assert_eq!(appender.time_if_idle(2, Time(1801)), Some(Time(1800)), "a timer is due at 1801");
    assert_eq!(appender.time_if_idle(2, Time::MAX), Some(Time(2000)));
    clock.set(Time(1500));
    assert_eq!(send(Command::Tick), Time(2000), "not before a time that was shown");
    assert_eq!(send(command(4)), Time(2001));
    appender.stop();
    thread.join().unwrap();
}

#[test]
fn a_tick_comes_after_everything_else_of_its_group() {
    let dir = tempfile::tempdir().unwrap();
    let (appender, _) = appender(dir.path(), Arc::new(DiskFiles), AppenderLimits::default());
    for one in [Command::Tick, command(1), command(2)] {
        let internal = one == Command::Tick;
        appender.submit(submission(one, internal).0).unwrap();
    }
    let handed = Arc::new(Handed::default());
    let thread = appender.start("test", handed.clone()).unwrap();
    appender.stop();
    thread.join().unwrap();
    let groups = handed.0.lock().unwrap();
    assert_eq!(groups.len(), 1);
    let commands: Vec<_> = groups[0].records.iter().map(|record| record.command.clone()).collect();
    assert_eq!(commands, [command(1), command(2), Command::Tick]);
}

#[test]
fn a_full_disk_refuses_what_comes_from_outside_until_there_is_space() {
    let dir = tempfile::tempdir().unwrap();
    let files = FaultyFiles::default();
    let limits = AppenderLimits { free_space_reserve_bytes: 100, ..AppenderLimits::default() };
    let (appender, _) = appender(dir.path(), Arc::new(files.clone()), limits);
    let thread = appender.start("test", Arc::new(Handed::default())).unwrap();
    let send = |internal| {
        let (submission, answer) = submission(command(1), internal);
        appender.submit(submission).unwrap();
        answer.blocking_recv().unwrap()
    };
    assert!(send(false).is_ok());
    files.free(25);
    assert!(!appender.space_is_short());
    files.free(24);
    assert!(appender.space_is_short());
    files.free(99);
    std::thread::sleep(Duration::from_millis(600));
    assert!(matches!(send(false), Err(SubmitError::NotDurable { .. })));
    assert_eq!(send(true).unwrap().position, 2, "a tick may use the reserve");
    files.space(0);
    assert!(matches!(send(true), Err(SubmitError::NotDurable { .. })));
    files.space(i64::MAX);
    files.free(100);
    std::thread::sleep(Duration::from_millis(600));
    assert_eq!(send(false).unwrap().position, 3, "a position that was not used is given again");
    appender.stop();
    thread.join().unwrap();
}

#[test]
fn a_full_queue_refuses_and_counts_what_is_not_applied() {
    let dir = tempfile::tempdir().unwrap();
    let limits = AppenderLimits { queue_records_max: 2, unapplied_bytes_max: 10, ..AppenderLimits::default() };
    let (appender, _) = appender(dir.path(), Arc::new(DiskFiles), limits);
    let mut answers = Vec::new();
    for n in 1..=2 {
        let (submission, answer) = submission(command(n), false);
        appender.submit(submission).unwrap();
        answers.push(answer);
    }
    let refused = appender.submit(submission(command(3), false).0);
    assert!(matches!(refused, Err(SubmitError::Overloaded { .. })));
    let handed = Arc::new(Handed::default());
    let thread = appender.start("test", handed.clone()).unwrap();
    answers.into_iter().for_each(|answer| assert!(answer.blocking_recv().unwrap().is_ok()));
    let refused = appender.submit(submission(command(3), false).0);
    assert!(matches!(refused, Err(SubmitError::Overloaded { .. })), "two records are not applied");
    handed.0.lock().unwrap().drain(..).for_each(|group| appender.applied(group.bytes, &group.shares));
    assert!(appender.submit(submission(command(3), false).0).is_ok());
    appender.stop();
    thread.join().unwrap();
}

#[test]
fn the_system_clock_tells_the_time_and_how_long_to_wait() {
    let clock = crate::shard::clock::SystemClock;
    let now = clock.now();
    assert!(now > Time::from_millis(1_700_000_000_000));
    let wait = clock.wait_until(now.plus_micros(60_000_000));
    assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60));
}
