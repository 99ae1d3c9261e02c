//! The daemon under demonstration or measurement: the real binary on loopback with a fresh store.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// An answer may take so long: a list of many members that follows another segment keeps its shard busy.
const ANSWER_MAX: Duration = Duration::from_secs(300);
/// Daemons that this process started: each has a folder of its own.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// A running daemon.
pub struct Daemon {
    /// Where it listens.
    pub url: String,
    /// The administrator's key.
    pub key: String,
    /// Its folder.
    pub dir: PathBuf,
    child: Child,
    client: reqwest::Client,
}

impl Daemon {
    /// Starts the binary in a new folder of this name, with these further sections of its settings.
    pub async fn start(binary: &Path, name: &str, sections: &str) -> Result<Daemon, String> {
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("segmentd-{name}-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).map_err(|why| format!("{}: {why}", dir.display()))?;
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.map_err(|why| why.to_string())?.port();
        let text = format!(
            "[listen]\naddress = \"127.0.0.1:{port}\"\npublic_url = \"http://127.0.0.1:{port}\"\n\
             [data]\ndir = {:?}\nfree_space_reserve_mib = 64\n[log]\nlevel = \"warn\"\n{sections}",
            dir.join("data")
        );
        let config = dir.join("config.toml");
        std::fs::write(&config, text).map_err(|why| why.to_string())?;
        let log = std::fs::File::create(dir.join("log")).map_err(|why| why.to_string())?;
        let child = Command::new(binary).arg("--config").arg(&config).stdout(Stdio::null()).stderr(log).spawn();
        let child = child.map_err(|why| format!("{}: {why}", binary.display()))?;
        let client = reqwest::Client::builder().timeout(ANSWER_MAX).no_proxy().build();
        let client = client.map_err(|why| why.to_string())?;
        let url = format!("http://127.0.0.1:{port}");
        let mut daemon = Daemon { url, key: String::new(), dir, child, client };
        daemon.wait_ready().await?;
        let key = std::fs::read_to_string(daemon.dir.join("data/admin-key")).map_err(|why| why.to_string())?;
        daemon.key = key.trim().to_owned();
        Ok(daemon)
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    async fn wait_ready(&self) -> Result<(), String> {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(30) {
            if let Ok(answer) = self.client.get(format!("{}/readyz", self.url)).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("the daemon did not become ready; see {}", self.dir.join("log").display()))
    }

    /// Asks the API.
    pub async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Result<Value, String> {
        let mut request = self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.key);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.map_err(|why| why.to_string())?;
        let status = answer.status();
        let value: Value = answer.json().await.unwrap_or_default();
        if status.is_success() { Ok(value) } else { Err(format!("{path}: {status}: {value}")) }
    }

    /// Changes something.
    pub async fn put(&self, path: &str, body: Value) -> Result<Value, String> {
        self.ask(reqwest::Method::PUT, path, Some(body)).await
    }

    /// Looks at something.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        self.ask(reqwest::Method::GET, path, None).await
    }

    /// Does something.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value, String> {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    /// Moves the simulated clock.
    pub async fn advance(&self, millis: i64) -> Result<(), String> {
        self.post("/clock", json!({"advance_ms": millis})).await.map(drop)
    }

    /// Leaves it running and waits until it ends.
    pub fn keep(mut self) {
        let _ = self.child.wait();
    }
}

/// Whatever way the caller ends, its daemon ends with it and leaves nothing behind.
impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
