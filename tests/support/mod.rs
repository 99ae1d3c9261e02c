//! The real binary on loopback, for tests that run through it.

#![allow(dead_code)]

pub mod command;
pub mod load;
pub mod mmdb;
pub mod prometheus;

use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_WAIT_MAX: Duration = Duration::from_secs(60);

/// How a daemon is set up.
#[derive(Default)]
pub struct Setup {
    /// Whole sections.
    pub sections: String,
    /// Further lines of `[listen]`.
    pub listen: String,
    /// Further lines of `[data]`; `dir` and `free_space_reserve_mib` have values if it has none.
    pub data: String,
    /// The data folder, when it is not to be in the daemon's own folder.
    pub data_dir: Option<PathBuf>,
    /// The address under which the public reaches it, when it is another one.
    pub public_url: Option<String>,
    /// Variables of its environment.
    pub env: Vec<(String, String)>,
}

/// A running daemon with a folder of its own.
pub struct Daemon {
    pub url: String,
    pub key: String,
    pub dir: tempfile::TempDir,
    pub setup: Setup,
    child: Option<Child>,
    port: u16,
}

pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().unwrap()
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Daemon {
    /// Starts a daemon with extra settings (whole sections).
    pub async fn start(extra: &str) -> Daemon {
        Daemon::with(Setup { sections: extra.to_owned(), ..Setup::default() }).await
    }

    /// Starts a daemon that the public reaches under another address.
    pub async fn start_as(extra: &str, public_url: Option<String>) -> Daemon {
        Daemon::with(Setup { sections: extra.to_owned(), public_url, ..Setup::default() }).await
    }

    /// Starts a daemon that is set up like this.
    pub async fn with(setup: Setup) -> Daemon {
        let mut daemon = Daemon::new(setup);
        daemon.start_again().await;
        daemon
    }

    /// A daemon that is not running yet.
    pub fn new(setup: Setup) -> Daemon {
        let port = free_port();
        Daemon {
            url: format!("http://127.0.0.1:{port}"),
            key: String::new(),
            dir: tempfile::tempdir().unwrap(),
            setup,
            child: None,
            port,
        }
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.setup.data_dir.clone().unwrap_or_else(|| self.dir.path().join("data"))
    }

    /// The settings' file, which [`Daemon::spawn`] writes.
    pub fn config_path(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    /// Starts it on the same folder and does not wait.
    pub fn spawn(&mut self) {
        let Setup { sections, listen, data, env, .. } = &self.setup;
        let reserve = if data.contains("free_space_reserve_mib") { "" } else { "free_space_reserve_mib = 16\n" };
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{0}\"\npublic_url = \"{2}\"\n{listen}\
             [data]\ndir = {1:?}\n{reserve}{data}\n[sync]\nallow_private_destinations = true\n\
             retry_first_ms = 20\nretry_longest_ms = 200\n{sections}",
            self.port,
            self.data_dir(),
            self.public_url()
        );
        std::fs::write(self.config_path(), text).unwrap();
        let log = std::fs::File::options().append(true).create(true).open(self.log_path()).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_segmentd"))
            .arg("--config")
            .arg(self.config_path())
            .envs(env.iter().cloned())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Starts it again on the same folder and waits until it is ready.
    pub async fn start_again(&mut self) {
        self.spawn();
        self.ready().await;
    }

    /// Waits until it is ready.
    pub async fn ready(&mut self) {
        let began = Instant::now();
        let client = client();
        loop {
            if let Ok(answer) = client.get(format!("{}/readyz", self.url)).send().await
                && answer.status().is_success()
            {
                break;
            }
            assert!(!self.has_ended(), "the daemon ended:\n{}", self.log());
            assert!(began.elapsed() < START_WAIT_MAX, "the daemon did not become ready:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.key = std::fs::read_to_string(self.data_dir().join("admin-key")).unwrap().trim().to_owned();
    }

    /// Waits until it is ready or has ended; whether it has ended.
    pub async fn ready_or_ended(&mut self) -> bool {
        loop {
            if self.has_ended() {
                self.child = None;
                return true;
            }
            let asked = client().get(format!("{}/readyz", self.url)).send().await;
            if asked.is_ok_and(|answer| answer.status().is_success()) {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What it wrote to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// Waits until it ends by itself; its exit code.
    pub async fn ended(&mut self, at_most: Duration) -> Option<i32> {
        let began = Instant::now();
        while !self.has_ended() {
            assert!(began.elapsed() < at_most, "the daemon did not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.child.take()?.wait().unwrap().code()
    }

    /// Sends it a signal (`HUP`, `TERM`).
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// The address under which the public reaches it.
    pub fn public_url(&self) -> String {
        self.setup.public_url.clone().unwrap_or_else(|| self.url.clone())
    }

    pub fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// The running process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// SIGTERM; returns the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().unwrap();
        child.wait().unwrap().code()
    }

    pub async fn send(&self, method: reqwest::Method, path: &str, body: Value) -> (u16, Value) {
        let request = client().request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        let request = if body.is_null() { request } else { request.json(&body) };
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    pub async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send(reqwest::Method::PUT, path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send(reqwest::Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A workspace `main` with a server source; returns its write key.
    pub async fn workspace(&self) -> String {
        let settings = json!({"name": "Main", "time_zone": "America/Mexico_City", "currency": "MXN"});
        self.put("/workspaces/main", settings).await;
        let source = self.put("/workspaces/main/sources/web", json!({"kind": "server"})).await;
        source["write_key"].as_str().unwrap().to_owned()
    }

    /// Waits until a segment is in force with this many members.
    pub async fn wait_members(&self, segment: &str, members: u64) {
        self.wait(&format!("/workspaces/main/segments/{segment}"), |answer| {
            answer["state"] == "active" && answer["members"] == members
        })
        .await;
    }

    /// Asks until an answer is as wanted.
    pub async fn wait(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let answer = self.get(path).await;
            if wanted(&answer) {
                return answer;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{path} stays {answer}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}
