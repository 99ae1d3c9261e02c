//! A full disk, for real: the data folder is on a small tmpfs that a ballast file fills. Where no
//! tmpfs can be mounted the tests say so and are skipped.

mod support;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{Daemon, Setup, client};

const DISK_MIB: u64 = 96;

/// A small disk; unmounted when dropped.
struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn mount() -> Option<Disk> {
        let dir = tempfile::tempdir().unwrap();
        let size = format!("size={DISK_MIB}m");
        let done = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir.path()).output();
        match done {
            Ok(done) if done.status.success() => Some(Disk { dir }),
            Ok(done) => {
                println!("skipped: no tmpfs can be mounted: {}", String::from_utf8_lossy(&done.stderr).trim());
                None
            }
            Err(why) => {
                println!("skipped: no tmpfs can be mounted: {why}");
                None
            }
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn ballast(&self) -> PathBuf {
        self.dir.path().join("ballast")
    }

    /// Writes ballast until so many bytes are free; 0 until the disk refuses.
    fn fill(&self, free_bytes: u64) {
        let stat = rustix::fs::statvfs(self.dir.path()).unwrap();
        let mut left = (stat.f_bavail * stat.f_frsize).saturating_sub(free_bytes);
        let mut file = File::options().append(true).create(true).open(self.ballast()).unwrap();
        let zeros = vec![0; 16 << 10];
        while left > 0 || free_bytes == 0 {
            let part = if free_bytes == 0 { 4096 } else { left.min(zeros.len() as u64) as usize };
            if file.write_all(&zeros[..part]).is_err() {
                return;
            }
            left = left.saturating_sub(part as u64);
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open keeps the space, not the name.
        let _ = Command::new("umount").arg("-l").arg(self.dir.path()).status();
    }
}

async fn daemon(disk: &Disk, reserve_mib: u64) -> Daemon {
    let data = format!("free_space_reserve_mib = {reserve_mib}\ncheckpoint_s = 1\ncache_mib = 16");
    Daemon::with(Setup { data, data_dir: Some(disk.data()), ..Setup::default() }).await
}

/// Sends the nth event; the status, and the headers.
async fn send(daemon: &Daemon, key: &str, n: u64) -> (u16, HeaderMap) {
    let call = json!({"userId": format!("u{n}"), "event": "Seen", "messageId": format!("m{n}"),
        "properties": {"text": "x".repeat(4_000)}});
    let request = client().post(format!("{}/v1/track", daemon.url)).basic_auth(key, Some("")).json(&call);
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.headers().clone())
}

/// Sends events from `from` on until one is refused; the first that was.
async fn send_until_refused(daemon: &Daemon, key: &str, from: u64) -> u64 {
    for n in from..from + 5_000 {
        let (status, headers) = send(daemon, key, n).await;
        if status != 200 {
            assert_eq!(status, 503);
            assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
            return n;
        }
    }
    panic!("nothing was refused");
}

/// Sends an event again and again until it is accepted.
async fn send_until_accepted(daemon: &Daemon, key: &str, n: u64) {
    let began = Instant::now();
    while send(daemon, key, n).await.0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not recover:\n{}", daemon.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn seen(daemon: &Daemon) -> String {
    let key = daemon.workspace().await;
    let definition = json!({"event": "Seen"});
    daemon.put("/workspaces/main/segments/seen", json!({"name": "Seen", "definition": definition})).await;
    key
}

async fn status(daemon: &Daemon, path: &str) -> u16 {
    client().get(format!("{}{path}", daemon.url)).send().await.unwrap().status().as_u16()
}

async fn add_key(daemon: &Daemon, number: u64) -> u16 {
    let made = json!({"name": format!("late{number}"), "scopes": ["read"], "workspace": "main"});
    daemon.send(reqwest::Method::POST, "/keys", made).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn intake_is_refused_before_the_disk_is_full_and_goes_on_by_itself_when_there_is_space() {
    let Some(disk) = Disk::mount() else { return };
    let mut daemon = daemon(&disk, 16).await;
    let key = seen(&daemon).await;
    for n in 0..20 {
        assert_eq!(send(&daemon, &key, n).await.0, 200);
    }
    for round in 1..=2 {
        // Under the reserve, and far from full; the second time so full that even checkpoints wait.
        disk.fill(if round == 1 { 12 << 20 } else { 1 << 20 });
        let accepted = 20 * round;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let refused = send_until_refused(&daemon, &key, accepted).await;
        assert_eq!(refused, accepted, "accepted under the reserve");
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let stat = rustix::fs::statvfs(disk.dir.path()).unwrap();
        assert!(stat.f_bavail * stat.f_frsize > 256 << 10, "the daemon filled the disk");
        daemon.wait_members("seen", accepted).await;
        daemon.wait("/alerts", |alerts| alerts.to_string().contains("\"disk\"")).await;
        assert_eq!((status(&daemon, "/healthz").await, status(&daemon, "/metrics").await), (200, 200));
        assert_eq!(daemon.get("/workspaces/main/people/user:web:u1").await["events"], 1);
        disk.empty();
        for n in accepted..accepted + 20 {
            send_until_accepted(&daemon, &key, n).await;
        }
        daemon.wait_members("seen", accepted + 20).await;
    }
    daemon.wait("/alerts", |alerts| alerts["items"] == json!([])).await;
    daemon.kill();
    daemon.start_again().await;
    daemon.wait_members("seen", 60).await;
    assert_eq!(daemon.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_finds_no_space_loses_nothing_and_the_store_is_opened_anew() {
    let Some(disk) = Disk::mount() else { return };
    let mut daemon = daemon(&disk, 0).await;
    let key = seen(&daemon).await;
    let mut accepted = 0;
    for n in 0..20 {
        assert_eq!(send(&daemon, &key, n).await.0, 200);
        accepted += 1;
    }
    disk.fill(0);
    // What is preallocated takes some more.
    accepted = send_until_refused(&daemon, &key, accepted).await;
    // The store itself is written to by these, and keeps its first error from then on.
    let mut made = 0;
    while add_key(&daemon, made).await == 201 {
        made += 1;
        assert!(made < 500, "the store found space");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&daemon, "/healthz").await, 200, "{}", daemon.log());
    disk.empty();
    // With no service manager here, this test does what one would.
    assert_eq!(daemon.ended(Duration::from_secs(20)).await, Some(1), "{}", daemon.log());
    assert!(daemon.log().contains("has to be opened anew"), "{}", daemon.log());
    daemon.start_again().await;
    let keys = daemon.get("/keys").await.to_string();
    for number in 0..made {
        assert!(keys.contains(&format!("\"late{number}\"")), "{keys}");
    }
    assert_eq!(add_key(&daemon, made).await, 201);
    send_until_accepted(&daemon, &key, accepted).await;
    daemon.wait_members("seen", accepted + 1).await;
    // Checkpoints work again.
    daemon.wait("/alerts", |alerts| alerts["items"] == json!([])).await;
    daemon.kill();
    daemon.start_again().await;
    daemon.wait_members("seen", accepted + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_on_a_full_disk_stops_in_time_and_loses_nothing() {
    let Some(disk) = Disk::mount() else { return };
    let mut daemon = daemon(&disk, 16).await;
    let key = seen(&daemon).await;
    disk.fill(17 << 20);
    for n in 0..10 {
        assert_eq!(send(&daemon, &key, n).await.0, 200);
    }
    disk.fill(1 << 20);
    let refused = send_until_refused(&daemon, &key, 10).await;
    let began = Instant::now();
    daemon.signal("TERM");
    assert_eq!(daemon.ended(Duration::from_secs(20)).await, Some(0));
    println!("stopped in {:?}", began.elapsed());
    daemon.start_again().await;
    daemon.wait_members("seen", refused).await;
    assert_eq!(send(&daemon, &key, refused).await.0, 503);
    disk.empty();
    send_until_accepted(&daemon, &key, refused).await;
    let wanted: Value = json!([]);
    daemon.wait("/alerts", |alerts| alerts["items"] == wanted).await;
}
