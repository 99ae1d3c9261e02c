//! Bytes of log and store that are torn or flipped while the daemon is down, through the real binary:
//! a torn end is cut and told; anything else is reported and never applied.

mod support;

use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::load::Random;
use support::{Daemon, Setup, client};

/// Bytes of a record's header: length, checksum, position, time, index.
const HEADER_BYTES: usize = 28;
const END_WAIT: Duration = Duration::from_secs(30);
/// Places of the store at which a byte is flipped.
const STORE_FLIPS: u64 = 40;

/// Where the records of a log's file begin, and where the last one ends.
fn records(bytes: &[u8]) -> (Vec<usize>, usize) {
    let (mut begins, mut at) = (Vec::new(), 0);
    loop {
        let len = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if len == 0 {
            return (begins, at);
        }
        begins.push(at);
        at += HEADER_BYTES + len;
    }
}

fn log_file(daemon: &Daemon) -> PathBuf {
    let dir = daemon.data_dir().join("log/shard-0");
    let files = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "log")).max().unwrap()
}

fn flip(path: &Path, place: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[place] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

async fn send(daemon: &Daemon, key: &str, from: u64, to: u64) {
    let client = client();
    for n in from..to {
        let call = json!({"userId": format!("u{n}"), "event": "Seen", "messageId": format!("m{n}")});
        let request = client.post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
        assert_eq!(request.send().await.unwrap().status(), 200);
    }
}

/// A daemon with 40 people, killed; its write key.
async fn killed(checkpoint_s: u64) -> (Daemon, String) {
    let mut daemon = Daemon::with(Setup { data: format!("checkpoint_s = {checkpoint_s}"), ..Setup::default() }).await;
    let key = daemon.workspace().await;
    let definition = json!({"event": "Seen"});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    send(&daemon, &key, 0, 40).await;
    daemon.wait_members("seen", 40).await;
    if checkpoint_s == 1 {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    daemon.kill();
    (daemon, key)
}

/// It does not start, and says why: every one of these words is in its log.
async fn refuses(daemon: &mut Daemon, words: &[&str]) {
    let before = daemon.log().len();
    daemon.spawn();
    assert_eq!(daemon.ended(END_WAIT).await, Some(1), "{}", daemon.log());
    let said = daemon.log().split_off(before);
    for word in words {
        assert!(said.contains(word), "{word} is not in:\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_torn_end_is_cut_and_told_and_everything_acknowledged_stays() {
    let (mut daemon, key) = killed(3_600).await;
    let path = log_file(&daemon);
    let mut random = Random(7);
    for round in 0..6 {
        let mut bytes = std::fs::read(&path).unwrap();
        let (begins, end) = records(&bytes);
        // A record that looks like the last one, of which only a part came to the disk.
        let last = bytes[*begins.last().unwrap()..end].to_vec();
        let part = 1 + random.below(last.len() as u64 - 1) as usize;
        if round % 2 == 0 {
            bytes.truncate(end);
            bytes.extend_from_slice(&last[..part]);
        } else {
            bytes[end..end + part].copy_from_slice(&last[..part]);
        }
        std::fs::write(&path, bytes).unwrap();
        let before = daemon.log().len();
        daemon.start_again().await;
        let said = daemon.log().split_off(before);
        assert!(said.contains("the end of the log was cut") && said.contains(&format!("at byte {end}")), "{said}");
        daemon.wait_members("seen", 40 + round).await;
        send(&daemon, &key, 40 + round, 41 + round).await;
        daemon.kill();
    }
    daemon.start_again().await;
    daemon.wait_members("seen", 46).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_before_the_end_is_reported_by_file_and_offset_and_never_applied() {
    let (mut daemon, key) = killed(3_600).await;
    let path = log_file(&daemon);
    let (begins, end) = records(&std::fs::read(&path).unwrap());
    let mut random = Random(11);
    let name = path.display().to_string();
    for _ in 0..6 {
        // Any byte of any record but the last.
        let record = random.below(begins.len() as u64 - 1) as usize;
        let (begin, next) = (begins[record], begins[record + 1]);
        let place = begin + random.below((next - begin) as u64) as usize;
        flip(&path, place);
        let damaged = std::fs::read(&path).unwrap();
        refuses(&mut daemon, &["the log is damaged", &name, &format!("at byte {begin}:"), "README"]).await;
        // Nothing was touched: whoever mends it finds it as it was.
        assert!(std::fs::read(&path).unwrap() == damaged);
        flip(&path, place);
    }
    assert!(end > 0);
    daemon.start_again().await;
    daemon.wait_members("seen", 40).await;
    send(&daemon, &key, 40, 41).await;
    daemon.wait_members("seen", 41).await;
}

/// Runs a task of the command line; whether it succeeded, and what it said.
fn task(daemon: &Daemon, arguments: &[&str]) -> (bool, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_segmentd"));
    let done = command.arg("--config").arg(daemon.config_path()).args(arguments).output().unwrap();
    (done.status.success(), [String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr)].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_is_mended_but_for_what_is_lost() {
    let (mut daemon, key) = killed(3_600).await;
    let path = log_file(&daemon);
    assert!(task(&daemon, &["log", "check"]).0);
    let (begins, _) = records(&std::fs::read(&path).unwrap());
    // The 10th and 11th event; what comes before the events is a workspace, a source and a segment.
    let before = begins.len() - 40;
    for record in [before + 9, before + 10] {
        flip(&path, begins[record] + HEADER_BYTES + 3);
    }
    refuses(&mut daemon, &["the log is damaged"]).await;
    let offset = begins[before + 9];
    let lost =
        format!("at byte {offset}: the record's checksum does not fit; lost: 2 records from position {}", before + 10);
    for (arguments, good) in [(["log", "check"], false), (["log", "mend"], true), (["log", "check"], true)] {
        let (done, said) = task(&daemon, &arguments);
        assert_eq!(done, good, "{said}");
        assert!(said.contains(&lost) || arguments == ["log", "check"] && good, "{said}");
    }
    assert!(path.with_extension("log.damaged").exists());
    daemon.start_again().await;
    daemon.wait_members("seen", 38).await;
    // What was lost comes again from its sender, and what was not is known.
    send(&daemon, &key, 0, 42).await;
    daemon.wait_members("seen", 42).await;
    assert_eq!(daemon.get("/workspaces/main").await["duplicates"], 38);
    daemon.kill();
    daemon.start_again().await;
    daemon.wait_members("seen", 42).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_comes_back_from_an_older_copy_and_the_log() {
    let mut daemon = Daemon::with(Setup { data: "checkpoint_s = 1".to_owned(), ..Setup::default() }).await;
    let key = daemon.workspace().await;
    let definition = json!({"event": "Seen"});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    send(&daemon, &key, 0, 20).await;
    let copy = daemon.dir.path().join("copy");
    let (status, answer) = daemon.send(reqwest::Method::POST, "/backup", json!({"path": copy})).await;
    assert_eq!(status, 200, "{answer}");
    send(&daemon, &key, 20, 50).await;
    daemon.wait_members("seen", 50).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    daemon.kill();
    let data = daemon.data_dir();
    let bytes = std::fs::read(data.join("store/db")).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] != 0).collect();
    flip(&data.join("store/db"), used[used.len() / 2]);
    refuses(&mut daemon, &["README"]).await;
    for part in ["store", "log"] {
        std::fs::rename(data.join(part), data.join(format!("{part}.old"))).unwrap();
    }
    let old_log = data.join("log.old").display().to_string();
    let (done, said) = task(&daemon, &["restore", "--from", copy.to_str().unwrap(), "--log", &old_log]);
    assert!(done && !said.contains("no further"), "{said}");
    daemon.start_again().await;
    daemon.wait_members("seen", 50).await;
    send(&daemon, &key, 0, 51).await;
    daemon.wait_members("seen", 51).await;
    assert_eq!(daemon.get("/workspaces/main").await["duplicates"], 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_gone_or_too_short_is_reported() {
    let (mut daemon, _) = killed(1).await;
    let path = log_file(&daemon);
    let bytes = std::fs::read(&path).unwrap();
    let (begins, _) = records(&bytes);
    std::fs::write(&path, &bytes[..begins[5]]).unwrap();
    refuses(&mut daemon, &["a part of the log is missing", "README"]).await;
    std::fs::write(&path, bytes).unwrap();
    daemon.start_again().await;
    daemon.wait_members("seen", 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_checkpoint_in_writing_is_reported() {
    let (mut daemon, _) = killed(1).await;
    let redo = daemon.data_dir().join("log/shard-0/checkpoint.redo");
    std::fs::write(&redo, "segmentd checkpoint 1\nnonsense that is no frame").unwrap();
    refuses(&mut daemon, &["checkpoint.redo at byte 22", "README"]).await;
    std::fs::remove_file(&redo).unwrap();
    daemon.start_again().await;
    daemon.wait_members("seen", 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_reported_or_does_not_matter() {
    let (mut daemon, _) = killed(1).await;
    let (store, copy) = (daemon.data_dir().join("store"), daemon.dir.path().join("copy"));
    let run = |arguments: [&Path; 2]| {
        let done = std::process::Command::new("cp").arg("-a").args(arguments).status().unwrap();
        assert!(done.success());
    };
    run([&store, &copy]);
    let bytes = std::fs::read(store.join("db")).unwrap();
    let used: Vec<usize> = (0..bytes.len()).filter(|place| bytes[*place] != 0).collect();
    let (mut random, mut refused) = (Random(3), 0);
    for _ in 0..STORE_FLIPS {
        std::fs::remove_dir_all(&store).unwrap();
        run([&copy, &store]);
        let place = used[random.below(used.len() as u64) as usize];
        flip(&store.join("db"), place);
        let before = daemon.log().len();
        daemon.spawn();
        let ended = tokio::time::timeout(Duration::from_secs(20), daemon.ready_or_ended()).await.unwrap();
        let said = daemon.log().split_off(before);
        if ended {
            refused += 1;
            assert!(said.contains("segmentd: "), "byte {place}: {said}");
            continue;
        }
        daemon.wait_members("seen", 40).await;
        daemon.kill();
    }
    println!("{refused} of {STORE_FLIPS} refused");
}
